"""Assigns requests to endpoints that take only so many: what does not fit the first choice goes to the next one.

    left = Capacity.per_minute(cards)                       requests and tokens that each endpoint takes in a minute
    given = assign(utilities(router, questions), left)      works for the scores of any router
    given.columns, given.overflowed, given.dropped

The rule of Switch Transformers (arXiv:2101.03961) is expert capacity: an expert takes so many tokens of a batch, in their
order, and what is left over is not processed. Here what is left over asks for the next best endpoint first (as the second
expert of GShard, arXiv:2006.16668, would), and is dropped only if all are full. `order="regret"` serves those first that
would lose most by their second choice, as V-MoE (arXiv:2106.05974) serves important tokens first: then the assignment does
not depend on the order in which the requests of a window came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.routers.base import Router
from router_r1.routers.libraries import Floats, Ints, np

Order = Literal["arrival", "regret"]
_TIE = 1e-12
DROPPED = -1
"""The column of a request that no endpoint takes."""


@dataclass(frozen=True)
class Capacity:
    """What is left of a window's limits, for m endpoints. `take` returns a new one."""

    requests: Floats
    """[m] requests, infinity for no limit."""
    tokens: Floats
    """[m] tokens, infinity for no limit."""

    def __post_init__(self) -> None:
        if self.requests.shape != self.tokens.shape or self.requests.ndim != 1:
            raise ConfigError(
                f"limits must be one number of requests and one of tokens for each model, got arrays of shape "
                f"{self.requests.shape} and {self.tokens.shape}"
            )
        if not ((self.requests >= 0).all() and (self.tokens >= 0).all()):
            raise ConfigError("limits must be 0 or more; leave one out for no limit")

    @classmethod
    def of(cls, requests: Iterable[float | None], tokens: Iterable[float | None] = ()) -> Self:
        """From limits by model; None, or no tokens at all, is no limit."""
        most = [math.inf if limit is None else limit for limit in requests]
        words = [math.inf if limit is None else limit for limit in tokens] or [math.inf] * len(most)
        return cls(np.array(most, dtype=np.float64), np.array(words, dtype=np.float64))

    @classmethod
    def per_minute(cls, cards: Sequence[ModelCard], share: float = 1.0) -> Self:
        """The rate limits of a pool, for a window of this share of a minute."""
        limits = [card.limits for card in cards]
        return cls.of(
            [
                None if li.requests_per_minute is None else li.requests_per_minute * share
                for li in limits
            ],
            [
                None if li.tokens_per_minute is None else li.tokens_per_minute * share
                for li in limits
            ],
        )

    @classmethod
    def of_factor(cls, requests: int, models: int, factor: float) -> Self:
        """Expert capacity: `factor x requests / models` for each model, rounded up."""
        return cls.of([math.ceil(factor * requests / models)] * models)


@dataclass(frozen=True)
class Assignment:
    """Where n requests go."""

    columns: Ints
    """[n] the endpoint of each, or `DROPPED`."""
    wanted: Ints
    """[n] its first choice."""
    left: Capacity
    """What is left of the window."""

    @property
    def overflowed(self) -> int:
        """Requests that got another endpoint than their first choice."""
        return int(((self.columns != self.wanted) & (self.columns != DROPPED)).sum())

    @property
    def dropped(self) -> int:
        """Requests that no endpoint takes."""
        return int((self.columns == DROPPED).sum())


def utilities(
    router: Router, questions: Sequence[Question], willingness_to_pay: float = math.inf
) -> Floats:
    """[n, m] what each model is worth, in units of score: with room for all, the best one is what `Router.choose` chooses.

    Args:
        router: a fitted router.
        questions: n questions.
        willingness_to_pay: dollars a right answer is worth, above 0; infinity ignores the cost.
    """
    if not willingness_to_pay > 0:
        raise ConfigError(f"willingness_to_pay must be dollars above 0, got {willingness_to_pay}")
    worth = router.utilities(router.scores(questions), router.costs(questions), willingness_to_pay)
    rank = np.argsort(np.argsort(router.learned["mean_cost"], kind="stable"), kind="stable")
    found: Floats = worth - _TIE * rank  # of equal ones the cheaper
    return found


def assign(
    utilities: Floats,
    capacity: Capacity,
    tokens: Floats | None = None,
    *,
    choices: int | None = None,
    order: Order = "arrival",
) -> Assignment:
    """Assign each request to the best endpoint that still has room.

    Args:
        utilities: [n, m] what each endpoint is worth to each request: scores, or scores less costs in the same unit. Of
            equal ones the first column wins.
        capacity: what the m endpoints take.
        tokens: [n, m] tokens of each request at each endpoint; 0 if left out.
        choices: how many endpoints a request may ask; 1 drops what does not fit its first choice; by default all.
        order: `arrival` serves the rows as they come; `regret` those first that lose most by their second choice.

    Raises:
        ConfigError: the shapes differ, a utility is not a number, or an argument has no such value.
    """
    count, models = utilities.shape
    if models != len(capacity.requests):
        raise ConfigError(
            f"there are limits for {len(capacity.requests)} models and utilities for {models}; give both for the same"
        )
    if not np.isfinite(utilities).all():
        raise ConfigError(
            "utilities must be finite numbers; a model that must not be asked has a limit of 0"
        )
    if tokens is not None and tokens.shape != utilities.shape:
        raise ConfigError(f"tokens have the shape {tokens.shape}, expected {utilities.shape}")
    if order not in get_args(Order):
        raise ConfigError(f"order is {order!r}; it must be arrival or regret")
    if choices is not None and choices < 1:
        raise ConfigError(f"choices must be 1 or more, got {choices}")
    ranked = np.argsort(-utilities, axis=1, kind="stable")
    columns = np.full(count, DROPPED, dtype=np.int64)
    requests, words = capacity.requests.copy(), capacity.tokens.copy()
    asked = ranked[:, :choices].tolist()
    needs = np.zeros_like(utilities) if tokens is None else tokens
    for row in _served(utilities, order):
        for column in asked[row]:
            if requests[column] >= 1 and words[column] >= needs[row, column]:
                columns[row] = column
                requests[column] -= 1
                words[column] -= needs[row, column]
                break
    return Assignment(columns, ranked[:, 0].astype(np.int64), Capacity(requests, words))


def _served(utilities: Floats, order: Order) -> list[int]:
    """The rows in the order in which they are served."""
    count, models = utilities.shape
    if order == "arrival" or models < 2 or not count:
        return list(range(count))
    top = -np.sort(-utilities, axis=1)
    # Equal regrets are ordered by the utilities themselves, so that the order of arrival plays no part.
    keys = [utilities[:, j] for j in range(models)] + [-(top[:, 0] - top[:, 1])]
    return [int(row) for row in np.lexsort(keys)]
