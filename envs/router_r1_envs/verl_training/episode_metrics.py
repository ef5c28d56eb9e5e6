"""Metrics of a step's episodes that reveal a collapse of the policy; the trainer logs them beside the reward.

The reward alone does not reveal one: it can rise while the policy stops calling any model. So accuracy, valid answers,
calls, cost, each candidate's share of the calls, the share of groups without variance, and why episodes ended are
logged too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from router_r1.episode import StopReason


def episode_metrics(
    extra_fields: Sequence[Mapping[str, Any]], scores: Sequence[float], groups: Sequence[str]
) -> dict[str, float]:
    """Compute the metrics of one training step.

    Args:
        extra_fields: what the agent loop reported for each episode.
        scores: the reward of each episode.
        groups: the prompt of each episode. If every prompt has a single episode (PPO), no group can vary, and
            `episode/groups_without_variance` is left out.

    Raises:
        ValueError: scores and groups differ in number.
    """
    parts = [fields["reward_extra_info"] for fields in extra_fields]
    calls_by_model: Counter[str] = Counter()
    for fields in extra_fields:
        calls_by_model.update(fields["asked"])
    calls = sum(calls_by_model.values())
    by_group: dict[str, list[float]] = {}
    for group, score in zip(groups, scores, strict=True):
        by_group.setdefault(group, []).append(score)
    comparable = [values for values in by_group.values() if len(values) > 1]
    flat = [max(values) - min(values) < 1e-9 for values in comparable]
    shares = {name: count / max(1, calls) for name, count in calls_by_model.items()}
    return {
        "episode/reward": mean(scores),
        "episode/accuracy": mean([p["correct"] for p in parts]),
        "episode/valid": mean([p["valid"] for p in parts]),
        "episode/cost_usd": mean([p["cost_usd"] for p in parts]),
        "episode/calls": mean([p["calls"] for p in parts]),
        "episode/rounds": mean([p["rounds"] for p in parts]),
        "episode/problems": mean([p["problems"] for p in parts]),
        "episode/overflow": mean([fields["overflowed"] for fields in extra_fields]),
        **_stop_shares([fields["stop_reason"] for fields in extra_fields]),
        **({"episode/groups_without_variance": mean(flat)} if flat else {}),
        # 1 if all candidates are called equally often, 0 if one gets every call.
        "episode/share_entropy": _normalized_entropy(list(shares.values())),
        **{f"share/{name}": share for name, share in shares.items()},
    }


def _stop_shares(reasons: Sequence[str]) -> dict[str, float]:
    """Share of the episodes by stop reason. All reasons that a policy can cause are included, so curves have no gaps."""
    counts = Counter(reasons)
    named = dict.fromkeys(
        [*(r for r in StopReason if r not in (StopReason.CANCELLED, StopReason.ERROR)), *counts]
    )
    return {f"episode/stop_{reason}": counts[reason] / max(1, len(reasons)) for reason in named}


def mean(values: Sequence[float]) -> float:
    """The mean; 0 for no values."""
    return math.fsum(values) / max(1, len(values))


def _normalized_entropy(shares: Sequence[float]) -> float:
    """Entropy divided by that of equal shares; 0 for a single share."""
    if len(shares) < 2:
        return 0.0
    return -sum(p * math.log(p) for p in shares if p > 0) / math.log(len(shares))
