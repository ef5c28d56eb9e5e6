"""The server side of the RPC between tests and program: what each process does for the other on request.

The program's process serves `PROGRAM_OPERATIONS`: the tests may do anything with an object of the program that Python
can. The tests' process serves `TEST_OPERATIONS`: a program may call a function of the tests that they passed to it, and
iterate over an iterable of theirs, and nothing else. `sandbox_rpc_connection.py` reads the requests and calls these;
`sandbox_rpc_proxies.py` is the client side.

Imports nothing of the project except `sandbox_rpc_proxies`.
"""

from __future__ import annotations

import builtins
import importlib
import operator
import types
from collections.abc import Callable, Mapping

from router_r1_reward.metrics.code.sandbox_rpc_proxies import BETWEEN_PROXIES, FROM, INTO, UNARY

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType)  # fmt: skip
"""Types of the tests' objects that a program may call."""


def _call(function: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    return function(*arguments, **named)


def _call_function(function: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    if not isinstance(function, FUNCTIONS):
        raise TypeError("the tests passed this object as data, it cannot be called")
    return function(*arguments, **named)


def _named(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(operator, name, None) or getattr(builtins, name)
    return found


PROGRAM_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{name: _named(name) for name in (*BETWEEN_PROXIES, *INTO, *FROM, *UNARY)},
    **{name: _named(name) for name in ("getattr", "setattr", "hash", "isinstance", "issubclass")},
    "rmul": lambda value, number: number * value,
    "radd": lambda value, number: number + value,
    "class": type,
    "copy": lambda value: importlib.import_module("copy").copy(value),
    "deepcopy": lambda value: importlib.import_module("copy").deepcopy(value),
    "call": _call,
    "enter": lambda manager: manager.__enter__(),
    "exit": lambda manager, kind: manager.__exit__(kind, kind and kind.__new__(kind), None),
    "run": lambda coroutine: importlib.import_module("asyncio").run(coroutine),
}
"""Operation -> function: what the tests may request of the program's process. The first operand is the object."""

TEST_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "call": _call_function,
    "iter": iter,
    "next": next,
}
"""Operation -> function: what a program may request of the tests' process."""
