"""Is it the same number or expression?

Numbers are compared here, exactly: integers, decimals, fractions, mixed numbers, thousands (`1,234`), powers of ten
(`3 million`, `1e6`), money, percent, units, in plain text or LaTeX. `10%` is both 10 and 0.1, since questions ask for it
either way. A unit that only one side has makes no difference; two different known units do (`5 km`, `5 m`). Of an
answer in words the number counts that it concludes with (`conclusions.py`): 18 in "she makes $18 every day for 5 days".

What is no number goes to math-verify (`expression_verifier.py`), if it is an expression at all. Words are compared as words, and a
gold answer that is a single letter as a choice.

Not covered: numbers in words ("twelve"), conversion of units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from router_r1.answers import extract_answer
from router_r1.data.questions import Question
from router_r1_reward.metrics.choice import named_options
from router_r1_reward.metrics.maths import expression_verifier
from router_r1_reward.metrics.maths.final_number import DIGITS, concluding

_STYLE = re.compile(r"\\(?:boxed|text|textbf|textit|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_SPACING = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[,;:! ]|~")
_DEGREES = re.compile(r"\^?(?<!\s)\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree")
_ASSIGNED = re.compile(r"^(?:\\?[A-Za-z](?:_\{?\w{1,9}\}?)?\s*)?=\s*(?=[^=])")
_ABOUT = re.compile(
    r"^(?:(?:about|around|roughly|approximately|approx\.|circa)\s+|≈\s*)(?=[$€£¥]?[\d.-])",
    re.IGNORECASE,
)

_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)\s?(?P<money>[$€£¥]?)\s?(?P<inner>-?)"
    r"(?:(?P<whole>\d{1,9})\s+)?"
    r"(?:\\[dt]?frac\s*\{\s*(?P<over>-?\d{1,50})\s*\}\s*\{\s*(?P<under>\d{1,50})\s*\}|(?P<a>\d{1,50})\s?/\s?(?P<b>\d{1,50})"
    rf"|(?P<decimal>{DIGITS})(?:[eE](?P<exponent>[+-]?\d{{1,2}}))?)"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_WORDS = re.compile(r"\s*(?:%|[^\W\d_]|[ .,'’°²³%()/$€£-])*", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+|[%°$€£¥]")
# What belongs to a number in words beyond its digits: "3/4", "1 1/2", "12 %", "3 million".
_MORE = re.compile(
    r"(?:(?:\s\d{1,50})?\s?/\s?\d{1,50}(?![\d.,]*\d)|[eE][+-]?\d{1,2}\b)?"
    r"(?:\s(?:dozen|hundred|thousand|million|billion|trillion)\b)?(?:\s?%)?"
)
# What makes it another number, or one of several: "2^3", "5 * 3", "5√2", "5(x+1)", "2 or 3 eggs", "2, 3", "5 and a half", which is not 5.
_GOES_ON = re.compile(
    rf"[\w^*]*[\^*]|\s*[-+*/×÷–]\s*[$€£¥]?\d|:(?!00\b)\d|\s?[√π]|\((?=\w)|\s*\b(?:(?:sqrt|pi)\b|(?:minus|plus|times)\s+\d)"
    rf"|\s*(?:,\s?|/|&|,?\s?\b(?:or|and|to)\b)\s*(?:\b(?:or|and)\b\s*)?-?[$€£¥]?{DIGITS}"
    r"|\s+and\s+(?:a|an|one|two|three)\s+(?:half|thirds?|quarters?)"
)
_LONG_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMAND = re.compile(r"\\[A-Za-z]+|sqrt|log|sin|cos|tan")

_POWERS = {
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
}  # fmt: skip
# Words after a number that make it another number, not one with a unit.
_NO_UNIT = frozenset(
    re.findall(
        r"\w+",
        "or and to times over plus minus by pi sqrt root squared cubed factorial mod x y z i e n "
        "half halves third thirds quarter quarters tenth tenths",
    )
)
_UNITS = {
    alias: unit
    for unit, aliases in {
        "km": "km kilometer kilometers kilometre kilometres",
        "m": "m meter meters metre metres",
        "cm": "cm centimeter centimeters centimetre centimetres",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "mi": "mi mile miles",
        "ft": "ft foot feet",
        "in": "in inch inches",
        "yd": "yd yard yards",
        "kg": "kg kilogram kilograms",
        "g": "g gram grams",
        "mg": "mg milligram milligrams",
        "lb": "lb lbs",
        "oz": "oz ounce ounces",
        "l": "l liter liters litre litres",
        "ml": "ml milliliter milliliters",
        "s": "s sec secs second seconds",
        "min": "min mins minute minutes",
        "h": "h hr hrs hour hours",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "yr yrs year years",
        "$": "$ dollar dollars usd bucks",
        "€": "€ euro euros eur",
        "£": "£ gbp",
        "¢": "cent cents",
        "°": "° degree degrees",
    }.items()
    for alias in aliases.split()
}
_MAX_NUMBER_CHARS = 120
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it was written."""

    value: Fraction
    percent: bool = False
    unit: str = ""
    """One of the known units, or empty."""
    decimals: int = 0

    def same(self, other: Quantity) -> bool:
        """Equal in value; 10% equals 10 and 0.1. Six decimals are enough of a fraction that has no end."""
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if self.percent == other.percent:
            return _close(self, other)
        share, plain = (self, other) if self.percent else (other, self)
        hundredth = Quantity(share.value / 100, decimals=share.decimals + 2)
        return _close(share, plain) or _close(hundredth, plain)


