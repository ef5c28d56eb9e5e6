"""The names that tests use without defining them: which of them are the program's, a library's or Python's.

`describe` runs in the program's process, the rest in the tests' process. Imports nothing of the project except
`sandbox_rpc_connection`.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import types
from collections.abc import Mapping, Sequence

from router_r1_reward.metrics.code.sandbox_rpc_connection import Connection

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any

ABBREVIATIONS = {"np": "numpy", "pd": "pandas"}
"""Customary short names of packages."""


def describe(names: Mapping[str, Any], wanted: Sequence[str]) -> list[list[Any]]:
    """Return [name, how, value] for each wanted name that the program defines; runs in the program's process.

    `how` is "module" or "from" if the value is a library's, which the tests then import themselves; else "value".
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
    """Return what a described name means; runs in the tests' process.

    A library's module or member is imported here under its own name; it is never what the program says it is.

    Args:
        name: the name that the tests use.
        how: "module", "from" or "value", see `describe`.
        value: a module's name, or the object of the program itself.

    Raises:
        LookupError: the module is not one of the standard library, numpy or pandas, or not under its own name.
        ImportError, AttributeError: the module is not installed, or has no such member.
    """
    if how == "value" or not isinstance(value, str):
        return value
    module = value if how == "from" else ABBREVIATIONS.get(name, name)
    if (how == "module" and value != module) or module.split(".")[0] not in {*sys.stdlib_module_names, *ABBREVIATIONS.values()}:  # fmt: skip
        raise LookupError(name)
    found = importlib.import_module(module)
    return found if how == "module" else getattr(found, name)


def names_for(code: types.CodeType, connection: Connection, modules: set[str]) -> dict[str, Any]:
    """The names that the tests use and that the program defines, with their values.

    A built-in name is the program's only if the tests use no other name of the program. So `assert sum(4, 6) == 24`
    tests the program's `sum`, and a program cannot replace the `abs` and `all` that it is tested with. In
    `math.isclose`, `math` is the library's module, even if the program defines a `math`.

    Args:
        code: the compiled tests.
        connection: to the program's process.
        modules: what `modules_in` found in the tests.
    """
    used = {name for name in _names_in(code) if not name.startswith("__")}
    own = sorted(name for name in used if not hasattr(builtins, name))
    found = _look_up(own, connection)
    for name in modules.intersection(found):
        found[name] = resolve(name, "module", ABBREVIATIONS.get(name, name))
    if not found:
        found = _look_up(sorted(used.difference(own)), connection)
    return found


def modules_in(tests: ast.Module) -> set[str]:
    """Names of the libraries' modules whose members the tests use."""
    names = {
        node.value.id
        for node in ast.walk(tests)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return {name for name in names if name in ABBREVIATIONS or name in sys.stdlib_module_names}


def _names_in(code: types.CodeType) -> set[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names_in, inner))


def _look_up(names: list[str], connection: Connection) -> dict[str, Any]:
    """Name -> value, for the names that the program defines."""
    found = {}
    for name, how, value in connection.request("names", names):
        if name not in names:  # the program replied with more than was requested
            raise LookupError(name)
        try:
            found[name] = resolve(name, how, value)
        except (LookupError, ImportError, AttributeError):
            continue  # the tests fail at this name
    return found
