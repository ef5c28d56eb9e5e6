"""Makes a prompt that quotes texts of any length fit into a model's context window, before it is sent and billed.

Texts share the room fairly: short ones are whole, and the longest are cut to the same length. A cut takes the middle
out, because a reply says at its beginning what it is about and at its end what it concludes. A mark stands in its
place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from router_r1.model_cards import ModelCard
from router_r1.protocol import escape
from router_r1.token_prices import estimate_tokens

UNKNOWN_ROOM = 8192
"""Tokens of a prompt for a model whose card states no context window; nearly every model reads that many."""
_MARK = "\n… [cut] …\n"
_LEAST = 32
"""Tokens of a text below which it says too little to be quoted."""


def prompt_room(card: ModelCard) -> int:
    """Tokens that a prompt for this model may have; zero or less if its longest reply takes the whole window."""
    header = card.request("").prompt_tokens_estimate
    if card.context_window is None:
        return UNKNOWN_ROOM - header
    return card.context_window - card.max_output_tokens - header


def fit(build: Callable[[Sequence[str]], str], texts: Sequence[str], room: int) -> str | None:
    """Build a prompt of at most `room` tokens, cutting the longest of its texts as far as necessary.

    Args:
        build: makes the prompt of texts, and escapes them.
        texts: what the prompt quotes, not escaped.
        room: the most tokens, as `estimate_tokens` counts them.

    Returns:
        The prompt; None if even short extracts do not fit.
    """
    # Measured with a letter for each text, because a builder may leave out what is empty.
    overhead = estimate_tokens(build(["x"] * len(texts)))
    left = 4 * (room - overhead)  # in bytes, as tokens are estimated
    # What is longer than everything together is cut before it is measured, since escaping is slow for megabytes.
    sizes = [_size(cut_middle(text, max(0, left))) for text in texts]
    share = _fair_share(sizes, left)
    if share < min(4 * _LEAST, max(map(len, texts), default=0)):
        return None
    return build([cut_middle(text, share) for text in texts])


def cut_middle(text: str, limit: int) -> str:
    """The text if it has at most `limit` bytes, escaped and in UTF-8; else its two ends around a mark.

    Args:
        text: not escaped.
        limit: in bytes.
    """
    raw = text.encode(errors="replace")
    if len(raw) <= limit and _size(text) <= limit:
        return text
    room = limit - len(_MARK.encode())
    keep = min(room, len(raw))
    while keep > 0:
        half = (keep + 1) // 2
        head = raw[:half].decode(errors="ignore")
        tail = raw[len(raw) - (keep - half) :].decode(errors="ignore")
        size = _size(head + tail)
        if size <= room:
            return f"{head}{_MARK}{tail}"
        keep = min(keep - 1, keep * room // size)
    return ""


def _size(text: str) -> int:
    """Bytes of the escaped text."""
    return len(escape(text).encode(errors="replace"))


def _fair_share(sizes: Sequence[int], total: int) -> int:
    """The largest limit such that all sizes, each up to the limit, fit into the total."""
    left = total
    for place, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - place)
        if size > share:
            return share
        left -= size
    return max(left, max(sizes, default=0))
