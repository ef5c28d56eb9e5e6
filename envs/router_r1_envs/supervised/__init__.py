"""Supervised training of a small policy, before reinforcement learning.

    small_policy.py            the model and its tokenizer
    cold_start.py              training for the generated world, in three stages
    demonstrations.py          its demonstrations: copies, random explorations, the best of several
    imitation.py               training for a recorded world, on demonstrations of the planner
    planner_demonstrations.py  these demonstrations
    training_loop.py           the optimisation
    muon.py                    the optimiser of the matrices
    progress.py                stages, and their display

Everything runs on a CPU in minutes.
"""
