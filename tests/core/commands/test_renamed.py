"""Old names of commands say the new name, whatever arguments follow them."""

import pytest
import typer
from typer.testing import CliRunner

from router_r1.commands.renamed import add_renamed


@pytest.fixture
def app() -> typer.Typer:
    """An application whose `world prepare` became `train prepare`, and whose `eval` became `run`."""
    app = typer.Typer()
    world = typer.Typer()
    app.add_typer(world, name="world")

    @world.command()
    def serve() -> None:
        """Serve a world."""

    add_renamed(world, "prepare", "train prepare")
    add_renamed(app, "eval", "run")
    return app


@pytest.mark.parametrize(
    "arguments",
    [[], ["x", "y"], ["--out", "folder"], ["--help"], ["-h"], ["a", "--b=c", "--", "d"]],
)
def test_the_new_name_is_one_line_on_stderr_and_the_exit_status_2(
    app: typer.Typer, arguments: list[str]
) -> None:
    result = CliRunner().invoke(app, ["world", "prepare", *arguments])
    assert result.exit_code == 2
    assert (result.stdout, result.stderr) == (
        "",
        "router-r1: `world prepare` is now `train prepare`\n",
    )


def test_a_command_of_the_application_itself_can_be_renamed(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["eval", "gpqa"])
    assert (result.exit_code, result.stderr) == (2, "router-r1: `eval` is now `run`\n")


def test_the_old_name_is_not_in_the_help(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["world", "--help"]).output
    assert "serve" in shown and "prepare" not in shown
