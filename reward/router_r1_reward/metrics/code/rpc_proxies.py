"""What stands in one process for an object of the other.

A `Remote` stands for any object: what is done to it is done over there. A value whose class is derived from one of data
(`class Stack(list)`, an `IntEnum`, a named tuple with methods) is a `Held` too, and at the same time data of the base: it compares, adds and
is looped over here, with what the class over there holds. What that class defines itself, and what changes the value, is done over there;
where two such values meet, so are its operators. No operator of the class sees data of this side.

The value over there is the one that counts. The data here is brought up to date when the value crosses, and before it is read
once the other side had a turn. Imports nothing of the project but `rpc_values`.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterable

from router_r1_reward.metrics.code import rpc_values as values

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than most tests to run
if TYPE_CHECKING:
    from typing import Any

    from router_r1_reward.metrics.code.rpc_server import Border


class Held:
    """An object on the other side: `__dict__` has `_border` and `_number`."""


class Remote(Held):
    """An object on the other side that is no data."""

    def __init__(self, border: Border, number: int, owner: Held | None = None) -> None:
        """
        Args:
            owner: what this was an attribute of, which a call may change.
        """
        self.__dict__.update(_border=border, _number=number, _owner=owner)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        owner = self.__dict__.get("_owner")
        try:
            return do(self, "call", list(arguments), named, *(() if owner is None else (owner,)))
        except (StopIteration, StopAsyncIteration) as error:
            # One that a call leaks would end a loop of the caller (`all(map(f, ...))`) without a trace.
            raise RuntimeError("a function raised StopIteration") from error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return do(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        do(self, "setattr", name, value)

    def __eq__(self, other: object) -> Any:
        return isinstance(other, Held) and (self is other or do(self, "eq", other))

    def __hash__(self) -> int:
        return int(do(self, "hash"))

    def __bool__(self) -> bool:
        return bool(do(self, "bool"))

    def __len__(self) -> int:
        return int(do(self, "len"))

    def __str__(self) -> str:
        return str(do(self, "str"))

    def __repr__(self) -> str:
        return str(do(self, "repr"))

    def __iter__(self) -> Any:
        return do(self, "iter")

    def __next__(self) -> Any:
        return do(self, "next")

    def __getitem__(self, key: Any) -> Any:
        return do(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        do(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        do(self, "delitem", key)

    def __enter__(self) -> Any:
        return do(self, "enter")

    def __exit__(self, *about: object) -> None:
        do(self, "exit")

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, Held) and bool(do(instance, "isinstance", self))


def do(held: Any, operation: str, *operands: Any) -> Any:
    """Have something done to an object over there."""
    border: Border = held.__dict__["_border"]
    try:
        return border.ask(operation, held, *operands)
    except (StopIteration, StopAsyncIteration) as error:
        if operation == "next":
            raise
        raise RuntimeError("a function raised StopIteration") from error


def _between(name: str, local: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The operation `name` of two objects over there; of an object and data, what `local` says."""

    def operation(self: Any, other: object) -> Any:
        return do(self, name, other) if isinstance(other, Held) else local(self, other)

    return operation


def _not_here(_: object, other: object) -> Any:
    return NotImplemented


