"""The answer in a text that an LLM writes, `<answer>...</answer>`, also while it writes it."""

from __future__ import annotations

from collections.abc import Callable

from router_r1.answers import without_thoughts

_OPEN, _CLOSE = "<answer>", "</answer>"


def stated_in_full(text: str) -> str:
    """The text between the first opening and the closing tag, as it stands; without tags, all but thoughts."""
    text = without_thoughts(text)
    _, opened, rest = text.partition(_OPEN)
    return (rest.partition(_CLOSE)[0] if opened else text).strip()


class AnswerStream:
    """Passes on what comes between the tags, piece by piece.

    If the text begins anew, because an attempt broke off, only what goes beyond the pieces so far is passed on; a text
    that begins otherwise than those is not. All pieces together are the beginning of what `stated_in_full` returns,
    unless the text turns out to have been a thought.
    """

    def __init__(self, passed_to: Callable[[str], None]) -> None:
        """
        Args:
            passed_to: called with each piece; not with an empty one.
        """
        self._pass = passed_to
        self._told = ""
        self._before = ""
        """The text, until the opening tag came."""
        self._inside: str | None = None
        """What came after it."""

    def __call__(self, piece: str | None) -> None:
        """Take the next piece of the text; None: it begins anew."""
        if piece is None:
            self._before, self._inside = "", None
        elif self._inside is not None:
            self._inside += piece
            self._tell(self._inside)
        else:
            at = max(0, len(self._before) - len(_OPEN))
            self._before += piece
            if _OPEN in self._before[at:]:
                _, opened, rest = without_thoughts(self._before).partition(_OPEN)
                if opened:
                    self._inside = rest
                    self._tell(rest)

    def _tell(self, inside: str) -> None:
        answer, closed, _ = inside.partition(_CLOSE)
        answer = (answer if closed else _surely(answer)).strip()
        if len(answer) > len(self._told) and answer.startswith(self._told):
            piece, self._told = answer[len(self._told) :], answer
            self._pass(piece)


def _surely(text: str) -> str:
    """The text without an end that may be the beginning of the closing tag."""
    for length in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if text.endswith(_CLOSE[:length]):
            return text[:-length]
    return text
