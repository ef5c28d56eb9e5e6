"""Help texts that name whatever is registered."""

import subprocess
from collections.abc import Callable
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from router_r1.commands import names_in_help
from router_r1.commands.names_in_help import NamesInHelp
from router_r1.routers.base import ROUTERS

Program = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., None]

app = typer.Typer()


@app.command("choose", cls=NamesInHelp)
def choose(
    table: Annotated[str, typer.Argument(help="A table; importers are {importers}.")],
    router: Annotated[str, typer.Option(help="One of {routers}, with {settings}.")] = "knn",
    quiet: Annotated[bool, typer.Option()] = False,
) -> None:
    """Choose a model.

    The metrics are {metrics}.
    """
    typer.echo(f"{router} {table} {quiet}")


@app.command("other")
def other() -> None:
    """So that `choose` is a command of a group."""


def help_of_choose() -> str:
    result = CliRunner().invoke(app, ["choose", "--help"], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.output
    return result.output


def test_placeholders_become_the_names_in_the_registry() -> None:
    shown = help_of_choose()
    assert f"One of {', '.join(ROUTERS)}, with" in shown
    assert "importers are " in shown and "routerbench" in shown
    assert "The metrics are " in shown and "ifeval" in shown
    assert not {"{routers}", "{importers}", "{metrics}"} & set(shown.split())


def test_other_text_in_braces_stays() -> None:
    assert "{settings}" in help_of_choose()


def test_help_can_be_shown_again_and_names_what_was_added_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = help_of_choose()
    assert help_of_choose() == before
    added = {"routers": ["one", "two"]}
    monkeypatch.setattr(names_in_help, "find_registry", lambda name: added.get(name, []))
    assert "One of one, two, with" in help_of_choose()


def test_registries_are_not_loaded_when_the_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> None:
        raise AssertionError(f"loaded {name}")

    monkeypatch.setattr(names_in_help, "find_registry", load)
    result = CliRunner().invoke(app, ["choose", "here", "--router", "label"])
    assert (result.exit_code, result.output) == (0, "label here False\n")
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0


def test_an_extension_is_in_the_help(program: Program, install: Install) -> None:
    source = (
        "import typer\n"
        "from typing import Annotated\n"
        "from router_r1.commands.names_in_help import NamesInHelp\n"
        "from router_r1.routers.base import ROUTERS, Router\n"
        "@ROUTERS.register('nearest')\n"
        "class NearestRouter(Router): 'Near.'\n"
        "def register(app):\n"
        "    @app.command('pick', cls=NamesInHelp)\n"
        "    def pick(router: Annotated[str, typer.Option(help='{routers}')] = 'x') -> None: 'Pick.'\n"
    )
    points = {"router_r1.commands": "pick = acme:register", "router_r1.routers": "nearest = acme"}
    install("acme", source, points)
    done = program("pick", "--help", env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert ", knn, " in done.stdout and ", nearest" in done.stdout
