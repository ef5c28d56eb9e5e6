"""`router-r1 table ...`: light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and changes none

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

_KINDS = "mmlu-pro, routerbench, routellm, llmrouter or routerarena"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Outcome tables: what each model answered, what it cost, and how right it was.",
        no_args_is_help=True,
    )
    group.command("check")(check_command)
    group.command("import")(import_command)
    app.add_typer(group, name="table")


def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder of the table.")],
    fit: Annotated[
        Path | None,
        typer.Option(help="The table that routers are fitted on; it should share no question."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Find what would make a router look better or worse than it is. Exit status 1 if numbers from the table are wrong.

    Duplicates, missing cells, a strong model far below a weak one in one category, answers that could not be read,
    numbers that were misread, constant scores, models that always tie, prices.
    """
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.errors import RouterR1Error
    from router_r1_eval.tables.check import broken_rows, check

    try:
        table = OutcomeTable.load(folder)
    except RouterR1Error as error:
        broken = broken_rows(folder) if folder.is_dir() else []
        for message in broken or [str(error)]:
            typer.echo(message, err=True)
        raise typer.Exit(2) from None
    findings = check(table, None if fit is None else OutcomeTable.load(fit))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        size = f"{len(table.questions)} questions x {len(table.names)} models"
        typer.echo(f"{folder}: {size}, {len(table)} outcomes")
        for finding in findings:
            typer.echo(str(finding))
    if any(finding.weight == "error" for finding in findings):
        raise typer.Exit(1)


def import_command(
    kind: Annotated[str, typer.Argument(help=f"{_KINDS}.")],
    source: Annotated[Path, typer.Argument(help="File or folder of the public data.")],
    out: Annotated[
        Path, typer.Argument(help="Folder for the table, or for one of each split, in it.")
    ],
    price: Annotated[
        list[str],
        typer.Option(metavar="NAME=INPUT,OUTPUT", help="Dollars per million tokens of a model."),
    ] = [],
    pool: Annotated[
        Path | None, typer.Option(help="A pool file with the models and their prices.")
    ] = None,
    gold: Annotated[
        Path | None,
        typer.Option(help="routellm: questions with gold answers, to grade GSM8K again."),
    ] = None,
    as_published: Annotated[
        bool,
        typer.Option(
            help="Keep scores that are known to be wrong (routellm) and duplicates (llmrouter)."
        ),
    ] = False,
    trusted: Annotated[
        bool,
        typer.Option(help="routerbench: read a pickle, which can run any program it holds."),
    ] = False,
    form: Annotated[
        str,
        typer.Option("--format", help="Of the long files: jsonl, jsonl.gz or parquet."),
    ] = "jsonl.gz",
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over a table that is there already.")
    ] = False,
) -> None:
    """Make an outcome table of a public set of recorded answers. Says what was dropped, corrected or estimated.

    Nothing is downloaded. `router-r1 table check` then says what is wrong with the source.
    """
    from router_r1.errors import ConfigError
    from router_r1_eval.tables.importers import Given, read
    from router_r1_eval.tables.importers.base import given_cards

    priced = frozenset(item.rpartition("=")[0] for item in price)
    given = Given(given_cards(price, pool), gold, as_published, trusted, priced)
    found = read(kind, source, given)
    there = [out / split for split in found.tables if (out / split / "pool.yaml").exists()]
    if there and not replace:
        raise ConfigError(f"{there[0]} holds a table; choose another folder, or give --replace")
    for split, table in found.tables.items():
        table.save(out / split, form)
        size = f"{len(table.questions)} questions x {len(table.names)} models"
        typer.echo(f"{out / split}: {size}, {len(table)} outcomes")
    for note in found.notes:
        typer.echo(f"  {note}")
