"""Values of a right answer that make cost matter, derived from what a pool's calls cost.

The reward trades cost against correctness at `worth_usd`. If an answer is worth a thousand calls, cost is lost in the
noise; if it is worth less than one, no call pays. A level is stated as in a recorded world: the accuracy that one call
of the most expensive candidate must add to be worth its price.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Usage, cost_usd
from router_r1_envs.worlds.base import Level

SENSITIVITIES = (0.02, 0.1, 0.3)
"""The accuracy that a call of the most expensive candidate must add."""
QUERY_TOKENS = 250
"""Assumed tokens of a sub-query."""


def call_usd(card: ModelCard) -> float:
    """Dollars of a usual call: a short query, and a reply of half the allowed length."""
    return cost_usd(Usage(QUERY_TOKENS, card.max_output_tokens // 2), card.price)


def proposed_levels(
    cards: Sequence[ModelCard], sensitivities: Sequence[float] = SENSITIVITIES
) -> tuple[Level, ...]:
    """Levels for a pool.

    Args:
        cards: the candidates.
        sensitivities: one level for each, above 0: the accuracy that one call of the most expensive candidate must add.

    Raises:
        ConfigError: all candidates are free.
    """
    highest = max(call_usd(card) for card in cards)
    if highest <= 0:
        raise ConfigError(
            "all candidates are free, so no value of an answer makes cost matter; state prices in the pool"
        )
    return tuple(
        Level(name=f"{share:g}", worth_usd=float(f"{highest / share:.2g}"))
        for share in sensitivities
    )
