"""Finds the number that a worked solution in prose concludes with, which is not always its last one.

1. A number after `####` or `A:` is the answer.
2. Otherwise the last sentence that holds a number counts, without its introduction ("In 5 days, ...") and its reasons
   ("..., since 3 x 4 = 12"), and from it only the part after the last "so", "leaving", ...
3. In that part, the number after the last `=` counts; else the number after "is", "equals", "comes to", ...; else the
   first number that is not introduced by "the", "for", "of", "every", ..., which mark numbers that are given.

The rules read the text alone, never the gold answer. Whatever they misread counts against the model.

Not covered: whether two answers are equal, and what belongs to the number besides its digits (`grader.py`).
"""

from __future__ import annotations

import re
from decimal import Decimal, localcontext

from router_r1.answers.numbers import DIGITS, plain_spacing, plain_typography, read_number

_LETTERS = "A-Za-zÀ-ɏͰ-ԯ"  # of languages that put spaces between words
# Not inside a word ("CO2") and not after a number ("10-5").
_NUMBER = re.compile(
    rf"(?<![{_LETTERS}\d])(?<!\d[.:])(?:(?<!\))-)?(?:[$€£¥]\s?)?-?(?P<digits>{DIGITS})"
)
_SPACES = re.compile(r"[^\S\n]+")
_MARK = re.compile(r"####|^A:", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-ÞА-Я])|\n+|(?<=[。！？])")
# What follows an answer and is none: "Check: 5 x 60 = 300", "I hope this helps!".
_CHECK = re.compile(
    r"^\W*(?:check|checking|verification|verify|double-check|note|proof|probe|comprobación|vérification)\b.*\Z"
    r"|\bhope (?:this|that|it) helps\b.*\Z",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
# "Feel free to ask if you have 1 more question!"
_COURTESY = re.compile(
    r"\b(?:feel free|let me know|(?:this|that|it) helps|happy to|anything else|(?:do|would|should) (?:you|i)"
    r"|(?:any|more|further|other) questions?)\b",
    re.IGNORECASE,
)
# "If 5 people work together, ...", "So, after 12 months, ...": numbers that are given, not found.
_INTRODUCTION = re.compile(
    r"^(?:(?:so|therefore|thus|hence|finally|then|now),?\s+)?"
    r"(?:if|at|in|with|after|since|for|by|to|adding|because|given|when|on|over|from|out of|subtracting)\b[^,]*,(?!\d)\s*",
    re.IGNORECASE,
)
# A reason, or a sum in brackets at the end. No lookahead, so that long texts take linear time.
_REASON = re.compile(r",?\s(?:because|since|when|where)\b|\s\([^()]*\)[^\w()]*$")
_REASON_OF_EQUATION = re.compile(rf"{_REASON.pattern}|,?\s(?:as|for [a-z])\b")
_THEREFORE = re.compile(
    r"[,;]?\s(?:so|therefore|thus|hence|leaving|meaning|which means|giving|which makes)\b"
)
_STATED = re.compile(
    r"\b(?:is|are|be|was|were|costs?|equals?|totals?|total of|(?:comes?|amounts?|adds? up) to)\s+(?:a total of\s+)?"
    r"(?=[-$€£¥.\d])"
    r"|\b(?:ist|sind|beträgt|betragen|ergibt|kostet|kosten|est|sont|vaut|coûte|fait|es|son|cuesta|cuestan|é|são|custa|custam"
    r"|è|sono|costa|costano|равна|равен|равно|составляет|составит)\s+(?=[-$€£¥.\d])"
    r"|(?:是|为|為|等于|等於|有|は|が|는|은|이|가)\s?(?=[-$€£¥.\d])",
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
"""Words before a number that is given, not a result: "each of the 4 friends", "for 5 days", "step 3"."""

_ATTRIBUTE = re.compile(r"-[a-z]|(?:st|nd|rd|th)\b")  # "4-week months", "July 19th"


def find_final_number(text: str) -> re.Match[str] | None:
    """The match of the number that a text concludes with; None if the text holds no number.

    Args:
        text: plain in typography and spacing (`numbers.plain_typography`, `numbers.plain_spacing`).

    The match is in the part of a sentence that the rules read (`match.string`); its group `digits` is the number
    without sign and currency.
    """
    marks = [mark.end() for mark in _MARK.finditer(text)]
    if marks and (found := _NUMBER.search(text[marks[-1] :].partition("\n")[0])):
        return found
    checked = _CHECK.search(text)
    if checked and _NUMBER.search(text[: checked.start()]):
        text = text[: checked.start()]
    sentences = list(filter(_NUMBER.search, _SENTENCE.split(_SPACES.sub(" ", text.strip()))))
    for sentence in reversed(sentences):
        if sentence is not sentences[0] and _COURTESY.search(sentence):
            continue
        part = _with_number(_INTRODUCTION.sub("", sentence), sentence)
        reason = _REASON_OF_EQUATION if "=" in part else _REASON
        part = _with_number(reason.split(part, maxsplit=1)[0], part)
        _, equals, behind = part.rpartition("=")
        if equals and (found := _NUMBER.search(behind)):
            return found
        return _stated_number(next(filter(_NUMBER.search, reversed(_THEREFORE.split(part)))))
    return None


def _with_number(part: str, whole: str) -> str:
    """The part of a sentence if it holds a number, else the whole."""
    return part if _NUMBER.search(part) else whole


def _stated_number(sentence: str) -> re.Match[str] | None:
    """The first number after a verb ("is 5"), else the first that is not given, else the first."""
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
    """The number that a text concludes with, in plain digits; None if the text holds no number.

    >>> final_number("He pays 4 x $5.00 = $20.00.")
    '20'
    >>> final_number("Kylar needs to pay $64.00 for the 16 glasses.")
    '64'
    """
    found = find_final_number(plain_spacing(plain_typography(text)))
    value = None if found is None else read_number(found["digits"])
    if found is None or value is None:
        return None
    with localcontext(prec=len(found["digits"]) + 1):
        number = Decimal(value.value.numerator) / Decimal(value.value.denominator)
        plain = f"{number.normalize():f}" if number else "0"
    return f"-{plain}" if number and "-" in found[0] else plain
