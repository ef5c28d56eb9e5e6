"""The client side of the RPC: proxies, which stand in one process for objects of the other.

An `ObjectProxy` stands for any object: every operation on it is a request to the other process. It never equals data.

A value whose class is derived from a data type (`class Stack(list)`, an `IntEnum`, a named tuple with methods) gets
a data proxy, which is data of the base class as well: comparisons, operators and loops run here, on the content that
the object has in the other process. Members that the derived class defines, and methods that change the value, are
requests. Operators that the class defines are requests too, but only between two such values: no operator of the class
sees data of this process.

The object in the other process is the original. The content of its data proxy is updated when the object is sent, and
before it is read if the other process could have changed it.

Imports nothing of the project except `sandbox_rpc_encoding`.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterable

from router_r1_reward.metrics.code import sandbox_rpc_encoding as encoding

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Requester(Protocol):
        """What proxies need from a connection (`sandbox_rpc_connection.Connection`)."""

        turns: int
        """Grows whenever the other process could change its objects."""

        def request(self, operation: str, *operands: Any) -> Any:
            """Have the other process perform an operation."""


class Proxy:
    """Stands for an object of the other process. `__dict__` has `_rpc_connection` and `_rpc_number`."""


class ObjectProxy(Proxy):
    """Stands for an object that is not data."""

    def __init__(self, connection: Requester, number: int, owner: Proxy | None = None) -> None:
        """
        Args:
            connection: to the object's process.
            number: the object's number there.
            owner: the object whose attribute this is; a call may change it.
        """
        self.__dict__.update(_rpc_connection=connection, _rpc_number=number, _rpc_owner=owner)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        owner = self.__dict__.get("_rpc_owner")
        try:
            return request(
                self, "call", list(arguments), named, *(() if owner is None else (owner,))
            )
        except (StopIteration, StopAsyncIteration) as error:
            # A `StopIteration` that escapes from a call would silently end a loop of the caller (`all(map(f, ...))`).
            raise RuntimeError("a function raised StopIteration") from error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return request(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        request(self, "setattr", name, value)

    def __eq__(self, other: object) -> Any:
        return isinstance(other, Proxy) and (self is other or request(self, "eq", other))

    def __hash__(self) -> int:
        return int(request(self, "hash"))

    def __bool__(self) -> bool:
        return bool(request(self, "bool"))

    def __len__(self) -> int:
        return int(request(self, "len"))

    def __str__(self) -> str:
        return str(request(self, "str"))

    def __repr__(self) -> str:
        return str(request(self, "repr"))

    def __iter__(self) -> Any:
        return request(self, "iter")

    def __next__(self) -> Any:
        return request(self, "next")

    def __getitem__(self, key: Any) -> Any:
        return request(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        request(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        request(self, "delitem", key)

    def __enter__(self) -> Any:
        return request(self, "enter")

    def __exit__(self, *about: object) -> None:
        request(self, "exit")

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, Proxy) and bool(request(instance, "isinstance", self))


def request(proxy: Any, operation: str, *operands: Any) -> Any:
    """Have an operation performed on the object that a proxy stands for.

    Args:
        proxy: stands for the object, which is the first operand.
        operation: a name in the operations that the other process serves (`sandbox_rpc_server.py`).
        operands: the other operands.
    """
    connection: Requester = proxy.__dict__["_rpc_connection"]
    try:
        return connection.request(operation, proxy, *operands)
    except (StopIteration, StopAsyncIteration) as error:
        if operation == "next":
            raise
        raise RuntimeError("a function raised StopIteration") from error


def _binary(name: str, local: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A binary operator: a request if both operands are proxies, else `local`."""

    def operation(self: Any, other: object) -> Any:
        return request(self, name, other) if isinstance(other, Proxy) else local(self, other)

    return operation


def _not_implemented(_: object, other: object) -> Any:
    return NotImplemented


