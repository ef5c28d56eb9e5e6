"""The reward of an episode: named parts, and one number derived from them.

    total = (correct if valid else -1) - cost_penalty - format_penalty

    cost_penalty   = alpha * u(cost / reference)                u(x) = x / (1 + x), see cost.py
    format_penalty = beta * min(1, problems / 4) if valid, else 0

An episode is *valid* if the policy answered. So invalid < valid, and wrong < valid and correct (alpha + beta < 1); of two
episodes that are alike but for their cost the cheaper one is strictly better, wrong and invalid ones too. The range
is (-1 - alpha, 1]. Strictly means as far as floating point goes: 1e-16 of the total.

The reference is `alpha * worth_usd` where the episode says what a right answer is worth: then the first dollars cost
exactly 1 / worth_usd of correctness each. Otherwise it is `RewardConfig.reference_usd`; there is no default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from router_r1.data.questions import Question
from router_r1.episode import Episode, StopReason
from router_r1.errors import ConfigError, DataError
from router_r1.trace import Trace
from router_r1_reward.config import RewardConfig
from router_r1_reward.cost import penalty
from router_r1_reward.metrics import grade
from router_r1_reward.metrics.text_match import exact_match
from router_r1_reward.paper_reward import CostWindow, published_reward

_UNTIDIEST = 4
# The episode broke off for a reason that is nobody's merit or fault.
_NO_REWARD = (StopReason.ERROR, StopReason.CANCELLED)


@dataclass(frozen=True)
class Facts:
    """What the reward needs to know of an episode; plain values, so that they travel through a trainer as a dictionary."""

    answer: str | None
    stop_reason: StopReason
    cost_usd: float
    """All of it: candidates, policy and aggregator where they have a price."""
    problems: int
    """Problems of all turns, those that were corrected too."""
    calls: int
    """Routes that were carried out."""
    rounds: int
    worth_usd: float | None = None
    """Dollars a right answer is worth, where the limits say so."""
    metric: str | None = None
    """How the answer is scored, where whoever made the facts knows it."""

    @classmethod
    def of(cls, source: Trace | Episode, *, metric: str | None = None) -> Self:
        """Take the facts from a trace (its final answer, after aggregation) or from a finished episode.

        Raises:
            DataError: the episode is not over.
        """
        if source.stop_reason is None:
            raise DataError("the episode is not over; only a finished one has a reward")
        return cls(
            answer=source.answer,
            stop_reason=source.stop_reason,
            cost_usd=source.cost_usd if isinstance(source, Trace) else source.spent_usd,
            problems=sum(len(record.turn.problems) for record in source.turns),
            calls=sum(o.response is not None for record in source.turns for o in record.outcomes),
            rounds=source.rounds,
            worth_usd=source.limits.worth_usd,
            metric=metric,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "stop_reason": self.stop_reason.value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`. Raises `DataError` for anything else."""
        known = [field.name for field in fields(cls)]
        if sorted(data) != sorted(known):
            raise DataError(
                f"the facts of an episode are {', '.join(known)}; found {', '.join(map(str, data)) or 'none'}; "
                f"make them with Facts.of(episode).to_dict()"
            )
        try:
            reason = StopReason(data["stop_reason"])
        except ValueError as error:
            raise DataError(f"an episode's facts: {error}; expected a stop reason") from error
        return cls(**{**data, "stop_reason": reason})

    @property
    def valid(self) -> bool:
        """Did the policy answer?"""
        return self.stop_reason is StopReason.ANSWERED and self.answer is not None


@dataclass(frozen=True)
class Reward:
    """What an episode was worth."""

    total: float
    parts: dict[str, float]
    """By name; the same names for every episode."""


def score(
    trace: Trace | Episode | Facts,
    gold: str | Sequence[str],
    metric: str,
    config: RewardConfig | None = None,
    *,
    question: Question | None = None,
    window: CostWindow | None = None,
) -> Reward:
    """The reward of a trace or of a finished episode.

    Args:
        trace: what happened.
        gold: the accepted answer, or all of them.
        metric: how the answer is scored, a name in `metrics.METRICS`.
        config: weights; the defaults of `RewardConfig` when left out.
        question: for what the metric needs beyond the gold answer, see `metrics.grade`.
        window: for `kind="router_r1"` alone: the costs that this one is compared with.

    Raises:
        ConfigError: no such metric; nothing says what cost is measured against; `code` without permission.
        DataError: a gold answer that the metric can not read; an episode that is not over, or broke off with an error.
        ScorerError: the metric failed.
    """
    config = config or RewardConfig()
    facts = trace if isinstance(trace, Facts) else Facts.of(trace)
    if facts.stop_reason in _NO_REWARD:
        raise DataError(
            f"the episode ended with the stop reason {facts.stop_reason.value!r}: nothing of it is the policy's doing, "
            f"so it has no reward; leave it out"
        )
    golds = (gold,) if isinstance(gold, str) else tuple(gold)
    # What an aggregator made of an episode in which the policy gave no answer is not the policy's.
    answer = facts.answer if facts.valid else None
    correct = grade(answer, golds, metric, question=question, allow_code=config.allow_code)
    em = 0.0 if answer is None else max(exact_match(answer, one) for one in golds)
    u, cost_penalty, format_penalty, reference = _penalties(facts, correct, config, window)
    parts = {
        "correct": correct,
        "em": em,
        "valid": float(facts.valid),
        "cost_penalty": cost_penalty,
        "format_penalty": format_penalty,
        "u": u,
        "cost_usd": facts.cost_usd,
        "reference_usd": reference,
        "calls": float(facts.calls),
        "rounds": float(facts.rounds),
        "problems": float(facts.problems),
    }
    return Reward(total_of(parts), parts)


def total_of(parts: Mapping[str, float]) -> float:
    """The number that is trained on, from the parts."""
    base = parts["correct"] if parts["valid"] else -1.0
    return base - parts["cost_penalty"] - parts["format_penalty"]


def _penalties(
    facts: Facts, correct: float, config: RewardConfig, window: CostWindow | None
) -> tuple[float, float, float, float]:
    """u, cost penalty, format penalty, reference."""
    if config.kind == "router_r1":
        if window is None:
            raise ConfigError(
                "Router-R1's reward compares a cost with earlier ones; give them as window=CostWindow.of(costs_usd)"
            )
        cost_score = window.scale(facts.cost_usd)
        total = published_reward(facts.valid, correct, cost_score, config.alpha)
        return 1 - cost_score, (correct if facts.valid else -1.0) - total, 0.0, 0.0
    format_penalty = config.beta * min(1.0, facts.problems / _UNTIDIEST) if facts.valid else 0.0
    if config.alpha == 0:
        return 0.0, 0.0, format_penalty, 0.0
    reference = _reference(facts, config)
    u = penalty(facts.cost_usd, reference)
    return u, config.alpha * u, format_penalty, reference


def _reference(facts: Facts, config: RewardConfig) -> float:
    if facts.worth_usd is not None:
        return config.alpha * facts.worth_usd
    if config.reference_usd is not None:
        return config.reference_usd
    raise ConfigError(
        "nothing says what cost is measured against: set limits.worth_usd (dollars a right answer is worth), or "
        "reference_usd of the reward (dollars at which half of alpha is lost), or alpha=0"
    )
