"""The number that a text in words concludes with, as a worked solution does: not always its last one.

What follows `####` or `A:` is the answer. Without such a mark it is read from the last sentence that holds a number, of which introductions ("In
5 days, ...") and reasons ("..., since 3 x 4 = 12") are left out, and all before the last "so", "leaving", ...: there it is what follows the last `=`; or else
the number after "is", "equals", "comes to", ...; or else the first one that does not belong to a "the", "for", "of", "every", ... The rules look at the text alone,
never at the gold answer. Whatever they misread counts against the model.

Not covered: whether two answers are the same, and what stands around the number (`maths.py`).
"""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
"""A number without a sign, with or without thousands and decimals."""
# Not in a word ("CO2") nor after a number ("10-5").
_NUMBER = re.compile(rf"(?<![^\W_])(?<!\d[.:])(?:(?<!\))-)?(?:[$€£¥]\s?)?-?(?P<digits>{DIGITS})")
_SPACES = re.compile(r"[^\S\n]+")
_MARK = re.compile(r"####|^A:", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n+")
# "If 5 people work together, ...", "So, after 12 months, ...": what is given, not what is found.
_INTRODUCTION = re.compile(
    r"^(?:(?:so|therefore|thus|hence|finally|then|now),?\s+)?"
    r"(?:if|at|in|with|after|since|for|by|to|adding|because|given|when|on|over|from|out of|subtracting)\b[^,]*,(?!\d)\s*",
    re.IGNORECASE,
)
# Why the answer is what it is, and a sum in brackets at the end; no lookahead, so that long texts take time in proportion.
_REASON = re.compile(r",?\s(?:because|since|when|where)\b|\s\([^()]*\)[^\w()]*$")
_REASON_OF_EQUATION = re.compile(rf"{_REASON.pattern}|,?\s(?:as|for [a-z])\b")
_THEREFORE = re.compile(
    r"[,;]?\s(?:so|therefore|thus|hence|leaving|meaning|which means|giving|which makes)\b"
)
_STATED = re.compile(
    r"\b(?:is|are|be|was|were|costs?|equals?|totals?|total of|(?:comes?|amounts?|adds? up) to)\s+(?:a total of\s+)?"
    r"(?=[-$€£¥.\d])",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"([A-Za-z']+)\W*$")
_GIVEN = frozenset(
    re.findall(
        r"\w+",
        "of for in per every each at with after from by on over out across between within to into among during under until "
        "if and when since because the these those all other another both first last next step question number numbers part chapter "
        "day week month year",
    )
)
"""Words before a number that is given and not found: "each of the 4 friends", "for 5 days", "step 3"."""


_ATTRIBUTE = re.compile(r"-[a-z]|(?:st|nd|rd|th)\b")  # "4-week months", "July 19th"


def concluding(text: str) -> re.Match[str] | None:
    """Where the number stands that a text concludes with: a match in the part of a sentence that was looked at, its group `digits` without
    sign and currency; None where there is no number.
    """
    marks = [mark.end() for mark in _MARK.finditer(text)]
    if marks and (found := _NUMBER.search(text[marks[-1] :].partition("\n")[0])):
        return found
    for sentence in reversed(_SENTENCE.split(_SPACES.sub(" ", text.strip()))):
        if not _NUMBER.search(sentence):
            continue
        part = _with_number(_INTRODUCTION.sub("", sentence), sentence)
        reason = _REASON_OF_EQUATION if "=" in part else _REASON
        part = _with_number(reason.split(part, maxsplit=1)[0], part)
        _, equals, behind = part.rpartition("=")
        if equals and (found := _NUMBER.search(behind)):
            return found
        return _said(next(filter(_NUMBER.search, reversed(_THEREFORE.split(part)))))
    return None


def _with_number(part: str, whole: str) -> str:
    """A part of a sentence, if it holds a number, or else the whole."""
    return part if _NUMBER.search(part) else whole


def _said(sentence: str) -> re.Match[str] | None:
    """The first number that is said to be one ("is 5"), or the first that is not given, or the first at all."""
    for verb in _STATED.finditer(sentence):
        if found := _NUMBER.match(sentence, verb.end()):
            return found
    for found in _NUMBER.finditer(sentence):
        word = _WORD_BEFORE.search(sentence[max(0, found.start() - 40) : found.start()])
        given = word is not None and word[1].lower() in _GIVEN
        if not given and not _ATTRIBUTE.match(sentence, found.end()):
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
