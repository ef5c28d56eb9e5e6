"""An episode as token ids: one assistant turn that continues, with the environment's blocks appended in place. After a
turn that the policy ended by itself, the chat template opens another one (`turn_reopening.py`).

Training, local checkpoints and servers with token ids all read episodes through this module. A policy is therefore
trained on the ids it generated and will see again: text that a policy wrote is never encoded a second time.

Needs no particular library: a tokenizer is anything with `apply_chat_template`, `encode` and `decode` as in
transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from router_r1.episode import Episode, Origin, Segment
from router_r1.errors import ConfigError
from router_r1.policies.turn_reopening import Reopen
from router_r1.protocol import cut_turn
from router_r1.transport.messages import Message

TAGS = ("<think>", "</think>", "<route", "</route>", "<information", "</information>", "<answer>")
Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class EpisodeTokens:
    """The tokens after the opening; the three lists have the same length."""

    ids: list[int]
    mask: list[int]
    """1 if the policy wrote the token, 0 if the environment did. Training uses only the policy's tokens."""
    logprobs: list[float]
    """Log-probability under the policy that wrote the token; 0.0 for the environment's tokens, and if unknown."""


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text, without control tokens."""
    return list(tokenizer.encode(text, add_special_tokens=False))


def opening_ids(tokenizer: Any, opening: Sequence[Message]) -> list[int]:
    """The ids of the opening messages, up to where the policy starts writing."""
    return list(
        tokenizer.apply_chat_template(list(opening), add_generation_prompt=True, return_dict=False)
    )


def continuation_tokens(
    episode: Episode, encode: Encode, reopen: Reopen | None = None
) -> EpisodeTokens:
    """The tokens of everything that follows the opening.

    A policy turn without ids (a demonstration, for example) is encoded from its text, and is still masked as the
    policy's.

    Args:
        episode: the episode.
        encode: encodes a text without control tokens.
        reopen: encodes what follows a turn that ended with the end-of-turn token; None appends every block in place.
    """
    tokens = EpisodeTokens([], [], [])
    overhang = ""
    last_id: int | None = None
    for segment in episode.segments:
        ids: Sequence[int]
        if segment.token_ids is not None:
            ids, overhang = segment.token_ids, segment.overhang
            last_id = closing_id(segment, episode.stop_strings)
        else:
            following = None
            if reopen is not None and last_id is not None and segment.origin is Origin.ENVIRONMENT:
                following = reopen(last_id, segment.text.strip("\n"))
            ids = encode(segment.text.removeprefix(overhang)) if following is None else following
            overhang, last_id = "", None
        from_policy = segment.origin is Origin.POLICY
        tokens.ids.extend(ids)
        tokens.mask.extend([int(from_policy)] * len(ids))
        tokens.logprobs.extend(segment.logprobs if segment.logprobs else [0.0] * len(ids))
    return tokens


def closing_id(segment: Segment, stops: Sequence[str]) -> int | None:
    """The last id of a policy's turn that did not end at a stop string, and so may have ended it; None otherwise."""
    if not segment.token_ids or segment.overhang or segment.text.endswith(tuple(stops)):
        return None
    return segment.token_ids[-1]


def decode_turn(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> tuple[str, str]:
    """Decode generated ids into a turn.

    Args:
        tokenizer: decodes the ids.
        ids: what the policy generated.
        stops: stop strings of the turn.

    Returns:
        The turn up to its stop string, and the text beyond it (see `Segment.overhang`).
    """
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    turn = cut_turn(text, stops)
    return turn, text[len(turn) :]


def check_tokenizer(tokenizer: Any, name: str) -> None:
    """Check that a tokenizer can carry the protocol.

    Raises:
        ConfigError: the tokenizer has no chat template, or drops tags when it decodes (because they were added as
            special tokens).
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
