"""The metric `ifeval`: all instructions in the prompt are followed."""

from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.ifeval.grader import follows_all, wrong_answers

register(
    Metric(
        "ifeval",
        "follows all instructions in the question's metadata",
        follows_all,
        whole_reply=True,
        needs_gold=False,
        judgeable=False,
        wrong_answers=wrong_answers,
        validated="all instructions can be read, and each question has an answer that does not follow them",
    )
)