def _close(one: Quantity, other: Quantity) -> bool:
    if one.value == other.value:
        return True
    places = max(one.decimals, other.decimals)
    return places >= _DECIMALS and round(one.value, places) == round(other.value, places)


def same_value(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if answer and gold are the same number or expression.

    Raises:
        DataError: math-verify has to read the gold answer and can not.
        ScorerError: math-verify failed.
        MissingDependencyError: it is needed and not installed.
    """
    said, meant = final_part(answer), final_part(gold)
    if said == meant or _tight(said) == _tight(meant):
        return 1.0
    if len(meant.strip("()[] .")) == 1 and meant.strip("()[] .").isalpha():
        return float(bool(named_options(answer) & named_options(gold)))
    wanted = quantity(meant)
    if wanted is None:
        if not _is_expression(meant):
            return float(_tight(said).casefold() == _tight(meant).casefold())
        return float(expression_verifier.shared().equal(meant, said))
    found = quantity(said)
    if found is not None:
        return float(found.same(wanted))
    if not _has_digit(said) and "\\" not in said:
        return 0.0
    if _is_prose(said):
        place = concluding(said)
        if place is None or "\\" not in place.string:
            found = None if place is None else _in_words(place)
            return float(found is not None and found.same(wanted))
    return float(expression_verifier.shared().equal(meant, said))


@lru_cache(maxsize=4096)
def final_part(text: str) -> str:
    """What an answer comes down to, without marks of LaTeX that carry no meaning."""
    text = (extract_answer(text) or text).replace("\u2212", "-").strip()
    previous = ""
    while previous != text:
        previous, text = text, _STYLE.sub(r" \1 ", text)
    text = _SPACING.sub("", _DEGREES.sub("°", text).replace("{,}", ","))
    for opening, closing in (
        ("$$", "$$"),
        ("$", "$"),
        ("\\(", "\\)"),
        ("\\[", "\\]"),
        ("**", "**"),
    ):
        inner = text.strip().removesuffix(".")
        long_enough = len(inner) > len(opening) + len(closing)
        if long_enough and inner.startswith(opening) and inner.endswith(closing):
            core = inner[len(opening) : -len(closing)]
            text = text if "$" in core else core
    text = text.replace("\\$", "$").replace("\\%", "%").strip().rstrip(".").strip()
    return _ABOUT.sub("", _ASSIGNED.sub("", text))


@lru_cache(maxsize=4096)
def quantity(text: str) -> Quantity | None:
    """The number that a text is, with percent sign and unit; None if it is anything else."""
    match = _QUANTITY.fullmatch(text) if len(text) <= _MAX_NUMBER_CHARS else None
    if match is None:
        return None
    value = _value(match)
    tail = _tail(match["rest"])
    if value is None or tail is None:
        return None
    power, percent, unit = tail
    places = len((match["decimal"] or "").partition(".")[2]) - int(match["exponent"] or 0)
    negative = (match["sign"] == "-") != (match["inner"] == "-")
    unit = _UNITS.get(match["money"], "") or unit
    value = (-value if negative else value) * power
    return Quantity(value, percent, unit, max(0, places) if power == 1 else 0)


def _value(match: re.Match[str]) -> Fraction | None:
    over, under = match["over"] or match["a"], match["under"] or match["b"]
    if over is None:
        if match["whole"] is not None:
            return None  # "3 4" is no number
        number = Fraction(match["decimal"].replace(",", ""))
        return number * Fraction(10) ** int(match["exponent"] or 0)
    if int(under) == 0:
        return None
    return Fraction(int(over), int(under)) + int(match["whole"] or 0)


def _tail(rest: str) -> tuple[int, bool, str] | None:
    """What follows a number: a power of ten, percent, a unit; None if it makes it something else."""
    if not _WORDS.fullmatch(rest):
        return None
    words = [word.lower() for word in _WORD.findall(rest)]
    power = 1
    while words and words[0] in _POWERS:
        power *= _POWERS[words.pop(0)]
    if not words:
        return power, False, ""
    percent = words[0] in ("%", "percent", "percentage")
    unit = _UNITS.get(words[0], "")
    glued = rest[:1].isalpha()
    if len(words) > 6 or _NO_UNIT.intersection(words):
        return None
    if not percent and not unit and (glued or len(words[0]) == 1):
        return None  # `5x`, `5 n`
    return power, percent, unit


def _is_prose(text: str) -> bool:
    """Words with numbers in them; a formula may have names of functions in it."""
    return len(_LONG_WORD.findall(_COMMAND.sub("", text))) >= 2


def _is_expression(text: str) -> bool:
    return bool(re.search(r"[\d\\^*=+/<>|√π∞]|\w\s*-\s*\w|[([{]|sqrt", text))


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _in_words(place: re.Match[str]) -> Quantity | None:
    """The number that stands at a place in words, with what belongs to it; none where it is one of several in a row."""
    text = place.string
    more = _MORE.match(text, place.end())
    end = place.end() if more is None else more.end()
    return None if _GOES_ON.match(text, end) else quantity(text[place.start() : end].strip())


def _tight(text: str) -> str:
    """Without spaces, but for those between two words or numbers."""
    return re.sub(r"(?<!\w) | (?!\w)", "", " ".join(text.split()))
