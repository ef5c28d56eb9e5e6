"""The command `router-r1 reward validate`, registered through the entry-point group `router_r1.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal

# Imports of the package are inside the command, so that `router-r1 --help` stays fast.

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Check how answers are graded.", no_args_is_help=True)
    group.command("validate")(validate)
    app.add_typer(group, name="reward")


def validate(
    files: Annotated[
        list[Path], typer.Argument(help="Question files (JSON Lines, plain or gzipped).")
    ],
    allow_code: Annotated[
        bool,
        typer.Option("--allow-code", help="Run the programs in answers, in a sandbox."),
    ] = False,
) -> None:
    """Check that gold answers score 1 and plausible wrong answers do not. Exit status 1 if a question fails."""
    from router_r1.data.questions import read_questions
    from router_r1_reward.validation import validate as check

    failed = False
    for file in files:
        report = check(read_questions(file), allow_code=allow_code)
        counts = ", ".join(f"{count} {metric}" for metric, count in report.checked.items())
        terminal.echo(f"{file}: {counts}: {report.found()}")
        for offender in report.offenders[:_SHOWN]:
            terminal.echo(f"  {offender.id}: {offender.answer[:60]!r}: {offender.problem}")
        if len(report.offenders) > _SHOWN:
            terminal.echo(f"  and {len(report.offenders) - _SHOWN} more")
        failed = failed or not report.ok
    if failed:
        raise typer.Exit(1)
