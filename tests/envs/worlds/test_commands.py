"""What the commands on worlds share: the help of their argument, and the error for a world of the wrong kind."""

import pytest
import typer
from typer.testing import CliRunner

from router_r1.errors import ConfigError
from router_r1_envs.train_commands import register
from router_r1_envs.worlds.base import WORLDS
from router_r1_envs.worlds.commands import recorded_world


def test_the_help_of_a_command_on_any_world_lists_all_kinds():
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["train", "prepare", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"a YAML file with a `kind`: {', '.join(WORLDS)}." in result.output


def test_a_command_on_outcome_tables_rejects_a_generated_world():
    with pytest.raises(ConfigError, match="generated: expected an outcome table; give its folder"):
        recorded_world("generated", [])
