"""`deploy/modal_app.py`: it compiles, calls a command and names that exist, and can be imported where Modal is installed.

Not here: that Modal runs it, which needs an account.
"""

import ast
import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
import typer.main

from router_r1.routers.named_routes import Decision, NamedRoutes

FILE = Path(__file__).parents[2] / "deploy" / "modal_app.py"
TREE = ast.parse(FILE.read_text())


def strings() -> list[str]:
    return [
        n.value for n in ast.walk(TREE) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]


def test_it_compiles_and_the_files_it_copies_exist() -> None:
    compile(TREE, str(FILE), "exec")
    for name in ("pyproject.toml", "README.md", "LICENSE", "router_r1", "reward", "envs", "eval"):
        assert name in strings() and (FILE.parents[1] / name).exists()


def test_the_training_command_has_these_options() -> None:
    from router_r1_envs import train_commands

    app = typer.Typer()
    train_commands.register(app)
    group: Any = typer.main.get_command(app)
    command = group.commands["train"].commands["named-routes"]
    known = {name for parameter in command.params for name in parameter.opts}
    used = {text for text in strings() if text.startswith("--") and " " not in text}
    assert used and used <= known


def test_the_names_it_uses_of_the_package_exist() -> None:
    used = {n.attr for n in ast.walk(TREE) if isinstance(n, ast.Attribute)}
    assert {"of_checkpoint", "decide_now", "close"} <= used
    assert all(hasattr(NamedRoutes, name) for name in ("of_checkpoint", "decide_now", "close"))
    assert {"route", "model", "problem"} <= set(Decision.__dataclass_fields__)


def test_it_can_be_imported_with_modal() -> None:
    if importlib.util.find_spec("modal") is None and "MODAL_PYTHON" not in os.environ:
        pytest.skip("needs the package modal, here or in the environment of MODAL_PYTHON")
    import subprocess
    import sys

    program = os.environ.get("MODAL_PYTHON", sys.executable)
    code = "import runpy, sys; m = runpy.run_path(sys.argv[1]); print(sorted(m['app'].registered_functions))"
    done = subprocess.run([program, "-c", code, str(FILE)], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout
