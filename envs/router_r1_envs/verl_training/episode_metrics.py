"""What shows a collapse: metrics of a step's episodes, to be logged beside the reward.

Reward alone does not show it: it can rise while nobody is asked anything any more. So accuracy, valid answers, calls,
cost, the share of each candidate and the groups without any variance stand beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def episode_metrics(
    extra_fields: Sequence[Mapping[str, Any]], scores: Sequence[float], groups: Sequence[str]
) -> dict[str, float]:
    """What a step's episodes say about the policy's health.

    Args:
        extra_fields: what the agent loop reported for each episode.
        scores: the reward of each.
        groups: which prompt each belongs to. Where every prompt has a single episode (PPO), no group can vary, and how
            many do not is left out.
    """
    parts = [fields["reward_extra_info"] for fields in extra_fields]
    asked: Counter[str] = Counter()
    for fields in extra_fields:
        asked.update(fields["asked"])
    calls = sum(asked.values())
    by_group: dict[str, list[float]] = {}
    for group, score in zip(groups, scores, strict=True):
        by_group.setdefault(group, []).append(score)
    several = [values for values in by_group.values() if len(values) > 1]
    flat = [max(values) - min(values) < 1e-9 for values in several]
    shares = {name: count / max(1, calls) for name, count in asked.items()}
    return {
        "episode/reward": mean(scores),
        "episode/accuracy": mean([p["correct"] for p in parts]),
        "episode/valid": mean([p["valid"] for p in parts]),
        "episode/cost_usd": mean([p["cost_usd"] for p in parts]),
        "episode/calls": mean([p["calls"] for p in parts]),
        "episode/rounds": mean([p["rounds"] for p in parts]),
        "episode/problems": mean([p["problems"] for p in parts]),
        **({"episode/groups_without_variance": mean(flat)} if flat else {}),
        # 1 when all candidates are asked equally often, 0 when one gets every call.
        "episode/share_entropy": _entropy(list(shares.values())),
        **{f"share/{name}": share for name, share in shares.items()},
    }


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return math.fsum(values) / max(1, len(values))


def _entropy(shares: Sequence[float]) -> float:
    if len(shares) < 2:
        return 0.0
    return -sum(p * math.log(p) for p in shares if p > 0) / math.log(len(shares))
