"""The answer that one candidate gives to the whole conversation, where the policy's own words will not do.

Two cases: the application expects a tool call or JSON of a schema, which only a candidate that got the conversation as
it came can give; or the policy gave no answer, and a candidate stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.conversation import Conversation, Need
from router_r1.episode import Episode, adopted_reply, affordable
from router_r1.errors import CannotServeError
from router_r1.model_cards import ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.transport.messages import Response

FORMAL = frozenset({Need.TOOLS, Need.JSON_SCHEMA})
"""What only a reply to the conversation itself can give."""


def able(conversation: Conversation, cards: Sequence[ModelCard]) -> tuple[ModelCard, ...]:
    """The candidates that can serve a conversation.

    Raises:
        CannotServeError: there is none; the text says what is missing.
    """
    found = tuple(card for card in cards if not card.lacks(conversation.needs))
    if not found:
        needs = ", ".join(sorted(conversation.needs))
        declared = "; ".join(
            f"{c.name} lacks {', '.join(c.lacks(conversation.needs))}" for c in cards
        )
        raise CannotServeError(
            f"no candidate can serve this conversation, which needs {needs}: {declared}"
        )
    return found


def forwarded_reply(episode: Episode) -> tuple[str, Response] | None:
    """The candidate and its reply to the conversation: the one that the policy adopted, or else the last; None if none."""
    given = [
        (outcome.model, outcome.response)
        for record in episode.turns
        for outcome in record.outcomes
        if outcome.forwarded and outcome.response and outcome.response.ok
    ]
    adopted = adopted_reply(episode.turns)
    for model, response in reversed(given):
        if response is adopted:
            return model, response
    return given[-1] if given else None


async def ask_for_reply(
    episode: Episode, pool: ModelPool, account: Account, preferred: str | None
) -> tuple[str, Response] | None:
    """Forward the conversation to one candidate after the other until one answers, as far as the budget goes.

    Args:
        episode: finished.
        pool: the candidates.
        account: books the calls.
        preferred: the candidate to ask first; by default the one with the highest price of output.

    Returns:
        The candidate and its reply; None if nobody could be paid, or nobody answered.
    """
    conversation = episode.conversation or Conversation(
        ({"role": "user", "content": episode.question},)
    )
    cards = sorted(
        able(conversation, pool.cards),
        key=lambda card: (card.name == preferred, card.price.output, card.price.input),
        reverse=True,
    )
    budget = episode.limits.budget_usd
    for card in cards:
        left = None if budget is None else budget - account.ledger.cost_usd()
        if left is not None and not affordable(card.quote_forward(conversation), left):
            continue
        asked = conversation if episode.conversation else episode.question
        response = await pool.ask(card.name, asked, account, sample_index=episode.sample_index)
        if response.ok:
            return card.name, response
    return None
