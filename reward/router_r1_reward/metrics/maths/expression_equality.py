"""Whether two expressions are equal, by sympy. Runs in the worker processes alone (`expression_worker.py`).

Expressions are read by latex2sympy2-extended, the parser of math-verify, and compared as what they are: equations by
whether one is a multiple of the other, inequalities and intervals as sets, matrices by their entries, and formulas by
their values at points, to 40 significant digits. There is no absolute tolerance, so that small numbers stay apart;
rational constants are compared exactly.

That formulas which agree at points are equal is the lemma of Schwartz (1980) and Zippel (1979) for polynomials; for
other functions it is a test.
"""

from __future__ import annotations

import importlib
import re
import zlib
from functools import lru_cache
from typing import Any

import sympy
from latex2sympy2_extended import latex2sympy2
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFunction

_DIGITS = 60
_ENOUGH = 40
_POINTS = 4
_FUNCTIONS = re.compile(
    r"(?<![\\A-Za-z])(sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp|arcsin|arccos|arctan|sinh|cosh|tanh|gcd|lcm|max|min|det|pi)"
    r"(?![A-Za-z])"
)
_ANGLE = re.compile(r"\\(sin|cos|tan|cot|sec|csc) *(?:\( ?|\{ ?)?(\d+(?:\.\d+)?) ?°(?: ?[)}])?")
_POWER_OF_DIGITS = re.compile(r"\^ ?([+-]?\d{2,}|[+-]\d)(?![\d.])")
_SET_BUILDER = re.compile(
    r"^\\\{ ?\\?[A-Za-z]\w{0,2} ?(?:\\in ?\\mathbb ?\{?R\}?)? ?(?:\\mid|\\vert|[|:]) ?(.*)\\\}$",
    re.DOTALL,
)
_OR, _AND = re.compile(r"\s*(?:\bor\b|\\lor\b)\s*"), re.compile(r"\s*(?:\band\b|\\land\b)\s*")
_RELATION = re.compile(r"[<>=]|\\(?:le|ge|ne|lt|gt)\b")
_NORMALIZATION = latex2sympy2.NormalizationConfig(
    basic_latex=True,
    units=False,
    malformed_operators=True,
    nits=False,
    boxed="none",
    equations=False,
)


class UnreadableGoldError(Exception):
    """The gold answer, which the parser cannot read."""


def equal(gold: str, answer: str, places: int) -> tuple[bool, str]:
    """Whether two expressions in LaTeX are equal, and the problem if that cannot be found out, else "".

    Args:
        gold: the gold answer.
        answer: the answer; one that the parser cannot read, or that sympy cannot compare, is not equal.
        places: decimal places to which constants are compared, 0 to compare exactly, or -1 to only compute the values.

    Raises:
        UnreadableGoldError: the parser cannot read the gold answer.
    """
    try:
        expected = _read(gold)
    except Exception as error:
        raise UnreadableGoldError(gold) from error
    problem = "cannot be read"
    try:
        found = _read(answer)
        problem = "cannot be compared"
        return _same(expected, found, places), ""
    except Exception as error:  # the parser and sympy raise many kinds
        reason = " ".join(str(error).split())[:200]
        return False, f"{problem} ({type(error).__name__}: {reason})"


@lru_cache(maxsize=512)
def _read(text: str) -> Any:
    text = _SET_BUILDER.sub(r"\1", text.replace("**", "^"))
    for word, join in ((_OR, sympy.Or), (_AND, sympy.And)):
        parts = word.split(text)
        if len(parts) > 1 and all(map(_RELATION.search, parts)):
            return join(*map(_read, parts))
    text = _FUNCTIONS.sub(lambda found: f"\\{found[1]} ", text)
    text = _ANGLE.sub(r"\\\1 {(\\frac{\2 \\pi}{180})}", text).replace("°", "")
    text = _POWER_OF_DIGITS.sub(r"^{\1}", _braced_roots(text))
    found = latex2sympy2.latex2sympy(
        text, is_real=True, convert_degrees=False, normalization_config=_NORMALIZATION
    )
    if isinstance(found, sympy.Basic | sympy.MatrixBase):
        return _exact(found)
    raise ValueError(text)


