"""A training of an existing checkpoint from start to report: episodes, examples, training, held-out questions.

The folder of a run belongs to one setting, written to `setting.json` first. Started again with the same setting, an
interrupted run continues, and a finished one is left as it is.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1 import terminal
from router_r1.errors import ConfigError
from router_r1_envs.supervised import checkpoint_imitation, preference_training
from router_r1_envs.supervised.checkpoint_tuning import check_method, load_tokenizer
from router_r1_envs.supervised.demonstration_sources import demonstrations_of, scored_episodes
from router_r1_envs.supervised.held_out import play_held_out
from router_r1_envs.supervised.progress import show_stages
from router_r1_envs.supervised.scored_episodes import preference_pairs
from router_r1_envs.supervised.tuning_config import DPOConfig, ImitateConfig, TuningConfig
from router_r1_envs.worlds.base import World
from router_r1_envs.worlds.trained_in import TrainedIn
from router_r1_reward import RewardConfig

SETTING = "setting.json"
"""The file of a run's settings in its folder."""


@dataclass(frozen=True)
class TuningRun:
    """What is trained, where it learns, and what from."""

    model: str
    """Folder of the checkpoint, or its name on the hub."""
    world: World
    world_source: str
    """What the world was loaded from, with its overrides: identifies it in the setting of the folder."""
    reward: RewardConfig
    out: Path
    """Folder of the result."""
    policy: str | None = None
    """What is sampled: an agent file or a checkpoint."""
    traces: Sequence[Path] = ()
    """Files of traces, or folders of runs."""


def imitate(run: TuningRun, settings: ImitateConfig) -> dict[str, Any]:
    """Train the checkpoint on demonstrations, and return what was learned from, what was left out, and the losses."""
    left_out: Counter[str] = Counter()
    demonstrations = demonstrations_of(
        run.world,
        run.reward,
        run.out,
        settings,
        policy=run.policy,
        traces=run.traces,
        left_out=left_out,
    )
    tokenizer = load_tokenizer(run.model)
    examples = checkpoint_imitation.make_examples(demonstrations, tokenizer, settings, left_out)
    lengths = [len(example.ids) for example in examples]
    found = {
        "examples": len(examples),
        "mean_tokens": round(sum(lengths) / len(lengths)),
        "longest": max(lengths),
        "left_out": dict(left_out),
    }
    _say(found)
    with show_stages() as show:
        losses = checkpoint_imitation.train_on_examples(
            run.model, examples, settings, run.out, show
        )
    return found | {"losses": losses}


def prefer(run: TuningRun, settings: DPOConfig) -> dict[str, Any]:
    """Train the checkpoint on pairs of episodes, and return what was learned from, what was left out, and the losses."""
    left_out: Counter[str] = Counter()
    episodes = scored_episodes(
        run.world,
        run.reward,
        run.out,
        settings,
        policy=run.policy or run.model,
        traces=run.traces,
        seed=settings.seed,
        left_out=left_out,
    )
    tokenizer = load_tokenizer(run.model)
    chosen = preference_pairs(episodes, settings.margin, settings.per_question)
    pairs = preference_training.make_pairs(chosen, tokenizer, settings.max_tokens, left_out)
    found = {"episodes": len(episodes), "pairs": len(pairs), "left_out": dict(left_out)}
    _say(found)
    with show_stages() as show:
        steps = preference_training.train_on_pairs(run.model, pairs, settings, run.out, show)
    return found | {"losses": steps["loss"], "accuracies": steps["accuracy"]}


def _say(found: dict[str, Any]) -> None:
    parts = [f"{name.replace('_', ' ')} {value}" for name, value in found.items() if value]
    terminal.echo(", ".join(parts), err=True)


def tune(
    run: TuningRun,
    name: str,
    settings: TuningConfig,
    train: Callable[[], dict[str, Any]],
    *,
    held_out: int,
    before: bool = False,
) -> dict[str, Any]:
    """Carry out a run, and write its report to `NAME.json` in its folder.

    Args:
        run: the checkpoint, and where it learns.
        name: of the report.
        settings: of the training.
        train: `imitate` or `prefer`, with its arguments.
        held_out: validation questions that are played with the result.
        before: play them with the checkpoint as it was, too.

    Returns:
        The report: what `train` returns, `seconds` of the training, `held_out` with the figures before and after, and
        the settings.

    Raises:
        ConfigError: the folder belongs to another setting or is the checkpoint itself, or see `check_method`.
    """
    check_method(settings)
    if Path(run.model).resolve() == run.out.resolve():
        raise ConfigError(f"{run.out}: is the checkpoint that is trained; choose another --out")
    report_file = run.out / f"{name}.json"
    setting = {
        "model": run.model,
        "world": run.world_source,
        "policy": run.policy,
        "traces": [str(path) for path in run.traces],
        "reward": run.reward.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
    }
    pin(run.out / SETTING, setting)
    if report_file.exists():
        terminal.echo(f"{run.out}: is finished", err=True)
        finished: dict[str, Any] = json.loads(report_file.read_text())
        return finished
    seed, began = settings.seed, time.monotonic()
    first = _play(run, run.model, "before", held_out, seed) if before else None
    found = train()
    TrainedIn.of(run.world).write(run.out)
    seconds = time.monotonic() - began
    last = _play(run, run.out, "after", held_out, seed)
    report = found | {
        "seconds": round(seconds, 1),
        "held_out": {"before": first, "after": last},
        "setting": setting,
    }
    report_file.write_text(json.dumps(report, indent=2) + "\n")
    return report


def _play(
    run: TuningRun, checkpoint: str | Path, when: str, questions: int, seed: int
) -> dict[str, Any] | None:
    """The figures of a checkpoint on held-out questions, shown at once; None for no questions."""
    if not questions:
        return None
    figures = play_held_out(run.world, checkpoint, run.reward, questions, seed=seed)
    terminal.echo(
        f"{when}: of {figures['questions']} held-out questions {figures['valid']:.1%} valid, "
        f"{figures['accuracy']:.1%} right, reward {figures['reward']:.3f}, {figures['calls']:.2f} calls"
    )
    return figures


def pin(file: Path, setting: dict[str, Any]) -> None:
    """Write the setting, or raise `ConfigError` if the folder has results of another one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    has_results = any(path != file for path in file.parent.iterdir())
    if file.exists() and has_results:
        pinned = json.loads(file.read_text())
        other = [name for name in setting if pinned.get(name) != setting[name]]
        if other:
            raise ConfigError(
                f"{file.parent}: was started with another {other[0]}, see {file}; choose another --out, or remove it"
            )
    file.write_text(json.dumps(setting, indent=2) + "\n")
