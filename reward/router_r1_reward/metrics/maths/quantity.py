r"""A number with its unit: what of an answer is compared exactly, without a computer algebra system.

`10%` equals both 10 and 0.1, because questions ask for it either way. A unit that only one side has makes no
difference; two different known units do (`5 km`, `5 m`; `12 cm`, `12\text{ cm}^2`).

Not covered: conversion of units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from router_r1.answers.numbers import match_number

_MAX_CHARS = 400
_DECIMALS = 6
_SIGNIFICANT = 3

_WORDS = re.compile(r"[\s.,'()/*·$€£°²³^{}\\\w%-]*")
_WORD = re.compile(r"[^\W\d_]+|[%°$€£¥¢]")
_UNIT = re.compile(
    r"\s*(?P<slash>/|\bper\b|\\cdot|[*·])?\s*(?P<word>°\s?[CF]\b|[^\W\d_]+|[°$€£¥¢])\.?"
    r"(?:\s?\^\s?(?:\{\s?)?(?P<power>-?[1-4])(?:\s?\})?|(?P<glued>[23])(?!\d)|\s(?P<named>squared|cubed)\b)?"
)
_COMMAND = re.compile(r"\\[A-Za-z]+|\b(?:sqrt|pi)\b")
_VARIABLE = re.compile(r"[A-Za-zÀ-ɏͰ-ԯ]")
_UNIT_FRACTION = re.compile(
    r"\\frac ?\{ ?([^\W\d_]{1,12}) ?\}\{ ?([^\W\d_]{1,12}(?: ?\^ ?\{?[23]\}?)?) ?\}"
)
_OF_ANGLES = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_BARE_UNITS = re.compile(
    r"^\s*(?:(?:square|sq\.?|cubic|cu\.?)\s)?units?\b(?:\s?\^\s?\{?\s?[23]\s?\}?)?\s*$"
)
_FULL_HOUR = re.compile(r"(\d{1,2}):00(?:\s?[AaPp]\.?[Mm]\.?)?")
_BASE = re.compile(r"_ ?(?:\{ ?(\d{1,2}) ?\}|(\d{1,2}))")
# Words that are not units: they make the number before them part of another number or expression.
_NO_UNIT = frozenset(
    re.findall(
        r"\w+",
        "or and to times over plus minus by pi sqrt root squared cubed factorial mod x y z i e n "
        "half halves third thirds quarter quarters tenth tenths frac ldots le ge ne in",
    )
)
_PREFIXES = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_UNITS = {
    alias: unit
    for unit, aliases in {
        "km": "km kms kilometer kilometers kilometre kilometres",
        "m": "m meter meters metre metres",
        "cm": "cm cms centimeter centimeters centimetre centimetres",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "mi": "mi mile miles",
        "ft": "ft foot feet",
        "in": "in inch inches",
        "yd": "yd yard yards",
        "kg": "kg kgs kilogram kilograms kilogramme kilogrammes",
        "g": "g gram grams gramme grammes",
        "mg": "mg milligram milligrams",
        "lb": "lb lbs pound pounds",
        "oz": "oz ounce ounces",
        "l": "l liter liters litre litres",
        "ml": "ml milliliter milliliters millilitre millilitres",
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
        "¥": "¥ yen jpy",
        "¢": "¢ cent cents",
        "°": "° degree degrees deg",
        "°c": "°c celsius",
        "°f": "°f fahrenheit",
        "rad": "rad radian radians",
        "n": "newton newtons",
        "j": "j joule joules",
        "w": "watt watts",
        "hz": "hz hertz",
        "mi/h": "mph",
        "km/h": "kmh kph kmph",
    }.items()
    for alias in aliases.split()
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its notation."""

    value: Fraction
    percent: bool = False
    """It has a percent sign; `value` is the number before the sign."""
    unit: str = ""
    """The known unit in base units and powers (`cm^2`, `h^-1 km`), or empty."""
    decimals: int = 0
    """Decimal places as written."""
    base: int = 0
    """The base that is written behind the number (`101_2`), or 0; `value` reads the digits in base ten."""

    def same(self, other: Quantity) -> bool:
        """Equal in value; 10% equals 10 and 0.1. For a non-terminating decimal, six decimal places are enough."""
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if self.base and other.base and self.base != other.base:
            return self.in_base_ten() == other.in_base_ten()
        if bool(self.base) != bool(other.base):
            return self.value == other.value or self.in_base_ten() == other.in_base_ten()
        if self.percent == other.percent:
            return _close(self, other)
        percentage, plain = (self, other) if self.percent else (other, self)
        hundredth = Quantity(percentage.value / 100, decimals=percentage.decimals + 2)
        return _close(percentage, plain) or _close(hundredth, plain)

    def is_rounded(self) -> bool:
        """Whether it has so many decimal places that it may stand for a number with more."""
        return self.decimals >= _DECIMALS and abs(self.value) * 10**self.decimals >= 10 ** (
            _SIGNIFICANT - 1
        )

    def in_base_ten(self) -> Fraction | None:
        """The value of the digits in their base; None if they are no digits of it."""
        if not self.base:
            return self.value
        digits = str(abs(self.value))
        if not digits.isdigit() or not 2 <= self.base <= 10 or int(max(digits)) >= self.base:
            return None
        return Fraction(int(digits, self.base)) * (-1 if self.value < 0 else 1)


