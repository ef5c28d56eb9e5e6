"""Data as JSON and back, between the process of the tests and the process of a program.

Covers numbers, text, bytes, Python's collections, dates, decimals, fractions, exceptions, arrays of numpy. What comes back is
exactly of these types, never of a subclass, so a value brings no code along: no `__eq__` that calls everything
equal. Values of a subclass become values of their base; named tuples, counters and ordered dictionaries stay what they are.
Does not keep identity: a list that occurs twice arrives as two. Anything else is left to a hook.

A collection is `[name of its type, items]`, so a JSON array is never data by itself. Imports nothing of the project.
"""

from __future__ import annotations

import builtins
import collections
import importlib
from collections.abc import Callable, Sequence

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than most tests to run
if TYPE_CHECKING:
    from typing import Any

    Json = Any

_WORD = 2**63
_SEQUENCES: tuple[type[Any], ...] = (list, tuple, set, frozenset, collections.deque)
_MAPPINGS: tuple[type[Any], ...] = (collections.Counter, collections.OrderedDict, dict)
_VIEWS: dict[type[Any], str] = {
    type({}.keys()): "keys",
    type({}.values()): "values",
    type({}.items()): "items",
}


def encode(value: Any, other: Callable[[Any], Json]) -> Json:
    """JSON of a value; `other` encodes what is no data."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if isinstance(value, int):
        plain = int.__int__(value)
        return plain if -_WORD <= plain < _WORD else ["int", hex(plain)]
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    for base in _SEQUENCES:
        if isinstance(value, base):
            items = [encode(item, other) for item in value]
            if base is tuple and hasattr(kind, "_fields"):
                return ["named", kind.__name__, list(kind._fields), items]
            return [base.__name__, items]
    for base in _MAPPINGS:
        if isinstance(value, base):
            pairs = [[encode(key, other), encode(item, other)] for key, item in value.items()]
            return [base.__name__, pairs]
    if kind in _VIEWS:
        return [_VIEWS[kind], encode(list(value), other)]
    if isinstance(value, (bytes, bytearray)):
        return ["bytes" if isinstance(value, bytes) else "bytearray", value.hex()]
    if kind is complex:
        return ["complex", value.real, value.imag]
    if kind in (range, slice):
        ends = (value.start, value.stop, value.step)
        return [kind.__name__, *(encode(end, other) for end in ends)]
    if value is Ellipsis or value is NotImplemented:
        return ["constant", repr(value)]
    if isinstance(value, type):
        if issubclass(value, BaseException):
            return ["exception", lineage(value)]
        name = value.__name__
        return ["class", name] if vars(builtins).get(name) is value else other(value)
    library = _LIBRARY.get(kind.__module__)
    return library(value, other) if library else other(value)


def decode(message: Json, other: Callable[[Sequence[Json]], Any]) -> Any:
    """The value of a JSON value; `other` decodes what `encode` left to its hook.

    Raises:
        TypeError, ValueError, LookupError, ArithmeticError, AttributeError: nothing that `encode` makes.
    """
    if not isinstance(message, list):
        if isinstance(message, dict):
            raise TypeError("an object of JSON")
        return message
    kind, *parts = message
    if kind in _MAKERS:
        return _MAKERS[kind](*(decode(part, other) for part in parts))
    if kind in _MAKERS_OF_ITEMS:
        return _MAKERS_OF_ITEMS[kind](decode(item, other) for item in parts[0])
    if kind in _MAKERS_OF_PAIRS:
        pairs = {decode(key, other): decode(item, other) for key, item in parts[0]}
        return _MAKERS_OF_PAIRS[kind](pairs)
    if kind == "named":
        name, fields, items = parts
        return collections.namedtuple(name, fields)(*(decode(item, other) for item in items))
    if kind == "exception":
        return exception(parts[0])
    return other(message)


# --- exceptions

_exceptions: dict[tuple[str, type[BaseException]], type[BaseException]] = {}


def lineage(kind: type[BaseException]) -> list[str]:
    """Names of an exception class and its bases up to the first that Python has."""
    names = []
    for base in kind.__mro__:
        names.append(base.__name__)
        if vars(builtins).get(base.__name__) is base:
            break
    return names


def exception(names: Sequence[str]) -> type[BaseException]:
    """The class of a lineage: Python's, or one of the same name derived from Python's, always the same one."""
    found = getattr(builtins, names[-1])
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise TypeError(f"{names[-1]!r} is no exception")
    for name in reversed(names[:-1]):
        found = _exceptions.setdefault((name, found), type(name, (found,), {}))
    return found


# --- types of the library


def _encode_date(value: Any, other: Callable[[Any], Json]) -> Json:
    name = type(value).__name__
    if name == "timedelta":
        return [name, value.days, value.seconds, value.microseconds]
    return [name, value.isoformat()] if name in ("date", "time", "datetime") else other(value)


def _encode_number(value: Any, other: Callable[[Any], Json]) -> Json:
    name = type(value).__name__
    return [name, str(value)] if name in ("Decimal", "Fraction") else other(value)


def _encode_array(value: Any, other: Callable[[Any], Json]) -> Json:
    """Of numpy: an array, or a number in the form of one of Python's."""
    if getattr(getattr(value, "dtype", None), "kind", "O") not in "biufcSU":
        return other(value)
    items = encode(value.tolist(), other)
    return ["array", value.dtype.str, items] if type(value).__name__ == "ndarray" else items


def _array(dtype: str, items: Any) -> Any:
    return importlib.import_module("numpy").array(items, dtype=dtype)


def _late(module: str, name: str, method: str = "") -> Callable[..., Any]:
    """A maker of values whose module is imported when one is made."""

    def make(*parts: Any) -> Any:
        kind = getattr(importlib.import_module(module), name)
        return (getattr(kind, method) if method else kind)(*parts)

    return make


def _class(name: str) -> type:
    found = getattr(builtins, name)
    if not isinstance(found, type):
        raise TypeError(f"{name!r} is no class")
    return found


_LIBRARY: dict[str, Callable[[Any, Callable[[Any], Json]], Json]] = {
    "datetime": _encode_date,
    "decimal": _encode_number,
    "fractions": _encode_number,
    "numpy": _encode_array,
}
_MAKERS_OF_ITEMS: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in _SEQUENCES}
_MAKERS_OF_PAIRS: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in _MAPPINGS}
_MAKERS: dict[str, Callable[..., Any]] = {
    "int": lambda text: int(text, 16),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "complex": complex,
    "range": range,
    "slice": slice,
    "constant": {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}.__getitem__,
    "keys": lambda items: dict.fromkeys(items).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "items": lambda items: dict(items).items(),
    "class": _class,
    "array": _array,
    "timedelta": _late("datetime", "timedelta"),
    "Decimal": _late("decimal", "Decimal"),
    "Fraction": _late("fractions", "Fraction"),
    **{name: _late("datetime", name, "fromisoformat") for name in ("date", "time", "datetime")},
}
