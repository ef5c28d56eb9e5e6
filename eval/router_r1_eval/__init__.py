"""Evaluation of routers and agents, on benchmarks and on outcome tables.

    benchmarks/   public question sets
    run/          ask an agent the questions of a benchmark, grade the answers (`router-r1 eval`, `rescore`)
    tables/       import and check outcome tables (`router-r1 table`)
    tournament/   compare routers and policies on an outcome table (`router-r1 tournament`)
    stats/        intervals, tests, cost curves, oracles
    results.py    the content of results.json, with `result_rows.py` and `json_record.py`
    report/       results as a page (`router-r1 report`)

Training belongs to `router_r1_envs`, metrics to `router_r1_reward`.
"""
