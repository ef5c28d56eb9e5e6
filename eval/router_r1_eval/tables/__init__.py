"""Outcome tables: importing public ones, and checking any of them (`router-r1 table`).

The table itself is `router_r1.data.outcome_table`.
"""