def _braced_roots(text: str) -> str:
    r"""`\sqrt (2(x+1))` as `\sqrt{2(x+1)}`."""
    pieces, place = [], 0
    for found in re.finditer(r"\\sqrt\s*\(", text):
        depth, end = 0, found.end() - 1
        while end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                break
            end += 1
        if found.start() >= place and end < len(text):
            pieces += [
                text[place : found.start()],
                "\\sqrt{",
                _braced_roots(text[found.end() : end]),
                "}",
            ]
            place = end + 1
    return "".join((*pieces, text[place:]))


def _exact(found: Any) -> Any:
    """The expression with rationals for decimals and the imaginary unit for i."""
    decimals = {part: sympy.Rational(str(part)) for part in found.atoms(sympy.Float)}
    units = {part: sympy.I for part in found.atoms(sympy.Symbol) if part.name == "i"}
    return found.xreplace({**decimals, **units}) if decimals or units else found


def _same(gold: Any, answer: Any, places: int) -> bool:
    if gold == answer and places >= 0:
        return gold not in (sympy.nan, sympy.zoo)
    if isinstance(gold, sympy.MatrixBase) or isinstance(answer, sympy.MatrixBase):
        return _same_matrix(gold, answer, places)
    gold, answer = _member_of(gold), _member_of(answer)
    if (
        isinstance(gold, Relational)
        and isinstance(answer, Relational)
        and _same_relation(gold, answer)
    ):
        return True
    logical = (Relational, BooleanFunction)
    if isinstance(gold, (sympy.Set, *logical)) and isinstance(answer, (sympy.Set, *logical)):
        if isinstance(gold, sympy.Eq | sympy.Ne) and isinstance(answer, sympy.Eq | sympy.Ne):
            return False
        return _same_set(_as_set(gold), _as_set(answer), places)
    if isinstance(gold, sympy.Tuple) and isinstance(answer, sympy.Tuple):
        return len(gold) == len(answer) and all(map(_same, gold, answer, [places] * len(gold)))
    if isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr):
        return _same_formula(gold, answer, places)
    return False


def _same_matrix(gold: Any, answer: Any, places: int) -> bool:
    if not (isinstance(gold, sympy.MatrixBase) and isinstance(answer, sympy.MatrixBase)):
        return False
    return gold.shape == answer.shape and all(
        _same(one, other, places) for one, other in zip(gold, answer, strict=True)
    )


def _member_of(found: Any) -> Any:
    """The set in `x in set`, which the parser reads as an equation."""
    return found.rhs if isinstance(found, sympy.Eq) and isinstance(found.rhs, sympy.Set) else found


def _same_relation(gold: Relational, answer: Relational) -> bool:
    """Whether two relations are multiples of each other, by a positive number if they are inequalities."""
    if isinstance(gold, sympy.Ge | sympy.Gt):
        gold = gold.reversed
    if isinstance(answer, sympy.Ge | sympy.Gt):
        answer = answer.reversed
    if type(gold) is not type(answer):
        return False
    one, other = gold.lhs - gold.rhs, answer.lhs - answer.rhs
    names = sorted(one.free_symbols | other.free_symbols, key=str)
    if not names or one.free_symbols != other.free_symbols:
        return False
    ratios = []
    for first, second in zip(_values(one, tuple(names)), _values(other, tuple(names)), strict=True):
        if first is None or second is None or (first == 0) != (second == 0):
            return False
        if first != 0:
            ratios.append(second / first)
    constant = bool(ratios) and all(_near(ratio, ratios[0]) for ratio in ratios)
    return constant and (isinstance(gold, sympy.Eq | sympy.Ne) or sympy.re(ratios[0]) > 0)


def _as_set(found: Any) -> Any:
    """The solutions of relations in one variable, as a set of real numbers."""
    if isinstance(found, sympy.Set):
        return found.doit()
    names = {name: sympy.Symbol("x", real=True) for name in found.free_symbols}
    if len(names) != 1:
        raise ValueError(found)
    return found.xreplace(names).doit().as_set()


