"""The metric `code`: a program passes its tests, in a sandbox."""

from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.code.grader import passes

register(
    Metric(
        "code",
        "the program passes its tests, in a sandbox; off unless allowed",
        passes,
        whole_reply=True,
        judgeable=False,
        runs_code=True,
    )
)
