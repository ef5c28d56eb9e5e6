"""`router-r1 tournament`. Light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and changes none

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from router_r1 import terminal
from router_r1.commands.names_in_help import NamesInHelp
from router_r1.config import MAX_SEED

if TYPE_CHECKING:
    from router_r1_envs.worlds.base import World
    from router_r1_eval.results import Results
    from router_r1_eval.tournament.players import Player
    from router_r1_reward import RewardConfig

EPISODES = "episodes"
"""Subfolder of the output with the episodes of each policy."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tournament", cls=NamesInHelp)(tournament_command)


def tournament_command(
    table: Annotated[
        str,
        typer.Option(
            help="Folder of an outcome table, the YAML file of a world ({worlds}), or `generated`."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for results.json.")],
    fit: Annotated[
        Path | None,
        typer.Option(
            help="Another table of the same models: its questions are for fitting and choosing, those of --table "
            "for the figures. Without it, --table is split by a hash of the question ids."
        ),
    ] = None,
    policy: Annotated[
        list[str],
        typer.Option(
            help="NAME=FOLDER of a checkpoint, NAME=FILE of an agent file whose policy is behind a server, or the "
            "folder or file alone; repeatable."
        ),
    ] = [],
    router: Annotated[
        list[str],
        typer.Option(
            help="A one-shot router: {routers}. Settings are written as in knn:k=50; repeatable."
        ),
    ] = [],
    planner: Annotated[
        Path | None, typer.Option(help="A planner that was fitted on this table.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option(min=1, help="Maximum number of test questions in a world without a table."),
    ] = 300,
    settings: Annotated[
        list[str],
        typer.Option("--set", help="a.b=value: overrides a setting of the world; repeatable."),
    ] = [],
    reward: Annotated[
        list[str],
        typer.Option("--reward", help="name=value: a setting of the reward, e.g. alpha=0.5."),
    ] = [],
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Compare policies and routers with baselines on held-out questions, and write results.json.

    The first policy's episodes go to traces.jsonl: on a table at its main level, in any other world at all levels. On a
    table all episodes are kept in OUT/episodes as they end, and the same command goes on from there.
    Tables always have the rows of every single model, random, cheapest, dearest (the most expensive model), best
    single, best per category and oracle, and two voting baselines where answers are recorded. `router-r1 report OUT`
    makes a page of the results.
    """
    from router_r1 import routers
    from router_r1.yaml_text import quoted
    from router_r1_envs.cpu_threads import use_threads
    from router_r1_envs.worlds.commands import reward_of
    from router_r1_envs.worlds.load import load_world

    for name in router:
        routers.from_text(name)  # an unknown router is an error before the table is read
    _check_output(out)
    use_threads(None)
    players = _players(policy)
    if fit is not None:
        settings = [*settings, f"fit={quoted(str(fit.resolve()))}"]
    world = load_world(table, settings)
    weights, traces = reward_of(world, reward), out / "traces.jsonl"
    contest = _contest(world, players, router, planner, limit, out / EPISODES)
    results = contest.hold(weights, traces=traces, seed=seed)
    results.write(out)
    if not players:
        traces.unlink(missing_ok=True)  # of an earlier comparison in this folder
    for line in contest.summary(results):
        terminal.echo(line)


def _check_output(out: Path) -> None:
    from router_r1.errors import ConfigError

    if (out / "run.json").exists():
        raise ConfigError(f"{out}: `router-r1 eval` ran here; choose another --out")
    if (out / "traces.jsonl").exists() and not (out / "results.json").exists():
        raise ConfigError(
            f"{out}/traces.jsonl: is not of an earlier comparison and would be lost; choose another --out"
        )


class Contest(Protocol):
    """A tournament on a table or in another world."""

    def hold(self, reward: RewardConfig, *, traces: Path, seed: int) -> Results:
        """Hold it; the first policy's episodes go to the file `traces`."""
        ...

    def summary(self, results: Results) -> list[str]:
        """Lines for the terminal."""
        ...


def _contest(
    world: World,
    players: dict[str, Player],
    router: Sequence[str],
    planner: Path | None,
    limit: int,
    episodes: Path,
) -> Contest:
    """The tournament for this kind of world. Raises `ConfigError` for an option that does not fit it."""
    from router_r1.errors import ConfigError
    from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld
    from router_r1_envs.worlds.trained_in import check_played_as_trained
    from router_r1_eval.tournament.tournament import TableTournament
    from router_r1_eval.tournament.world_tournament import WorldTournament

    for player in players.values():
        player.check()  # before another one plays for an hour
    check_played_as_trained({n: p.place for n, p in players.items() if p.is_checkpoint}, world)
    if not isinstance(world, RecordedWorld):
        if router or planner is not None:
            raise ConfigError(
                f"--router and --planner need an outcome table; {world.name} has none"
            )
        return WorldTournament(
            world, {name: player.open() for name, player in players.items()}, limit=limit
        )
    for player in players.values():
        if not player.is_checkpoint and world.view != "text":
            raise ConfigError(
                f"--policy {player.place}: a policy behind a server reads texts, but this world shows labels of answers; "
                f"--set view=text"
            )
    splits = TableSplits.of(world)
    teacher = None
    if planner is not None:
        from router_r1_envs.planner.planner_file import load_planner

        teacher = load_planner(planner, splits)
    return TableTournament(world, splits, players, episodes, teacher, router)


def _players(items: Sequence[str]) -> dict[str, Player]:
    """By name, the players of each NAME=PLACE; a place without NAME gets the name of its folder or file.

    Raises:
        ConfigError: a place is neither a checkpoint nor an agent file, or a name is none, or two policies have the same.
    """
    from router_r1.errors import ConfigError
    from router_r1.names import check_name_in
    from router_r1_eval.tournament.players import Player, is_player

    found: dict[str, Player] = {}
    for item in items:
        name, place = Path(item).name.removesuffix(".yaml").removesuffix(".yml"), item
        if not is_player(item) and "=" in item:
            name, _, place = item.partition("=")
        if not is_player(place):
            raise ConfigError(
                f"--policy {item}: {place} is neither a folder with a checkpoint nor an agent file (.yaml)"
            )
        check_name_in(f"--policy {item}", name, "give NAME=FOLDER")
        if name in found:
            raise ConfigError(f"--policy {item}: two policies are called {name}; give NAME=FOLDER")
        found[name] = Player(name, place)
    return found
