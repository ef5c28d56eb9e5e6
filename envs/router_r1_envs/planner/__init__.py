"""The planner: which candidate to ask next, when to stop, and what to answer, fitted on an outcome table.

    config.py            settings of the fit
    tensors.py           a table as tensors, and the evidence after some calls
    posterior.py         how likely each answer is right, given the answers so far
    value_function.py    how much asking each candidate next gains
    planner.py           the fitted planner: a router, and a teacher for imitation

Needs torch.
"""
