"""What recipes/train.sh needs to start a run: `python -m router_r1_envs.train_launch`.

Reads the recipe's environment variables (`verl_training/settings.py`) and prints one item a line, after a word that
says what it is:

    export NAME=VALUE       an environment variable of the training
    model NAME              the policy that is trained
    world NAME=VALUE        a setting of the world
    pin NAME=VALUE          what OUT belongs to; a run with another value is refused
    set KEY=VALUE           an override of verl's configuration, in order

On standard error: for STACK=gpu the estimate of the run (`verl_training/run_estimate.py`), and warnings. Wrong
settings, a run that does not fit its GPUs, its disk or `RESPONSE`, and a broken world are errors in one line; nothing
has started then. With `DRY_RUN=1` a world that cannot be opened here (no file, no key) is only a warning.

Imports neither verl nor torch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from router_r1 import config
from router_r1.errors import ConfigError, RouterR1Error
from router_r1_envs.verl_on_cpu import settings as cpu_settings
from router_r1_envs.verl_training import run_estimate
from router_r1_envs.verl_training.hardware_plan import frugal, local_gpu
from router_r1_envs.verl_training.memory_estimate import TrainingLayout, disk_gb, estimate_memory
from router_r1_envs.verl_training.model_shapes import SHAPES, shape_of
from router_r1_envs.verl_training.run_plan import (
    WorldFacts,
    chosen_plan,
    layout_of,
    response_length,
)
from router_r1_envs.verl_training.settings import RunSettings, read_settings
from router_r1_envs.verl_training.trainer_mode import mode_overrides
from router_r1_envs.verl_training.verl_overrides import (
    EXTERNAL_MODULE,
    gpu_overrides,
    run_overrides,
)
from router_r1_envs.worlds.live_world import LiveWorld
from router_r1_envs.worlds.load import load_world

_PINNED = (
    "stack", "algo", "world", "model", "seed", "reward", "alpha", "train_questions", "val_questions", "batch", "mini", "group",
    "lr", "critic_lr", "warmup", "kl", "temperature", "norm_std", "prompt", "lora", "gpus", "nodes",
)  # fmt: skip
_FILES = ("pool", "questions", "table", "fit")  # settings of a world that name files or folders


def main() -> None:
    """Print the items for this process's environment."""
    try:
        for line in launch_lines(os.environ):
            print(line)  # noqa: T201  # read by the recipe
    except RouterR1Error as error:
        text = str(error)
        sys.exit(_fail(text if text.startswith("train.sh: ") else f"train.sh: {text}"))


