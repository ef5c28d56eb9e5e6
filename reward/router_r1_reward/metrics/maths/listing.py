r"""Takes an answer apart: lists, sets, tuples, intervals and matrices, and the name that a value is given.

A listing is an answer that states several values: `3, 5, 7`, `1 or 4`, `\{1, 2\}`, `(1, 2)`, `[1, 2)`, `2 \pm \sqrt{3}`
or a matrix. It is taken apart at the commas outside all brackets; a comma that groups digits (`1,000`) is none. Linear in
the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_ITEMS = 60
"""The greatest number of values that are told apart."""

_TOKEN = re.compile(
    r"\\begin\s*\{[a-z]*matrix\*?\}|\\end\s*\{[a-z]*matrix\*?\}|\\[{}]|\\\\|\\[A-Za-z]+|[()\[\]{},;|&]|(?<=[\s\d.})$])\b(?:or|and)\b(?=\s)"
)
_GROUPING_COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d)|\d\d,(?:\d\d,)*\d{3}(?!\d))")
_MATRIX = re.compile(
    r"\\begin\s*\{(?P<name>[pbB]?(?:small)?matrix|array)\*?\}\s*(?:\{[lcr| ]{1,30}\})?(?P<inner>.*?)\\end\s*\{(?P=name)\*?\}",
    re.DOTALL,
)
_LIST_MARKS = (",", ";", "or", "and", "\\lor", "\\land")
_SET_BUILDER = re.compile(r"\\mid|\\vert|[|:<>]")
_SEPARATOR = re.compile(r"[,;]|\b(?:or|and)\b")
_DOTS = re.compile(r"\\ldots")
_PLUS_MINUS = re.compile(r"\\pm(?![A-Za-z])|\\mp(?![A-Za-z])|\+/-|\+-")
_MEMBER = re.compile(r"^\\?[A-Za-z]\w{0,2}\s*\\in(?![A-Za-z])\s*(?=[\\{\[(])")
# What may be given a value: `x`, `x_1`, `f(2)`, `AB`, `\angle ABC`, `|AB|`, `P(A \cap B)`, `x + y`; nothing with a factor
# in digits or a power, since 2x = 6 does not give 6.
_NAME = re.compile(
    r"(?:\\?[^\W\d_]+'{0,3}|[_^]\{[\w, ]{1,12}\}|_\w|\([^()=]{1,30}\)|[|+/ ]|\\[{}])+"
)
_OPENING, _CLOSING = ("(", "[", "{", "\\{"), (")", "]", "}", "\\}")


@dataclass(frozen=True, slots=True)
class Listing:
    """Several values that one answer states."""

    brackets: str
    """`()`, `[]`, `[)`, `(]`, `{}`, `matrix`; empty for values in a row without brackets."""
    items: tuple[str, ...]
    shape: tuple[int, ...] = ()
    """The lengths of the rows of a matrix."""

    @property
    def ordered(self) -> bool:
        """Whether the order of the values matters."""
        return self.brackets not in ("", "{}") or any(_DOTS.search(item) for item in self.items)


@lru_cache(maxsize=4096)
def listing(text: str) -> Listing | None:
    """The values that a formula lists; None if it states one value, or more than `MAX_ITEMS`.

    Args:
        text: a formula as `formula.plain_formula` returns it.
    """
    text = _MEMBER.sub("", text, count=1)
    matrix = _MATRIX.fullmatch(text) or _MATRIX.fullmatch(
        _inside(text, "(", ")") or _inside(text, "[", "]") or ""
    )
    if matrix:
        rows = [_split(row, "&") for row in _split(matrix["inner"], "\\\\")]
        rows = [row for row in rows if row != [""]]
        cells = tuple(cell for row in rows for cell in row)
        known = 0 < len(cells) <= MAX_ITEMS * 4
        return Listing("matrix", cells, tuple(map(len, rows))) if known else None
    parts = _parts(text)
    if len(parts) > 1:
        items = [item for part in parts for item in _signs(part)]
        return Listing("", tuple(items)) if 1 < len(items) <= MAX_ITEMS else None
    for opening, closing in (("\\{", "\\}"), ("{", "}"), ("(", ")"), ("[", "]"), ("[", ")"), ("(", "]"), ("]", "["), ("]", ")"), ("(", "[")):  # fmt: skip
        inner = _inside(text, opening, closing)
        if inner is None:
            continue
        items = [item for part in _parts(inner) for item in _signs(part)]
        kind = (opening + closing).replace("\\", "")
        kind = {"][": "()", "])": "()", "([": "()"}.get(kind, kind)
        single = kind == "{}" and items != [""] and not _SET_BUILDER.search(inner)
        if (len(items) > 1 or single) and len(items) <= MAX_ITEMS:
            return Listing(kind, tuple(items))
        return None
    items = _signs(text)
    return Listing("", tuple(items)) if len(items) > 1 else None


@lru_cache(maxsize=4096)
def named(text: str) -> tuple[str, str]:
    r"""The name that a formula gives to a value, without spaces, and the value: `("x_1", "5")` for `x_1 = 5`.

    The name is empty if the formula is no such assignment. A chain (`x = 2 + 3 = 5`) gives its last value; the left side
    of a sum in digits (`2 + 3 = 5`) is no name and is left out.
    """
    sides = re.split(r"(?<![<>!=:\\])(?::=|=)(?!=)|\\(?:approx|simeq)(?![A-Za-z])|≈", text)
    if len(sides) < 2 or not all(side.strip() for side in sides):
        return "", text
    if any(map(_SEPARATOR.search, sides[1:-1])):
        return "", text  # x = 1, y = 2
    first, last = sides[0].strip(), sides[-1].strip()
    if len(first) <= 80 and _NAME.fullmatch(first):
        return first.replace(" ", ""), last
    if not re.search(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", "", "".join(sides[:-1]))):
        return "", last
    return "", text


def has_dots(text: str) -> bool:
    """Whether a formula leaves something out ("2, 4, ..., 2n")."""
    return bool(_DOTS.search(text))


def _signs(text: str) -> list[str]:
    r"""Both values of a formula with `\pm`, else the formula itself."""
    if not _PLUS_MINUS.search(text) or len(text) > 400:
        return [text]
    upper = _PLUS_MINUS.sub(lambda found: "-" if found[0] == "\\mp" else "+", text)
    lower = _PLUS_MINUS.sub(lambda found: "+" if found[0] == "\\mp" else "-", text)
    return [upper.strip().removeprefix("+").strip(), lower.strip()]


def _parts(text: str) -> list[str]:
    parts = _split(text, ",;")
    return parts if all(parts) else [text]


def _inside(text: str, opening: str, closing: str) -> str | None:
    """The text between the brackets that enclose all of it; None if none do."""
    if len(text) <= len(opening) + len(closing) or not (
        text.startswith(opening) and text.endswith(closing)
    ):
        return None
    inner = text[len(opening) : -len(closing)]
    if opening == "[" and closing == "]" and inner[:1] == "[":
        return None  # nested lists are matrices of another kind
    depth = 0
    for token in _TOKEN.finditer(inner):
        depth += (token[0] in _OPENING) - (token[0] in _CLOSING)
        if depth < 0:
            return None
    return inner if depth == 0 else None


def _split(text: str, separators: str) -> list[str]:
    """The text between separators that stand outside all brackets and matrices."""
    parts: list[str] = []
    depth, place = 0, 0
    marks = _LIST_MARKS if separators == ",;" else (separators,)
    commas = (
        {found.start() for found in _GROUPING_COMMA.finditer(text)} if "," in separators else set()
    )
    for token in _TOKEN.finditer(text):
        mark = token[0].strip()
        if mark in _OPENING or mark.startswith("\\begin"):
            depth += 1
        elif mark in _CLOSING or mark.startswith("\\end"):
            depth -= 1
        elif depth == 0 and mark in marks and token.start() not in commas:
            parts.append(text[place : token.start()].strip())
            place = token.end()
    parts.append(text[place:].strip())
    if separators == ",;":  # "1, 2, and 3": no value between the comma and the word
        return [part for n, part in enumerate(parts) if part or n in (0, len(parts) - 1)]
    return parts
