"""An episode as token ids: one assistant turn that goes on, the environment's blocks appended in place.

Training, a local checkpoint and a server with token ids all read episodes through this, so what a policy is trained on is
what it generated and will see again. Nothing that a policy wrote is ever encoded again.

Needs no particular library: a tokenizer is anything with `apply_chat_template`, `encode` and `decode` as in transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from router_r1.episode import Episode, Origin
from router_r1.errors import ConfigError
from router_r1.protocol import cut_turn
from router_r1.transport.messages import Message

TAGS = ("<think>", "</think>", "<route", "</route>", "<information", "</information>", "<answer>")
Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What follows the opening, token by token; all three have the same length."""

    ids: list[int]
    mask: list[int]
    """1 where the policy wrote the token, 0 where the environment did. Only the policy's are trained on."""
    logprobs: list[float]
    """Of the policy's tokens under the policy that wrote them; 0.0 elsewhere, and where unknown."""


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text, without control tokens."""
    return list(tokenizer.encode(text, add_special_tokens=False))


def opening_ids(tokenizer: Any, opening: Sequence[Message]) -> list[int]:
    """The ids of the opening messages, up to where the policy begins to write."""
    return list(
        tokenizer.apply_chat_template(list(opening), add_generation_prompt=True, return_dict=False)
    )


def following(episode: Episode, encode: Encode) -> Tokens:
    """The ids of all that follows the opening.

    A turn without ids (from a demonstration, say) is encoded from its text; it is the policy's all the same.
    """
    tokens = Tokens([], [], [])
    overhang = ""
    for segment in episode.segments:
        ids: Sequence[int]
        if segment.token_ids is not None:
            ids, overhang = segment.token_ids, segment.overhang
        else:
            ids, overhang = encode(segment.text.removeprefix(overhang)), ""
        mine = segment.origin is Origin.POLICY
        tokens.ids.extend(ids)
        tokens.mask.extend([int(mine)] * len(ids))
        tokens.logprobs.extend(segment.logprobs if segment.logprobs else [0.0] * len(ids))
    return tokens


def turn_text(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> tuple[str, str]:
    """What generated ids say: the turn, and what they hold beyond it (see `Segment.overhang`)."""
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    kept = cut_turn(text, stops)
    return kept, text[len(kept) :]


def check_tokenizer(tokenizer: Any, name: str) -> None:
    """Raise `ConfigError` for a tokenizer that can not carry the protocol.

    That is one without a chat template, or one that drops tags when it decodes (they were added as special tokens).
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ConfigError(f"{name}: its tokenizer has no chat template; save one with it")
    for tag in TAGS:
        ids = encode_text(tokenizer, f"{tag} x")
        if tag not in tokenizer.decode(ids, skip_special_tokens=True):
            raise ConfigError(
                f"{name}: its tokenizer drops {tag!r} when it decodes; "
                f"add the tags as ordinary tokens (special=False), or not at all"
            )
