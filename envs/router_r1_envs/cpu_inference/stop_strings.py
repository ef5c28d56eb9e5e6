"""Says after each generated token whether the text now holds a stop string.

The text is that of the generated tokens alone, without control tokens. A stop string may begin in one token and end in
another, and the token that completes it may go on: what follows is overhang, and is kept. Decoding is what costs, so
only a token that has the last character of a stop string, or half a character, is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_HALF = "\ufffd"


class StopStrings:
    """What to look for, and which tokens can complete it; made once for each set of stop strings."""

    def __init__(self, stops: Sequence[str], tokenizer: Any) -> None:
        """
        Args:
            stops: the strings; none of them empty.
            tokenizer: a Hugging Face tokenizer.

        Raises:
            ValueError: an empty stop string would end every turn.
        """
        if not all(stops):
            raise ValueError(f"expected stop strings that are not empty, got {list(stops)}")
        self._stops, self._tokenizer = tuple(stops), tokenizer
        self._longest = max(map(len, stops))
        self._last = {stop[-1] for stop in stops} | {_HALF}
        self._texts: dict[int, str] = {}
        self._can_complete: dict[int, bool] = {}

    def completed(self, ids: Sequence[int]) -> bool:
        """True when the last of these tokens completes a stop string; to be asked after each token."""
        token = ids[-1]
        if (known := self._can_complete.get(token)) is None:
            known = self._can_complete[token] = bool(self._last & set(self._text(token)))
        if not known:
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
