"""An episode as token ids: one assistant turn that continues, with the environment's blocks appended in place. After a
turn that the policy ended by itself, the chat template opens another one (`turn_reopening.py`).

Training, local checkpoints and servers with token ids all read episodes through this module. A policy is therefore
trained on the ids it generated and will see again: text that a policy wrote is never encoded a second time.

Needs no particular library: a tokenizer is anything with `apply_chat_template`, `encode` and `decode` as in
transformers.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from router_r1.episode import Episode, Origin, Segment
from router_r1.errors import ConfigError, one_line
from router_r1.policies.turn_reopening import Reopen
from router_r1.protocol import cut_turn
from router_r1.transport.messages import Message, merge_system

log = logging.getLogger("router_r1.policies.token_ids")

TAGS = ("<think>", "</think>", "<route", "</route>", "<information", "</information>", "<answer>")
Encode = Callable[[str], Sequence[int]]
_SAMPLE: tuple[Message, ...] = (
    {"role": "system", "content": "rules"},
    {"role": "user", "content": "question"},
)
_DATE = re.compile(r"""strftime_now\(\s*(['"])(.*?)\1""")
"""How a chat template asks for today's date."""


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


def opening_ids(
    tokenizer: Any, opening: Sequence[Message], template_kwargs: Mapping[str, Any] | None = None
) -> list[int]:
    """The ids of the opening messages, up to where the policy starts writing.

    For a template that refuses a system message, it is put in front of the user's.

    Args:
        tokenizer: as in transformers.
        opening: the messages.
        template_kwargs: variables of the chat template, such as `enable_thinking`. A policy needs the same ones in
            training, evaluation and serving.

    Raises:
        ConfigError: the template takes the messages neither way.
    """
    try:
        return _render(tokenizer, opening, template_kwargs)
    except Exception as error:  # a template raises what it likes
        merged = merge_system(opening)
        try:
            if merged != tuple(opening):
                return _render(tokenizer, merged, template_kwargs)
        except Exception:
            log.debug("refused without a system message too", exc_info=True)
        raise ConfigError(
            f"the chat template refuses the opening ({one_line(error)}); save another one with the tokenizer"
        ) from error


def _render(
    tokenizer: Any, messages: Sequence[Message], template_kwargs: Mapping[str, Any] | None
) -> list[int]:
    return list(
        tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_dict=False, **template_kwargs or {}
        )
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


def check_tokenizer(
    tokenizer: Any, name: str, template_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Check that a tokenizer can carry the protocol. Warns if its chat template writes today's date into the prompt.

    Args:
        tokenizer: as in transformers.
        name: of the checkpoint, for messages.
        template_kwargs: as for `opening_ids`.

    Raises:
        ConfigError: the tokenizer has no chat template, or one that refuses the opening, or drops tags when it decodes
            (because they were added as special tokens).
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
    try:
        opening = opening_ids(tokenizer, _SAMPLE, template_kwargs)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    if date := _todays_date(tokenizer, tokenizer.decode(opening)):
        log.warning(
            "%s: its chat template writes today's date (%s) into every prompt, so the policy will be served with another "
            "prompt than it was trained with; give the variable it reads in chat_template_kwargs, for Llama 3 "
            "{date_string: 26 Jul 2024}",
            name,
            date,
        )


def _todays_date(tokenizer: Any, prompt: str) -> str | None:
    """Today as the template of a tokenizer states it in a prompt; None if it does not."""
    template = tokenizer.chat_template
    texts = template.values() if isinstance(template, dict) else [template]
    formats = [found[2] for text in texts for found in _DATE.finditer(text)]
    dates = [datetime.now().strftime(each) for each in formats]
    return next((date for date in dates if date in prompt), None)