BINARY_OPERATORS = ("lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "matmul", "and_", "or_")
"""Names in `operator` of operators between two proxies, besides `eq` and `ne`."""
for _name in BINARY_OPERATORS:
    setattr(ObjectProxy, f"__{_name.strip('_')}__", _binary(_name, _not_implemented))


# --- data proxies

_OPERATORS = {f"__{name.strip('_')}__": name for name in ("eq", "ne", *BINARY_OPERATORS)}
_METHODS: dict[str, Callable[..., Any]] = {
    "__call__": ObjectProxy.__call__, "__hash__": ObjectProxy.__hash__, "__bool__": ObjectProxy.__bool__,
    "__len__": ObjectProxy.__len__, "__str__": ObjectProxy.__str__, "__repr__": ObjectProxy.__repr__,
    "__iter__": ObjectProxy.__iter__, "__next__": ObjectProxy.__next__, "__getitem__": ObjectProxy.__getitem__,
    "__setitem__": ObjectProxy.__setitem__, "__delitem__": ObjectProxy.__delitem__, "__missing__": ObjectProxy.__getitem__,
    "__enter__": ObjectProxy.__enter__, "__exit__": ObjectProxy.__exit__,
}  # fmt: skip
_CHANGES = (
    "add", "append", "appendleft", "clear", "copy", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort",
    "subtract", "symmetric_difference_update", "update",
)  # fmt: skip
_CHANGES_IN_PLACE = ("__iadd__", "__iand__", "__imul__", "__ior__", "__isub__", "__ixor__")
_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__")
_MUTABLE = (list, dict, set, bytearray, collections.deque)


def own_members(value: Any, base: type[Any]) -> list[str]:
    """Names of the members that a value, of a class derived from `base`, defines and a data proxy can request."""
    return sorted(
        name
        for name in encoding.added_names(type(value)).union(getattr(value, "__dict__", ()))
        if name in _OPERATORS
        or name in _METHODS
        or (not name.startswith("__") and hasattr(base, name))
    )


def data_proxy(
    connection: Requester, number: int, content: Any, name: str, own: Iterable[str]
) -> Proxy:
    """A data proxy for an object of a class derived from a data type.

    Args:
        connection: to the object's process.
        number: the object's number there.
        content: the object's content, a value of the base class.
        name: the name of the object's class.
        own: `own_members` of the object.

    Raises:
        TypeError: the class of the content is not a data type.
    """
    if encoding.base_of(type(content)) is not type(content):
        raise TypeError(f"{type(content).__name__} is not a data type")
    base: Any = type(content)
    kind = _data_proxy_class(base, name, tuple(own))
    initial = () if isinstance(content, _MUTABLE) else (content,)
    maker: Any = tuple if isinstance(content, tuple) else base
    proxy: Proxy = maker.__new__(kind, *initial)
    proxy.__dict__.update(_rpc_connection=connection, _rpc_number=number, _rpc_base=base)
    refresh(proxy, content)
    return proxy


def refresh(proxy: Proxy, content: Any) -> None:
    """Give a data proxy the current content of its object.

    Raises:
        TypeError: the content is of another class than before.
    """
    about = proxy.__dict__
    base = about["_rpc_base"]
    if type(content) is not base:
        raise TypeError(
            f"expected content of the class {base.__name__}, found {type(content).__name__}"
        )
    encoding.fill(proxy, content)
    if isinstance(content, _MUTABLE):
        about["_rpc_turn"] = about["_rpc_connection"].turns


def _bring_up_to_date(value: object) -> None:
    """Request the content of a mutable data proxy if its object may have changed; the reply refreshes the proxy."""
    about = value.__dict__ if isinstance(value, Proxy) else {}
    if "_rpc_turn" in about and about["_rpc_turn"] != about["_rpc_connection"].turns:
        request(value, "content")


@functools.cache
def _data_proxy_class(base: type[Any], name: str, own: tuple[str, ...]) -> type[Any]:
    """The class of the data proxies for a class `name`, derived from `base`, with members `own`."""
    space: dict[str, Any] = {
        "__new__": lambda cls, *arguments, **named: base(*arguments, **named),  # for copies
        "__reduce_ex__": lambda self, _: (_same, (encoding.bare(self, base),)),
        "__getattr__": _attribute,
        "__setattr__": ObjectProxy.__setattr__,
    }
    if issubclass(base, _MUTABLE):
        space.update((read, _reading(base, read)) for read in _read_methods(base))
        space.update((change, _in_place(change)) for change in _CHANGES_IN_PLACE if hasattr(base, change))  # fmt: skip
        own += tuple(change for change in (*_CHANGES, "__setitem__", "__delitem__") if hasattr(base, change))  # fmt: skip
    if issubclass(base, collections.defaultdict):
        own += ("__missing__",)
    for own_name in own:
        if own_name in _OPERATORS:
            local = space.get(own_name, getattr(base, own_name, _not_implemented))
            space[own_name] = _binary(_OPERATORS[own_name], local)
        elif own_name in _METHODS:
            space[own_name] = _METHODS[own_name]
        elif not own_name.startswith("__"):
            space[own_name] = property(functools.partial(_attribute, name=own_name))
    if "__eq__" in space and "__hash__" not in space:
        space["__hash__"] = base.__hash__
    return type(name, (Proxy, base), space)


def _read_methods(base: type[Any]) -> list[str]:
    """Names of the methods of a data type that read a value."""
    others = {*vars(object), *_CHANGES_IN_PLACE, "__class_getitem__", "fromkeys"}
    names = {*dir(base)}.difference(others).union(_COMPARISONS)
    return [name for name in names if callable(getattr(base, name))]


def _same(value: Any) -> Any:
    return value


def _attribute(self: Proxy, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    found = request(self, "getattr", name)
    if type(found) is ObjectProxy:
        return ObjectProxy(found.__dict__["_rpc_connection"], found.__dict__["_rpc_number"], self)
    return found


def _reading(base: type[Any], name: str) -> Callable[..., Any]:
    """The method of `base`, on up-to-date content."""
    method = getattr(base, name)

    def read(self: Proxy, *arguments: Any, **named: Any) -> Any:
        for value in (self, *arguments):
            _bring_up_to_date(value)
        return method(self, *arguments, **named)

    return read


def _in_place(name: str) -> Callable[[Proxy, Any], Any]:
    return lambda self, other: request(self, "method", name, other)
