"""Runs: ask an agent and single models the questions of a benchmark, and grade the answers.

    run_folder.py     the files of a run
    jobs.py           what is left to ask
    single_model.py   one model of a pool as an agent
    ask.py            asking, within limits of concurrency and money
    run_budget.py     the limit in dollars
    trace_status.py   whether an episode counts, failed or was interrupted
    grader.py         grading by metric
    judge.py          a model as judge of one answer
    judge_grader.py   grading by a judge, with its verdicts kept
    grading.py        the score of every episode
    run_results.py    `results.json`
    run_table.py      the answers of single models as an outcome table
    efficiency.py     attempts, tokens, speed and memory
    summary.py        results for the terminal
    rescore.py        from traces to all of these files
    commands.py       `router-r1 eval` and `rescore`

Not covered: tables that others recorded (`router_r1_eval.tables`), comparing routers on a table (`tournament`).
"""
