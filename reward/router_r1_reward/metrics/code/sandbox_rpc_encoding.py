"""The encoding of values in RPC messages: data as JSON, and back.

Covers numbers, text, bytes, Python's collections, dates, decimals, fractions, exception classes, and arrays of numpy.
The table is closed: a decoded value is exactly of one of these types, never of a subclass, so it brings no code along
(no `__eq__` that calls everything equal), and no message can name a class or a module outside the table. Identity is
lost: a list that occurs twice is decoded as two lists.

Any other value is left to a hook, including values of a class derived from one of these; `base_of` and `bare` help the
hook with those. A value that JSON lacks is `[name of its type, parts]`, so a JSON array alone is never data.

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

BASES: tuple[type[Any], ...] = (
    list, tuple, set, frozenset, collections.deque, bytearray, bytes,
    collections.Counter, collections.OrderedDict, collections.defaultdict, dict, int, float, str,
)  # fmt: skip
"""Types whose derived classes are data too, derived ones before their own bases."""
MUTABLE: tuple[type[Any], ...] = (list, dict, set, bytearray, collections.deque)
"""Those of them whose values can change."""

_CLASSES = {kind.__name__: kind for kind in (
    bool, bytearray, bytes, complex, dict, enumerate, filter, float, frozenset, int, list, map, object, range, reversed,
    set, slice, str, tuple, type(None), zip,
)}  # fmt: skip
_MAX_JSON_INT = 2**63
_ARRAY_KINDS = "biufcSU"  # numbers and text; arrays of objects are not data


def _lazily(module: str, name: str) -> Callable[..., Any]:
    """A constructor that imports its module when it is first called."""
    return lambda *parts: _member(module, name)(*parts)


def _member(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _array(dtype: str, shape: Sequence[int], items: list[Any]) -> Any:
    numpy = importlib.import_module("numpy")
    if numpy.dtype(dtype).kind not in _ARRAY_KINDS:
        raise TypeError(f"{dtype!r} is not a type of data")
    return numpy.array(items, dtype=dtype).reshape(shape)


_TYPES: dict[str, tuple[Callable[[Any], Sequence[Any]], Callable[..., Any]]] = {
    "int": (lambda value: [hex(value)], lambda text: int(text, 16)),
    "tuple": (lambda value: [list(value)], tuple),
    "set": (lambda value: [list(value)], set),
    "frozenset": (lambda value: [list(value)], frozenset),
    "bytes": (lambda value: [value.hex()], bytes.fromhex),
    "bytearray": (lambda value: [value.hex()], bytearray.fromhex),
    "complex": (lambda value: [value.real, value.imag], complex),
    "range": (lambda value: [value.start, value.stop, value.step], range),
    "slice": (lambda value: [value.start, value.stop, value.step], slice),
    "ellipsis": (lambda value: [], lambda: Ellipsis),
    "NotImplementedType": (lambda value: [], lambda: NotImplemented),
    "dict_keys": (lambda value: [list(value)], lambda items: dict.fromkeys(items).keys()),
    "dict_values": (lambda value: [list(value)], lambda items: dict(enumerate(items)).values()),
    "dict_items": (lambda value: [list(value)], lambda items: dict(items).items()),
    "deque": (lambda value: [list(value), value.maxlen], collections.deque),
    "Counter": (lambda value: [dict(value)], collections.Counter),
    "OrderedDict": (lambda value: [dict(value)], collections.OrderedDict),
    "defaultdict": (lambda value: [value.default_factory, dict(value)], collections.defaultdict),
    "date": (lambda value: [value.isoformat()], _lazily("datetime", "date.fromisoformat")),
    "time": (lambda value: [value.isoformat()], _lazily("datetime", "time.fromisoformat")),
    "datetime": (lambda value: [value.isoformat()], _lazily("datetime", "datetime.fromisoformat")),
    "timedelta": (lambda value: [value.days, value.seconds, value.microseconds], _lazily("datetime", "timedelta")),
    "Decimal": (lambda value: [str(value)], _lazily("decimal", "Decimal")),
    "Fraction": (lambda value: [value.numerator, value.denominator], _lazily("fractions", "Fraction")),
    "ndarray": (lambda value: [value.dtype.str, list(value.shape), value.ravel().tolist()], _array),
}  # fmt: skip
"""Name of a type -> its value as parts, which are values too; and the value of those parts."""
_HOMES = ("builtins", "collections", "datetime", "decimal", "fractions", "numpy")


def encode(value: Any, other: Callable[[Any], Json]) -> Json:
    """JSON of a value; `other` encodes what is not data."""
    kind = type(value)
    if value is None or kind in (bool, float, str) or (kind is int and -_MAX_JSON_INT <= value < _MAX_JSON_INT):  # fmt: skip
        return value
    if kind is list:
        return ["list", [encode(item, other) for item in value]]
    if kind is dict:
        return ["dict", [[encode(key, other), encode(item, other)] for key, item in value.items()]]
    if isinstance(value, type):
        if issubclass(value, BaseException):
            return ["exception", lineage(value)]
        if is_plain_named(value):
            named: Any = value
            defaults = [encode(item, other) for item in named._field_defaults.values()]
            return ["named class", *_key(named), defaults]
        return ["class", value.__name__] if _CLASSES.get(value.__name__) is value else other(value)
    if is_plain_named(kind):
        return ["named", *_key(kind), [encode(item, other) for item in value]]
    if kind.__module__ in _HOMES:
        if kind.__module__ == "numpy" and value.dtype.kind in _ARRAY_KINDS and value.shape == ():
            return encode(value.item(), other)  # a scalar
        if kind.__name__ in _TYPES and (kind.__module__ != "numpy" or value.dtype.kind in _ARRAY_KINDS):  # fmt: skip
            return [kind.__name__, *(encode(part, other) for part in _TYPES[kind.__name__][0](value))]  # fmt: skip
    return other(value)


def decode(message: Json, other: Callable[[Sequence[Json]], Any]) -> Any:
    """The value of a message; `other` decodes what `encode` left to its hook.

    Raises:
        TypeError, ValueError, LookupError, ArithmeticError, AttributeError, ImportError: `encode` never makes such a
            message, or makes it where a package is installed that is not installed here.
    """
    if not isinstance(message, list):
        if isinstance(message, dict):
            raise TypeError("a JSON object is not a message")
        return message
    kind, *parts = message
    if kind == "list":
        return [decode(item, other) for item in parts[0]]
    if kind == "dict":
        return {decode(key, other): decode(item, other) for key, item in parts[0]}
    if kind == "exception":
        return exception(parts[0])
    if kind == "class":
        return _CLASSES[parts[0]]
    if kind == "named":
        name, fields, items = parts
        return _named_class(name, tuple(fields))(*(decode(item, other) for item in items))
    if kind == "named class":
        name, fields, defaults = parts
        return _with_defaults(name, tuple(fields), [decode(item, other) for item in defaults])
    if kind in _TYPES:
        return _TYPES[kind][1](*(decode(part, other) for part in parts))
    return other(message)


# --- classes derived from a data type


def base_of(kind: type[Any]) -> type[Any] | None:
    """The data type that a class is derived from, if any; for a named tuple, a plain one with the same fields."""
    if _is_named(kind):
        return _named(kind.__name__, tuple(kind._fields))
    return next((base for base in kind.__mro__ if any(base is data for data in BASES)), None)


def bare(value: Any, base: type[Any]) -> Any:
    """The content of a value as a value of its `base_of`; calls no method of its class."""
    if base in (int, float, str):
        return getattr(base, f"__{base.__name__}__")(value)
    if base in (bytes, bytearray):
        return base(memoryview(value))
    if base is collections.deque:
        return base(base.__iter__(value), vars(base)["maxlen"].__get__(value))
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


_NAMED = {
    *vars(collections.namedtuple("_named", ())),
    *("__annotations__", "__orig_bases__", "__dict__", "__weakref__", "__annotate__", "__annotate_func__"),
    *("__annotations_cache__", "__static_attributes__", "__firstlineno__", "__conditional_annotations__"),
}  # fmt: skip


def _is_named(kind: type[Any]) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def is_plain_named(kind: type[Any]) -> bool:
    """Whether a class is a named tuple without members of its own."""
    return _is_named(kind) and all(
        name in kind._fields or (name in _NAMED and _is_standard(member))
        for derived in kind.__mro__[: kind.__mro__.index(tuple)]
        for name, member in vars(derived).items()
    )


def _is_standard(member: Any) -> bool:
    """Whether `collections` made this member of a named tuple."""
    module = getattr(member, "__module__", None)
    return module is None or module == "collections" or module.startswith("namedtuple_")


_OWN_NAMED: dict[tuple[str, tuple[str, ...]], type[Any]] = {}
"""Name and fields -> this process's own class of named tuples, if values of it or the class itself were sent."""