def _same_set(gold: Any, answer: Any, places: int) -> bool:
    if gold == answer:
        return True
    if isinstance(gold, sympy.Interval) and isinstance(answer, sympy.Interval):
        closed = (gold.left_open, gold.right_open) == (answer.left_open, answer.right_open)
        return (
            closed
            and _same(gold.start, answer.start, places)
            and _same(gold.end, answer.end, places)
        )
    if isinstance(gold, sympy.FiniteSet) and isinstance(answer, sympy.FiniteSet):
        return len(gold) == len(answer) and all(
            any(_same(one, other, places) for other in answer) for one in gold
        )
    if isinstance(gold, sympy.Union) and isinstance(answer, sympy.Union):
        parts = len(gold.args) == len(answer.args)
        if parts and all(any(_same_set(a, b, places) for b in answer.args) for a in gold.args):
            return True
    return gold.symmetric_difference(answer).is_empty is True


def _same_formula(gold: Any, answer: Any, places: int) -> bool:
    names = tuple(sorted(gold.free_symbols | answer.free_symbols, key=str))
    if not names:
        return _same_constant(gold, answer, places)
    pairs = list(zip(_values(gold, names), _values(answer, names), strict=True))
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    if len(known) < len(pairs) / 2:
        return bool(sympy.simplify(gold - answer) == 0)
    return all(_near(one, other) for one, other in known)


def _same_constant(gold: Any, answer: Any, places: int) -> bool:
    one, other = sympy.N(gold, _DIGITS), sympy.N(answer, _DIGITS)
    if one.is_infinite or other.is_infinite:
        return bool(one == other)
    if not (one.is_number and other.is_number and one.is_finite and other.is_finite):
        return False
    if places > 0:
        return bool(abs(one - other) * 10**places * 2 <= 1)
    if one * other != 0 and not _near(one, other):
        return False
    gold, answer = gold.doit(), answer.doit()
    if gold.is_Rational and answer.is_Rational:
        return bool(gold == answer)
    difference = sympy.simplify(gold - answer)
    if one * other == 0:
        return bool(difference == 0)
    return not (difference.is_Rational and difference != 0)


def _near(one: Any, other: Any) -> bool:
    return bool(abs(one - other) <= max(abs(one), abs(other)) * sympy.Float(10) ** -_ENOUGH)


@lru_cache(maxsize=512)
def _values(expression: Any, names: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values at points that depend on the names alone; None where there is no finite value."""
    if expression.has(sympy.Sum, sympy.Product, sympy.Integral, sympy.Derivative, sympy.Limit):
        expression = expression.doit()
    found = []
    for point in range(_POINTS):
        values = {name: _coordinate(str(name), point) for name in names}
        value = expression.subs(values).evalf(_DIGITS)
        found.append(value if value.is_number and value.is_finite else None)
    return tuple(found)


def _coordinate(name: str, point: int) -> Any:
    """A number between 1/4 and 3 in absolute value, negative at every other point."""
    size = sympy.Rational(zlib.crc32(f"{name} {point}".encode()), 2**32) * sympy.Rational(11, 4)
    return (size + sympy.Rational(1, 4)).evalf(2 * _DIGITS) * (-1) ** point


def _parse_in_two_stages() -> None:
    """Parse LaTeX without full context first, and with it only if that fails: the same trees, several times as fast.

    In its mode SLL, a parser that ANTLR generates finds the tree of its default mode LL, or a syntax error; ANTLR's
    documentation of `PredictionMode` says so and recommends the two stages. The grammar ends in EOF, so a tree of only
    a part of the text is an error too.
    """
    modes = importlib.import_module("antlr4.atn.PredictionMode").PredictionMode

    class TwoStages(latex2sympy2._Latex2Sympy):  # type: ignore[misc]
        def create_parser(self, text: str) -> Any:
            parser = super().create_parser(text)
            parser._interp.predictionMode = self.mode
            return parser

        def parse(self, text: str) -> Any:
            self.mode = modes.SLL
            try:
                return super().parse(text)
            except Exception:
                self.mode = modes.LL
                return super().parse(text)

    latex2sympy2._Latex2Sympy = TwoStages


_parse_in_two_stages()
