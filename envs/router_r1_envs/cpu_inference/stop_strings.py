"""Detects, after each generated token, whether the text holds a stop string.

The text is that of the generated tokens alone, without control tokens. A stop string may begin in one token and end in
another, and the token that completes it may hold more text. Decoding is the expensive part, so only tokens that contain
the last character of a stop string, or part of a character, are examined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_PARTIAL_CHARACTER = "\ufffd"


class StopStrings:
    """A set of stop strings, with a cache of the tokens that can complete one."""

    def __init__(self, stops: Sequence[str], tokenizer: Any) -> None:
        """
        Args:
            stops: the strings; none of them empty.
            tokenizer: a Hugging Face tokenizer.

        Raises:
            ValueError: a stop string is empty, so that it would end every turn.
        """
        if not all(stops):
            raise ValueError(f"expected stop strings that are not empty, got {list(stops)}")
        self._stops, self._tokenizer = tuple(stops), tokenizer
        self._longest = max(map(len, stops))
        self._last_characters = {stop[-1] for stop in stops} | {_PARTIAL_CHARACTER}
        self._texts: dict[int, str] = {}
        self._can_complete: dict[int, bool] = {}

    def completed(self, ids: Sequence[int]) -> bool:
        """Whether the last of these generated tokens completes a stop string. Call it after each token."""
        token = ids[-1]
        can_complete = self._can_complete.get(token)
        if can_complete is None:
            can_complete = bool(self._last_characters & set(self._text(token)))
            self._can_complete[token] = can_complete
        if not can_complete:
            return False
        # As many tokens as a stop string can span, and one more: some tokenizers drop a leading space.
        first, characters = len(ids) - 1, 0
        while first > 0 and characters < self._longest:
            first -= 1
            characters += len(self._text(ids[first]))
        text = self._decode(list(ids[max(0, first - 1) :]))
        return any(stop in text for stop in self._stops)

    def _text(self, token: int) -> str:
        text = self._texts.get(token)
        if text is None:
            text = self._texts[token] = self._decode([token])
        return text

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text
