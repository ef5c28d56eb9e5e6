"""The border between the tests and the program, which run in two processes: messages, one JSON array a line.

Data crosses as a copy (`rpc_values.py`). Any other object stays where it is, and the other side holds a `Remote`: it can
be called, asked for attributes, items and its length, looped over. A `Remote` equals no data. A program's value of a class derived from a
class of data is both (`rpc_proxies.py`); such a value of the tests is data. What a function does to
its arguments is done to the originals too. Exceptions are raised again.

The tests never show the program what they expect: no operator sends data that stands beside a `Remote` (`remote - 5` is an
error). A method that the tests call themselves (`result.equals(expected)`) does, and is up to them, and so is
`f(1) == f(2)` where both are objects of the program.

What a program may do with an object of the tests is to call it, if it is a function, and to take its items one by one.
Imports nothing of the project but `rpc_values` and `rpc_proxies`.
"""

from __future__ import annotations

import _thread
import builtins
import importlib
import json
import operator
import os
import sys
import types
from collections.abc import Callable, Mapping, Sequence

from router_r1_reward.metrics.code import rpc_values as values
from router_r1_reward.metrics.code.rpc_proxies import (
    BETWEEN,
    Held,
    Remote,
    do,
    hold,
    own_names,
    refresh,
)

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than most tests to run
if TYPE_CHECKING:
    from typing import Any

    Json = Any


class BrokenBorder(BaseException):
    """The other side ended, or sent what is no message. Not an `Exception`, so that tests do not catch it by accident."""


class CannotCross(BaseException):
    """The tests hand over something that only they have."""


def _call(
    function: Callable[..., Any], arguments: list[Any], named: dict[str, Any], owner: object = None
) -> Any:
    """The owner of a method is named so that what the call does to it is seen."""
    return function(*arguments, **named)


OF_A_PROGRAM: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in ("eq", "ne", "getitem", "setitem", "delitem", *BETWEEN)},
    **{name: getattr(builtins, name) for name in ("getattr", "setattr", "hash", "bool", "len", "str", "repr", "iter", "next", "isinstance")},
    "call": _call,
    "method": lambda value, name, *arguments: getattr(value, name)(*arguments),
    "content": lambda value: value,
    "enter": lambda manager: manager.__enter__(),
    "exit": lambda manager: manager.__exit__(None, None, None),
    "run": lambda coroutine: importlib.import_module("asyncio").run(coroutine),
}  # fmt: skip
"""What the tests may ask of an object of the program."""


def _call_function(function: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    if not isinstance(function, _FUNCTIONS):
        raise TypeError("the tests passed this to be looked at, not called")
    return function(*arguments, **named)


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType)  # fmt: skip

OF_TESTS: Mapping[str, Callable[..., Any]] = {"call": _call_function, "iter": iter, "next": next}
"""What a program may ask of an object of the tests."""


