"""`router-r1 train prepare|run|watch`, and the group `train`: registered through the entry point `router_r1.commands`.

Light to import: each command imports what it needs. `cold-start`, `imitate` and `dpo` are in `supervised/commands.py`.
"""

# ruff: noqa: B006  # typer reads the default of a list option from the signature and never changes it

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal
from router_r1.commands.names_in_help import NamesInHelp
from router_r1_envs.supervised import commands
from router_r1_envs.supervised.commands import Seed
from router_r1_envs.worlds.commands import RewardSettings, Settings, Source, reward_of


def register(app: typer.Typer) -> None:
    """Add the command group `train`."""
    group = typer.Typer(help="Train a policy, step by step.", no_args_is_help=True)
    group.command("prepare", cls=NamesInHelp)(prepare)
    commands.register(group)
    # Hydra has options of its own.
    group.command("run", context_settings={"ignore_unknown_options": True})(run)
    group.command("watch")(watch)
    app.add_typer(group, name="train")


def prepare(
    source: Source,
    out: Annotated[Path, typer.Option(help="Folder for the files that verl reads.")],
    train: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training questions; by default all of a table or file, and 1000 of a generated world.",
        ),
    ] = None,
    validation: Annotated[int | None, typer.Option(min=1, help="Validation questions.")] = 100,
    passes: Annotated[int, typer.Option(min=1, help="Rows per training question.")] = 1,
    settings: Settings = [],
    reward: RewardSettings = [],
    seed: Seed = 0,
) -> None:
    """Write verl's files: training rows, validation rows (one per level), and the settings of the agent loop."""
    import yaml

    from router_r1.data.splits import Split
    from router_r1_envs.verl_training.dataset import AGENT, make_rows, write_rows
    from router_r1_envs.worlds.load import bare_names, load_world
    from router_r1_envs.worlds.trained_in import TrainedIn

    world = load_world(source, settings)
    reward_config = reward_of(world, reward)
    rows = make_rows(world, Split.TRAIN, train, passes=passes, seed=seed)
    validation_rows = make_rows(world, Split.VALIDATION, validation, every_level=True, seed=seed)
    write_rows(out / "train.parquet", rows)
    write_rows(out / "validation.parquet", validation_rows)
    agent_loop = {
        "name": AGENT,
        "_target_": "router_r1_envs.verl_training.agent_loop.RouterAgentLoop",
        "world": source if source in bare_names() else str(Path(source).resolve()),
        "overrides": settings,
        "reward": reward_config.model_dump(),
    }
    TrainedIn.of(world).write(out)
    (out / "agent_loop.yaml").write_text(yaml.safe_dump([agent_loop], sort_keys=False))
    terminal.echo(
        f"{out}: {len(rows)} training rows, {len(validation_rows)} validation rows of {world.name}, "
        f"{len(world.levels)} levels"
    )


def run(
    overrides: Annotated[
        list[str],
        typer.Argument(
            help="Overrides of verl's configuration, e.g. trainer.total_training_steps=100, and options of Hydra."
        ),
    ] = [],
) -> None:
    """Train with verl (reinforcement learning), configured by Hydra overrides KEY=VALUE.

    The configuration is verl's `ppo_trainer`. recipes/train.sh has a complete set of overrides and calls this command.
    A policy, a file or a machine that does not fit the configuration is an error before anything starts. With the
    environment variable DRY_RUN=1 the composed configuration is printed and nothing runs. The same as
    `python -m router_r1_envs.verl_training.train KEY=VALUE ...`
    """
    import importlib.util
    import os
    import sys

    from router_r1_envs.hydra_overrides import check_overrides

    if importlib.util.find_spec("verl") is None:
        raise ModuleNotFoundError("No module named 'verl'", name="verl")
    check_overrides(overrides)
    # Replace this process, so that signals, exit status and tracebacks are those of the trainer.
    module = "router_r1_envs.verl_training.train"
    os.execv(sys.executable, [sys.executable, "-m", module, *overrides])


def watch(
    log: Annotated[
        Path, typer.Argument(help="Metrics of a training run, file or folder; may not exist yet.")
    ],
) -> None:
    """Print one line for each step of a training run as it is logged; end it with Ctrl-C."""
    import time

    from router_r1_envs.verl_training.training_log import read_metrics

    names = ("reward", "accuracy", "valid", "calls", "cost_usd")
    last_shown = -1
    if not log.exists():
        terminal.echo(f"waiting for {log}", err=True)
    while True:
        steps = read_metrics(log) if log.exists() else []
        for step, data in steps:
            if step <= last_shown:
                continue
            last_shown = step
            line = ", ".join(
                f"{n} {data[f'episode/{n}']:.4g}" for n in names if f"episode/{n}" in data
            )
            if "val/reward" in data:
                line += f" | validation reward {data['val/reward']:.3f}, accuracy {data['val/accuracy']:.3f}"
            terminal.echo(f"step {step:3d}  {line}")
        time.sleep(1.0)
