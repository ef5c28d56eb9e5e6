"""Reads a number, exactly: votes compare numbers with it."""

from __future__ import annotations

import re
from fractions import Fraction

_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:[, \u00a0\u202f]\d{3})+|\d*)(?:\.(\d+))?", re.ASCII)
_FRACTION = re.compile(
    r"([+-]?)(?:\\[dt]?frac\s*\{?(\d{1,40}?)\}?\s*\{?(\d{1,40})\}?|(\d{1,40})\s*/\s*(\d{1,40}))",
    re.ASCII,
)


def number_key(text: str) -> str | None:
    """The number that a text is, as `3`, `-1/2`; None if it is something else."""
    plain = text.translate({0x2212: "-", 0x2013: "-"}).strip().strip("$€£% ").rstrip(".")
    if len(plain) > 1000:
        return None
    fraction = _FRACTION.fullmatch(plain)
    if fraction:
        over, under = int(fraction[2] or fraction[4]), int(fraction[3] or fraction[5])
        value = Fraction(over, under) if under else None
        return None if value is None else str(-value if fraction[1] == "-" else value)
    number = _NUMBER.fullmatch(plain)
    if not number or not (number[2] or number[3]):
        return None
    whole = re.sub(r"\D", "", number[2]) or "0"
    exact = Fraction(f"{whole}.{number[3] or 0}")
    return str(-exact if number[1] == "-" else exact)
