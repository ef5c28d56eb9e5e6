"""Commands of `router_r1_envs` and `router_r1_eval`, run in this process."""

from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner


@pytest.fixture(scope="session")
def router_r1() -> Callable[..., str]:
    """A function that runs a `router-r1` command and returns its output. Errors come through as exceptions."""
    from router_r1_envs import train_commands
    from router_r1_envs.worlds import commands as world_commands
    from router_r1_eval.report import commands as report_commands
    from router_r1_eval.tournament import commands as tournament_commands

    app = typer.Typer()
    for commands in (world_commands, train_commands, tournament_commands, report_commands):
        commands.register(app)

    def run(*arguments: Any, status: int = 0) -> str:
        result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result.output

    return run
