"""The metric `code`: does a program pass its tests?

From the answer to the verdict:

    grader.py           the program in an answer, its tests, permission, the score
    reply_program.py    the statements of a reply that define what the tests need
    reply_blocks.py     the fenced blocks of a reply
    program_names.py    the names that tests use: the program's, a library's or Python's
    sandbox_runner.py   starts the sandbox and reads its verdict
    sandbox_worker.py   runs in the sandbox: one process for the tests, one for the program
    sandbox.py          confines a process; seccomp_filter.py and system_calls.py are parts of it

The tests use the program's functions by remote procedure call:

    sandbox_rpc_proxies.py      client side: proxies for the program's objects in the tests' process
    sandbox_rpc_server.py       server side: the operations that each process serves
    sandbox_rpc_connection.py   one end of the connection: requests, replies, references to objects
    sandbox_rpc_encoding.py     values as JSON
"""

from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.code.grader import (
    missing_tests,
    passes,
    require_permission,
    wrong_programs,
)

register(
    Metric(
        "code",
        "the program passes its tests in a sandbox; off unless permitted",
        passes,
        whole_reply=True,
        judgeable=False,
        require_permission=require_permission,
        question_problem=missing_tests,
        wrong_answers=wrong_programs,
    )
)
