"""The `router-r1` program: help, version, and commands that other packages bring."""

import subprocess
from collections.abc import Callable
from importlib.metadata import version

import pytest

Program = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., None]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["ask", "--help"], ["pool", "check", "--help"], ["list", "--help"]]
)
def test_help_shows_the_usage(program: Program, arguments: list[str]) -> None:
    done = program(*arguments)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_version_is_the_installed_one(program: Program) -> None:
    assert program("--version").stdout.strip() == version("router-r1")


def test_a_command_of_another_package_runs(program: Program, install: Install) -> None:
    source = (
        "def register(app):\n"
        "    @app.command()\n"
        "    def greet() -> None:\n"
        "        print('hello from acme')\n"
    )
    install("acme", source, {"router_r1.commands": "greet = acme:register"})
    done = program("greet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello from acme\n", "")


@pytest.mark.parametrize(
    "source",
    [
        "import a_module_that_is_not_installed",
        "raise RuntimeError('two\\nlines')",
        "def register(app): raise KeyError('app')",
        "raise SystemExit('needs a GPU')",
        "",
    ],
    ids=[
        "missing module",
        "raises when imported",
        "raises when called",
        "exits when imported",
        "no such function",
    ],
)
def test_a_broken_command_package_is_one_line_and_the_other_commands_work(
    program: Program, install: Install, source: str
) -> None:
    install("acme", source, {"router_r1.commands": "greet = acme:register"})
    done = program("list")
    assert done.returncode == 0
    assert "routers" in done.stdout.splitlines()
    assert done.stderr.count("\n") == 1
    assert "package acme is left out" in done.stderr
    assert "update or uninstall acme" in done.stderr
