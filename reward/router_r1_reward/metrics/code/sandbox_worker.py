"""The program that `sandbox_runner.py` starts for each run: two confined processes, for the tests and for the program.

The first argument is JSON: `how` to confine, the readable `paths`, the `sites` with packages, `limits`. When both
processes are confined, standard input is read: {"program": ..., "tests": ...}. The program's process is forked before
that, so it holds neither the tests nor the pipe for the verdict.

Nothing that the program names or writes is imported or read by the tests' process: it decides from the tests alone what
their names mean (`program_names.py`), and it has a folder of its own.

The verdict goes to standard output, line by line: `ready`, then `passed`, `failed`, `bad tests`, `no tests`,
`nothing tested` or `not sendable: ...`; nothing more if the processes died. Without a sandbox on this machine the only
line is `no sandbox: ...`.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import signal
import site
import sys
import types
from collections.abc import Callable

TYPE_CHECKING = False  # not from `typing`, which takes longer to import than most tests to run
if TYPE_CHECKING:
    from typing import Any, NoReturn

# This file is run by its path in a bare interpreter. Empty modules stand in for its packages, whose `__init__` would
# load far too much; of the project only the modules of this folder can be imported.
for _name in ("router_r1_reward", "router_r1_reward.metrics", "router_r1_reward.metrics.code"):
    sys.modules[_name] = types.ModuleType(_name)
sys.modules[_name].__path__ = [os.path.dirname(os.path.abspath(__file__))]

from router_r1_reward.metrics.code import program_names, sandbox  # noqa: E402
from router_r1_reward.metrics.code.sandbox_rpc_connection import Connection  # noqa: E402
from router_r1_reward.metrics.code.sandbox_rpc_proxies import class_of  # noqa: E402
from router_r1_reward.metrics.code.sandbox_rpc_server import PROGRAM_OPERATIONS, TEST_OPERATIONS  # noqa: E402
from router_r1_reward.metrics.code.system_calls import SandboxError  # noqa: E402


def main() -> None:
    """Run one program and its tests."""
    order = json.loads(sys.argv[1])
    sys.argv[1:] = []
    sys.path += order["sites"]
    site.setquit()  # defines `exit`, which an interpreter without `site` lacks
    sandbox.end_with_parent()
    verdict, work = os.dup(1), os.dup(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    try:
        sandbox.enter(order["how"], order["paths"], order["limits"]["folder_bytes"])
        to_program, to_tests = os.pipe(), os.pipe()
        program = os.fork()
        if program == 0:
            _run_program(order, to_program[0], to_tests[1])
        sandbox.enter_folder(order["how"], "tests", order["limits"]["folder_bytes"])
        os.close(to_program[0])
        os.close(to_tests[1])
        connection = Connection(to_tests[0], to_program[1], TEST_OPERATIONS, tests=True)
        sandbox.seal(order["how"], order["paths"], order["limits"], signals=(program,))
        problem = connection.request("seal")
        if problem:
            raise SandboxError(problem)
    except SandboxError as error:
        os.write(verdict, f"no sandbox: {error}\n".encode())
        return
    os.write(verdict, b"ready\n")
    with open(work, "rb") as file:
        sources = json.load(file)
    # When time is up the kernel kills this process, and with it the other: no `except` of the tests can prevent it.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, order["limits"]["wall_s"])
    try:
        line = _judge(connection, sources["program"], sources["tests"])
        os.write(verdict, line.encode() + b"\n")
    finally:
        os.kill(program, signal.SIGKILL)
        os.waitpid(program, 0)


# --- the tests' process


def _judge(connection: Connection, program: str, tests: str) -> str:
    """Run the program in its process, then the tests here, as the main module. Returns the verdict."""
    try:
        tree = ast.parse(tests)
        if not any(isinstance(node, (ast.Assert, ast.Call, ast.Raise)) for node in ast.walk(tree)):
            return "no tests"
        attributes = _attributes(tree)
        tree = _Counted().visit(_ClassesAsked().visit(tree))
        code = compile(ast.fix_missing_locations(tree), _TESTS, "exec")
    except (SyntaxError, ValueError):
        return "bad tests"
    reached: list[None] = []
    suites = _suites() if "unittest" in tests else []
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    before, ended = 0, False
    try:
        connection.request("program", program)
        ask: Callable[[list[str]], dict[str, Any]] = lambda wanted: connection.request("names", wanted)  # fmt: skip  # noqa: E731
        names = program_names.names_for(tests, attributes, ask)
        for name, members in program_names.modules_for(tests, ask).items():
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__dict__.update(members)
        module.__dict__.update(
            names, __test_runs__=lambda: reached.append(None), __class_of__=class_of
        )
        before = connection.requests
        exec(code, module.__dict__)
        ended = True
    except SystemExit as leaving:
        ended = not leaving.code and _is_end(leaving)
    except BaseException:  # anything else that stops the tests
        ended = False
    if connection.not_sendable:
        return f"not sendable: {connection.not_sendable}"
    if connection.broken or not ended or not all(suite.wasSuccessful() for suite in suites):
        return "failed"
    ran = sum(suite.testsRun - len(suite.skipped) for suite in suites) if suites else len(reached)
    return "passed" if ran or (not suites and connection.requests > before) else "nothing tested"


def _attributes(tree: ast.Module) -> dict[str, set[str]]:
    """Name -> the attributes of it that occur in the tests."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


