"""`router-r1 train ...`: registered through the entry point `router_r1.commands`; light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and changes none

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_r1_envs.worlds.commands import (
    Generated,
    RewardSettings,
    Settings,
    Source,
    Table,
    generated_world,
    recorded_world,
    reward_of,
)

if TYPE_CHECKING:
    from router_r1_envs.supervised.cold_start import Stage

Seed = Annotated[int, typer.Option(help="Of all that is random.")]
Threads = Annotated[
    int | None,
    typer.Option(help="Of torch. As OMP_NUM_THREADS says, or as many as idle cores, at most 4."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Train a policy, step by step.", no_args_is_help=True)
    group.command("prepare")(prepare)
    group.command("cold-start")(cold_start_command)
    group.command("imitate")(imitate_command)
    group.command("watch")(watch)
    app.add_typer(group, name="train")


def prepare(
    source: Source,
    out: Annotated[Path, typer.Option(help="Folder for the files that verl reads.")],
    train: Annotated[
        int | None,
        typer.Option(
            help="Training questions; by default all of a table or file, and 1000 of a generated world."
        ),
    ] = None,
    validation: Annotated[int | None, typer.Option(help="Validation questions.")] = 100,
    passes: Annotated[int, typer.Option(help="Rows of a training question.")] = 1,
    settings: Settings = [],
    reward: RewardSettings = [],
    seed: Seed = 0,
) -> None:
    """Write training rows, validation rows (one a level) and the agent loop's settings for verl."""
    import yaml

    from router_r1.data.splits import Split
    from router_r1_envs.verl_training.dataset import AGENT, make_rows, write_rows
    from router_r1_envs.worlds.load import load_world

    world = load_world(source, settings)
    weights = reward_of(world, reward)
    rows = make_rows(world, Split.TRAIN, train, passes=passes, seed=seed)
    held_out = make_rows(world, Split.VALIDATION, validation, every_level=True, seed=seed)
    write_rows(out / "train.parquet", rows)
    write_rows(out / "validation.parquet", held_out)
    loop = {
        "name": AGENT,
        "_target_": "router_r1_envs.verl_training.agent_loop.RouterAgentLoop",
        "world": source if source == "generated" else str(Path(source).resolve()),
        "overrides": settings,
        "reward": weights.model_dump(),
    }
    (out / "agent_loop.yaml").write_text(yaml.safe_dump([loop], sort_keys=False))
    typer.echo(
        f"{out}: {len(rows)} training rows, {len(held_out)} validation rows of {world.name}, "
        f"{len(world.levels)} levels"
    )


def cold_start_command(
    out: Annotated[Path, typer.Option(help="Folder for the policy.")],
    source: Generated = "generated",
    settings: Settings = [],
    reward: RewardSettings = [],
    steps: Annotated[
        list[str], typer.Option("--cold-start", help="name=value, e.g. explore_steps=400.")
    ] = [],
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Make a small policy and bring it to where reinforcement learning can begin; minutes on a CPU."""
    from router_r1 import config
    from router_r1_envs.supervised.cold_start import ColdStartConfig, cold_start

    use_threads(threads)
    world = generated_world(source, settings)
    weights = reward_of(world, reward)
    chosen = config.validate(
        ColdStartConfig, {"seed": seed, **config.override({}, steps)}, "cold start"
    )
    with _stages() as show:
        report = cold_start(world, weights, out, chosen, show)
    (out / "cold_start.json").write_text(json.dumps(report, indent=2) + "\n")
    losses = ", ".join(f"{name} {loss:.3f}" for name, loss in report["losses"].items())
    typer.echo(f"{out}: a policy of {report['parameters']:,} parameters; losses: {losses}")


def use_threads(threads: int | None) -> None:
    """Threads that have to wait for a core spin against each other: two of them are slower than one."""
    import psutil
    import torch

    if threads is None and "OMP_NUM_THREADS" not in os.environ:
        busy = psutil.cpu_percent(interval=0.5, percpu=True)
        threads = min(4, max(1, sum(share < 50 for share in busy)))
    if threads is not None:
        torch.set_num_threads(threads)


def _tell(stage: Stage) -> None:
    """A line on standard error when a stage begins, every 250 steps, and at its end."""
    done = stage.progress
    if done is None:
        typer.echo(stage.name, err=True)
    elif done.step % 250 == 0 or done.step == done.steps:
        line = f"{stage.name}: step {done.step} of {done.steps}, loss {done.loss:.3f}, {done.seconds:.0f} s"
        typer.echo(line, err=True)


@contextlib.contextmanager
def _stages() -> Iterator[Callable[[Stage], None]]:
    """A progress bar for each stage of a supervised training; now and then a line where there is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _tell
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, Any] = {}

        def show(stage: Stage) -> None:
            if stage.name not in tasks:
                tasks[stage.name] = bar.add_task(stage.name, total=None, loss=float("nan"))
            if stage.progress is not None:
                done, total = stage.progress.step, stage.progress.steps
                bar.update(tasks[stage.name], completed=done, total=total, loss=stage.progress.loss)

        yield show


def imitate_command(
    source: Table,
    out: Annotated[Path, typer.Option(help="Folder for planner and policy.")],
    settings: Settings = [],
    options: Annotated[
        list[str], typer.Option("--imitation", help="name=value, e.g. steps=600.")
    ] = [],
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Fit a planner on an outcome table, and a small policy that imitates it; minutes on a CPU."""
    from router_r1 import config
    from router_r1.errors import DataError
    from router_r1_envs.planner.planner import Planner
    from router_r1_envs.supervised.imitation import ImitationConfig, imitate
    from router_r1_envs.worlds.recorded_world.table_splits import TableSplits

    use_threads(threads)
    world = recorded_world(source, settings)
    given = {"seed": seed, **config.override({}, options)}
    chosen = config.validate(ImitationConfig, given, "imitation")
    splits = TableSplits.of(world)
    path = out / "planner.pt"
    if path.exists():
        planner = Planner.load(path, splits)
        if planner.seed != seed:
            raise DataError(
                f"{path}: was fitted with seed {planner.seed}, not {seed}; remove it, or choose another folder"
            )
    else:
        typer.echo(f"fitting the planner on {world.name}", err=True)
        planner = Planner.fit(splits, seed)
        planner.save(path)

    with _stages() as show:
        report = imitate(world, planner, out, chosen, show)
    (out / "imitation.json").write_text(json.dumps(report, indent=2) + "\n")
    typer.echo(f"{out}: a policy of {report['parameters']:,} parameters; loss {report['loss']:.3f}")


def watch(
    log: Annotated[Path, typer.Argument(help="Metrics of a training run; may come later.")],
) -> None:
    """Print one line for each step of a training run as it comes; end it with Ctrl-C."""
    import time

    from router_r1_envs.verl_training.training_log import read_metrics

    names = ("reward", "accuracy", "valid", "calls", "cost_usd")
    shown = -1
    if not log.exists():
        typer.echo(f"waiting for {log}", err=True)
    while True:
        steps = read_metrics(log) if log.exists() else []
        for step, data in steps:
            if step <= shown:
                continue
            shown = step
            line = ", ".join(
                f"{n} {data[f'episode/{n}']:.4g}" for n in names if f"episode/{n}" in data
            )
            if "val/reward" in data:
                line += f" | validation reward {data['val/reward']:.3f}, accuracy {data['val/accuracy']:.3f}"
            typer.echo(f"step {step:3d}  {line}")
        time.sleep(1.0)