def _fail(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return 2


def launch_lines(environment: Mapping[str, str]) -> list[str]:
    """The items of a run, and its estimate on standard error.

    Args:
        environment: the recipe's variables.

    Raises:
        ConfigError, DataError, StoreError: see the module's description.
    """
    settings = read_settings(environment)
    dry = environment.get("DRY_RUN", "0") not in ("", "0")
    # A CPU run needs no facts of its world: its small policies end their turns long before the limit.
    world = _world_facts(settings, dry) if settings.stack == "gpu" else None
    response = response_length(settings, world)
    exports = {"DRY_RUN": "1" if dry else "0"}
    if settings.stack == "cpu":
        exports |= cpu_settings.environment()
        overrides = _cpu_overrides(settings) | run_overrides(settings, response)
    else:
        plan = _plan(settings, response, world, dry)
        exports["VERL_USE_EXTERNAL_MODULES"] = EXTERNAL_MODULE
        overrides = run_overrides(settings, response)
        overrides |= gpu_overrides(settings, plan, {**environment, **exports})
    overrides |= mode_overrides(
        settings.mode,
        ahead=settings.ahead,
        updates=settings.updates,
        gpus=settings.rollout_gpus or settings.gpus,
        nodes=settings.nodes,
        cpu=settings.stack == "cpu",
    )
    lines = [f"export {name}={value}" for name, value in exports.items()]
    lines.append(f"model {settings.model}")
    lines += [f"world {assignment}" for assignment in settings.world_settings]
    lines += [f"pin {name}={value}" for name, value in pinned(settings, response).items()]
    return lines + [f"set {key}={value}" for key, value in overrides.items()]


def pinned(settings: RunSettings, response: int) -> dict[str, str]:
    """What rows, cold start and checkpoints of a folder depend on: variables, and digests of the world's files."""
    found = {name.upper(): str(getattr(settings, name)) for name in _PINNED}
    found["RESPONSE"] = str(response)
    return found | _digests(Path(settings.world))


def _digests(world: Path) -> dict[str, str]:
    """Digests of a world's file or folder, and of the files that it names."""
    found: dict[str, Path] = {}
    if world.is_dir():
        found["TABLE"] = world
    elif world.is_file():
        found["WORLD_FILE"] = world
        named = config.read_yaml(world)
        for key in _FILES:
            if isinstance(named.get(key), str):
                found[key.upper()] = world.parent / named[key]
    return {f"{name}_DIGEST": _digest(path) for name, path in found.items() if path.exists()}


def _digest(path: Path) -> str:
    files = sorted(p for p in path.glob("*") if p.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        total.update(file.name.encode())
        with file.open("rb") as content:
            total.update(hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()[:16]


def _world_facts(settings: RunSettings, dry: bool) -> WorldFacts | None:
    """The facts of the world; None for one that a dry run cannot open."""
    try:
        world = load_world(settings.world, settings.world_settings)
    except RouterR1Error as error:
        if not dry:
            raise
        _say(f"no estimate of episodes, calls and dollars: {error}")
        return None
    free = not isinstance(world, LiveWorld)
    return WorldFacts(world.cards, world.limits, len(world.levels), free)


def _cpu_overrides(settings: RunSettings) -> dict[str, str]:
    given = cpu_settings.overrides(
        rollout=settings.rollout,
        critic=settings.algo == "ppo",
        # The log-probs of hf_cpu agree with the trainer's to 1e-6, so the trainer does not recompute them.
        reuse_log_probs=settings.rollout == "hf_cpu",
    )
    return dict(item.split("=", 1) for item in given)


def _plan(
    settings: RunSettings, response: int, world: WorldFacts | None, dry: bool
) -> TrainingLayout:
    """How the model lies on the GPUs; says what the run will use, and raises `ConfigError` if it does not fit."""
    gpu = None if settings.gpu_gb else local_gpu()
    if gpu is None and not settings.gpu_gb:
        _say("no GPU here; the estimate is for 80 GiB each, GPU_GB= sets another memory")
    shape = shape_of(settings.model)
    longest = settings.prompt + response
    unknown = shape is None
    # An unknown model is planned like a small one, with everything that saves memory.
    layout = layout_of(settings, shape or SHAPES["Qwen/Qwen2.5-0.5B"], longest, gpu)
    plan = frugal(replace(layout, tensor_parallel=settings.tp or 1))
    if settings.utilisation:
        plan = replace(plan, utilisation=settings.utilisation)
    if not unknown:
        plan = chosen_plan(settings, layout)
    episodes = None
    if world is not None:
        episodes = run_estimate.episodes_of(
            steps=settings.steps,
            per_step=settings.batch * settings.group,
            test_every=settings.test_every,
            per_validation=settings.val_questions * world.levels,
            cards=world.cards,
            limits=world.limits,
            free=world.free,
        )
    known = None if unknown else plan
    name = gpu.name if gpu else ""
    for line in run_estimate.describe(known, episodes, model=settings.model, gpu=name):
        _say(line)
    for line in run_estimate.warnings(known, episodes, name):
        _say(f"warning: {line}")
    if known is not None and not dry:
        _check_machine(settings, known)
    return plan


def _check_machine(settings: RunSettings, plan: TrainingLayout) -> None:
    """Raise `ConfigError` if the checkpoints do not fit the disk; warn if the main memory is small."""
    folder = Path(settings.out).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    held = sum(f.stat().st_size for f in Path(settings.out).rglob("*") if f.is_file()) / 1e9
    needed = disk_gb(plan)
    if needed > free + held:
        raise ConfigError(
            f"checkpoints can need {needed:.0f} GB and {settings.out} has {free:.0f} GB free; choose another OUT, or train "
            f"an adapter (LORA=32)"
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    host = estimate_memory(plan).host_gib
    if host > memory:
        _say(
            f"warning: a node needs about {host:.0f} GiB of main memory, this one has {memory:.0f}"
        )


def _say(line: str) -> None:
    print(f"train.sh: {line}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
