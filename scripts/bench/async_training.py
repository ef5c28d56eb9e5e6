"""Benchmark how long the trainer waits for episodes when the candidates answer slowly: synchronous against asynchronous.

    python scripts/bench/async_training.py [--policy runs/quickstart/cold_start] [--steps 8]

A generated world's candidates are served on this machine by a process that answers after 0.5 to 2 seconds, drawn for
each call; a live world asks them, so that pool actor, record store and limits are at work. Every mode trains the same
policy on the same questions, for the same number of steps, with a store of its own; the settings are those of
`recipes/train.sh` on a CPU, with fewer questions per step. The runs follow one another.

    idle share = time in which the trainer waits for episodes / time of all steps, validation excluded

The first steps are not counted: they import, allocate, and play the episodes ahead. The asynchronous modes train on
older episodes for it; `staleness` is how many versions of the weights lie between an episode's last turn and the step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml
from aiohttp import web

from router_r1.data.questions import write_questions
from router_r1.data.splits import Split
from router_r1_envs.verl_on_cpu import settings
from router_r1_envs.verl_training.dataset import AGENT, make_rows, write_rows
from router_r1_envs.verl_training.trainer_mode import Mode, mode_overrides
from router_r1_envs.verl_training.training_log import read_metrics
from router_r1_envs.worlds.generated_world.server import WorldServer
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_envs.worlds.load import load_world

LATENCY_S = (0.5, 2.0)
QUESTIONS = 2000
WARM_UP = 3  # first steps, not counted

COMPARED: dict[str, tuple[Mode, int]] = {
    "sync": ("sync", 0),
    "1 ahead": ("colocate_async", 1),
    "3 ahead": ("colocate_async", 3),
    "separate": ("separate_async", 1),
}
"""Mode and batches ahead of each run."""


class SlowServer(WorldServer):
    """The candidates of a generated world, which take their time."""

    async def _complete(self, http: web.Request) -> web.Response:
        await asyncio.sleep(random.uniform(*LATENCY_S))
        return await super()._complete(http)


def serve() -> None:
    """Serve until the process is ended; prints a pool file as JSON on one line."""

    async def listen() -> None:
        async with SlowServer(GeneratedWorld()) as server:
            content = server.pool_file.model_dump(mode="json", exclude_defaults=True)
            print(json.dumps(content), flush=True)
            await asyncio.Event().wait()

    asyncio.run(listen())


@contextmanager
def slow_pool() -> Iterator[dict[str, Any]]:
    """Run `serve` in another process; gives the content of the pool file."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "opened with a pipe"
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def write_world(folder: Path, pool: dict[str, Any]) -> None:
    """A live world with the questions, levels and limits of the generated one, and the rows that verl reads."""
    generated = GeneratedWorld()
    folder.mkdir()
    (folder / "pool.yaml").write_text(yaml.safe_dump(pool))
    write_questions(folder / "questions.jsonl", generated.questions(Split.TRAIN, QUESTIONS))
    world = {
        "kind": "live",
        "pool": "pool.yaml",
        "questions": "questions.jsonl",
        "store": "answers.sqlite",
        "prompt": "compact",
        "levels": [level.model_dump() for level in generated.levels],
        "limits": generated.limits.model_dump(mode="json", exclude_defaults=True),
        "reference_usd": generated.reference_usd,
        "validation": 0.01,
        "test": 0.0,
    }
    (folder / "world.yaml").write_text(yaml.safe_dump(world))
    live = load_world(folder / "world.yaml")
    write_rows(folder / "train.parquet", make_rows(live, Split.TRAIN))
    write_rows(folder / "validation.parquet", make_rows(live, Split.VALIDATION, every_level=True))
    loop = {
        "name": AGENT,
        "_target_": "router_r1_envs.verl_training.agent_loop.RouterAgentLoop",
        "world": str(folder / "world.yaml"),
        "reward": {"alpha": 0.5, "reference_usd": generated.reference_usd},
    }
    (folder / "agent_loop.yaml").write_text(yaml.safe_dump([loop]))


