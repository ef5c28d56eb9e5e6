"""Training: worlds that supply questions and responses, supervised training, and reinforcement learning with verl.

Imports `router_r1` and `router_r1_reward`, never `router_r1_eval`.
"""
