"""One end of the RPC connection between the tests and the program: requests, replies, and references to objects.

Messages are JSON arrays, one a line, over two pipes:

    ["request", operation, operands, changes]
    ["value", result, arguments after the call if it changed them, else null, changes]
    ["raised", lineage of the exception's class, arguments, changes]

Both ends send requests: while one waits for a reply, it serves the requests of the other, so a function of the tests
can be called from the program.

Data is sent as a copy (`sandbox_rpc_encoding.py`). Any other object stays in its process, and the receiver gets a proxy
for it (`sandbox_rpc_proxies.py`). An object of the program whose class is derived from a data type is sent as both;
such an object of the tests is sent as data. `changes` are the new contents of such objects that were sent before. If a call
changes its arguments, the originals are changed too. Exceptions are raised again at the receiver.

Whatever arrives is data: the worst message that a program can forge is one that an honest program could have sent, or
it breaks the connection.

Operators never send the tests' data to the program, so they do not reveal what the tests expect (`proxy - 5` is an
error). Methods that the tests call themselves (`result.equals(expected)`) can reveal it, and so can `f(1) == f(2)`
where both results are objects of the program; that is up to the tests.

Imports nothing of the project except the other `rpc_` modules.
"""

from __future__ import annotations

import _thread
import json
import os
import types
from collections.abc import Callable, Mapping, Sequence

from router_r1_reward.metrics.code import sandbox_rpc_encoding as encoding
from router_r1_reward.metrics.code.sandbox_rpc_proxies import (
    ObjectProxy,
    Proxy,
    data_proxy,
    own_operators,
    refresh,
    request,
)
from router_r1_reward.metrics.code.sandbox_rpc_server import FUNCTIONS

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any

    Json = Any


class ConnectionBroken(BaseException):
    """The other end closed or sent a malformed message. Not an `Exception`, so that tests rarely catch it."""


class NotSendable(BaseException):
    """The tests pass an object that is neither data nor a function nor an iterator. Not an `Exception` either."""


