"""The names that tests use without defining them: which of them are the program's, and which a library's.

This is decided here, from the tests alone: no program says what a name means. Tests may also import the program's names
from a module with a customary name (`from solution import f`), which then means the program on every machine: the list
is closed, so that no program can take the place of a library that is not installed. Imports nothing of the project.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import types
from collections.abc import Callable, Iterable, Mapping

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any

_MODULES = {
    **{name: name for name in (
        "abc", "asyncio", "bisect", "cmath", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal",
        "enum", "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "numpy",
        "operator", "os", "pandas", "pathlib", "random", "re", "statistics", "string", "sys", "tempfile", "textwrap",
        "threading", "time", "types", "typing", "unittest",
    )},
    "np": "numpy",
    "pd": "pandas",
}  # fmt: skip
"""The name by which tests use a module -> the module."""

_MEMBERS = {
    name: module
    for module, names in {
        "collections": "Counter OrderedDict defaultdict deque namedtuple",
        "contextlib": "redirect_stderr redirect_stdout suppress",
        "copy": "deepcopy",
        "dataclasses": "asdict astuple dataclass is_dataclass",
        "datetime": "date datetime timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "functools": "partial reduce",
        "io": "BytesIO StringIO",
        "itertools": "chain islice zip_longest",
        "math": "ceil floor inf isclose isinf isnan nan pi sqrt",
        "pathlib": "Path",
        "typing": "Any Callable Dict FrozenSet Generator Iterable Iterator List Mapping Optional Sequence Set Tuple Union",
        "unittest": "TestCase",
    }.items()
    for name in names.split()
}
"""Names that tests use of a library without importing them, because the program would import them -> the module."""

PROGRAM_MODULES = frozenset(
    [
        "answer",
        "candidate",
        "implementation",
        "main",
        "module_under_test",
        "my_module",
        "my_solution",
        "program",
        "solution",
        "solutions",
        "student_code",
        "student_solution",
        "submission",
        "user_solution",
        "your_module",
        "your_solution",
    ]
)
"""Modules that mean the program where tests import them."""


def free_names(program: str) -> set[str]:
    """The names that a program uses in any scope, built-in names too, but for those that it imports or defines.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is not Python, or too deep to compile.
    """
    tree = ast.parse(program)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    defined = {
        name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom))
        for name in ([part.asname or part.name.split(".")[0] for part in node.names] if hasattr(node, "names") else [node.name])
    }  # fmt: skip
    names = _names_in(compile(tree, "program", "exec", dont_inherit=True))
    return {name for name in names & used - defined if not name.startswith("__")}


def _names_in(code: types.CodeType) -> set[str]:
    """The names that are not local in some scope, and those of attributes."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names_in, inner))


def needed_names(tests: str) -> set[str]:
    """The names that a program has to define for the tests.

    Names of Python and its libraries are among them only if there are no others.

    Raises:
        SyntaxError, ValueError: the tests are not valid Python.
    """
    assigned = {
        part.id
        for node in ast.parse(tests).body
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    names = free_names(tests) - assigned
    own = {name for name in names if not (hasattr(builtins, name) or name in _MODULES or name in _MEMBERS)}  # fmt: skip
    return own | _imports(tests)[1] or names


def modules_for(
    tests: str, ask: Callable[[list[str]], Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The modules that mean the program in these tests, with the program's values of the names that are used of them.

    Args:
        tests: the source of the tests.
        ask: asks the program for the values of names that it may define.
    """
    modules, names = _imports(tests)
    found = _ask(names, ask)
    return dict.fromkeys(modules, found)


def _imports(tests: str) -> tuple[set[str], set[str]]:
    """The modules that tests import the program from, and the names that they import or use of them.

    The names that `from solution import *` gives are found where they are used (`free_names`).
    """
    tree = ast.parse(tests)
    modules, aliases, names = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in PROGRAM_MODULES and not node.level:
            modules.add(node.module)
            names |= {part.name for part in node.names} - {"*"}
        if isinstance(node, ast.Import):
            found = [part for part in node.names if part.name in PROGRAM_MODULES]
            modules |= {part.name for part in found}
            aliases |= {part.asname or part.name for part in found}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names |= {node.attr} if node.value.id in aliases else set()
    return modules, {name for name in names if not name.startswith("__")}


def names_for(
    tests: str,
    attributes: Mapping[str, set[str]],
    ask: Callable[[list[str]], Mapping[str, Any]],
) -> dict[str, Any]:
    """The names that the tests use and do not define, with their values.

    Names of Python and of its libraries are the program's only if the tests use or import no other name of the program.
    So `assert sum(4, 6) == 24` tests the program's `sum`, and a program cannot replace the `abs`, the `math` or the
    `Counter` that it is tested with.

    Args:
        tests: the source of the tests.
        attributes: name -> the attributes of it that the tests use.
        ask: asks the program for the values of names that it may define.
    """
    names = free_names(tests)
    customary = {name for name in names if hasattr(builtins, name) or _member_of(name, attributes)}
    found = _ask(names - customary, ask)
    library = {name: value for name in customary for value in _library(name, attributes)}
    if found or _imports(tests)[1]:
        return {**found, **library}
    return {**library, **_ask(customary, ask)}


def _ask(names: Iterable[str], ask: Callable[[list[str]], Mapping[str, Any]]) -> dict[str, Any]:
    """The wanted names that the program defines, and no others."""
    wanted = sorted(names)
    defined = ask(list(wanted)) if wanted else {}
    return {name: defined[name] for name in wanted if name in defined}


def _member_of(name: str, attributes: Mapping[str, set[str]]) -> str | None:
    """The module that a name, or the attributes of a name, are of, if it is a library's by custom."""
    return _MODULES[name] if name in _MODULES and name in attributes else _MEMBERS.get(name)


def _library(name: str, attributes: Mapping[str, set[str]]) -> Iterable[Any]:
    """The library's value of a name; none if it has none, or if the package is not installed."""
    with contextlib.suppress(ImportError, AttributeError):
        if name in _MODULES and name in attributes:
            module = importlib.import_module(_MODULES[name])
            if name not in _MEMBERS or all(hasattr(module, part) for part in attributes[name]):
                return [module]
        if name in _MEMBERS:
            return [getattr(importlib.import_module(_MEMBERS[name]), name)]
    return []
