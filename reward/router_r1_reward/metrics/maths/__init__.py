"""The metric `math`: the same number or expression."""

from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.maths.grader import same_value

register(Metric("math", "the same number or expression as a gold answer", same_value))
