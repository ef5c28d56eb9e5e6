"""The planner: which candidate to ask next, when to stop, and what to answer, fitted on an outcome table.

    config.py             settings of the fit
    responses.py          a table as arrays, all samples
    category_tables.py    what the training questions of a category say about the candidates
    states.py             who was asked so far, many episodes at once
    posterior.py          how likely each response is right, given the responses so far
    gain.py               how much asking each candidate next improves the answer
    boosted_models.py     what the last two share: boosted trees, one model for each fold
    strategies.py         whom to ask first and when to stop: looked up by category, as training questions prove
    planner.py            the fitted planner: a router, and a teacher for imitation
    planner_file.py       the planner as a file

Needs scikit-learn.
"""
