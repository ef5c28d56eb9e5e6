"""The reward of an episode: named parts, and the total that follows from them.

    total = (correct if valid else -1) - cost_penalty - format_penalty

    cost_penalty   = alpha * u(cost / reference),   u(x) = x / (1 + x), see cost_penalty.py
    format_penalty = beta * min(1, problems / 4) if valid, else 0

An episode is *valid* if the policy answered. With alpha + beta < 1, every invalid episode scores less than every valid
one, and every wrong answer less than every right one. Of two episodes that differ only in cost, the cheaper one scores
strictly more, even if both are wrong or invalid (up to floating-point precision, 1e-16 of the total). The range is
(-1 - alpha, 1].

The reference is `alpha * worth_usd` if the episode says what a right answer is worth: then the cost penalty starts at
exactly 1 / worth_usd of correctness per dollar. Otherwise it is `RewardConfig.reference_usd`, which has no default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from router_r1.data.questions import Question
from router_r1.episode import Episode, StopReason, adopted_reply
from router_r1.errors import ConfigError, DataError
from router_r1.trace import Trace
from router_r1_reward.config import RewardConfig
from router_r1_reward.cost_penalty import penalty
from router_r1_reward.metrics import grade
from router_r1_reward.metrics.text_match import exact_match
from router_r1_reward.paper_reward import CostWindow, passes_format, published_reward

_MAX_PROBLEMS = 4
"""Problems beyond this do not increase the format penalty."""
_NO_REWARD = (StopReason.ERROR, StopReason.CANCELLED)
"""Stop reasons that the policy did not cause."""


@dataclass(frozen=True)
class Facts:
    """What the reward needs to know about an episode, as plain values that a trainer can pass on as a dictionary."""

    answer: str | None
    stop_reason: StopReason
    cost_usd: float
    """Dollars for candidates, policy and aggregator, where they have a price."""
    problems: int
    """Format problems of all turns, corrected ones included."""
    calls: int
    """Number of routes that were carried out."""
    rounds: int
    worth_usd: float | None = None
    """Value of a right answer in dollars, if the limits give one."""
    metric: str | None = None
    """Name of the metric that scores the answer, if known."""
    recorded_score: float | None = None
    """Score of the answer, 0 to 1, where it is an adopted reply that a record has graded."""
    well_formed: bool = True
    """Whether the turns pass the check of Router-R1's reward; the graded reward counts `problems` instead."""

    @classmethod
    def of(cls, source: Trace | Episode, *, metric: str | None = None) -> Self:
        """The facts of a trace (with its final answer, after aggregation) or of a finished episode.

        Args:
            source: the trace or the episode.
            metric: name of the metric that scores the answer, if known.

        Raises:
            DataError: the episode is not over.
        """
        if source.stop_reason is None:
            raise DataError("the episode is not over; only a finished episode has a reward")
        reply = adopted_reply(source.turns)
        adopted = reply is not None and reply.text == source.answer
        return cls(
            answer=source.answer,
            stop_reason=source.stop_reason,
            cost_usd=source.cost_usd if isinstance(source, Trace) else source.spent_usd,
            problems=sum(len(record.turn.problems) for record in source.turns),
            calls=sum(o.response is not None for record in source.turns for o in record.outcomes),
            rounds=source.rounds,
            worth_usd=source.limits.worth_usd,
            metric=metric,
            recorded_score=reply.score if reply is not None and adopted else None,
            well_formed=passes_format([record.turn for record in source.turns]),
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {**asdict(self), "stop_reason": self.stop_reason.value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`. Raises `DataError` for a mapping with other keys or an unknown stop reason."""
        known = [field.name for field in fields(cls)]
        if sorted(data) != sorted(known):
            raise DataError(
                f"the facts of an episode must be {', '.join(known)}; found {', '.join(map(str, data)) or 'none'}; "
                f"make them with Facts.of(episode).to_dict()"
            )
        try:
            reason = StopReason(data["stop_reason"])
        except ValueError as error:
            raise DataError(
                f"the facts of an episode have the stop reason {data['stop_reason']!r}; expected one of "
                f"{', '.join(reason.value for reason in StopReason)}"
            ) from error
        return cls(**{**data, "stop_reason": reason})

    @property
    def valid(self) -> bool:
        """Whether the policy answered."""
        return self.stop_reason is StopReason.ANSWERED and self.answer is not None


@dataclass(frozen=True)
class Reward:
    """The reward of one episode."""

    total: float
    parts: dict[str, float]
    """Part -> value; the same parts for every episode."""


def score(
    trace: Trace | Episode | Facts,
    gold: str | Sequence[str],
    metric: str,
    config: RewardConfig | None = None,
    *,
    question: Question | None = None,
    window: CostWindow | None = None,
) -> Reward:
    """The reward of a trace or of a finished episode; see the module docstring for the formula.

    Args:
        trace: the trace, the episode, or the facts of one.
        gold: the accepted answer, or all of them.
        metric: name of the metric that scores the answer, in `metrics.METRICS`.
        config: the weights; by default those of `RewardConfig()`.
        question: the question, for metrics that read more of it than the gold answers, see `metrics.grade`.
        window: earlier costs, for `kind="router_r1"` only.

    Raises:
        ConfigError: there is no reference cost, or no window for `kind="router_r1"`; or see `metrics.grade`.
        DataError: the episode is not over, or ended with an error or by cancellation; or see `metrics.grade`.
        ScorerError, MissingDependencyError: see `metrics.grade`.
    """
    config = config or RewardConfig()
    facts = trace if isinstance(trace, Facts) else Facts.of(trace)
    if facts.stop_reason in _NO_REWARD:
        raise DataError(
            f"the episode ended with the stop reason {facts.stop_reason.value!r}, which the policy did not cause, so it has "
            f"no reward; leave it out"
        )
    golds = (gold,) if isinstance(gold, str) else tuple(gold)
    # If the policy gave no answer, an aggregator's answer earns it nothing.
    answer = facts.answer if facts.valid else None
    if answer is not None and facts.recorded_score is not None:
        correct = facts.recorded_score
    else:
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
    """The total reward from its parts: what a policy is trained on."""
    base = parts["correct"] if parts["valid"] else -1.0
    return base - parts["cost_penalty"] - parts["format_penalty"]


def _penalties(
    facts: Facts, correct: float, config: RewardConfig, window: CostWindow | None
) -> tuple[float, float, float, float]:
    """Return u, the cost penalty, the format penalty, and the reference in dollars."""
    if config.kind == "router_r1":
        if window is None:
            raise ConfigError(
                "Router-R1's reward compares a cost with earlier ones; pass them as window=CostWindow.of(costs_usd)"
            )
        cost_score = window.scale(facts.cost_usd)
        total = published_reward(
            facts.valid and facts.well_formed, correct, cost_score, config.alpha
        )
        lost = (correct if facts.valid else -1.0) - total
        by_cost, by_format = (lost, 0.0) if facts.well_formed else (0.0, lost)
        return 1 - cost_score, by_cost, by_format, 0.0
    format_penalty = config.beta * min(1.0, facts.problems / _MAX_PROBLEMS) if facts.valid else 0.0
    if config.alpha == 0:
        return 0.0, 0.0, format_penalty, 0.0
    reference = _reference(facts, config)
    u = penalty(facts.cost_usd, reference)
    return u, config.alpha * u, format_penalty, reference


def _reference(facts: Facts, config: RewardConfig) -> float:
    """The cost in dollars at which half of alpha is lost."""
    if facts.worth_usd is not None:
        return config.alpha * facts.worth_usd
    if config.reference_usd is not None:
        return config.reference_usd
    raise ConfigError(
        "there is no cost to compare with: set limits.worth_usd (value of a right answer in dollars), reference_usd of the "
        "reward (dollars at which half of alpha is lost), or alpha=0"
    )
