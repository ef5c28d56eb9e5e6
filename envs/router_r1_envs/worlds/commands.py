"""`router-r1 world ...`, and the arguments that all commands on a world share. Light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature and never changes it

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_r1 import terminal
from router_r1.commands.names_in_help import NamesInHelp
from router_r1.commands.renamed import add_renamed

if TYPE_CHECKING:
    from router_r1_envs.worlds.base import World
    from router_r1_envs.worlds.generated_world.world import GeneratedWorld
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld

Source = Annotated[  # for commands with `cls=NamesInHelp`, which fills the placeholder
    str,
    typer.Argument(
        help="`generated`, a folder with an outcome table, or a YAML file with a `kind`: {worlds}."
    ),
]
Generated = Annotated[
    str, typer.Argument(help="`generated`, or a YAML file with `kind: generated`.")
]
Settings = Annotated[
    list[str], typer.Option("--set", help="a.b=value: replaces a setting of the world.")
]
RewardSettings = Annotated[
    list[str], typer.Option("--reward", help="name=value: a setting of the reward, e.g. alpha=0.5.")
]


def register(app: typer.Typer) -> None:
    """Add `world` and its commands."""
    group = typer.Typer(
        help="Where training questions and responses come from.", no_args_is_help=True
    )
    group.command("serve")(serve)
    group.command("levels")(levels)
    group.command("questions", cls=NamesInHelp)(questions)
    group.command("agent", cls=NamesInHelp)(agent)
    for name in ("prepare", "cold-start", "watch"):
        add_renamed(group, name, f"train {name}")
    add_renamed(group, "imitate", "train cold-start")
    for name in ("evaluate", "measure"):
        add_renamed(group, name, "tournament")
    add_renamed(group, "report", "report")
    app.add_typer(group, name="world")


def serve(
    source: Generated = "generated",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    pool: Annotated[
        Path | None, typer.Option(help="Pool file to write once the server listens.")
    ] = None,
    settings: Settings = [],
) -> None:
    """Serve a generated world's candidates as an OpenAI-compatible endpoint on this machine; stop it with Ctrl-C."""
    import yaml

    from router_r1_envs.worlds.generated_world.server import WorldServer

    world = generated_world(source, settings)

    async def listen() -> None:
        async with WorldServer(world, port) as server:
            if pool is not None:
                content = server.pool_file.model_dump(mode="json", exclude_defaults=True)
                # Written under another name first: a process that waits for the file must find it complete.
                draft = pool.with_name(pool.name + ".draft")
                draft.write_text(yaml.safe_dump(content, sort_keys=False))
                draft.rename(pool)
            terminal.echo(f"{world.name} at {server.base_url}")
            await asyncio.Event().wait()

    asyncio.run(listen())


def levels(
    pool: Annotated[Path, typer.Argument(help="The pool file.")],
    sensitivities: Annotated[
        list[float],
        typer.Option(
            "--sensitivity",
            min=1e-6,
            max=1,
            help="The accuracy that one call of the most expensive candidate must add to be worth its price; repeatable.",
        ),
    ] = [],
) -> None:
    """Propose levels for a live world: values of a right answer at which the cost of this pool's calls matters."""
    from router_r1.pool import ModelPool
    from router_r1_envs.worlds.worth_levels import SENSITIVITIES, call_usd, proposed_levels

    cards = ModelPool.from_yaml(pool).cards
    found = proposed_levels(cards, sensitivities or SENSITIVITIES)
    for card in cards:
        terminal.echo(f"# a usual call of {card.name}: ${call_usd(card):.2g}")
    terminal.echo("levels:")
    for level in found:
        terminal.echo(f'  - {{name: "{level.name}", worth_usd: {level.worth_usd:g}}}')


def questions(
    source: Source,
    out: Annotated[Path, typer.Argument(help="The question file to write: .jsonl or .jsonl.gz.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="At most N questions.")] = None,
    settings: Settings = [],
) -> None:
    """Write the questions of one split of a world to a file, e.g. to play a policy live on those it has not seen."""
    from router_r1.data.questions import write_questions
    from router_r1.data.splits import Split
    from router_r1.errors import ConfigError
    from router_r1_envs.worlds.load import load_world

    if split not in list(Split):
        raise ConfigError(f"--split {split}: expected {', '.join(Split)}")
    world = load_world(source, settings)
    found = world.questions(Split(split), limit)
    write_questions(out, found)
    terminal.echo(f"{out}: {len(found)} {split} questions of {world.name}")


def agent(
    source: Source,
    level: Annotated[str, typer.Option(help="Name of the level that the policy is told.")],
    pool: Annotated[Path, typer.Option(help="The pool file with the candidates that are called.")],
    policy: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    out: Annotated[Path, typer.Option(help="The agent file to write.")],
    settings: Settings = [],
) -> None:
    """Write an agent file that plays a policy live as it was trained in a world: the same prompt, limits and level."""
    import yaml

    from router_r1_envs.worlds.agent_of_world import agent_of_world
    from router_r1_envs.worlds.base import level_named
    from router_r1_envs.worlds.load import load_world

    world = load_world(source, settings)
    content = agent_of_world(
        world, level_named(world, level), pool=pool.resolve(), policy=policy.resolve()
    )
    out.write_text(yaml.safe_dump(content, sort_keys=False))
    terminal.echo(f"{out}: an agent with the policy {policy}, at level {level} of {world.name}")


def reward_of(world: World, assignments: list[str]) -> Any:
    """The `RewardConfig` of a world with `name=value` settings. Raises `ConfigError` for a wrong setting."""
    from router_r1 import config
    from router_r1_reward import RewardConfig

    settings = config.override({"reference_usd": world.reference_usd}, assignments)
    return config.validate(RewardConfig, settings, "reward")


def generated_world(source: str, settings: list[str]) -> GeneratedWorld:
    """Load a world, and raise `ConfigError` unless it is a generated one."""
    from router_r1.errors import ConfigError
    from router_r1_envs.worlds.generated_world.world import GeneratedWorld
    from router_r1_envs.worlds.load import load_world

    world = load_world(source, settings)
    if not isinstance(world, GeneratedWorld):
        raise ConfigError(
            f"{source}: expected a generated world; give `generated`, or a file with `kind: generated`"
        )
    return world


def recorded_world(source: str, settings: list[str]) -> RecordedWorld:
    """Load a world, and raise `ConfigError` unless it is an outcome table."""
    from router_r1.errors import ConfigError
    from router_r1_envs.worlds.load import load_world
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld

    world = load_world(source, settings)
    if not isinstance(world, RecordedWorld):
        raise ConfigError(
            f"{source}: expected an outcome table; give its folder, or a file with `kind: recorded`"
        )
    return world
