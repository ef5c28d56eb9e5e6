"""The client side of the RPC: proxies, which stand in one process for objects of the other.

An `ObjectProxy` stands for any object: every operation on it is a request to the other process. It never equals data.
`class_of` gives its class, and `copy` copies the object.

A value whose class is derived from a data type (`class Stack(list)`, an `IntEnum`, a named tuple with methods) gets
a data proxy, which is data of the base class as well. Its content is what the object held when the other process last
sent a message. Comparisons and operators with data of this process are those of the base class, on that content.
Attributes and methods are requests, and so are items, length, iteration and texts if the class defines them.

Operators between two proxies are requests; no operator sends data of this process, except into the object (`x[i] = 1`,
`x += [1]`), and so does no method of that name that only compares sets (`result.issubset(expected)`). An object may not
say that it is longer than it is: tests that check the length, and then the items as far as there are any, would accept
it.

There is one exception, because tests rarely multiply by what they expect: `3 * v` and `v * 3` send the number, and `sum`
its 0. What comes back is a `Product`. It has attributes, methods, and operators with other objects, but it is no number
and has no items; otherwise an object could pass for the inverse of 4 in `isclose(inverse(4) * 4, 1)`.

Imports nothing of the project except `sandbox_rpc_encoding`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from router_r1_reward.metrics.code import sandbox_rpc_encoding as encoding

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Requester(Protocol):
        """What proxies need from a connection (`sandbox_rpc_connection.Connection`)."""

        changes: int

        def request(self, operation: str, *operands: Any) -> Any:
            """Have the other process perform an operation."""


BETWEEN_PROXIES = (
    "eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "matmul", "and_", "or_", "contains",
)  # fmt: skip
"""Names in `operator` of the operators that are requests if both operands are proxies."""
INTO = ("setitem", "delitem", "iadd", "iand", "imul", "ior", "isub", "ixor")
"""Names in `operator` of the operators that change an object."""
FROM = ("getitem", "bool", "len", "str", "repr", "iter", "next")
"""Names in `operator` or `builtins` of the operators that read an object."""
UNARY = ("abs", "neg", "pos", "invert", "int", "float")
"""Names in `operator` or `builtins` of the operators on a number."""
_READING = frozenset(
    (*BETWEEN_PROXIES, *FROM, *UNARY, "rmul", "radd", "getattr", "hash", "class", "isinstance", "issubclass")
)  # fmt: skip
_COMPARE_SETS = ("difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint")


class Proxy:
    """Stands for an object of the other process. `__dict__` has `_rpc_connection` and `_rpc_number`."""

    def __setattr__(self, name: str, value: Any) -> None:
        request(self, "setattr", name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return request(self, "call", list(arguments), named)

    def __enter__(self) -> Any:
        return request(self, "enter")

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> bool:
        ignores = bool(request(self, "exit", kind))
        return ignores and kind is not None and issubclass(kind, Exception) and not issubclass(kind, AssertionError)  # fmt: skip


def request(proxy: Any, operation: str, *operands: Any) -> Any:
    """Have an operation performed on the object that a proxy stands for.

    Args:
        proxy: stands for the object, which is the first operand.
        operation: a name in the operations that the other process serves (`sandbox_rpc_server.py`).
        operands: the other operands.

    Raises:
        RuntimeError: an operation other than `next` raised `StopIteration`, which would silently end a loop of the
            caller (`all(map(f, ...))`).
    """
    connection: Requester = proxy.__dict__["_rpc_connection"]
    connection.changes += operation not in _READING
    try:
        return connection.request(operation, proxy, *operands)
    except (StopIteration, StopAsyncIteration) as error:
        if operation == "next":
            raise
        raise RuntimeError("a function raised StopIteration") from error


def _dunder(name: str) -> str:
    return f"__{name.strip('_')}__"


def _requesting(name: str) -> Callable[..., Any]:
    return lambda self, *operands: request(self, name, *operands)


def _between(name: str, local: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A binary operator: a request if both operands are proxies, else `local`."""

    def operation(self: Any, other: object) -> Any:
        return request(self, name, other) if isinstance(other, Proxy) else local(self, other)

    return operation


