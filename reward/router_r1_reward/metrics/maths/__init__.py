"""The metric `math`: is the answer the same number or expression as the gold answer?"""

from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.maths.final_number import final_number
from router_r1_reward.metrics.maths.grader import nearby_numbers, same_value

register(
    Metric(
        "math",
        "the same number or expression as a gold answer",
        same_value,
        wrong_answers=nearby_numbers,
        final_value=final_number,
    )
)
