"""`router-r1 table ...`, `tournament` and `report`: registered through the entry point `router_r1.commands`; light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and changes none

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_r1_eval import run_commands

if TYPE_CHECKING:
    from router_r1.policy import Policy
    from router_r1_envs.recorded import RecordedWorld
    from router_r1_envs.world import World
    from router_r1_reward import RewardConfig

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
    app.command("tournament")(tournament_command)
    app.command("report")(report_command)
    run_commands.register(app)


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
    from router_r1.errors import RouterR1Error
    from router_r1.table import OutcomeTable
    from router_r1_eval.check import broken_rows, check

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
    from router_r1_eval.importers import Given, read
    from router_r1_eval.importers.common import given_cards

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


def tournament_command(
    table: Annotated[
        str,
        typer.Option(help="Folder of an outcome table, a world's YAML file, or `generated`."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for results.json.")],
    fit: Annotated[
        Path | None,
        typer.Option(
            help="Another table: its questions are for fitting and choosing, those of --table for the figures. Without "
            "it --table is split by a hash of its ids."
        ),
    ] = None,
    policy: Annotated[
        list[str],
        typer.Option(
            help="NAME=FOLDER of a checkpoint, or NAME=FILE, an agent file whose policy is behind a server; or the folder or "
            "file alone; repeatable."
        ),
    ] = [],
    router: Annotated[
        list[str],
        typer.Option(
            help="A one-shot router: label, knn, linear or kmeans, with settings as in knn:k=50; repeatable."
        ),
    ] = [],
    planner: Annotated[
        Path | None, typer.Option(help="A planner that was fitted on this table.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Test questions of a generated world.")] = 300,
    settings: Annotated[
        list[str], typer.Option("--set", help="a.b=value: wins over the world's settings.")
    ] = [],
    reward: Annotated[
        list[str], typer.Option("--reward", help="name=value: of the reward, e.g. alpha=0.5.")
    ] = [],
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
) -> None:
    """Compare policies and routers with what needs none, on questions nobody was fitted on; writes results.json.

    Of the first policy, also every episode, to traces.jsonl: at its level on a table, at all levels in a generated world.
    Always there: every single model, random, cheapest, dearest, best single, best per category, the oracle; where answers are recorded, two
    cascades.
    `router-r1 report OUT` makes a page of it.
    """
    from router_r1 import routers
    from router_r1_envs.commands import reward_of, use_threads
    from router_r1_envs.recorded import RecordedWorld
    from router_r1_envs.world import load_world
    from router_r1_eval.tournament import write_results

    for name in router:
        routers.from_text(name)  # a wrong name is said before a table is read
    use_threads(None)
    overrides = [*settings, *([f"fit={fit.resolve()}"] if fit is not None else [])]
    world = load_world(table, overrides)
    weights = reward_of(world, reward)
    folders, traces = _named(policy), out / "traces.jsonl"
    if isinstance(world, RecordedWorld):
        results, lines = _on_table(world, folders, router, planner, weights, traces, seed)
    else:
        results, lines = _on_generated(
            world, folders, router, planner, weights, limit, traces, seed
        )
    write_results(results, out)
    if not folders:
        traces.unlink(missing_ok=True)  # of an earlier comparison in this folder
    for line in lines:
        typer.echo(line)


def _on_table(
    world: RecordedWorld,
    folders: dict[str, str],
    router: list[str],
    planner: Path | None,
    weights: RewardConfig,
    traces: Path,
    seed: int,
) -> tuple[dict[str, Any], list[str]]:
    from router_r1.errors import ConfigError
    from router_r1_eval.tournament import tournament
    from router_r1_eval.tournament_summary import summary

    policies: dict[str, Any] = {}
    if folders:
        from router_r1_envs.on_cpu.policy import SamplerPolicy

        for name, place in folders.items():
            if _is_checkpoint(place):
                policies[name] = SamplerPolicy(place, name=name)
                continue
            if world.view != "text":
                raise ConfigError(
                    f"--policy {place}: a policy behind a server reads texts, and this world shows answers alone; --set view=text"
                )
            policies[name] = _served(place)
    teacher = None
    if planner is not None:
        from router_r1_envs.planner import Planner

        teacher = Planner.load(planner, world)
    results = tournament(world, policies, teacher, router, weights, traces=traces, seed=seed)
    return results, summary(results)


def _on_generated(
    world: World,
    folders: dict[str, str],
    router: list[str],
    planner: Path | None,
    weights: RewardConfig,
    limit: int,
    traces: Path,
    seed: int,
) -> tuple[dict[str, Any], list[str]]:
    from router_r1.errors import ConfigError
    from router_r1.local_policy import TransformersPolicy
    from router_r1_envs.generated import GeneratedWorld
    from router_r1_eval.evaluate import evaluate, summary

    if not isinstance(world, GeneratedWorld):
        raise ConfigError(f"{world.name}: a tournament is held on a table or a generated world")
    if router or planner is not None:
        raise ConfigError(
            "--router and --planner need a table; a generated world has its own rules"
        )
    policies: dict[str, Any] = {
        name: TransformersPolicy(place, name=name, dtype="float32", max_batch=128)
        if _is_checkpoint(place)
        else _served(place)
        for name, place in folders.items()
    }
    results = asyncio.run(evaluate(world, policies, weights, limit=limit, traces=traces, seed=seed))
    return results, summary(results)


def _named(items: list[str]) -> dict[str, str]:
    """Name -> checkpoint or agent file of each NAME=PLACE, or of a place that is called by its own name.

    Raises:
        ConfigError: there is neither, or two have one name.
    """
    from router_r1.errors import ConfigError

    found: dict[str, str] = {}
    for item in items:
        name, folder = Path(item).name.removesuffix(".yaml").removesuffix(".yml"), item
        if not _is_policy(item) and "=" in item:
            name, _, folder = item.partition("=")
        if not _is_policy(folder):
            raise ConfigError(
                f"--policy {item}: {folder} is neither a folder with a checkpoint nor an agent file (.yaml)"
            )
        if name in found:
            raise ConfigError(f"--policy {item}: another one is called {name}; give NAME=FOLDER")
        found[name] = folder
    return found


def _is_checkpoint(folder: str) -> bool:
    return (Path(folder) / "config.json").exists()


def _is_policy(place: str) -> bool:
    return _is_checkpoint(place) or (place.endswith((".yaml", ".yml")) and Path(place).is_file())


def _served(file: str) -> Policy:
    """The policy of an agent file. Raises `ConfigError` for one that is no agent file, or can not be called."""
    from router_r1 import config
    from router_r1.agent_file import AgentFile

    policy = config.load(AgentFile, Path(file)).policy.build(Path(file))
    policy.check()
    return policy


def report_command(
    run: Annotated[Path, typer.Argument(help="Folder with results.json.")],
    log: Annotated[
        Path | None, typer.Option(help="Metrics of the training run, one JSON object a line.")
    ] = None,
) -> None:
    """Write report.html: cost and quality, tables, episodes to page through, the learning curve; one page that opens offline."""
    from router_r1_eval.report import write_report

    typer.echo(f"{write_report(run, log)}")