def _attribute_of(proxy: Proxy, name: str) -> Any:
    found = request(proxy, "getattr", name)
    if name not in _COMPARE_SETS:
        return found

    def compare(*others: Any) -> Any:
        if any(isinstance(other, Proxy) for other in others):
            return found(*others)
        return getattr(set(proxy), name)(*others)  # type: ignore[call-overload]

    return compare


# --- length and items


def _len(self: Proxy) -> int:
    length: int = request(self, "len")
    kind, known = _last_known(self)
    self.__dict__["_rpc_known"] = ("length", length, self.__dict__["_rpc_connection"].changes)
    if length > known if kind == "items" else kind == "length" and length != known:
        raise RuntimeError(_UNSTEADY)
    return length


def _iter(self: Proxy) -> Any:
    items = request(self, "iter")
    if isinstance(items, ObjectProxy):
        kind, known = _last_known(self)
        items.__dict__["_rpc_loop"] = [self, 0, known if kind == "length" else 0]
        self.__dict__.pop("_rpc_known", None)
    return items


def _next(self: Proxy) -> Any:
    loop = self.__dict__.get("_rpc_loop")
    try:
        item = request(self, "next")
    except StopIteration:
        if loop is not None:
            owner, count, length = loop
            owner.__dict__["_rpc_known"] = ("items", count, self.__dict__["_rpc_connection"].changes)  # fmt: skip
            if count < length:
                raise RuntimeError(_UNSTEADY) from None
        raise
    if loop is not None:
        loop[1] += 1
    return item


def _last_known(proxy: Proxy) -> tuple[str, int]:
    """What is known of the number of items, if nothing was called since: ("length", n), or ("items", n) after a loop."""
    kind, number, changes = proxy.__dict__.get("_rpc_known", ("", 0, 0))
    return (kind, number) if changes == proxy.__dict__["_rpc_connection"].changes else ("", 0)


_UNSTEADY = "an object has fewer items than its length"


def _not_implemented(_: object, other: object) -> Any:
    return NotImplemented


class ObjectProxy(Proxy):
    """Stands for an object that is not data."""

    def __init__(self, connection: Requester, number: int) -> None:
        """
        Args:
            connection: to the object's process.
            number: the object's number there.
        """
        self.__dict__.update(_rpc_connection=connection, _rpc_number=number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return _attribute_of(self, name)

    def __hash__(self) -> int:
        return int(request(self, "hash"))

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, Proxy) and bool(request(instance, "isinstance", self))

    def __subclasscheck__(self, subclass: object) -> bool:
        return isinstance(subclass, Proxy) and bool(request(subclass, "issubclass", self))

    def __copy__(self) -> ObjectProxy:
        return _object(request(self, "copy"))

    def __deepcopy__(self, memo: object) -> ObjectProxy:
        return _object(request(self, "deepcopy"))

    def __mul__(self, other: object) -> Any:
        if isinstance(other, Proxy):
            return request(self, "mul", other)
        return _product(self, "mul", other) if type(other) in (int, float) else NotImplemented

    def __rmul__(self, other: object) -> Any:
        return _product(self, "rmul", other) if type(other) in (int, float) else NotImplemented

    def __radd__(self, other: object) -> Any:
        return _product(self, "radd", 0) if type(other) is int and other == 0 else NotImplemented


def _object(result: Any) -> ObjectProxy:
    """The result, which must be an object that is not data."""
    if not isinstance(result, ObjectProxy):
        raise TypeError(f"expected an object of the program, found a {type(result).__name__}")
    return result


def class_of(value: Any, how: Any = None) -> Any:
    """What `value.__class__` is in the process where the value lives.

    The class of a proxy is a proxy or an exception class, and never that of data: no object can say that it is an `int`.

    Args:
        value: any value.
        how: what the caller calls `type`, if it calls that; it may have a variable of this name.
    """
    if not isinstance(value, Proxy) or how not in (None, type):
        return value.__class__ if how is None else how(value)
    found = request(value, "class")
    of_exceptions = isinstance(found, type) and issubclass(found, BaseException)
    return found if of_exceptions else _object(found)


_COUNTED = {"len": _len, "iter": _iter, "next": _next}
for _name in (*FROM, *INTO[:2], *UNARY):
    setattr(ObjectProxy, _dunder(_name), _COUNTED.get(_name) or _requesting(_name))
for _name in BETWEEN_PROXIES[2:-1]:
    if _name != "mul":
        setattr(ObjectProxy, _dunder(_name), _between(_name, _not_implemented))
