"""Routing under rate limits: many requests share endpoints that take only so many a minute.

capacity.py     assigns the requests of a window, for the scores of any router: overflow goes to the next choice
switch.py       `switch`: a gating network that is trained to spread the load
"""
