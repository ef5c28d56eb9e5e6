"""The statements of an episode: every response that was given, with its origin."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.episode import Episode


@dataclass(frozen=True, slots=True)
class Statement:
    """One response and its origin."""

    model: str
    query: str
    text: str
    turn: int
    """Number of the policy turn that made the call, from 1; 0 for a statement of a later layer."""
    layer: int = 1


def statements_of(episode: Episode) -> tuple[Statement, ...]:
    """Every answered route of an episode, in order."""
    return tuple(
        Statement(outcome.model, outcome.query, outcome.response.text, number)
        for number, record in enumerate(episode.turns, 1)
        for outcome in record.outcomes
        if outcome.response is not None and outcome.response.ok
    )
