"""`router-r1 report`. Light to import: the report itself is imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report_command)


def report_command(
    run: Annotated[Path, typer.Argument(help="Folder with results.json.")],
    log: Annotated[
        Path | None,
        typer.Option(help="Metrics of the training run: one JSON object per line, or a folder."),
    ] = None,
) -> None:
    """Write report.html: cost and quality, tables, sampled episodes, learning curve; one page that opens offline."""
    from router_r1_eval.report.page import write_report

    terminal.echo(f"{write_report(run, log)}")
