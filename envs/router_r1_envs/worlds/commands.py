"""`router-r1 world ...`, and the arguments that every command on a world takes. Light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and changes none

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_r1.commands.renamed import add_renamed

if TYPE_CHECKING:
    from router_r1_envs.worlds.base import World
    from router_r1_envs.worlds.generated_world.world import GeneratedWorld
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld

Source = Annotated[
    str, typer.Argument(help="`generated`, a folder with an outcome table, or a YAML file.")
]
Generated = Annotated[
    str, typer.Argument(help="`generated`, or a YAML file with `kind: generated`.")
]
Table = Annotated[
    str,
    typer.Argument(help="A folder with an outcome table, or a YAML file with `kind: recorded`."),
]
Settings = Annotated[
    list[str], typer.Option("--set", help="a.b=value: wins over the world's settings.")
]
RewardSettings = Annotated[
    list[str], typer.Option("--reward", help="name=value: settings of the reward, e.g. alpha=0.5.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Where training questions and responses come from.", no_args_is_help=True
    )
    group.command("serve")(serve)
    for name in ("prepare", "cold-start", "imitate", "watch"):
        add_renamed(group, name, f"train {name}")
    app.add_typer(group, name="world")


def serve(
    source: Generated = "generated",
    port: Annotated[int, typer.Option(help="Of 127.0.0.1; 0 takes a free one.")] = 0,
    pool: Annotated[
        Path | None, typer.Option(help="Pool file to write, once the server listens.")
    ] = None,
    settings: Settings = [],
) -> None:
    """Serve a generated world's candidates as an OpenAI-compatible endpoint on this machine; end it with Ctrl-C."""
    import yaml

    from router_r1_envs.worlds.generated_world.server import WorldServer

    world = generated_world(source, settings)

    async def listen() -> None:
        async with WorldServer(world, port) as server:
            if pool is not None:
                content = server.pool_file.model_dump(mode="json", exclude_defaults=True)
                # Under another name first: whoever waits for the file must find it whole.
                draft = pool.with_name(pool.name + ".draft")
                draft.write_text(yaml.safe_dump(content, sort_keys=False))
                draft.rename(pool)
            typer.echo(f"{world.name} at {server.base_url}")
            await asyncio.Event().wait()

    asyncio.run(listen())


def reward_of(world: World, assignments: list[str]) -> Any:
    """A `RewardConfig` for a world, with `name=value` settings. Raises `ConfigError` for one that there is not."""
    from router_r1 import config
    from router_r1_reward import RewardConfig

    settings = config.override({"reference_usd": world.reference_usd}, assignments)
    return config.validate(RewardConfig, settings, "reward")


def generated_world(source: str, settings: list[str]) -> GeneratedWorld:
    from router_r1.errors import ConfigError
    from router_r1_envs.worlds.generated_world.world import GeneratedWorld
    from router_r1_envs.worlds.load import load_world

    world = load_world(source, settings)
    if not isinstance(world, GeneratedWorld):
        raise ConfigError(f"{source}: this works on generated worlds only")
    return world


def recorded_world(source: str, settings: list[str]) -> RecordedWorld:
    from router_r1.errors import ConfigError
    from router_r1_envs.worlds.load import load_world
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld

    world = load_world(source, settings)
    if not isinstance(world, RecordedWorld):
        raise ConfigError(f"{source}: this works on outcome tables only")
    return world