class Connection:
    """One end of the connection: sends requests, and serves those of the other end while it waits."""

    def __init__(
        self,
        inward: int,
        outward: int,
        operations: Mapping[str, Callable[..., Any]],
        *,
        tests: bool,
    ) -> None:
        """
        Args:
            inward: file descriptor of the pipe to read from.
            outward: file descriptor of the pipe to write to.
            operations: what the other end may request, by name.
            tests: True at the tests' end, where an object that cannot be sent is an error and not a proxy.
        """
        self._inward, self._outward = os.fdopen(inward, "rb"), os.fdopen(outward, "wb")
        self._operations, self._tests = operations, tests
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._contents: dict[int, Json] = {}
        self._proxies: dict[int, Proxy] = {}
        self.broken = False
        """The other end closed or sent a malformed message."""
        self.requests = 0
        """Number of requests sent."""
        self.changes = 0
        """Number of them that may have changed an object."""
        self.not_sendable: NotSendable | None = None
        """The last operand that could not be sent, even if the tests caught the error."""
        self._lock = _thread.RLock()  # threads of a program send requests at the same time

    def request(self, operation: str, *operands: Any) -> Any:
        """Have the other end perform an operation. A call that changes its arguments changes them here too.

        Raises:
            ConnectionBroken: the other end closed or sent a malformed message.
            NotSendable: an operand cannot be sent.
            BaseException: what the operation raised.
        """
        with self._lock:
            self.requests += 1
            return self._request(operation, operands)

    def _request(self, operation: str, operands: tuple[Any, ...]) -> Any:
        try:
            sent = self._encode(operands)
        except NotSendable as error:
            self.not_sendable = error
            raise
        self._send("request", operation, sent)
        while True:
            kind, *rest = self._receive()
            if kind == "request":
                self._respond(rest)
                continue
            try:
                if kind == "value":
                    result, changed = rest
                    if operation == "call" and changed is not None:
                        _replace(operands[1:], self._decode(changed))
                    return self._decode(result)
                if kind != "raised":
                    raise ValueError(kind)
                names, details = rest
                error_class, arguments = encoding.exception(names), self._decode(details)
            except _MALFORMED as cause:
                raise self._break("received a malformed reply") from cause
            if issubclass(error_class, (KeyboardInterrupt, GeneratorExit)):
                error_class = RuntimeError  # these two stop a test suite without failing it
            try:
                raised = error_class(*arguments)
            except (TypeError, ValueError):  # a built-in class that takes other arguments
                raised = RuntimeError(f"{names[0]}{arguments}")
            raise raised

    def serve(self) -> None:
        """Serve requests until the other end closes."""
        while True:
            kind, *rest = self._receive()
            if kind != "request":
                raise self._break(f"received a message of the kind {kind!r}")
            self._respond(rest)

    def _respond(self, message: Sequence[Json]) -> None:
        """Perform one requested operation and send its result."""
        try:
            operation, sent = message
            operands = self._decode(sent)
            function = self._operations.get(operation)
        except _MALFORMED as cause:
            raise self._break("received a malformed request") from cause
        try:
            if function is None:
                # `functools.wraps` and `hasattr` accept a missing attribute, and no other error.
                missing = AttributeError if operation in ("getattr", "setattr") else TypeError
                raise missing(f"the operation {operation!r} is not served")
            arguments = operands[1:] if operation == "call" else None
            before = self._encode(arguments)
            value = self._encode(function(*operands))
            after = self._encode(arguments)
        except ConnectionBroken:
            raise
        except BaseException as error:
            self._send("raised", encoding.lineage(type(error)), self._encode(_details(error)))
        else:
            self._send("value", value, after if after != before else None)

    def _send(self, *message: Json) -> None:
        changes = []
        for number, last in self._contents.items():
            content = self._content(self._objects[number])
            if content != last:
                self._contents[number] = content
                changes.append([number, content])
        try:
            self._outward.write(json.dumps([*message, changes]).encode() + b"\n")
            self._outward.flush()
        except OSError as error:
            raise self._break("the other end closed") from error

    def _receive(self) -> Json:
        line = self._inward.readline()
        if not line:
            raise self._break("the other end closed")
        try:
            *message, changes = json.loads(line)
            for number, content in changes:
                refresh(self._proxies[number], self._decode(content))
        except (*_MALFORMED, RecursionError) as error:
            raise self._break("received a line that is not a message") from error
        if not message:
            raise self._break("received an empty message")
        return message

    def _break(self, reason: str) -> ConnectionBroken:
        self.broken = True
        return ConnectionBroken(reason)

    # --- references

    def _encode(self, value: Any) -> Json:
        open_objects: set[int] = set()  # a derived object inside itself is only named

        def reference(one: Any) -> Json:
            return self._reference(one, reference, open_objects)

        return encoding.encode(value, reference)

    def _content(self, value: Any) -> Json:
        base = encoding.base_of(type(value))
        assert base is not None
        return self._encode(encoding.bare(value, base))

    def _decode(self, message: Json) -> Any:
        return encoding.decode(message, self._dereference)

    def _reference(self, value: Any, reference: Callable[[Any], Json], inside: set[int]) -> Json:
        """The encoding of an object that stays in its process: its number, and its content if it is data too."""
        if isinstance(value, Proxy):
            return ["yours", value.__dict__["_rpc_number"]]
        kind = type(value)
        base = encoding.base_of(kind)
        if self._tests:
            if base is not None:
                return encoding.encode(encoding.bare(value, base), reference)
            if not (isinstance(value, FUNCTIONS) or hasattr(value, "__next__")):
                raise NotSendable(
                    f"{kind.__module__}.{kind.__qualname__}: only data, functions and iterators can be passed to a program"
                )
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)  # kept alive, so that its `id` stays its own
        number = self._numbers[id(value)]
        if base is None:
            return ["coroutine" if kind is types.CoroutineType else "mine", number]
        if number in inside:
            return ["data", number]
        inside.add(number)
        content = encoding.encode(encoding.bare(value, base), reference)
        inside.discard(number)
        if issubclass(kind, encoding.MUTABLE):
            self._contents[number] = content
        return ["data", number, content, kind.__name__, own_operators(kind, base)]

    def _dereference(self, message: Sequence[Json]) -> Any:
        """The object that a reference means: one of this process, or a proxy."""
        kind, number, *about = message
        if kind == "yours":
            return self._objects[number]
        if kind == "data":
            if about:
                content, *class_of = about
                content = self._decode(content)
                if number in self._proxies:
                    refresh(self._proxies[number], content)
                else:
                    self._proxies[number] = data_proxy(self, number, content, *class_of)
            return self._proxies[number]
        proxy = self._proxies.setdefault(number, ObjectProxy(self, number))
        if kind == "coroutine":
            return _run_coroutine(proxy)
        if kind != "mine":
            raise TypeError(f"{kind!r} is not a kind of value")
        return proxy


_MALFORMED = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, ImportError)
"""Exceptions of reading a message that the other end forged."""


async def _run_coroutine(coroutine: Proxy) -> Any:
    return request(coroutine, "run")


def _details(error: BaseException) -> list[Any]:
    """The arguments of an exception, as far as they are data."""
    data = (bool, int, float, str, bytes, type(None))
    try:
        return [part if isinstance(part, data) else str(part) for part in error.args]
    except Exception:  # a `__str__` of the program that fails; the exception is raised all the same
        return []


# --- arguments that were changed in place


def _replace(mine: Any, theirs: Any) -> None:
    """Give a collection the content that it has at the other end. Its items keep their identity where they can."""
    if mine is theirs or not _alike(mine, theirs) or isinstance(mine, Proxy):
        return
    if isinstance(mine, (list, tuple)):
        kept = [_merged(old, new) for old, new in zip(mine, theirs, strict=False)]
        if isinstance(theirs, list):
            theirs[: len(kept)] = kept
    elif isinstance(mine, dict):
        for key, new in theirs.items():
            theirs[key] = _merged(mine.get(key), new)
    encoding.fill(mine, theirs)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(new, Proxy):
        return new
    _replace(old, new)
    return old if _alike(old, new) and old == new else new


def _alike(mine: Any, theirs: Any) -> bool:
    """Whether both are of one type; the types of a named tuple differ between the processes."""
    return type(mine) is type(theirs) or (isinstance(mine, tuple) and isinstance(theirs, tuple))
