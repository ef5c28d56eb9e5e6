"""The encoding of values in RPC messages: data as JSON, and back.

Covers numbers, text, bytes, Python's collections, dates, decimals, fractions, exceptions, and arrays of numpy. A
decoded value is exactly of one of these types, never of a subclass, so it brings no code along: no `__eq__` that calls
everything equal. Identity is lost: a list that occurs twice is decoded as two lists.

Any other value is left to a hook, including values of a class derived from one of these; `base_of` and `bare` help the
hook with those. A collection is `[name of its type, items]`, so a JSON array alone is never data.

Imports nothing of the project.
"""

from __future__ import annotations

import builtins
import collections
import functools
import importlib
from collections.abc import Callable, Sequence

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any

    Json = Any

_MAX_JSON_INT = 2**63
_SEQUENCES: tuple[type[Any], ...] = (list, tuple, set, frozenset, collections.deque)
_MAPPINGS: tuple[type[Any], ...] = (collections.Counter, collections.OrderedDict, dict)
_DATA = (*_SEQUENCES, *_MAPPINGS, collections.defaultdict, int, float, str, bytes, bytearray)
_VIEWS: dict[type[Any], str] = {
    type({}.keys()): "keys",
    type({}.values()): "values",
    type({}.items()): "items",
}


def encode(value: Any, other: Callable[[Any], Json]) -> Json:
    """JSON of a value; `other` encodes what is not data."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        return value if -_MAX_JSON_INT <= value < _MAX_JSON_INT else ["int", hex(value)]
    if kind is collections.deque and value.maxlen is not None:
        return ["bounded", value.maxlen, [encode(item, other) for item in value]]
    if kind in _SEQUENCES:
        return [kind.__name__, [encode(item, other) for item in value]]
    if kind in _MAPPINGS or kind is collections.defaultdict:
        pairs = [[encode(key, other), encode(item, other)] for key, item in value.items()]
        if kind is collections.defaultdict:
            return [kind.__name__, encode(value.default_factory, other), pairs]
        return [kind.__name__, pairs]
    if kind in (bytes, bytearray):
        return [kind.__name__, value.hex()]
    if kind in _VIEWS:
        return [_VIEWS[kind], encode(list(value), other)]
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
    if _is_named(kind) and not added_names(kind):
        items = [encode(item, other) for item in tuple.__iter__(value)]
        return ["named", kind.__name__, list(kind._fields), items]
    encoder = _LIBRARY_ENCODERS.get(kind.__module__)
    return encoder(value, other) if encoder else other(value)


def decode(message: Json, other: Callable[[Sequence[Json]], Any]) -> Any:
    """The value of a message; `other` decodes what `encode` left to its hook.

    Raises:
        TypeError, ValueError, LookupError, ArithmeticError, AttributeError: `encode` never makes such a message.
    """
    if not isinstance(message, list):
        if isinstance(message, dict):
            raise TypeError("a JSON object is not a message")
        return message
    kind, *parts = message
    if kind in _FROM_PARTS:
        return _FROM_PARTS[kind](*(decode(part, other) for part in parts))
    if kind in _FROM_ITEMS:
        return _FROM_ITEMS[kind](decode(item, other) for item in parts[0])
    if kind in _FROM_PAIRS:
        pairs = {decode(key, other): decode(item, other) for key, item in parts[0]}
        return _FROM_PAIRS[kind](pairs)
    if kind == "defaultdict":
        factory, pairs = parts
        made = {decode(key, other): decode(item, other) for key, item in pairs}
        return collections.defaultdict(decode(factory, other), made)
    if kind == "bounded":
        most, items = parts
        return collections.deque((decode(item, other) for item in items), most)
    if kind == "named":
        name, fields, items = parts
        return _named(name, tuple(fields))(*(decode(item, other) for item in items))
    if kind == "exception":
        return exception(parts[0])
    return other(message)


# --- classes derived from a data type


def base_of(kind: type[Any]) -> type[Any] | None:
    """The data type that a class is derived from, if any; for a named tuple, a plain one with the same fields."""
    base = next((base for base in kind.__mro__ if any(base is data for data in _DATA)), None)
    return _named(kind.__name__, tuple(kind._fields)) if _is_named(kind) else base


def bare(value: Any, base: type[Any]) -> Any:
    """The content of a value as a value of its `base_of`; calls no method of its class."""
    if base in (int, float, str):
        return getattr(base, f"__{base.__name__}__")(value)
    if base in (bytes, bytearray):
        return base(memoryview(value))
    if base is collections.deque:
        most = vars(base)["maxlen"].__get__(value)
        return base(base.__iter__(value), most)
    if issubclass(base, tuple):
        return tuple.__new__(base, tuple.__iter__(value))
    if issubclass(base, dict):
        content = dict(base.items(value))
        if base is collections.defaultdict:
            return base(vars(base)["default_factory"].__get__(value), content)
        return base(content)
    return base(base.__iter__(value))


def fill(value: Any, content: Any) -> None:
    """Replace the content of a collection of the content's type or a derived one. Immutable values are left alone."""
    base = type(content)
    if base in (list, bytearray):
        base.__setitem__(value, slice(None), content)
    elif isinstance(content, dict):
        base.clear(value)
        for key, item in content.items():
            base.__setitem__(value, key, item)
    elif base is set:
        set.clear(value)
        set.update(value, content)
    elif base is collections.deque:
        base.__init__(value, content, content.maxlen)


