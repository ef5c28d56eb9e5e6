"""Data as JSON and back, between the process of the tests and the process of a program.

Covers numbers, text, bytes, Python's collections, dates, decimals, fractions, exceptions, arrays of numpy. What comes back is
exactly of these types, never of a subclass, so a value brings no code along: no `__eq__` that calls everything
equal. Does not keep identity: a list that occurs twice arrives as two. Anything else is left to a hook, values of a class
derived from one of these included; for the hook there are `base_of` and `bare`.

A collection is `[name of its type, items]`, so a JSON array is never data by itself. Imports nothing of the project.
"""

from __future__ import annotations

import builtins
import collections
import functools
import importlib
from collections.abc import Callable, Sequence

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than most tests to run
if TYPE_CHECKING:
    from typing import Any

    Json = Any

_WORD = 2**63
_SEQUENCES: tuple[type[Any], ...] = (list, tuple, set, frozenset, collections.deque)
_MAPPINGS: tuple[type[Any], ...] = (collections.Counter, collections.OrderedDict, dict)
_DATA = (*_SEQUENCES, *_MAPPINGS, collections.defaultdict, int, float, str, bytes, bytearray)
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
    if kind is int:
        return value if -_WORD <= value < _WORD else ["int", hex(value)]
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
    if _is_named(kind) and not names_beside(kind):
        items = [encode(item, other) for item in tuple.__iter__(value)]
        return ["named", kind.__name__, list(kind._fields), items]
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


# --- classes derived from one of data


def base_of(kind: type[Any]) -> type[Any] | None:
    """The class of data that a class is derived from, if any; of a named tuple, one that is nothing else."""
    base = next((base for base in kind.__mro__ if any(base is data for data in _DATA)), None)
    return _named(kind.__name__, tuple(kind._fields)) if _is_named(kind) else base


def bare(value: Any, base: type[Any]) -> Any:
    """What a value holds as a value of its `base_of`; no method of its class is asked."""
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
    """Give a collection, of the content's type or derived from it, other content; to what can not be changed nothing is done."""
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


def names_beside(kind: type[Any]) -> set[str]:
    """Names that a class defines beside those of its class of data; of a named tuple, beside those that each has."""
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
    """Is this part of a named tuple what `collections` made it?"""
    module = getattr(member, "__module__", None)
    return module is None or module == "collections" or module.startswith("namedtuple_")


@functools.cache
def _named(name: str, fields: tuple[str, ...]) -> type[Any]:
    return collections.namedtuple(name, fields)


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
