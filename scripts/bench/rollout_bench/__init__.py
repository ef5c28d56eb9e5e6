"""The parts of the rollout benchmark; `scripts/bench/rollout.py` is its command.

workload.py: the batch of episodes. server.py: the loopback server. drivers.py: the two drivers that are compared.
bounds.py: the lower bound and ideal drivers. comparison.py: measured runs. tables.py: what is printed.
"""