ObjectProxy.__eq__ = _between("eq", lambda _, other: False)  # type: ignore[method-assign]
ObjectProxy.__ne__ = _between("ne", lambda _, other: True)  # type: ignore[method-assign]


class Product(ObjectProxy):
    """Stands for a product of an object and a number of the tests; what would make it data is an error."""


def _product(proxy: ObjectProxy, operation: str, number: object) -> Product:
    found = _object(request(proxy, operation, number)).__dict__
    return Product(found["_rpc_connection"], found["_rpc_number"])


def _refuse(self: Product, *operands: object) -> Any:
    raise TypeError("a product of the program's object and a number is no number and has no items")


for _name in (*FROM, *UNARY):
    if _name not in ("str", "repr"):
        setattr(Product, _dunder(_name), _refuse)


def own_operators(kind: type[Any], base: type[Any]) -> list[str]:
    """The operators of `FROM` that a class defines anew."""
    return [
        name for name in FROM if getattr(kind, _dunder(name), None) is not getattr(base, _dunder(name), None)
    ]  # fmt: skip


def data_proxy(
    connection: Requester, number: int, content: Any, name: str, own: Iterable[str]
) -> Proxy:
    """A data proxy for an object of a class derived from a data type.

    Args:
        connection: to the object's process.
        number: the object's number there.
        content: the object's content, a value of the base class.
        name: the name of the object's class.
        own: the `own_operators` of its class.

    Raises:
        TypeError: the class of the content is not a data type.
    """
    base, content = _data(content)
    initial = () if isinstance(content, encoding.MUTABLE) else (content,)
    maker: Any = tuple if isinstance(content, tuple) else base
    proxy: Proxy = maker.__new__(_data_proxy_class(base, name, tuple(own)), *initial)
    proxy.__dict__.update(_rpc_connection=connection, _rpc_number=number, _rpc_base=base)
    encoding.fill(proxy, content)
    return proxy


def refresh(proxy: Proxy, content: Any) -> None:
    """Give a data proxy the current content of its object.

    Raises:
        TypeError: the content is of another class than before.
    """
    base, content = _data(content)
    if base is not proxy.__dict__["_rpc_base"]:
        raise TypeError(f"the content of a {type(proxy).__name__} changed its class")
    encoding.fill(proxy, content)


def _data(content: Any) -> tuple[Any, Any]:
    """The data type of a content, and the content as a value of it. Raises `TypeError` if it is of no data type."""
    kind: Any = type(content)
    base = encoding.base_of(kind)
    if base is None or (base is not kind and not encoding.is_plain_named(kind)):
        raise TypeError(f"{kind.__name__} is not a data type")
    return base, encoding.bare(content, base)


@functools.cache
def _data_proxy_class(base: type[Any], name: str, own: tuple[str, ...]) -> type[Any]:
    """The class of the data proxies for a class `name`, derived from `base`, that defines the operators `own`."""
    space: dict[str, Any] = {
        "__new__": lambda cls, *arguments, **named: base(*arguments, **named),  # for copies
        "__reduce_ex__": lambda self, _: (_same, (encoding.bare(self, base),)),
        "__getattribute__": _attribute,
        "__hash__": base.__hash__,
    }
    # The content is what loops see, so its length counts, unless the class defines its own loops.
    own = (*own, "len") if "iter" in own else tuple(name for name in own if name != "len")
    for operator in FROM:
        if operator in own or (operator == "getitem" and issubclass(base, dict)):  # `__missing__`
            space[_dunder(operator)] = _COUNTED.get(operator) or _requesting(operator)
    for operator in INTO:
        if hasattr(base, _dunder(operator)) and issubclass(base, encoding.MUTABLE):
            space[_dunder(operator)] = _requesting(operator)
    for operator in BETWEEN_PROXIES:
        local = getattr(base, _dunder(operator), _not_implemented)
        if operator != "contains" or local is not _not_implemented:
            space[_dunder(operator)] = _between(operator, local)
    return type(name, (Proxy, base), space)


def _attribute(self: Proxy, name: str) -> Any:
    if name.startswith("__") and name.endswith("__"):
        return object.__getattribute__(self, name)
    return _attribute_of(self, name)


def _same(value: Any) -> Any:
    return value
