"""Rewards and metrics: is the answer right, is the transcript well-formed, and what did the episode cost?

    reward = score(trace, gold="Paris", metric="em", config=RewardConfig(reference_usd=0.001))
    reward.total, reward.parts["correct"], reward.parts["cost_usd"]

`compute.compute_score` is the same with verl's signature. Importing this package imports neither torch nor math-verify.
"""

from router_r1_reward.config import RewardConfig
from router_r1_reward.errors import ScorerError
from router_r1_reward.formula import Facts, Reward, score
from router_r1_reward.metrics import METRICS, grade
from router_r1_reward.paper_reward import CostWindow
from router_r1_reward.validation import Report, validate

__all__ = [
    "METRICS",
    "CostWindow",
    "Facts",
    "Report",
    "Reward",
    "RewardConfig",
    "ScorerError",
    "grade",
    "score",
    "validate",
]