def _key(kind: Any) -> tuple[str, list[str]]:
    """Name and fields of a plain named tuple; what comes back with them will be of this class."""
    _OWN_NAMED[kind.__name__, tuple(kind._fields)] = kind
    return kind.__name__, list(kind._fields)


def _named_class(name: str, fields: tuple[str, ...]) -> type[Any]:
    return _OWN_NAMED.get((name, fields)) or _named(name, fields)


@functools.cache
def _named(name: str, fields: tuple[str, ...]) -> type[Any]:
    return collections.namedtuple(name, fields)


def _with_defaults(name: str, fields: tuple[str, ...], defaults: list[Any]) -> type[Any]:
    """The class with these values for its last fields; raises `TypeError` if there are more values than fields."""
    if (name, fields) in _OWN_NAMED:
        return _OWN_NAMED[name, fields]
    found: Any = _named(name, fields)
    make: Any = collections.namedtuple
    model = make(name, fields, defaults=defaults)
    found.__new__.__defaults__ = model.__new__.__defaults__
    found._field_defaults = model._field_defaults
    return found  # type: ignore[no-any-return]


# --- exceptions


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
    kind: Any = found
    for name in reversed(names[:-1]):
        kind = _derived_exception(name, kind)
    return kind  # type: ignore[no-any-return]


@functools.cache
def _derived_exception(name: str, base: Any) -> type[BaseException]:
    return type(name, (base,), {})
