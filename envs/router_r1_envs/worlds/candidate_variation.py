"""Candidates that differ from question to question in training: names, order, number and prices.

A policy that meets the same six candidates in every episode learns them by heart: their places in the list, their
names. It then knows nothing of another pool. Here a training question draws a variant of the pool, and the policy must
read it. All episodes of a group get the same variant. Validation and evaluation play the pool as it is.

Only for policies that read the candidates (the full prompt). The variant is a function of the world's settings, the
question's id and a seed, and is kept in the question's metadata.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from router_r1.config import StrictModel
from router_r1.data.questions import Question
from router_r1.ledger import Ledger
from router_r1.model_cards import ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.token_prices import Price
from router_r1.transport.messages import Request, Response
from router_r1_envs.seeded_random import seeded_random

_KEY = "candidates"  # of the metadata
_NAMES = (
    "alder", "aspen", "birch", "cedar", "cypress", "elder", "elm", "fir", "hazel", "holly", "juniper", "larch", "laurel",
    "linden", "maple", "oak", "olive", "pine", "poplar", "rowan", "spruce", "sycamore", "willow", "yew",
)  # fmt: skip


class CandidateVariation(StrictModel):
    """How candidates vary between training questions."""

    order: bool = True
    """Candidates are listed in a random order."""
    names: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the questions whose candidates have made-up names. What is known about real names stays useful."""
    fewest: Annotated[int, Field(ge=1)] | None = 2
    """A question gets a random number of candidates, at least this many. None: always all."""
    prices: Annotated[float, Field(ge=1)] = 2.0
    """Prices are multiplied by a random factor between 1 / `prices` and `prices`, one for each candidate."""


@dataclass(frozen=True, slots=True)
class VariedCandidate:
    """A candidate of a variant."""

    card: ModelCard
    """As the policy sees it."""
    original: str
    """Its name in the pool."""
    factor: float
    """By which its price and its costs are multiplied."""


def with_variant(question: Question, seed: int) -> Question:
    """The question with a variant of its candidates; `variant_of` reads it."""
    return question.model_copy(update={"metadata": {**question.metadata, _KEY: seed}})


def variant_seed(question: Question) -> int | None:
    """The seed of a question from `with_variant`; None for any other."""
    seed: int | None = question.metadata.get(_KEY)
    return seed


def variant_of(
    question: Question, cards: Sequence[ModelCard], variation: CandidateVariation | None
) -> list[VariedCandidate] | None:
    """The candidates of a question; None if they are those of the pool.

    Args:
        question: from `with_variant`, or any other.
        cards: the pool's.
        variation: the world's setting; None switches variation off.
    """
    seed = variant_seed(question)
    if variation is None or seed is None:
        return None
    source = seeded_random("candidates", seed, question.id)
    chosen = list(cards)
    if variation.fewest is not None:
        fewest = min(variation.fewest, len(chosen))
        kept = set(source.sample(range(len(chosen)), source.randint(fewest, len(chosen))))
        chosen = [card for number, card in enumerate(chosen) if number in kept]
    if variation.order:
        source.shuffle(chosen)
    names = [card.name for card in chosen]
    if source.random() < variation.names:
        extra = [f"model {number}" for number in range(1, len(cards) - len(_NAMES) + 1)]
        names = source.sample([*_NAMES, *extra], len(chosen))
    renamed = dict(zip((card.name for card in chosen), names, strict=True))
    spread = math.log(variation.prices)
    factors = [math.exp(source.uniform(-spread, spread)) for _ in chosen]
    return [
        VariedCandidate(_varied(card, renamed, factor), card.name, factor)
        for card, factor in zip(chosen, factors, strict=True)
    ]


def _varied(card: ModelCard, renamed: dict[str, str], factor: float) -> ModelCard:
    """A card with another name, also where a description mentions it, and another price."""
    price = card.price
    cached = None if price.cached is None else _rounded(price.cached * factor)
    description = card.description
    for name, shown in renamed.items():
        if name != shown:
            description = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", shown, description)
    return card.model_copy(
        update={
            "name": renamed[card.name],
            "model": card.model_id,  # the endpoint and the record store know it by this
            "description": description,
            "price": Price(
                input=_rounded(price.input * factor),
                output=_rounded(price.output * factor),
                cached=cached,
                as_of=price.as_of,
            ),
        }
    )


def _rounded(price: float) -> float:
    """As a price list would state it."""
    return float(f"{price:.3g}")


class VariedPool(ModelPool):
    """A pool under other names and prices. Calls go to the original candidates; costs are booked at these prices."""

    def __init__(self, pool: ModelPool, candidates: Sequence[VariedCandidate]) -> None:
        """
        Args:
            pool: the original.
            candidates: the variant.
        """
        super().__init__(
            [candidate.card for candidate in candidates],
            pool.endpoints,
            transport=pool.transport,
            source=pool.source,
        )
        self._original = pool
        self._candidates = {candidate.card.name: candidate for candidate in candidates}

    def original_name(self, name: str) -> str:
        """The name of a candidate in the original pool."""
        return self._candidates[name].original

    async def call(self, name: str, request: Request, account: Account | None = None) -> Response:
        """Call the original candidate; every attempt is booked under the new name and price."""
        candidate = self._candidates[self.card(name).name]
        account = account or Account(Ledger())
        calls = replace(account, ledger=Ledger())
        try:
            response = await self._original.call(candidate.original, request, calls)
        finally:  # attempts of a cancelled call are booked, too
            for entry in calls.ledger:
                cost = None if entry.cost_usd is None else entry.cost_usd * candidate.factor
                version = None if entry.price_version is None else candidate.card.price.version
                account.ledger.add(replace(entry, model=name, cost_usd=cost, price_version=version))
        cost = None if response.cost_usd is None else response.cost_usd * candidate.factor
        return replace(response, cost_usd=cost)


def original_name(pool: ModelPool, name: str) -> str:
    """The name of a candidate in the world's pool, whether or not this pool is a variant of it."""
    return pool.original_name(name) if isinstance(pool, VariedPool) else name