class Border:
    """One side of the border. Ask the other side, and answer what it asks meanwhile."""

    def __init__(
        self, inward: int, outward: int, answers: Mapping[str, Callable[..., Any]], *, tests: bool
    ) -> None:
        """
        Args:
            inward, outward: descriptors of two pipes.
            answers: what the other side may ask for, by name.
            tests: the tests are on this side, so that what can not cross is an error and not a `Remote`.
        """
        self._inward, self._outward = os.fdopen(inward, "rb"), os.fdopen(outward, "wb")
        self._answers, self._tests = answers, tests
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._held: dict[int, Held] = {}
        self.broken = False
        """The other side ended or broke the rules."""
        self.turns = 0
        """How often the other side could do something."""
        self.exits = False
        """The other side raised `SystemExit`."""
        self.refused: CannotCross | None = None
        """What an operand could not, whoever caught it."""
        self._lock = _thread.RLock()  # threads of a program ask at the same time

    def ask(self, operation: str, *operands: Any) -> Any:
        """Have the other side do it. Arguments that it changed in place are changed here too.

        Raises:
            BrokenBorder: there is no other side any more.
            CannotCross: an operand can not.
            BaseException: what the operation raised.
        """
        with self._lock:
            self.turns += operation != "content"
            return self._ask(operation, operands)

    def _ask(self, operation: str, operands: tuple[Any, ...]) -> Any:
        try:
            sent = self._encode(operands)
        except CannotCross as refused:
            self.refused = refused
            raise
        self._send("ask", operation, sent)
        while True:
            kind, *rest = self._receive()
            if kind == "ask":
                self.answer(rest)
                continue
            try:
                if kind == "value":
                    value, changed = rest
                    if changed is not None:
                        for mine, theirs in zip(operands, self._decode(changed), strict=True):
                            _replace(mine, theirs)
                    return self._decode(value)
                if kind != "raised":
                    raise ValueError(kind)
                names, details = rest
                error, arguments = values.exception(names), self._decode(details)
            except _NONSENSE as odd:
                raise self._break("what came is no message") from odd
            self.exits |= issubclass(error, SystemExit)
            try:
                raised = error(*arguments)
            except (TypeError, ValueError):  # a class of Python's that wants other arguments
                raised = RuntimeError(f"{names[0]}{arguments}")
            raise raised

    def serve(self) -> None:
        """Answer until the other side ends."""
        while True:
            kind, *rest = self._receive()
            if kind != "ask":
                raise self._break(f"a message of the kind {kind!r}")
            self.answer(rest)

    def answer(self, question: Sequence[Json]) -> None:
        """Do one thing that was asked for, and say what came of it."""
        self.turns += 1
        try:
            operation, sent = question
            operands = self._decode(sent)
            function = self._answers.get(operation)
        except _NONSENSE as odd:
            raise self._break("what came is no question") from odd
        try:
            if function is None:
                # `functools.wraps` and `hasattr` take an attribute that is not there, and nothing worse.
                missing = AttributeError if operation in ("getattr", "setattr") else TypeError
                raise missing(f"{operation!r} does not cross the border")
            before = self._encode(operands)
            value = self._encode(function(*operands))
            after = self._encode(operands)
        except BrokenBorder:
            raise
        except BaseException as error:
            self._send("raised", values.lineage(type(error)), self._encode(_details(error)))
        else:
            self._send("value", value, after if after != before else None)

    def _send(self, *message: Json) -> None:
        try:
            self._outward.write(json.dumps(message).encode() + b"\n")
            self._outward.flush()
        except OSError as error:
            raise self._break("the other side ended") from error

    def _receive(self) -> list[Json]:
        line = self._inward.readline()
        if not line:
            raise self._break("the other side ended")
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._break("what came is no JSON") from error
        if not isinstance(message, list) or not message:
            raise self._break("what came is no message")
        return message

    def _break(self, why: str) -> BrokenBorder:
        self.broken = True
        return BrokenBorder(why)

    def _encode(self, value: Any) -> Json:
        told: set[int] = set()  # numbers whose content the message has already

        def keep(one: Any) -> Json:
            return self._keep(one, keep, told)

        return values.encode(value, keep)

    def _decode(self, message: Json) -> Any:
        return values.decode(message, self._stand_in)

    def _keep(self, value: Any, keep: Callable[[Any], Json], told: set[int]) -> Json:
        """An object that stays here, by its number."""
        if isinstance(value, Held):
            return ["yours", value.__dict__["_number"]]
        kind = type(value)
        base = values.base_of(kind)
        if self._tests:
            if base is not None:
                return values.encode(values.bare(value, base), keep)
            if not (isinstance(value, _FUNCTIONS) or hasattr(value, "__next__")):
                raise CannotCross(
                    f"{kind.__module__}.{kind.__qualname__}: only data, functions and iterators can be handed to a program"
                )
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)  # kept alive, so that its `id` stays its own
        number = self._numbers[id(value)]
        if base is None:
            return ["coroutine" if kind is types.CoroutineType else "mine", number]
        if number in told:
            return ["data", number]
        told.add(number)
        content = values.encode(values.bare(value, base), keep)
        return ["data", number, content, kind.__name__, own_names(value, base)]

    def _stand_in(self, message: Sequence[Json]) -> Any:
        """The object that a number means."""
        kind, number, *about = message
        if kind == "yours":
            return self._objects[number]
        if kind == "data":
            return self._data(number, *about)
        remote = self._held.setdefault(number, Remote(self, number))
        if kind == "coroutine":
            return _wait_for(remote)
        if kind != "mine":
            raise TypeError(f"{kind!r} is no kind of value")
        return remote

    def _data(self, number: int, *about: Json) -> Held:
        if about:
            content, name, own = about
            content = self._decode(content)
            if number in self._held:
                refresh(self._held[number], content)
            else:
                self._held[number] = hold(self, number, content, name, own)
        return self._held[number]


_NONSENSE = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, ImportError)
"""What reading a message raises that the other side made up."""


async def _wait_for(coroutine: Held) -> Any:
    return do(coroutine, "run")


def _details(error: BaseException) -> list[Any]:
    """What an exception was made with, as far as it is data."""
    data = (bool, int, float, str, bytes, type(None))
    try:
        return [part if isinstance(part, data) else str(part) for part in error.args]
    except Exception:  # a `__str__` of the program that fails; the exception is raised all the same
        return []


def _replace(mine: Any, theirs: Any) -> None:
    """Give a collection the content it has on the other side; what is inside keeps its identity where it can."""
    if mine is theirs or not _alike(mine, theirs) or isinstance(mine, Held):
        return
    if isinstance(mine, (list, tuple)):
        kept = [_merged(old, new) for old, new in zip(mine, theirs, strict=False)]
        if isinstance(theirs, list):
            theirs[: len(kept)] = kept
    elif isinstance(mine, dict):
        for key, new in theirs.items():
            theirs[key] = _merged(mine.get(key), new)
    values.fill(mine, theirs)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(new, Held):
        return new
    _replace(old, new)
    return old if _alike(old, new) and old == new else new


def _alike(mine: Any, theirs: Any) -> bool:
    """Of one type; that of a named tuple is another on each side."""
    return type(mine) is type(theirs) or (isinstance(mine, tuple) and isinstance(theirs, tuple))


# --- the names that tests use

SHORT = {"np": "numpy", "pd": "pandas"}


def describe(names: Mapping[str, Any], wanted: Sequence[str]) -> list[list[Any]]:
    """On the program's side: [name, how, value] for each name that the program defines.

    `how` is "module" or "from" where the value comes from a library, so that the tests take it from there themselves.
    """
    described: list[list[Any]] = []
    for name in wanted:
        if name not in names:
            continue
        value = names[name]
        module = getattr(value, "__module__", None)
        if isinstance(value, types.ModuleType):
            described.append([name, "module", value.__name__])
        elif isinstance(module, str) and getattr(sys.modules.get(module), name, None) is value and module != names["__name__"]:  # fmt: skip
            described.append([name, "from", module])
        else:
            described.append([name, "value", value])
    return described


def resolve(name: str, how: str, value: Any) -> Any:
    """On the side of the tests: a library's module or member under its own name, and never what the program says it is."""
    if how == "value" or not isinstance(value, str):
        return value
    module = value if how == "from" else SHORT.get(name, name)
    if (how == "module" and value != module) or module.split(".")[0] not in {*sys.stdlib_module_names, *SHORT.values()}:  # fmt: skip
        raise LookupError(name)
    found = importlib.import_module(module)
    return found if how == "module" else getattr(found, name)
