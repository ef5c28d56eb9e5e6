"""Are two answers the same number or expression?

Numbers are compared here, exactly: integers, decimals, fractions, mixed numbers, thousands (`1,234`), powers of ten
(`3 million`, `1e6`), money, percent, units, in plain text or LaTeX. `10%` equals both 10 and 0.1, because questions ask
for it either way. A unit that only one side has makes no difference; two different known units do (`5 km`, `5 m`). In
an answer in words, the number that it concludes with counts (`final_number.py`): 18 in "she makes $18 every day for 5
days".

Expressions are compared by math-verify (`expression_verifier.py`), words as words, and a gold answer that is a single
letter as a choice.

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
from router_r1_reward.metrics.maths.final_number import DIGITS, find_final_number
from router_r1_reward.metrics.wrong_answers import NO_ANSWER

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
# The rest of a number in prose, after its digits: "3/4", "1 1/2", "12 %", "3 million".
_REST_OF_NUMBER = re.compile(
    r"(?:(?:\s\d{1,50})?\s?/\s?\d{1,50}(?![\d.,]*\d)|[eE][+-]?\d{1,2}\b)?"
    r"(?:\s(?:dozen|hundred|thousand|million|billion|trillion)\b)?(?:\s?%)?"
)
# What follows a number that is part of an expression or of a list: "2^3", "5 * 3", "5√2", "5(x+1)", "2 or 3 eggs",
# "2, 3", "5 and a half".
_CONTINUATION = re.compile(
    rf"[\w^*]*[\^*]|\s*[-+*/×÷–]\s*[$€£¥]?\d|:(?!00\b)\d|\s?[√π]|\((?=\w)|\s*\b(?:(?:sqrt|pi)\b|(?:minus|plus|times)\s+\d)"
    rf"|\s*(?:,\s?|/|&|,?\s?\b(?:or|and|to)\b)\s*(?:\b(?:or|and)\b\s*)?-?[$€£¥]?{DIGITS}"
    r"|\s+and\s+(?:a|an|one|two|three)\s+(?:half|thirds?|quarters?)"
)
_LONG_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMAND = re.compile(r"\\[A-Za-z]+|sqrt|log|sin|cos|tan")

_POWERS = {
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
}  # fmt: skip
# Words that are not units: they make the number before them part of another number or expression.
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
    """A number with its notation."""

    value: Fraction
    percent: bool = False
    """It has a percent sign; `value` is the number before the sign."""
    unit: str = ""
    """One of the known units, or empty."""
    decimals: int = 0
    """Decimal places as written."""

    def same(self, other: Quantity) -> bool:
        """Equal in value; 10% equals 10 and 0.1. For a non-terminating decimal, six decimal places are enough."""
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if self.percent == other.percent:
            return _close(self, other)
        percentage, plain = (self, other) if self.percent else (other, self)
        hundredth = Quantity(percentage.value / 100, decimals=percentage.decimals + 2)
        return _close(percentage, plain) or _close(hundredth, plain)


def _close(one: Quantity, other: Quantity) -> bool:
    if one.value == other.value:
        return True
    places = max(one.decimals, other.decimals)
    return places >= _DECIMALS and round(one.value, places) == round(other.value, places)


def same_value(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if answer and gold answer are the same number or expression.

    Args:
        answer: a short answer or a whole reply.
        gold: the gold answer, or a worked solution that ends in it.
        question: unused.

    Raises:
        DataError: the gold answer is an expression that math-verify cannot read.
        ScorerError: math-verify failed.
        MissingDependencyError: math-verify is needed and not installed.
    """
    answer, gold = final_part(answer), final_part(gold)
    if answer == gold or _without_spaces(answer) == _without_spaces(gold):
        return 1.0
    letter = gold.strip("()[] .")
    if len(letter) == 1 and letter.isalpha():
        return float(bool(named_options(answer) & named_options(gold)))
    expected = quantity(gold)
    if expected is None:
        if not _is_expression(gold):
            return float(_without_spaces(answer).casefold() == _without_spaces(gold).casefold())
        return float(expression_verifier.shared().equal(gold, answer))
    found = quantity(answer)
    if found is not None:
        return float(found.same(expected))
    if not _has_digit(answer) and "\\" not in answer:
        return 0.0
    if _is_prose(answer):
        match = find_final_number(answer)
        if match is None or "\\" not in match.string:
            found = None if match is None else _quantity_in_prose(match)
            return float(found is not None and found.same(expected))
    return float(expression_verifier.shared().equal(gold, answer))


def nearby_numbers(question: Question, gold: str) -> tuple[str, ...]:
    """`NO_ANSWER` and numbers near the gold answer, or one remote number if the gold answer is not a plain number.

    The question is left out, since a number in it can be the answer.
    """
    found = quantity(final_part(gold))
    if found is None:
        return (*NO_ANSWER, "-987654321.125")
    value = found.value
    nearby = (value + 1, value - 1, -value, value * 10, value + Fraction(1, 2))
    return (*NO_ANSWER, *(str(number) for number in nearby if not found.same(Quantity(number))))


@lru_cache(maxsize=4096)
def final_part(text: str) -> str:
    """The answer in a reply, without LaTeX markup that carries no meaning."""
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
    """The number that the whole text is, with percent sign and unit; None if the text is anything else."""
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
            return None  # "3 4" is not a number
        number = Fraction(match["decimal"].replace(",", ""))
        return number * Fraction(10) ** int(match["exponent"] or 0)
    if int(under) == 0:
        return None
    return Fraction(int(over), int(under)) + int(match["whole"] or 0)


def _tail(rest: str) -> tuple[int, bool, str] | None:
    """Power of ten, percent and unit from the text after a number; None if that text makes it something else."""
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
    """Whether a text has two words or more besides the names of functions in a formula."""
    return len(_LONG_WORD.findall(_COMMAND.sub("", text))) >= 2


def _is_expression(text: str) -> bool:
    return bool(re.search(r"[\d\\^*=+/<>|√π∞]|\w\s*-\s*\w|[([{]|sqrt", text))


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _quantity_in_prose(match: re.Match[str]) -> Quantity | None:
    """The number at a match in prose, with what belongs to it; None if it is part of an expression or of a list."""
    text = match.string
    rest = _REST_OF_NUMBER.match(text, match.end())
    end = match.end() if rest is None else rest.end()
    return None if _CONTINUATION.match(text, end) else quantity(text[match.start() : end].strip())


def _without_spaces(text: str) -> str:
    """The text without spaces, except those between two words or numbers."""
    return re.sub(r"(?<!\w) | (?!\w)", "", " ".join(text.split()))