def _suites() -> list[Any]:
    """A list that will hold the result of every run of `unittest` here: one that fails need not end the tests."""
    import unittest

    results: list[Any] = []
    begin = unittest.TestResult.__init__

    def listed(self: Any, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        results.append(self)

    unittest.TestResult.__init__ = listed  # type: ignore[method-assign]
    return results


def _is_end(leaving: SystemExit) -> bool:
    """Whether the tests themselves left: by `raise`, by `sys.exit()`, by `exit()`, or by `unittest.main()`."""
    step = leaving.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    code = step.tb_frame.f_code if step is not None else None
    ends = [type(builtins.exit).__call__.__code__]
    if "unittest" in sys.modules:
        ends.append(sys.modules["unittest"].TestProgram.runTests.__code__)
    return code is not None and (code.co_filename == _TESTS or code in ends)


_TESTS = "<tests>"
"""The name of the tests' file, for tracebacks."""


class _ClassesAsked(ast.NodeTransformer):
    """Make `type(x)` and `x.__class__` the class that a proxy's object has in the program's process."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        plain = (
            len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred)
        )
        if plain and isinstance(node.func, ast.Name) and node.func.id == "type":
            return _call_class_of(node, node.args[0], node.func)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if node.attr != "__class__" or not isinstance(node.ctx, ast.Load):
            return node
        return _call_class_of(node, node.value)


def _call_class_of(node: ast.expr, *arguments: ast.expr) -> ast.expr:
    call = ast.Call(ast.Name("__class_of__", ast.Load()), list(arguments), [])
    return ast.copy_location(call, node)


class _Counted(ast.NodeTransformer):
    """Insert `__test_runs__()` before each assertion in any form, to detect tests that are defined and never called."""

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        return _counted(node)

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        function = getattr(node.value, "func", None)  # `self.assertEqual(...)`
        name = getattr(function, "attr", getattr(function, "id", ""))
        return _counted(node) if name.startswith("assert") else node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        raises = any(isinstance(part, ast.Raise) for part in node.body)
        return _counted(node) if raises else node


def _counted(node: ast.stmt) -> list[ast.stmt]:
    mark = ast.Expr(ast.Call(ast.Name("__test_runs__", ast.Load()), [], []))
    return [ast.copy_location(mark, node), node]


# --- the program's process


def _run_program(order: dict[str, Any], inward: int, outward: int) -> NoReturn:
    """Serve the requests of the tests; never returns."""
    try:
        sandbox.end_with_parent()
        os.dup2(inward, 3)
        os.dup2(outward, 4)
        os.closerange(5, 1 << 20)
        sandbox.enter_processes(order["how"])
        sandbox.enter_folder(order["how"], "program", order["limits"]["folder_bytes"])
        module = types.ModuleType("__answer__")

        def seal() -> str:
            try:
                sandbox.seal(order["how"], order["paths"], order["limits"])
            except SandboxError as error:
                return str(error)
            os.environ["TMPDIR"] = os.getcwd()
            sys.modules["__answer__"] = module
            return ""

        def run(program: str) -> None:
            exec(compile(program, "answer", "exec", dont_inherit=True), module.__dict__)

        def names(wanted: list[str]) -> dict[str, Any]:
            return {name: module.__dict__[name] for name in wanted if name in module.__dict__}

        operations: dict[str, Callable[..., Any]] = {
            **PROGRAM_OPERATIONS,
            "seal": seal,
            "program": run,
            "names": names,
        }
        Connection(3, 4, operations, tests=False).serve()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
