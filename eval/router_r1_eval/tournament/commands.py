"""`router-r1 tournament`: registered through the entry point `router_r1.commands`; light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and changes none

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from router_r1.policies.base import Policy
    from router_r1_envs.worlds.base import World
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld
    from router_r1_reward import RewardConfig


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tournament")(tournament_command)


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
    from router_r1_envs.cpu_threads import use_threads
    from router_r1_envs.worlds.commands import reward_of
    from router_r1_envs.worlds.load import load_world
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld
    from router_r1_eval.tournament.tournament import write_results

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
    from router_r1_eval.tournament.summary import summary
    from router_r1_eval.tournament.tournament import tournament

    policies: dict[str, Any] = {}
    if folders:
        from router_r1_envs.cpu_inference.policy import SamplerPolicy

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
        from router_r1_envs.planner.planner import Planner

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
    from router_r1.policies.transformers_policy import TransformersPolicy
    from router_r1_envs.worlds.generated_world.world import GeneratedWorld
    from router_r1_eval.tournament.generated import evaluate, summary

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
