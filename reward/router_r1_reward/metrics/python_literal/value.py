r"""Reads Python literals as values that can be compared, in time linear in the text, and compares them.

A literal is None, a truth value, a number, a string or bytes, `...`, or a tuple, list, set, dict or frozenset of
literals: what `repr` gives for such objects, in any notation that Python reads (`0x1F`, `'a' "b"`, `r"\d"`, `(1,)`,
`set()`, a trailing comma, comments). Nothing is evaluated: `9**9`, `[0] * 3` and `f(1)` are no literals.

The reader is no Python compiler, because a hostile text can exhaust one: it reads at most `MAX_CHARS` characters,
`MAX_DEPTH` brackets within each other and `MAX_DIGITS` digits of an integer.

Two values are the same if Python's `repr` would show the same, but for

- the order of sets and dicts;
- the notation (quotes, escapes, spaces, digits in hexadecimal);
- floats, which may differ by a relative 1e-9, because replies round.

So 1, 1.0 and True are three values, and a list is no tuple.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any, NamedTuple

MAX_CHARS = 20_000
MAX_DEPTH = 60
MAX_DIGITS = 4000
TOLERANCE = 1e-9
"""Relative difference by which two equal floats may differ."""

Value = tuple[Any, ...]
"""(kind, content): `("int", 5)`, `("list", (("str", "a"), ...))`, `("dict", ((key, value), ...))`."""

_SPACE = re.compile(r"(?:[ \t\r\n\f]+|#[^\n]*|\\\n)*")
_NAMES: dict[str, Value] = {
    "None": ("none",),
    "True": ("bool", True),
    "False": ("bool", False),
    "Ellipsis": ("ellipsis",),
    "...": ("ellipsis",),
    "inf": ("float", math.inf),
    "nan": ("nan",),
}
_JSON_NAMES: dict[str, Value] = {
    "true": ("bool", True),
    "false": ("bool", False),
    "null": ("none",),
}
_NAME = re.compile(r"(?:[A-Za-z_]\w*|\.\.\.)")
_DECIMAL = r"\d(?:_?\d)*"
_NUMBER = re.compile(
    rf"(?P<float>(?:{_DECIMAL}\.(?:{_DECIMAL})?|\.{_DECIMAL})(?:[eE][+-]?{_DECIMAL})?|{_DECIMAL}[eE][+-]?{_DECIMAL})"
    rf"|(?P<based>0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)|(?P<int>0(?:_?0)*(?!\d)|[1-9](?:_?\d)*)"
)
_SIGN = re.compile(r"[+-]")
_STRING = re.compile(
    r"(?P<prefix>[rRuUbB]{0,2})(?P<quote>'''|\"\"\"|'|\")(?P<body>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:\n|(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9a-fA-F]{2})|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})"
    r"|N\{(?P<name>[^{}\n]{1,100})\}|(?P<char>.))",
    re.DOTALL,
)
_CHARS = {
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"',
    "a": "\a", "b": "\b", "f": "\f", "v": "\v",
}  # fmt: skip
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_UNHASHABLE = ("list", "set", "dict")


class Found(NamedTuple):
    """A literal in a text."""

    value: Value
    end: int
    """Where it ends."""


def parse(text: str, *, json_names: bool = False) -> Value | None:
    """The literal that a whole text is; None if it is none. `1, 2` is a tuple, as in Python.

    Args:
        text: the text.
        json_names: read `true`, `false` and `null` too.
    """
    if len(text) > MAX_CHARS:
        return None
    reader = _Reader(text, json_names)
    try:
        value, end = reader.row(0)
    except _NoLiteralError:
        return None
    return value if _after_space(text, end) == len(text) else None


def parse_at(text: str, start: int, *, json_names: bool = False) -> Found | None:
    """The literal that begins at a place in a text; None if none does.

    Args:
        text: the text.
        start: where the literal begins.
        json_names: read `true`, `false` and `null` too.
    """
    try:
        return _Reader(text[start : start + MAX_CHARS], json_names).found(start)
    except _NoLiteralError:
        return None


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same."""
    if one[0] != other[0] or len(one) != len(other):
        return False
    kind = one[0]
    if kind == "float":
        return math.isclose(one[1], other[1], rel_tol=TOLERANCE) and _signs_agree(one[1], other[1])
    if kind == "complex":
        pairs = ((one[1].real, other[1].real), (one[1].imag, other[1].imag))
        return all(math.isclose(a, b, rel_tol=TOLERANCE) for a, b in pairs)
    if kind in ("list", "tuple", "set", "frozenset", "pair", "dict"):
        rows = (one[1], other[1])
        if len(rows[0]) != len(rows[1]):
            return False
        return all(map(same, *rows))
    return bool(one == other)


