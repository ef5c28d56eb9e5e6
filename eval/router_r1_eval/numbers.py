"""The number that a worked solution in words ends in: not always its last one.

What follows `####` or `A:` is the answer; without such a mark it is read from the last sentence that holds a number: what follows its last
`=`, or else the number after "is", "be", "are", ..., or else its first number, introductory clauses left out. The rules look at the text
alone, never at the gold answer. Whatever they misread counts against the model.

Not covered: whether two answers are the same (the reward package).
"""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = r"-?(?:\d[\d,]*)?\.?\d+"
_NUMBERS = re.compile(_NUMBER)
_MARK = re.compile(rf"(?:####|^A:)[^\d\n-]*({_NUMBER})", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n+")
# "If 5 people work together, ...", "So, after 12 months, ...": what is given, not what is found.
_INTRODUCTION = re.compile(
    r"^(?:(?:so|therefore|thus|hence|finally|then|now),?\s+)?"
    r"(?:if|at|in|with|after|since|for|by|to|adding|because|given|when|on|over|from|out of|subtracting)\b[^,]*,(?!\d)\s*",
    re.IGNORECASE,
)
_STATED = re.compile(
    rf"\b(?:is|are|be|was|were|costs?|total of)\s+(?:a total of\s+)?[$€£]?({_NUMBER})",
    re.IGNORECASE,
)


def final_number(text: str) -> str | None:
    """The number a solution ends in, in plain digits; None where it holds none.

    >>> final_number("He pays 4 x $5.00 = $20.00.")
    '20'
    >>> final_number("Kylar needs to pay $64.00 for the 16 glasses.")
    '64'
    """
    marks = _MARK.findall(text)
    if marks:
        return _plain(marks[-1])
    for sentence in reversed(_SENTENCE.split(text.strip())):
        if not _NUMBERS.search(sentence):
            continue
        behind = _NUMBERS.findall(sentence.rsplit("=", 1)[1]) if "=" in sentence else []
        found = _INTRODUCTION.sub("", sentence)
        for numbers in (behind, _STATED.findall(found), _NUMBERS.findall(found)):
            if numbers:
                return _plain(numbers[0])
        return _plain(_NUMBERS.findall(sentence)[0])
    return None


def _plain(number: str) -> str:
    value = Decimal(number.replace(",", ""))
    return f"{value.normalize():f}" if value else "0"
