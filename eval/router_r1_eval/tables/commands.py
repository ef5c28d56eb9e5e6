"""The commands `router-r1 table check`, `table import` and `table judge`. Light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature and never changes it

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal
from router_r1.commands.names_in_help import NamesInHelp


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Outcome tables: what each model answered, its cost and its score.",
        no_args_is_help=True,
    )
    group.command("check")(check_command)
    group.command("import", cls=NamesInHelp)(import_command)
    group.command("judge")(judge_command)
    group.command("export")(export_command)
    app.add_typer(group, name="table")


def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder of the table.")],
    fit: Annotated[
        Path | None,
        typer.Option(
            help="The table that routers are fitted on; it should have no question in common."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Find defects that make a router look better or worse than it is. Exit status 1 if the table's figures are wrong.

    Checks duplicates, missing cells, strong models far below weak ones in one category, unread answers, misread
    numbers, constant scores, models that always tie, prices, and token counts that were assumed.
    """
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.errors import RouterR1Error
    from router_r1_eval.tables.check import broken_rows, check

    try:
        table = OutcomeTable.load(folder)
    except RouterR1Error as error:
        broken = broken_rows(folder) if folder.is_dir() else []
        for message in broken or [str(error)]:
            terminal.echo(message, err=True)
        raise typer.Exit(2) from None
    findings = check(table, None if fit is None else OutcomeTable.load(fit))
    if as_json:
        terminal.echo_json([asdict(finding) for finding in findings], indent=2)
    else:
        size = f"{len(table.questions)} questions x {len(table.names)} models"
        terminal.echo(f"{folder}: {size}, {len(table)} outcomes")
        for finding in findings:
            terminal.echo(str(finding))
    if any(finding.weight == "error" for finding in findings):
        raise typer.Exit(1)


def import_command(
    kind: Annotated[str, typer.Argument(help="Which set: {importers}.")],
    source: Annotated[Path, typer.Argument(help="File or folder of the public data.")],
    out: Annotated[
        Path, typer.Argument(help="Folder for the table; with splits, each gets a folder in it.")
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
        typer.Option(
            help="Questions that a source lacks: gold answers to grade by (routellm, GSM8K), texts (bfcl, livecodebench)."
        ),
    ] = None,
    as_published: Annotated[
        bool,
        typer.Option(help="Keep scores that are known to be wrong, and duplicates."),
    ] = False,
    trusted: Annotated[
        bool,
        typer.Option(
            help="Read a pickle, which can run any program it holds; for routerbench only."
        ),
    ] = False,
    form: Annotated[
        str,
        typer.Option("--format", help="Format of the long files: jsonl, jsonl.gz or parquet."),
    ] = "jsonl.gz",
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite an existing table.")
    ] = False,
) -> None:
    """Make an outcome table of a public set of recorded answers. Prints what was dropped, corrected or estimated.

    Downloads nothing. Run `router-r1 table check` next: it reports defects of the source.
    """
    from router_r1.errors import ConfigError
    from router_r1_eval.tables.importers import ImportOptions, read
    from router_r1_eval.tables.importers.cards import user_cards

    priced = frozenset(item.rpartition("=")[0] for item in price)
    options = ImportOptions(user_cards(price, pool), gold, as_published, trusted, priced)
    found = read(kind, source, options)
    existing = [out / split for split in found.tables if (out / split / "pool.yaml").exists()]
    if existing and not replace:
        raise ConfigError(f"{existing[0]} holds a table; choose another folder, or pass --replace")
    for split, table in found.tables.items():
        table.save(out / split, form)
        size = f"{len(table.questions)} questions x {len(table.names)} models"
        terminal.echo(f"{out / split}: {size}, {len(table)} outcomes")
    for note in found.notes:
        terminal.echo(f"  {note}")


def judge_command(
    folder: Annotated[Path, typer.Argument(help="Folder of the table.")],
    out: Annotated[Path, typer.Argument(help="Folder for the table with the judge's scores.")],
    pool: Annotated[Path, typer.Option(help="The pool file with the judge.")],
    judge: Annotated[str, typer.Option(help="The judge's name in it; best none of the table's.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order of the replies.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="Most calls at a time.")] = 8,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite an existing table.")
    ] = False,
) -> None:
    """Score a table anew by a model that judges, blind: it never sees which model wrote a reply.

    For short questions of fact (`router-r1 benchmark load simpleqa`), where exact match misses right answers in other
    words. Replies come in an order shuffled by the seed, without the names of the table's models; equal replies to a
    question are judged once. Next: router-r1 train named-routes --table OUT --labels oracle
    """
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.errors import ConfigError
    from router_r1.pool import ModelPool
    from router_r1.progress import show_progress
    from router_r1_eval.run.judge import Judge
    from router_r1_eval.tables.judging import judge_table

    if (out / "pool.yaml").exists() and not replace:
        raise ConfigError(f"{out} holds a table; choose another folder, or pass --replace")
    table = OutcomeTable.load(folder)
    judging = Judge(ModelPool.from_yaml(pool), judge)
    judging.check()
    if judging.card.name in table.names:
        terminal.echo(f"{judging.card.name} is in the table, so it judges itself, too", err=True)
    with show_progress("verdicts", len({(o.id, o.text) for o in table})) as advance:
        found = judge_table(table, judging, seed=seed, concurrency=concurrency, on_judged=advance)
    found.table.save(out)
    kept = f", {found.kept} without a gold answer keep theirs" if found.kept else ""
    terminal.echo(
        f"{out}: {found.verdicts} verdicts, {found.changed} of {len(table)} scores changed{kept}, "
        f"${found.cost_usd:.4f}"
    )


def export_command(
    layout: Annotated[str, typer.Argument(help="Which layout: llmrouter.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the table.")],
    out: Annotated[Path, typer.Argument(help="Folder for the files.")],
    fit: Annotated[
        Path | None,
        typer.Option(
            help="The table for training; the first one is for tests. Without it, three questions in ten are for tests."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite existing files.")] = False,
) -> None:
    """Write a table as the data that LLMRouter trains its routers on. Prints what its layout cannot hold.

    To write a router's choices for RouterArena, use `router-r1 router score`.
    """
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.data.splits import Split, split_of
    from router_r1.errors import ConfigError, DataError
    from router_r1_eval.tables.llmrouter_export import export

    if layout != "llmrouter":
        raise ConfigError(f"there is no layout {layout!r}; the only one is llmrouter")
    if out.exists() and any(out.iterdir()) and not replace:
        raise ConfigError(f"{out} is not empty; choose another folder, or pass --replace")
    table = OutcomeTable.load(folder)
    if fit is not None:
        tables = {"train": OutcomeTable.load(fit), "test": table}
    else:
        ids = [question.id for question in table.questions]
        tested = [key for key in ids if split_of(key) is Split.TEST]
        if not tested or len(tested) == len(ids):
            raise DataError(f"{folder}: {len(ids)} questions give no two splits; pass --fit TABLE")
        tested_ids = frozenset(tested)
        tables = {
            "train": table.subset([key for key in ids if key not in tested_ids]),
            "test": table.subset(tested),
        }
    notes = export(tables, out)
    for split, written in tables.items():
        size = f"{len(written.questions)} questions x {len(written.names)} models"
        terminal.echo(f"{out}: {split}: {size}")
    for note in notes:
        terminal.echo(f"  {note}")
