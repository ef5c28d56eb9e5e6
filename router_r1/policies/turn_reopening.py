"""What follows a turn that the policy ended with its end-of-turn token: a user turn with the observation, and a new
assistant turn, as the chat template writes them.

With several routes a turn has no stop string of its own, and a chat model ends it as it has learned. A block that is
appended right there would stand outside any turn, which no chat model has seen. A turn that ended at a stop string is
still open, and the block is appended in place.

Works on token ids alone, with any chat template, whether a tokenizer or a server applies it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from router_r1.transport.messages import Message

EncodeChat = Callable[[Sequence[Message]], Sequence[int]]
"""Ids of messages as the template renders them, up to where the assistant starts to write."""
Reopen = Callable[[int, str], Sequence[int] | None]
"""`(last id of a turn, observation)` -> the ids that follow; None if the id does not end a turn."""


def chat_around(observation: str, turn: str = "turn") -> tuple[Message, ...]:
    """A chat that ends with an observation; what comes before it is always the same."""
    return (
        {"role": "user", "content": "question"},
        {"role": "assistant", "content": turn},
        {"role": "user", "content": observation},
    )


PROBES = (chat_around("observation"), chat_around("observation", "another"))
"""Chats whose ids `turn_end` compares: they differ in the assistant's turn."""


def turn_end(first: Sequence[int], second: Sequence[int], last_id: int) -> int | None:
    """Where the assistant's turn ends in the ids of `chat_around`: the position after its end-of-turn token.

    Args:
        first: the ids of the first of `PROBES`.
        second: those of the second. What both have in common at the end begins with the end-of-turn token.
        last_id: the last id that the policy generated.

    Returns:
        The position; None if this id does not end a turn in this template.
    """
    both = zip(reversed(first), reversed(second), strict=False)
    common = next((n for n, (a, b) in enumerate(both) if a != b), min(len(first), len(second)))
    begin = len(first) - common
    return begin + 1 if common and first[begin] == last_id else None


def reopening(encode_chat: EncodeChat) -> Reopen:
    """A `Reopen` for a chat template.

    Args:
        encode_chat: applies the template.
    """

    @functools.cache
    def probes() -> tuple[Sequence[int], Sequence[int]]:
        return encode_chat(PROBES[0]), encode_chat(PROBES[1])

    def reopen(last_id: int, observation: str) -> Sequence[int] | None:
        begin = turn_end(*probes(), last_id)
        return None if begin is None else encode_chat(chat_around(observation))[begin:]

    return reopen
