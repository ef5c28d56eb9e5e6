"""What the commands on worlds share: the help of their argument."""

import typer
from typer.testing import CliRunner

from router_r1_envs.train_commands import register
from router_r1_envs.worlds.base import WORLDS


def test_the_help_of_a_command_on_any_world_lists_all_kinds():
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["train", "prepare", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"a YAML file with a `kind`: {', '.join(WORLDS)}." in result.output