BETWEEN = ("lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "matmul", "and_", "or_")
"""Names in `operator`; both sides are objects over there."""
for _name in BETWEEN:
    setattr(Remote, f"__{_name.strip('_')}__", _between(_name, _not_here))


# --- values that are data too

_OPERATIONS = {f"__{name.strip('_')}__": name for name in ("eq", "ne", *BETWEEN)}
_METHODS: dict[str, Callable[..., Any]] = {
    "__call__": Remote.__call__, "__hash__": Remote.__hash__, "__bool__": Remote.__bool__, "__len__": Remote.__len__,
    "__str__": Remote.__str__, "__repr__": Remote.__repr__, "__iter__": Remote.__iter__, "__next__": Remote.__next__,
    "__getitem__": Remote.__getitem__, "__setitem__": Remote.__setitem__, "__delitem__": Remote.__delitem__,
    "__missing__": Remote.__getitem__, "__enter__": Remote.__enter__, "__exit__": Remote.__exit__,
}  # fmt: skip
_CHANGES = (
    "add", "append", "appendleft", "clear", "copy", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort",
    "subtract", "symmetric_difference_update", "update",
)  # fmt: skip
_CHANGES_IN_PLACE = ("__iadd__", "__iand__", "__imul__", "__ior__", "__isub__", "__ixor__")
_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__")
_MUTABLE = (list, dict, set, bytearray, collections.deque)


def own_names(value: Any, base: type[Any]) -> list[str]:
    """Names that a value, of a class derived from `base`, has of its own, as far as they can be done for the other side."""
    return sorted(
        name
        for name in values.names_beside(type(value)).union(getattr(value, "__dict__", ()))
        if name in _OPERATIONS
        or name in _METHODS
        or (not name.startswith("__") and hasattr(base, name))
    )


def hold(border: Border, number: int, content: Any, name: str, own: Iterable[str]) -> Held:
    """A value of a class over there that is called `name`, with the content of its base and names of its own (`own_names`).

    Raises:
        TypeError: the content is of no class of data.
    """
    if values.base_of(type(content)) is not type(content):
        raise TypeError(f"{type(content).__name__} is no class of data")
    base: Any = type(content)
    kind = _class(base, name, tuple(own))
    made = () if isinstance(content, _MUTABLE) else (content,)
    maker: Any = tuple if isinstance(content, tuple) else base
    held: Held = maker.__new__(kind, *made)
    held.__dict__.update(_border=border, _number=number, _base=base)
    refresh(held, content)
    return held


def refresh(held: Held, content: Any) -> None:
    """Give a value the content that it has over there.

    Raises:
        TypeError: the content is of another class than before.
    """
    about = held.__dict__
    base = about["_base"]
    if type(content) is not base:
        raise TypeError(f"{type(content).__name__} is no content of a {base.__name__}")
    values.fill(held, content)
    if isinstance(content, _MUTABLE):
        about["_turn"] = about["_border"].turns


def _up_to_date(value: object) -> None:
    about = value.__dict__ if isinstance(value, Held) else {}
    if "_turn" in about and about["_turn"] != about["_border"].turns:
        do(value, "content")


@functools.cache
def _class(base: type[Any], name: str, own: tuple[str, ...]) -> type[Any]:
    """The class that stands for a class over there."""
    space: dict[str, Any] = {
        "__new__": lambda cls, *arguments, **named: base(*arguments, **named),  # of copies
        "__reduce_ex__": lambda self, _: (_same, (values.bare(self, base),)),
        "__getattr__": _attribute,
        "__setattr__": Remote.__setattr__,
    }
    if issubclass(base, _MUTABLE):
        space.update((read, _reading(base, read)) for read in _reads(base))
        space.update((change, _in_place(change)) for change in _CHANGES_IN_PLACE if hasattr(base, change))  # fmt: skip
        own += tuple(change for change in (*_CHANGES, "__setitem__", "__delitem__") if hasattr(base, change))  # fmt: skip
    if issubclass(base, collections.defaultdict):
        own += ("__missing__",)
    for own_name in own:
        if own_name in _OPERATIONS:
            local = space.get(own_name, getattr(base, own_name, _not_here))
            space[own_name] = _between(_OPERATIONS[own_name], local)
        elif own_name in _METHODS:
            space[own_name] = _METHODS[own_name]
        elif not own_name.startswith("__"):
            space[own_name] = property(functools.partial(_attribute, name=own_name))
    if "__eq__" in space and "__hash__" not in space:
        space["__hash__"] = base.__hash__
    return type(name, (Held, base), space)


def _reads(base: type[Any]) -> list[str]:
    """Methods of a class of data that read a value."""
    others = {*vars(object), *_CHANGES_IN_PLACE, "__class_getitem__", "fromkeys"}
    names = {*dir(base)}.difference(others).union(_COMPARISONS)
    return [name for name in names if callable(getattr(base, name))]


def _same(value: Any) -> Any:
    return value


def _attribute(self: Held, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    found = do(self, "getattr", name)
    if type(found) is Remote:
        return Remote(found.__dict__["_border"], found.__dict__["_number"], self)
    return found


def _reading(base: type[Any], name: str) -> Callable[..., Any]:
    method = getattr(base, name)

    def read(self: Held, *arguments: Any, **named: Any) -> Any:
        for value in (self, *arguments):
            _up_to_date(value)
        return method(self, *arguments, **named)

    return read


def _in_place(name: str) -> Callable[[Held, Any], Any]:
    return lambda self, other: do(self, "method", name, other)
