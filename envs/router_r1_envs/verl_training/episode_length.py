"""How long an episode can get in tokens: `data.max_response_length` must be at least this.

Otherwise an episode whose candidates answer at length runs out of room and fails, and training punishes the policy for
whom it asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from router_r1.episode import Limits
from router_r1.model_cards import ModelCard

CHARS_PER_TOKEN = 4
"""English text; `Limits.max_information_chars` counts on the same."""
BLOCK_TOKENS = 40
"""The tags and attributes of an information block, and the template's tokens around it."""
CORRECTION_TOKENS = 200
"""The correction of a malformed turn."""


def longest_response(cards: Sequence[ModelCard], limits: Limits) -> int:
    """The most tokens that can follow the opening of an episode.

    The policy's turns, and for each round the replies to all its routes, each as long as the limits or the candidate
    allow; a correction for each malformed turn; the notice of the last round.

    Args:
        cards: the candidates.
        limits: the episode's limits.
    """
    turns = limits.max_rounds + 1 + limits.max_malformed
    policy = min(limits.max_policy_tokens, turns * limits.max_turn_tokens)
    shown = math.ceil(limits.max_information_chars / CHARS_PER_TOKEN)
    reply = min(shown, max(card.max_output_tokens for card in cards)) + BLOCK_TOKENS
    rounds = limits.max_rounds * limits.max_routes * reply + (
        BLOCK_TOKENS if limits.max_rounds else 0
    )
    return policy + rounds + limits.max_malformed * CORRECTION_TOKENS


def remedy(cards: Sequence[ModelCard], limits: Limits, response: int) -> str:
    """What to change so that an episode fits `response` tokens; the smallest change of one limit, where there is one.

    Args:
        cards: the candidates.
        limits: the episode's limits.
        response: the given maximum.
    """
    names = ("max_routes", "max_rounds", "max_information_chars", "max_turn_tokens")
    for name in names:
        value = getattr(limits, name)
        steps = 100 if value > 100 else 1
        for lower in range(value - steps, 0, -steps):
            if longest_response(cards, limits.model_copy(update={name: lower})) <= response:
                return f"limits.{name}={lower}"
    return f"lower limits ({', '.join(names)})"
