"""`router-r1 train cold-start|planner|imitate|dpo|named-routes`: policies from demonstrations. Light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature and never changes it

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_r1 import terminal
from router_r1.commands.names_in_help import NamesInHelp
from router_r1.config import MAX_SEED
from router_r1_envs.supervised import named_routes_commands
from router_r1_envs.worlds.commands import RewardSettings, Settings, reward_of

if TYPE_CHECKING:
    from router_r1_envs.supervised.tuning_run import TuningRun
    from router_r1_reward import RewardConfig

Seed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of all random choices.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads of torch; by default OMP_NUM_THREADS, or the number of idle cores, at most 4.",
    ),
]
Model = Annotated[
    str, typer.Argument(help="The checkpoint to train: a folder, or a name on the hub.")
]
WorldOption = Annotated[
    str,
    typer.Option(
        "--world",
        help="Where it learns to route: `generated`, a folder with an outcome table, or a YAML file with a `kind`: "
        "{worlds}.",
    ),
]
TunedOut = Annotated[
    Path, typer.Option(help="Folder for the policy; an interrupted training continues there.")
]
PolicyOption = Annotated[
    str | None,
    typer.Option(
        "--policy",
        help="What is sampled: an agent file (its `policy` section), a folder with a checkpoint, or a name on the hub.",
    ),
]
Traces = Annotated[
    list[Path],
    typer.Option(
        "--traces",
        help="A file of traces, or the folder of an `eval` or a tournament; repeatable.",
    ),
]
HeldOut = Annotated[
    int,
    typer.Option(min=0, help="Validation questions that are played after the training; 0: none."),
]
Before = Annotated[
    bool, typer.Option("--before", help="Play them before the training, too, to compare.")
]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `train`."""
    group.command("cold-start")(cold_start_command)
    group.command("planner")(planner_command)
    group.command("imitate", cls=NamesInHelp)(imitate_command)
    group.command("dpo", cls=NamesInHelp)(dpo_command)
    named_routes_commands.register(group)