def added_names(kind: type[Any]) -> set[str]:
    """Names that a class defines in addition to its data type; for a named tuple, in addition to the members of
    every named tuple."""
    names: set[str] = set()
    for derived in kind.__mro__:
        if any(derived is data for data in _DATA):
            break
        names.update(vars(derived))
        if _is_named(kind):
            names.difference_update(
                kind._fields,
                (name for name in _NAMED if _is_standard(vars(derived).get(name))),
            )
    return names


_NAMED = {
    *vars(collections.namedtuple("_named", ())),
    *("__annotations__", "__orig_bases__", "__dict__", "__weakref__", "__annotate__", "__annotate_func__"),
    *("__annotations_cache__", "__static_attributes__", "__firstlineno__", "__conditional_annotations__"),
}  # fmt: skip


def _is_named(kind: type[Any]) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def _is_standard(member: Any) -> bool:
    """Whether `collections` made this member of a named tuple."""
    module = getattr(member, "__module__", None)
    return module is None or module == "collections" or module.startswith("namedtuple_")


@functools.cache
def _named(name: str, fields: tuple[str, ...]) -> type[Any]:
    return collections.namedtuple(name, fields)


# --- exceptions

_exceptions: dict[tuple[str, type[BaseException]], type[BaseException]] = {}


def lineage(kind: type[BaseException]) -> list[str]:
    """Names of an exception class and its bases, up to the first that is built in."""
    names = []
    for base in kind.__mro__:
        names.append(base.__name__)
        if vars(builtins).get(base.__name__) is base:
            break
    return names


def exception(names: Sequence[str]) -> type[BaseException]:
    """The class of a lineage: the built-in one, or a derived class of the same name, always the same object."""
    found = getattr(builtins, names[-1])
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise TypeError(f"{names[-1]!r} is not an exception")
    for name in reversed(names[:-1]):
        found = _exceptions.setdefault((name, found), type(name, (found,), {}))
    return found


# --- types of the standard library and numpy


def _encode_date(value: Any, other: Callable[[Any], Json]) -> Json:
    name = type(value).__name__
    if name == "timedelta":
        return [name, value.days, value.seconds, value.microseconds]
    return [name, value.isoformat()] if name in ("date", "time", "datetime") else other(value)


def _encode_number(value: Any, other: Callable[[Any], Json]) -> Json:
    name = type(value).__name__
    return [name, str(value)] if name in ("Decimal", "Fraction") else other(value)


def _encode_array(value: Any, other: Callable[[Any], Json]) -> Json:
    """A value of numpy: an array, or a scalar as the corresponding number of Python."""
    if getattr(getattr(value, "dtype", None), "kind", "O") not in "biufcSU":
        return other(value)
    items = encode(value.tolist(), other)
    return ["array", value.dtype.str, items] if type(value).__name__ == "ndarray" else items


def _array(dtype: str, items: Any) -> Any:
    return importlib.import_module("numpy").array(items, dtype=dtype)


def _imported(module: str, name: str, method: str = "") -> Callable[..., Any]:
    """A function that imports a module and makes a value of one of its classes."""

    def make(*parts: Any) -> Any:
        kind = getattr(importlib.import_module(module), name)
        return (getattr(kind, method) if method else kind)(*parts)

    return make


def _class(name: str) -> type:
    found = getattr(builtins, name)
    if not isinstance(found, type):
        raise TypeError(f"{name!r} is not a class")
    return found


_LIBRARY_ENCODERS: dict[str, Callable[[Any, Callable[[Any], Json]], Json]] = {
    "datetime": _encode_date,
    "decimal": _encode_number,
    "fractions": _encode_number,
    "numpy": _encode_array,
}
_FROM_ITEMS: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in _SEQUENCES}
_FROM_PAIRS: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in _MAPPINGS}
_FROM_PARTS: dict[str, Callable[..., Any]] = {
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
    "timedelta": _imported("datetime", "timedelta"),
    "Decimal": _imported("decimal", "Decimal"),
    "Fraction": _imported("fractions", "Fraction"),
    **{name: _imported("datetime", name, "fromisoformat") for name in ("date", "time", "datetime")},
}
