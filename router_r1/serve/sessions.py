"""Conversations across requests: who gave the last reply, and what it saves to ask that model again.

Providers keep the prompt of a call for some minutes and charge less for the part that comes again. A conversation that
goes to another model loses that, so the saving counts in a choice: a one-shot router subtracts it from the model's cost,
and the policy is told. Nothing else is sticky.

There is no state beside the receipts, which all workers share: a conversation is known by a header, or by its beginning.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from router_r1.conversation import Conversation
from router_r1.pool import ModelPool
from router_r1.prompts import usd
from router_r1.serve.receipts import ReceiptStore
from router_r1.serve.wire.bodies import encoded
from router_r1.token_prices import TOKENS_PER_PRICE_UNIT

HEADER = "x-session-id"


@dataclass(frozen=True)
class Kept:
    """The model whose provider may still have the conversation in its cache."""

    model: str
    saving_usd: float
    """Dollars that asking it again saves."""


def session_id(headers: Mapping[str, str], chat: Mapping[str, Any], key: str) -> str:
    """Names a conversation: by the header `x-session-id`, else by its messages up to the user's first one.

    Args:
        headers: of the request.
        chat: the chat-completions body.
        key: name of the API key; conversations of different keys are different.
    """
    told = headers.get(HEADER, "")
    if not told:
        beginning = []
        messages = chat.get("messages")
        for message in messages if isinstance(messages, list) else ():
            beginning.append(message)
            if isinstance(message, Mapping) and message.get("role") == "user":
                break
        told = encoded({"messages": beginning}).decode()
    return hashlib.sha256(f"{key}\n{told}".encode()).hexdigest()[:32]


def kept_by(
    receipts: ReceiptStore | None,
    session: str,
    conversation: Conversation,
    pool: ModelPool,
    cache_s: float,
) -> Kept | None:
    """Who gave the last reply in this conversation, if asking it again saves something.

    Args:
        receipts: where replies are looked up; None: nothing is known.
        session: the conversation's id.
        conversation: what is to be replied to.
        pool: the candidates, whose prices count.
        cache_s: seconds for which providers keep a prompt.
    """
    last = None if receipts is None else receipts.last_answer(session)
    if last is None or time.time() - last.at > cache_s or last.model not in pool.names:
        return None
    price = pool.card(last.model).price
    before = Conversation(conversation.messages[:-1], conversation.options).tokens
    saving = before * (price.input - price.cached_input) / TOKENS_PER_PRICE_UNIT
    return Kept(last.model, saving) if saving > 0 else None


def told(conversation: Conversation, kept: Kept | None) -> Conversation:
    """The conversation with a line for the policy about what its provider has cached."""
    if kept is None:
        return conversation
    note = f"{kept.model} gave the last reply; to ask it again saves {usd(kept.saving_usd)}"
    return replace(conversation, note=note)