def cold_start_command(
    out: Annotated[Path, typer.Option(help="Folder for the policy.")],
    source: Annotated[
        str,
        typer.Argument(
            help="`generated`, a folder with an outcome table, or a YAML file with `kind: generated` or `recorded`."
        ),
    ] = "generated",
    settings: Settings = [],
    reward: RewardSettings = [],
    steps: Annotated[
        list[str], typer.Option("--cold-start", help="name=value, e.g. explore_steps=400.")
    ] = [],
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Make a small policy from random weights, for reinforcement learning to improve; minutes on a CPU.

    In a generated world it learns from the episodes of a random router; on a table, from a planner that is fitted first
    and written to OUT. To train an existing checkpoint, use `imitate`.
    """
    from router_r1.errors import ConfigError
    from router_r1_envs.cpu_threads import use_threads
    from router_r1_envs.worlds.generated_world.world import GeneratedWorld
    from router_r1_envs.worlds.load import load_world
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld

    use_threads(threads)
    world = load_world(source, settings)
    if isinstance(world, GeneratedWorld):
        report = _explore_world(world, reward_of(world, reward), out, steps, seed)
    elif isinstance(world, RecordedWorld):
        report = _imitate_planner(world, out, steps, seed)
    else:
        raise ConfigError(
            f"{source}: expected a generated world or an outcome table; for other worlds, train a checkpoint with "
            f"`router-r1 train imitate`"
        )
    (out / "cold_start.json").write_text(json.dumps(report, indent=2) + "\n")
    losses = ", ".join(f"{name} {loss:.3f}" for name, loss in report["losses"].items())
    terminal.echo(f"{out}: a policy of {report['parameters']:,} parameters; losses: {losses}")


def _explore_world(
    world: Any, reward: RewardConfig, out: Path, steps: list[str], seed: int
) -> dict[str, Any]:
    from router_r1 import config
    from router_r1_envs.supervised.cold_start import ColdStartConfig, cold_start
    from router_r1_envs.supervised.progress import show_stages

    given = {"seed": seed, **config.override({}, steps)}
    settings = config.validate(ColdStartConfig, given, "cold start")
    out.mkdir(parents=True, exist_ok=True)  # a folder that cannot be made is an error at once
    with show_stages() as show:
        return cold_start(world, reward, out, settings, show)


def _imitate_planner(world: Any, out: Path, steps: list[str], seed: int) -> dict[str, Any]:
    from router_r1 import config
    from router_r1_envs.supervised.demonstration_sources import PLANNER
    from router_r1_envs.supervised.imitation import ImitationConfig, imitate
    from router_r1_envs.supervised.planner_demonstrations import fitted_planner
    from router_r1_envs.supervised.progress import show_stages

    given = {"seed": seed, **config.override({}, steps)}
    settings = config.validate(ImitationConfig, given, "cold start")
    out.mkdir(parents=True, exist_ok=True)
    planner = fitted_planner(world, out / PLANNER, seed)
    with show_stages() as show:
        return imitate(world, planner, out, settings, show)


def planner_command(
    table: Annotated[
        str,
        typer.Argument(help="A folder with an outcome table, or a YAML file of a world on one."),
    ],
    out: Annotated[Path, typer.Option(help="The file to write; one that exists is checked.")],
    settings: Settings = [],
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Fit the planner of an outcome table: a router that knows every counterfactual of the training questions.

    For `tournament --planner`. As planner.skops in the OUT of `train cold-start` or `train imitate` it is not fitted
    there again.
    """
    from router_r1_envs.cpu_threads import use_threads
    from router_r1_envs.supervised.planner_demonstrations import fitted_planner
    from router_r1_envs.worlds.commands import recorded_world

    use_threads(threads)
    world = recorded_world(table, settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    planner = fitted_planner(world, out, seed)
    terminal.echo(f"{out}: the planner of {world.name}")
    for level, choice in planner.choices.items():
        terminal.echo(f"level {level}: {choice}")


def imitate_command(
    model: Model,
    out: TunedOut,
    world: WorldOption = "",
    policy: PolicyOption = None,
    traces: Traces = [],
    settings: Settings = [],
    reward: RewardSettings = [],
    options: Annotated[
        list[str],
        typer.Option("--imitation", help="name=value, e.g. method=lora, max_examples=400."),
    ] = [],
    held_out: HeldOut = 50,
    before: Before = False,
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Teach a checkpoint to route, by imitation: a supervised start for reinforcement learning.

    What it imitates:

    - by default, what the world has itself: on an outcome table, the decisions of a planner that is fitted first; in a
      generated world, the best of several episodes of a random router;

    - with --policy, the best of several episodes that a prompted policy samples on each training question, by reward;

    - with --traces, the best recorded episodes of the training questions.

    It reads what it will read in reinforcement learning: the prompt and the limits of the world, token for token; only
    its own tokens are learned. OUT becomes a checkpoint that every loader reads (a trained adapter is merged), with
    `imitation.json`: losses, what was left out and why, and the share of valid episodes on validation questions. The
    next step: MODEL=OUT WORLD=... bash recipes/train.sh
    """
    from router_r1 import config
    from router_r1.errors import ConfigError
    from router_r1_envs.supervised.tuning_config import ImitateConfig

    if not world:
        raise ConfigError(
            "imitate trains an existing checkpoint: router-r1 train imitate MODEL --world WORLD --out OUT; for a new "
            "small policy that imitates the planner of a table: router-r1 train cold-start TABLE --out OUT"
        )
    given = {"seed": seed, **config.override({}, options)}
    wanted = config.validate(ImitateConfig, given, "imitation")
    run = _run(model, world, out, policy, traces, settings, reward, threads)

    from router_r1_envs.supervised.tuning_run import imitate, tune

    report = tune(
        run, "imitation", wanted, lambda: imitate(run, wanted), held_out=held_out, before=before
    )
    _show(out, report)


def dpo_command(
    model: Model,
    out: TunedOut,
    world: WorldOption,
    policy: PolicyOption = None,
    traces: Traces = [],
    settings: Settings = [],
    reward: RewardSettings = [],
    options: Annotated[
        list[str], typer.Option("--dpo", help="name=value, e.g. method=lora, beta=0.05.")
    ] = [],
    held_out: HeldOut = 50,
    before: Before = False,
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Train a checkpoint to prefer the better of two episodes of a question (DPO).

    The episodes are sampled from the checkpoint itself; with --policy, from another policy; with --traces, they are
    read, for example from the `episodes.jsonl` of an earlier sampling. Of each question, the best episode by reward is
    set against the worst ones. The checkpoint must be able to route already: imitate first.

    OUT becomes a checkpoint that every loader reads, with `dpo.json`: losses, pairs, and the share of valid episodes on
    validation questions.
    """
    from router_r1 import config
    from router_r1_envs.supervised.tuning_config import DPOConfig

    given = {"seed": seed, **config.override({}, options)}
    wanted = config.validate(DPOConfig, given, "dpo")
    run = _run(model, world, out, policy, traces, settings, reward, threads)

    from router_r1_envs.supervised.tuning_run import prefer, tune

    report = tune(run, "dpo", wanted, lambda: prefer(run, wanted), held_out=held_out, before=before)
    _show(out, report)


def _run(
    model: str,
    world: str,
    out: Path,
    policy: str | None,
    traces: list[Path],
    settings: list[str],
    reward: list[str],
    threads: int | None,
) -> TuningRun:
    """The run that the options describe. Raises `ConfigError` for options that do not fit together."""
    from router_r1.errors import ConfigError
    from router_r1_envs.cpu_threads import use_threads
    from router_r1_envs.worlds.load import load_world

    if policy is not None and traces:
        raise ConfigError("--policy samples episodes and --traces reads them; give one of the two")
    loaded = load_world(world, settings)
    use_threads(threads)
    from router_r1_envs.supervised.tuning_run import TuningRun  # loads torch and TRL

    source = " ".join([world, *settings])
    return TuningRun(model, loaded, source, reward_of(loaded, reward), out, policy, traces)


def _show(out: Path, report: dict[str, Any]) -> None:
    """Say what came out of a run."""
    losses = report["losses"]
    last = losses[-max(1, len(losses) // 10) :]
    terminal.echo(f"{out}: loss {losses[0]:.3f} at first, {sum(last) / len(last):.3f} at the end")
