"""`router-r1 train named-routes`. Light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature and never changes it

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal
from router_r1.config import MAX_SEED


def register(group: typer.Typer) -> None:
    """Add the command to the group `train`."""
    group.command("named-routes")(named_routes_command)


def named_routes_command(
    model: Annotated[
        str, typer.Argument(help="The checkpoint to train: a folder, or a name on the hub.")
    ],
    routes: Annotated[
        Path,
        typer.Option(help="The routes file: names, descriptions, map to candidates, default."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for both stages; an interrupted training continues there.")
    ],
    table: Annotated[
        Path | None,
        typer.Option(help="Folder of an outcome table: questions, and what candidates replied."),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            help="With --table: `category` (a question's route has the name of its category) or `oracle` (its route "
            "leads to the candidate that should have answered)."
        ),
    ] = "category",
    examples: Annotated[
        Path | None,
        typer.Option(
            help="Instead of --table: a JSON Lines file of `question` and `route`, and `worse` (routes) if you like."
        ),
    ] = None,
    others: Annotated[
        bool,
        typer.Option(
            "--others", help="Learn questions of categories without a route as `other`, too."
        ),
    ] = False,
    oracle: Annotated[
        list[str],
        typer.Option(
            "--oracle",
            help="name=value: worth_usd (dollars of a right answer), wrong (what a wrong one costs, 0.25), right_from.",
        ),
    ] = [],
    learn: Annotated[
        list[str],
        typer.Option(
            "--learn",
            help="name=value: max_examples=400, held_out=200, max_pairs=400 (0: SFT only).",
        ),
    ] = [],
    sft: Annotated[
        list[str],
        typer.Option("--sft", help="name=value of the first stage, e.g. epochs=3, method=lora."),
    ] = [],
    dpo: Annotated[
        list[str],
        typer.Option("--dpo", help="name=value of the second stage, e.g. beta=0.05, method=qlora."),
    ] = [],
    before: Annotated[
        bool, typer.Option("--before", help="Ask the checkpoint before the training, too.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Threads of torch; by default OMP_NUM_THREADS, or the idle cores."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of all choices.")] = 0,
) -> None:
    """Teach a checkpoint to choose named routes: examples first (SFT), then preferences (DPO).

    The model learns which route, described in words, a question belongs to. It never reads which candidate serves a
    route: change `map` in the routes file at any time, without training.

    Where the labels come from:

    - --table T --labels category: routes are topics; each has the name of a category of the table;

    - --table T --labels oracle: each route leads to a candidate of the table. The label of a question is the route of
      the candidate that should have answered: right before "I don't know" before wrong, and the cheaper one where
      they are equal. For questions with short answers, have the replies judged first: router-r1 table judge;

    - --examples FILE: your own.

    Example, on a laptop: router-r1 train named-routes SmolLM2-135M-Instruct --routes routes.yaml --table my_table
    --out runs/routes --learn max_examples=300 --sft epochs=2. With a GPU: --sft method=qlora --dpo method=qlora.

    OUT/sft and OUT/dpo become checkpoints that every loader reads; OUT/report.json has losses and, for questions that
    were held out, how many are routed as labelled, with an interval, beside chance. Needs the extra `sft`.
    """
    from router_r1 import config
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.errors import ConfigError
    from router_r1.routers.named_routes import load_routes
    from router_r1_envs.cpu_threads import use_threads
    from router_r1_envs.supervised.named_routes_examples import (
        Examples,
        by_category,
        by_oracle,
        from_file,
    )
    from router_r1_envs.supervised.named_routes_held_out import in_words
    from router_r1_envs.supervised.named_routes_oracle import OracleSettings
    from router_r1_envs.supervised.named_routes_training import (
        NamedRoutesConfig,
        NamedRoutesRun,
        train_named_routes,
    )
    from router_r1_envs.supervised.tuning_config import PreferenceConfig, TuningConfig

    if (table is None) == (examples is None):
        raise ConfigError("give either --table, to make examples of, or --examples, a file of them")
    if labels not in ("category", "oracle"):
        raise ConfigError(f"--labels: expected category or oracle, got {labels!r}")
    if oracle and (table is None or labels != "oracle"):
        raise ConfigError("--oracle is for --table with --labels oracle")
    named = load_routes(routes)
    worth = config.validate(OracleSettings, config.override({}, oracle), "--oracle")
    seeded = {"seed": seed}
    learned = config.validate(NamedRoutesConfig, config.override(seeded, learn), "--learn")
    first = config.validate(TuningConfig, config.override(seeded, sft), "--sft")
    second = config.validate(PreferenceConfig, config.override(seeded, dpo), "--dpo")
    replies = None if table is None else OutcomeTable.load(table)
    use_threads(threads)

    def make() -> Examples:
        if replies is None:
            assert examples is not None
            return from_file(examples, named)
        if labels == "oracle":
            return by_oracle(replies, named, worth)
        return by_category(replies, named, others=others)

    source = f"{examples}" if replies is None else f"{table} {labels} {others} {worth.model_dump()}"
    run = NamedRoutesRun(model, named, out, source, replies)
    report = train_named_routes(run, make, learned, first, second, before=before)
    for stage, found in report["stages"].items():
        if "held_out" in found:
            terminal.echo(f"{stage}: {in_words(found['held_out'])}")
    terminal.echo(
        f"{report['checkpoint']}: the checkpoint, for `NamedRoutes` and `serve.named_routes`"
    )
