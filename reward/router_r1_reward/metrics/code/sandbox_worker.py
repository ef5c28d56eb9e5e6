"""The program that `programs.py` starts for each run: one process for the tests, one for the program, both confined.

The first argument says how (JSON: `how`, `paths`, `sites`, `limits`). Once both processes are sealed off they are given
their work, read from standard input: {"program": ..., "tests": ...}. The process of the program is forked before the tests
are read, so it holds neither them nor the pipe that the verdict is written to. On standard output: `ready`, then
`passed`, `failed`, `bad tests`, `no tests`, `nothing tested` or `cannot cross: ...`, or nothing more; before that `no sandbox: ...` if this machine has none.
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

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than most tests to run
if TYPE_CHECKING:
    from typing import Any, NoReturn

# This file is run by its path in a bare interpreter. Its packages stand in without their `__init__`, which would load far too much.
for _name in ("router_r1_reward", "router_r1_reward.metrics", "router_r1_reward.metrics.code"):
    sys.modules[_name] = types.ModuleType(_name)
sys.modules[_name].__path__ = [os.path.dirname(os.path.abspath(__file__))]

from router_r1_reward.metrics.code import rpc_server as border  # noqa: E402
from router_r1_reward.metrics.code import sandbox  # noqa: E402


def main() -> None:
    """One run."""
    order = json.loads(sys.argv[1])
    sys.argv[1:] = []
    sys.path += order["sites"]
    site.setquit()  # `exit`, which an interpreter without `site` has not
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
        os.close(to_program[0])
        os.close(to_tests[1])
        line = border.Border(to_tests[0], to_program[1], border.OF_TESTS, tests=True)  # fmt: skip
        sandbox.seal(order["how"], order["paths"], order["limits"], signals=(program,))
        problem = line.ask("seal")
        if problem:
            raise sandbox.SandboxError(problem)
    except sandbox.SandboxError as error:
        os.write(verdict, f"no sandbox: {error}\n".encode())
        return
    os.write(verdict, b"ready\n")
    with open(work, "rb") as file:
        given = json.load(file)
    # When time is up the kernel ends this process, and with it the other: no `except` of the tests is asked.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, order["limits"]["wall_s"])
    try:
        said = _judge(line, given["program"], given["tests"])
        os.write(verdict, said.encode() + b"\n")
    finally:
        os.kill(program, signal.SIGKILL)
        os.waitpid(program, 0)


# --- the side of the tests


def _judge(line: border.Border, program: str, tests: str) -> str:
    """Run the program over there, then the tests here, as the main module."""
    try:
        tree = ast.parse(tests)
        if not any(isinstance(node, (ast.Assert, ast.Call, ast.Raise)) for node in ast.walk(tree)):
            return "no tests"
        modules = _modules_in(tree)
        code = compile(ast.fix_missing_locations(_Counted().visit(tree)), "tests", "exec")
    except (SyntaxError, ValueError):
        return "bad tests"
    ran: list[None] = []
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    before, ended = 0, True
    try:
        line.ask("program", program)
        module.__dict__.update(
            _names_for(code, line, modules), __test_runs__=lambda: ran.append(None)
        )
        before = line.turns
        exec(code, module.__dict__)
    except SystemExit as leaving:  # as `unittest.main` ends
        ended = not leaving.code and not line.exits
    except BaseException:  # whatever else ends the tests before their end
        ended = False
    if line.refused:
        return f"cannot cross: {line.refused}"
    if line.broken or not ended:
        return "failed"
    return "passed" if ran or line.turns > before else "nothing tested"


class _Counted(ast.NodeTransformer):
    """Say `__test_runs__()` before each assertion, by whatever name, so that tests which are defined and never called are seen."""

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
    said = ast.Expr(ast.Call(ast.Name("__test_runs__", ast.Load()), [], []))
    return [ast.copy_location(said, node), node]


def _names_for(code: types.CodeType, line: border.Border, modules: set[str]) -> dict[str, Any]:
    """The program's meaning of the names that the tests use and Python has not.

    `assert sum(4, 6) == 2`: a name of Python's is the program's only where the tests use no other name of the program, so
    that a program can not replace the `abs` and `all` that it is tested with. `math.isclose`: a module of the library is the real one.

    Args:
        modules: what `_modules_in` found in the tests.
    """
    used = {name for name in _names_in(code) if not name.startswith("__")}
    own = sorted(name for name in used if not hasattr(builtins, name))
    found = _look_up(own, line)
    for name in modules.intersection(found):
        found[name] = border.resolve(name, "module", border.SHORT.get(name, name))
    if not found:
        found = _look_up(sorted(used.difference(own)), line)
    return found


def _modules_in(tests: ast.Module) -> set[str]:
    """Names of the library's modules that the tests take something from."""
    names = {
        node.value.id
        for node in ast.walk(tests)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return {name for name in names if name in border.SHORT or name in sys.stdlib_module_names}


def _names_in(code: types.CodeType) -> set[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names_in, inner))


def _look_up(names: list[str], line: border.Border) -> dict[str, Any]:
    found = {}
    for name, how, value in line.ask("names", names):
        if name not in names:  # a program that answers more than it was asked
            raise LookupError(name)
        try:
            found[name] = border.resolve(name, how, value)
        except (LookupError, ImportError, AttributeError):
            continue  # the tests find no such name, and fail
    return found


# --- the side of the program


def _run_program(order: dict[str, Any], inward: int, outward: int) -> NoReturn:
    """Serve the tests; never returns."""
    try:
        sandbox.end_with_parent()
        os.dup2(inward, 3)
        os.dup2(outward, 4)
        os.closerange(5, 1 << 20)
        module = types.ModuleType("__answer__")

        def seal() -> str:
            try:
                sandbox.seal(order["how"], order["paths"], order["limits"])
            except sandbox.SandboxError as error:
                return str(error)
            os.environ["TMPDIR"] = os.getcwd()
            sys.modules["__answer__"] = module
            return ""

        def run(program: str) -> None:
            exec(compile(program, "answer", "exec", dont_inherit=True), module.__dict__)

        def names(wanted: list[str]) -> list[list[Any]]:
            return border.describe(module.__dict__, wanted)

        answers: dict[str, Callable[..., Any]] = {
            **border.OF_A_PROGRAM,
            "seal": seal,
            "program": run,
            "names": names,
        }
        border.Border(3, 4, answers, tests=False).serve()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