def _signs_agree(one: float, other: float) -> bool:
    return math.copysign(1, one) == math.copysign(1, other)


def unescape(body: str) -> str:
    """The text of a string literal's body: its escapes are resolved, and those unknown to Python are kept."""
    return _ESCAPE.sub(_unescaped, body) if "\\" in body else body


def _unescaped(match: re.Match[str]) -> str:
    if match["octal"]:
        return chr(int(match["octal"], 8))
    code = match["hex"] or match["four"] or match["eight"]
    if code:
        return chr(int(code, 16)) if int(code, 16) < 0x110000 else match[0]
    if match["name"]:
        try:
            return unicodedata.lookup(match["name"])
        except KeyError:
            return match[0]
    if match["char"]:
        return _CHARS.get(match["char"], match[0])
    return ""  # a line goes on


class _NoLiteralError(Exception):
    """The text is no literal."""


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


class _Reader:
    """Reads literals in one text."""

    def __init__(self, text: str, json_names: bool) -> None:
        self._text = text
        self._names = _NAMES | _JSON_NAMES if json_names else _NAMES

    def found(self, offset: int) -> Found:
        """The literal at the beginning of the text, which is a piece of another text from this offset on."""
        value, end = self._item(0, 0)
        return Found(value, offset + end)

    def row(self, place: int) -> tuple[Value, int]:
        """One literal, or several with commas between them: a tuple."""
        value, place = self._item(place, 0)
        items, after, commas = [value], _after_space(self._text, place), 0
        while self._text[after : after + 1] == ",":
            commas += 1
            place = after + 1
            after = _after_space(self._text, place)
            if after == len(self._text):
                break
            value, place = self._item(after, 0)
            items.append(value)
            after = _after_space(self._text, place)
        return (("tuple", tuple(items)) if commas else value), place

    def _item(self, place: int, depth: int) -> tuple[Value, int]:
        place = _after_space(self._text, place)
        char = self._text[place : place + 1]
        if not char or depth > MAX_DEPTH:
            raise _NoLiteralError
        if char in _CLOSING:
            return self._brackets(char, place + 1, depth + 1)
        if string := _STRING.match(self._text, place):
            return self._string(string)
        if char in "+-.0123456789" and not self._text.startswith("...", place):
            return self._number(place)
        if name := _NAME.match(self._text, place):
            return self._name(name, depth)
        raise _NoLiteralError

    def _name(self, name: re.Match[str], depth: int) -> tuple[Value, int]:
        if name[0] in self._names:
            return self._names[name[0]], name.end()
        if name[0] in ("set", "frozenset") and self._text.startswith("(", name.end()):
            argument, end = self._brackets("(", name.end() + 1, depth + 1)
            empty = argument == ("tuple", ())
            if empty or (name[0] == "frozenset" and argument[0] in ("set", "list", "tuple")):
                return _unordered(name[0], list(argument[1])), end
        raise _NoLiteralError

    def _brackets(self, opening: str, place: int, depth: int) -> tuple[Value, int]:
        items: list[Value] = []
        pairs: list[tuple[Value, Value]] = []
        commas = 0
        while True:
            place = _after_space(self._text, place)
            if self._text[place : place + 1] == _CLOSING[opening]:
                break
            if len(items) + len(pairs) > commas:
                raise _NoLiteralError  # two items without a comma between them
            item, place = self._item(place, depth)
            place = _after_space(self._text, place)
            if opening == "{" and self._text[place : place + 1] == ":":
                value, place = self._item(place + 1, depth)
                pairs.append((item, value))
                place = _after_space(self._text, place)
            else:
                items.append(item)
            if self._text[place : place + 1] == ",":
                commas += 1
                place += 1
        end = place + 1
        if opening == "[":
            return ("list", tuple(items)), end
        if opening == "(":
            return (items[0] if items and not commas else ("tuple", tuple(items))), end
        if items and pairs:
            raise _NoLiteralError
        return (_unordered("set", items) if items else _dict(pairs)), end

    def _string(self, first: re.Match[str]) -> tuple[Value, int]:
        kinds, parts, end = set(), [], first.start()
        string: re.Match[str] | None = first
        while string is not None:  # those that stand side by side are one
            prefix = string["prefix"].lower()
            if len(set(prefix)) < len(prefix) or ("u" in prefix and len(prefix) > 1):
                raise _NoLiteralError
            kinds.add("bytes" if "b" in prefix else "str")
            parts.append(string["body"] if "r" in prefix else unescape(string["body"]))
            end = string.end()
            string = _STRING.match(self._text, _after_space(self._text, end))
        if len(kinds) > 1:
            raise _NoLiteralError
        return (kinds.pop(), "".join(parts)), end

    def _number(self, place: int) -> tuple[Value, int]:
        value, end, imaginary = self._real(place)
        after = _after_space(self._text, end)
        if not imaginary and _SIGN.match(self._text, after):
            try:
                second, second_end, second_imaginary = self._real(after)
            except _NoLiteralError:
                return value, end
            if second_imaginary:
                return ("complex", complex(value[1], second[1])), second_end
        return (("complex", complex(0, value[1])) if imaginary else value), end

    def _real(self, place: int) -> tuple[Value, int, bool]:
        """A number with its sign, where it ends, and whether it is imaginary."""
        negative = self._text[place] == "-"
        if self._text[place] in "+-":
            place = _after_space(self._text, place + 1)
        if self._text.startswith("inf", place):
            return ("float", -math.inf if negative else math.inf), place + 3, False
        number = _NUMBER.match(self._text, place)
        if number is None or number.end() - number.start() > MAX_DIGITS:
            raise _NoLiteralError
        end = number.end()
        imaginary = self._text[end : end + 1] in ("j", "J")
        digits = number[0].replace("_", "")
        value: Value
        if number["float"] is not None or imaginary:
            value = ("float", float(digits))
        else:
            value = ("int", int(digits, 0) if number["based"] is not None else int(digits))
        if self._text[end + imaginary : end + imaginary + 1].isalnum():
            raise _NoLiteralError  # "3rd"
        return ((value[0], -value[1]) if negative else value), end + imaginary, imaginary


def _unordered(kind: str, items: list[Value]) -> Value:
    """A set; what it holds is sorted, so that equal sets are equal row by row."""
    if any(map(_is_unhashable, items)):
        raise _NoLiteralError
    return kind, tuple(sorted(set(items), key=_order))


def _dict(pairs: list[tuple[Value, Value]]) -> Value:
    """A dict; of two values of one key the last counts."""
    if any(_is_unhashable(key) for key, _ in pairs):
        raise _NoLiteralError
    items = sorted(dict(pairs).items(), key=lambda pair: _order(pair[0]))
    return "dict", tuple(("pair", pair) for pair in items)


def _is_unhashable(value: Value) -> bool:
    return value[0] in _UNHASHABLE or (value[0] == "tuple" and any(map(_is_unhashable, value[1])))


def _order(value: Value) -> tuple[Any, ...]:
    """A key that sorts values of all kinds."""
    if value[0] == "complex":
        return "complex", value[1].real, value[1].imag
    if value[0] in ("tuple", "frozenset"):
        return value[0], tuple(map(_order, value[1]))
    return value
