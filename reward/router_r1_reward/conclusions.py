"""The number that a text in words concludes with, as a worked solution does: not always its last one.

What follows `####` or `A:` is the answer; without such a mark it is read from the last sentence that holds a number: what follows its last
`=`, or else the number after "is", "be", "are", ..., or else its first number, introductory clauses left out. The rules look at the text
alone, never at the gold answer. Whatever they misread counts against the model.

Not covered: whether two answers are the same, and what stands around the number (`maths.py`).
"""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
"""A number without a sign, with or without thousands and decimals."""
# Not in a word ("CO2") nor after a number ("10-5").
_NUMBER = re.compile(rf"(?<![^\W_])(?<!\d\.)(?:(?<!\))-)?(?:[$€£¥]\s?)?-?(?P<digits>{DIGITS})")
_MARK = re.compile(r"####|^A:", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n+")
# "If 5 people work together, ...", "So, after 12 months, ...": what is given, not what is found.
_INTRODUCTION = re.compile(
    r"^(?:(?:so|therefore|thus|hence|finally|then|now),?\s+)?"
    r"(?:if|at|in|with|after|since|for|by|to|adding|because|given|when|on|over|from|out of|subtracting)\b[^,]*,(?!\d)\s*",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"\b(?:is|are|be|was|were|costs?|total of)\s+(?:a total of\s+)?(?=[-$€£¥.\d])", re.IGNORECASE
)


def concluding(text: str) -> re.Match[str] | None:
    """Where the number stands that a text concludes with: a match in the part of a sentence that was looked at, its group `digits` without
    sign and currency; None where there is no number.
    """
    marks = [mark.end() for mark in _MARK.finditer(text)]
    if marks and (found := _NUMBER.search(text[marks[-1] :].partition("\n")[0])):
        return found
    for sentence in reversed(_SENTENCE.split(text.strip())):
        _, equals, behind = sentence.rpartition("=")
        found = _NUMBER.search(behind) if equals else None
        found = found or _said(_INTRODUCTION.sub("", sentence)) or _NUMBER.search(sentence)
        if found is not None:
            return found
    return None


def _said(sentence: str) -> re.Match[str] | None:
    """The first number that is said to be one ("is 5"), or the first at all."""
    for verb in _STATED.finditer(sentence):
        if found := _NUMBER.match(sentence, verb.end()):
            return found
    return _NUMBER.search(sentence)


def final_number(text: str) -> str | None:
    """The number a solution concludes with, in plain digits; None where it holds none.

    >>> final_number("He pays 4 x $5.00 = $20.00.")
    '20'
    >>> final_number("Kylar needs to pay $64.00 for the 16 glasses.")
    '64'
    """
    found = concluding(text)
    if found is None:
        return None
    value = Decimal(found["digits"].replace(",", ""))
    plain = f"{value.normalize():f}" if value else "0"
    return f"-{plain}" if value and "-" in found[0] else plain