def recipe(folder: Path, run: str, options: argparse.Namespace) -> dict[str, Any]:
    """Overrides for verl: `recipes/train.sh` on a CPU, without validation and checkpoints."""
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    mode, ahead = COMPARED[run]
    micro = min(64, 8 * options.batch)
    return {
        "data.train_files": folder / "train.parquet",
        "data.val_files": folder / "validation.parquet",
        "data.train_batch_size": options.batch,
        "data.max_prompt_length": 64,
        "data.max_response_length": 320,
        "data.filter_overlong_prompts": False,
        "data.return_raw_chat": True,
        "actor_rollout_ref.model.path": options.policy.resolve(),
        f"{actor}.optim.lr": 2e-4,
        f"{actor}.ppo_mini_batch_size": options.batch,
        f"{actor}.ppo_micro_batch_size_per_gpu": micro,
        f"{rollout}.n": 8,
        f"{rollout}.temperature": 0.7,
        f"{rollout}.log_prob_micro_batch_size_per_gpu": micro,
        f"{rollout}.agent.num_workers": 2,
        f"{rollout}.agent.default_agent_loop": AGENT,
        f"{rollout}.agent.agent_loop_config_path": folder / "agent_loop.yaml",
        "algorithm.adv_estimator": "grpo",
        "reward.num_workers": 0,
        "hydra.run.dir": folder / "hydra",
        "hydra.output_subdir": "null",
        "trainer.total_training_steps": WARM_UP + options.steps,
        "trainer.total_epochs": 1000,
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.save_freq": -1,
        "trainer.resume_mode": "disable",
        "trainer.default_local_dir": folder / "checkpoints",
        "trainer.logger": "[file]",
        "+ray_kwargs.ray_init._temp_dir": folder.parent / "ray",
    } | mode_overrides(mode, ahead=ahead, cpu=True)


def train(folder: Path, run: str, options: argparse.Namespace) -> dict[str, float]:
    """Train in one mode; `run` is one of `COMPARED`.

    Raises:
        SystemExit: the run failed; the end of its output says why.
    """
    log = folder / "log.jsonl"
    command = [sys.executable, "-m", "router_r1_envs.verl_training.train"]
    command += settings.overrides(reuse_log_probs=True)
    command += [f"{key}={value}" for key, value in recipe(folder, run, options).items()]
    environment = os.environ | settings.environment() | {"HF_HUB_OFFLINE": "1"}
    environment |= {"VERL_FILE_LOGGER_PATH": str(log)}
    with (folder / "output.txt").open("w") as output:
        trainer = psutil.Popen(
            command + options.overrides, env=environment, stdout=output, stderr=output
        )
    tree: dict[int, Any] = {}
    try:
        while trainer.poll() is None:
            tree |= {p.pid: p for p in trainer.children(recursive=True)}
            time.sleep(0.5)
    finally:
        for process in (trainer, *tree.values()):
            if process.is_running():
                process.kill()
        psutil.wait_procs(tree.values(), timeout=30)
    if trainer.returncode != 0:
        raise SystemExit((folder / "output.txt").read_text(errors="replace")[-3000:])
    return figures([metrics for _, metrics in read_metrics(log)[WARM_UP:]])


def figures(steps: list[dict[str, Any]]) -> dict[str, float]:
    """Shares and means of the measured steps."""

    def mean(name: str) -> float:
        return statistics.fmean(step[name] for step in steps)

    whole = mean("timing_s/step")
    return {
        "idle_share": round(mean("timing_s/gen") / whole, 3),
        "step_s": round(whole, 2),
        "idle_s": round(mean("timing_s/gen"), 2),
        "update_s": round(mean("timing_s/update_actor"), 2),
        "staleness": round(mean("training/off_policy/trajectory_staleness/mean"), 2),
        "versions": round(mean("training/off_policy/trajectory_spans/mean"), 2),
        "reward": round(mean("episode/reward"), 3),
        "calls": round(mean("episode/calls"), 2),
        "valid": round(mean("episode/valid"), 3),
    }


def main() -> None:
    """Train in every mode, print a table, and print one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--policy",
        type=Path,
        default=Path("runs/quickstart/cold_start"),
        help="a cold start of the generated world (%(default)s; router-r1 train cold-start makes one)",
    )
    parser.add_argument("--steps", type=int, default=8, help="measured steps (%(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="questions per step (%(default)s)")
    parser.add_argument("--runs", nargs="+", choices=COMPARED, default=list(COMPARED))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("overrides", nargs="*", help="more overrides for verl")
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if not (options.policy / "config.json").exists():
        parser.error(f"{options.policy}: no policy there; make one: router-r1 train cold-start")
    found: dict[str, dict[str, float]] = {}
    for run in options.runs:
        folder = Path(tempfile.mkdtemp(prefix="r1-"))  # Ray's sockets need a short path
        try:
            with slow_pool() as pool:
                write_world(folder / "run", pool)
                found[run] = train(folder / "run", run, options)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(run, found[run], flush=True)
    print(f"{options.batch * 8} episodes a step; calls take {LATENCY_S[0]} to {LATENCY_S[1]} s")
    print(f"  {'':12}" + "".join(f"{run:>12}" for run in found))
    for name in next(iter(found.values())):
        print(f"  {name:12}" + "".join(f"{found[run][name]:12.3f}" for run in found))
    print(json.dumps({"steps": options.steps, "batch": options.batch, "runs": found}))


if __name__ == "__main__":
    main()
