"""The commands `router-r1 benchmark list`, `load` and `mix`. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Public question sets, and files of your own.", no_args_is_help=True)
    group.command("list")(list_command)
    group.command("load")(load_command)
    group.command("mix")(mix_command)
    app.add_typer(group, name="benchmark")


def list_command() -> None:
    """List all benchmarks, extensions included: name, area, number of questions, licence, source."""
    from rich.console import Console
    from rich.table import Table

    from router_r1_eval import benchmarks

    table = Table(box=None, pad_edge=False)
    for column in ("name", "area", "questions"):
        table.add_column(column, justify="right" if column == "questions" else "left", no_wrap=True)
    table.add_column("licence; source", overflow="fold")
    for name in benchmarks.names():
        found = benchmarks.get(name)
        size = "-" if found.size is None else f"{found.size:,}"
        row = (name, found.area, size, f"{found.licence}; {found.source}")
        table.add_row(*map(terminal.styled, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=220)
    console.print(table)


def load_command(
    name: Annotated[str, typer.Argument(help="A benchmark, or a JSON Lines file of your own.")],
    out: Annotated[Path, typer.Argument(help="The question file to write: .jsonl or .jsonl.gz.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the benchmark's files; default: the hub."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="At most N questions; a larger sample contains a smaller one."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split to use instead of the one that results are reported on."),
    ] = None,
) -> None:
    """Write the questions of a benchmark to a file, for `reward validate`, a live world or an evaluation."""
    from router_r1.data.questions import write_questions
    from router_r1_eval import benchmarks

    _check_out(out)
    found = benchmarks.get(name)
    questions = benchmarks.load(name, data, limit=limit, split=split)
    write_questions(out, questions)
    note = ""
    if found.size is not None and limit is None and split is None and len(questions) != found.size:
        note = f"; the whole has {found.size:,}"
    terminal.echo(f"{out}: {len(questions):,} questions of {found.title}{note}")


def mix_command(
    out: Annotated[Path, typer.Argument(help="The question file to write: .jsonl or .jsonl.gz.")],
    shares: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME[=COUNT]...",
            help="Benchmarks or JSON Lines files, and how many questions of each.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the benchmarks' files; default: the hub."),
    ] = None,
) -> None:
    """Write the questions of several benchmarks to one file, shuffled, with the benchmark as category.

    router-r1 benchmark mix questions.jsonl gsm8k=300 humaneval=150 mmlu_redux=150 --data benchmarks
    """
    from collections import Counter

    from router_r1.data.questions import write_questions
    from router_r1_eval.benchmarks.mixing import mix, parse_share

    _check_out(out)
    questions = mix([parse_share(share) for share in shares], data)
    write_questions(out, questions)
    counts = Counter(question.category for question in questions)
    parts = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
    terminal.echo(f"{out}: {len(questions):,} questions: {parts}")


def _check_out(out: Path) -> None:
    from router_r1.errors import ConfigError

    if not out.name.endswith((".jsonl", ".jsonl.gz")):
        raise ConfigError(f"{out}: expected an output file called *.jsonl or *.jsonl.gz")