def _close(one: Quantity, other: Quantity) -> bool:
    if one.value == other.value:
        return True
    longer = max(one, other, key=lambda quantity: quantity.decimals)
    return longer.is_rounded() and round(one.value, longer.decimals) == round(
        other.value, longer.decimals
    )


@lru_cache(maxsize=4096)
def quantity(text: str) -> Quantity | None:
    """The number that the whole text is, with percent sign and unit; None if the text is anything else.

    Args:
        text: a formula as `formula.plain_formula` returns it, without a name before it.
    """
    clock = _FULL_HOUR.fullmatch(text)
    if clock:
        text = clock[1]
    found = match_number(text) if len(text) <= _MAX_CHARS else None
    if found is None:
        return None
    number, rest = found
    sign = _UNITS.get(number.currency, "")
    if not rest:
        return Quantity(number.value, number.percent, sign, number.decimals)
    base = _BASE.fullmatch(rest)
    if base:
        return Quantity(number.value, base=int(base[1] or base[2]))
    unit = _unit(rest)
    if unit is None:
        return None
    return Quantity(number.value, number.percent, sign or unit, number.decimals)


def split_unit(text: str) -> tuple[str, str]:
    r"""An expression without variables and the unit after it (`6\sqrt{3} cm^2`); the unit is "" if it has none."""
    words = [
        found.start()
        for found in re.finditer(r"(?<=\S)\s+(?=[^\W\d_]|°)|(?<=[\d}) ])(?=°)", text[-80:])
    ]
    skipped = max(0, len(text) - 80)
    for place in words[-6:]:
        core, rest = text[: skipped + place], text[skipped + place :]
        if _VARIABLE.search(_COMMAND.sub("", core)) or (rest[0] == "°" and _OF_ANGLES.search(core)):
            break
        unit = _unit(rest)
        if unit is not None and core.rstrip()[-1:] not in "+-*/^=<>":
            return core.rstrip(), unit
    return text, ""


def _unit(rest: str) -> str | None:
    """The known unit in the text after a number, or ""; None if that text makes the number something else."""
    if not rest.strip(" .") or rest.strip() == "%":
        return ""
    rest = _BARE_UNITS.sub("", _UNIT_FRACTION.sub(r"\1/\2", rest))
    words = [word.lower() for word in _WORD.findall(rest)]
    if not rest:
        return ""
    if not words or not _WORDS.fullmatch(rest):
        return None
    prefixed = _PREFIXES.get(words[0], 0)
    named = words[1:] if prefixed else words
    unit = _powers(rest, prefixed)
    if unit:
        return unit
    if len(words) > 6 or _NO_UNIT.intersection(words) or re.search(r"[\\^{}_*]|\d", rest):
        return None
    if not prefixed and (
        _VARIABLE.match(rest) or (len(words[0]) == 1 and _VARIABLE.match(words[0]))
    ):
        return None  # `5x`, `5 n`
    return "" if named else None


def _powers(rest: str, prefixed: int) -> str:
    """The canonical form of a unit that begins a text; "" if it is no known unit."""
    powers: dict[str, int] = {}
    place, sign = 0, 1
    if prefixed:
        place = re.match(r"\s*\w+\.?", rest).end()  # type: ignore[union-attr]
    while found := _UNIT.match(rest, place):
        unit = _UNITS.get(found["word"].lower().replace(" ", ""))
        if found["slash"] in ("/", "per"):
            sign = -1
        elif unit is None and not powers:
            return ""
        powered = found["slash"] or found["power"]  # `m s^{-2}`, but not `5 m in all`
        if unit is None or (powers and not powered):
            break
        named = {"squared": 2, "cubed": 3}.get(found["named"] or "", 0)
        power = int(found["power"] or found["glued"] or named or prefixed or 1)
        prefixed = 0
        base, _, below = unit.partition("/")
        powers[base] = powers.get(base, 0) + sign * power
        if below:
            powers[below] = powers.get(below, 0) - 1
        place = found.end()
    if not powers or re.search(r"[\\^{}_*+=]|\d", rest[place:]):
        return ""
    return " ".join(
        name if power == 1 else f"{name}^{power}" for name, power in sorted(powers.items())
    )
