"""verl's trainers with two additions: metrics of the episodes in every step, and the best checkpoint.

Importing this module registers one for each mode of `trainer_mode`; `trainer.v1.trainer_mode` selects it.

Rows carry the versions of the weights that wrote them (`training/off_policy/*`) and the log-probs with which they were
written, against which the loss weighs them. `perf/idle_share` is the share of a step in which the trainer waited for
episodes. The metrics are in `episode_metrics`, the handling of checkpoints in `checkpoints`.

From verl's experimental interface this file uses `register_trainer`, and the trainers with their `_compute_metrics` and
`_val_metrics_update`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import transfer_queue as tq
from omegaconf import open_dict
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_colocate_async import PPOTrainerColocateAsync
from verl.trainer.ppo.v1.trainer_separate_async import PPOTrainerSeparateAsync
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from router_r1_envs.verl_training.checkpoints import BestCheckpoint, remove_stale_checkpoints
from router_r1_envs.verl_training.episode_metrics import episode_metrics, mean
from router_r1_envs.verl_training.first_episodes import FirstEpisodes
from router_r1_envs.worlds.trained_in import FILE


class RouterTrainer:
    """The additions; a class below joins them to a trainer of verl."""

    mode: str
    """verl's name of the trainer."""
    config: Any
    global_steps: int

    def __init__(self, config: Any) -> None:
        # verl compares the mode with its own names in several places.
        with open_dict(config):
            config.trainer.v1.trainer_mode = self.mode
        super().__init__(config)  # type: ignore[call-arg]
        self._folder = Path(config.trainer.default_local_dir)
        if config.trainer.resume_mode == "auto":
            remove_stale_checkpoints(self._folder)
        self._best = BestCheckpoint(self._folder)
        self._first_episodes = FirstEpisodes()

    def _compute_metrics(
        self, batch: Any, metrics: dict[str, Any], timing: dict[str, float], **kwargs: Any
    ) -> None:
        super()._compute_metrics(batch, metrics, timing, **kwargs)  # type: ignore[misc]
        metrics["perf/idle_share"] = timing["gen"] / timing["step"]
        fields = ["uid", "rm_scores", "extra_fields"]
        data = tq.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=fields
        )
        columns = (
            data.pop("extra_fields").tolist(),
            [float(row.sum()) for row in data["rm_scores"]],
            data.pop("uid").tolist(),
        )
        # verl pads a batch with copies if it does not divide evenly.
        rows = zip(*columns, batch.tags, strict=True)
        episodes = [row for *row, tag in rows if not tag.get("is_padding", False)]
        metrics.update(episode_metrics(*zip(*episodes, strict=True)))
        self._first_episodes.see([fields for fields, *_ in episodes])
        # Without recomputed log-probs, verl logs the entropy under the name of its loss only.
        if "actor/entropy_loss" in metrics:
            metrics.setdefault("actor/entropy", metrics["actor/entropy_loss"])

    def _val_metrics_update(
        self,
        data_sources: Any,
        sample_uids: Any,
        infos: dict[str, list[Any]],
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, float]:
        metrics: dict[str, float] = super()._val_metrics_update(  # type: ignore[misc]
            data_sources, sample_uids, infos, *args, **kwargs
        )
        values_by_metric = {
            "val/reward": infos["reward"],
            "val/accuracy": infos["acc"],
            "val/valid": infos["valid"],
            "val/cost_usd": infos["cost_usd"],
            "val/calls": infos["calls"],
        }
        metrics |= {
            name: mean([v for v in values if v is not None])
            for name, values in values_by_metric.items()
        }
        self._keep_best(metrics["val/reward"])
        return metrics

    def _keep_best(self, reward: float) -> None:
        """Keep this step's weights if no earlier step had a higher reward on the validation questions."""
        weights = self._folder / f"global_step_{self.global_steps}" / "actor" / "huggingface"
        if self.global_steps == 0:
            weights = _checkpoint_folder(self.config.actor_rollout_ref.model.path)
        if weights.is_dir():  # otherwise this step was not saved
            files = self.config.data.train_files
            rows = Path(files if isinstance(files, str) else files[0]).expanduser()
            self._best.offer(weights, self.global_steps, reward, rows.parent / FILE)


@register_trainer("router_r1")
class SyncTrainer(RouterTrainer, PPOTrainerSync):  # type: ignore[misc]
    """The synchronous trainer."""

    mode = "sync"


@register_trainer("router_r1_colocate_async")
class ColocateAsyncTrainer(RouterTrainer, PPOTrainerColocateAsync):  # type: ignore[misc]
    """The asynchronous trainer whose rollouts share its devices."""

    mode = "colocate_async"


@register_trainer("router_r1_separate_async")
class SeparateAsyncTrainer(RouterTrainer, PPOTrainerSeparateAsync):  # type: ignore[misc]
    """The asynchronous trainer whose rollouts have devices of their own."""

    mode = "separate_async"


def _checkpoint_folder(path: str) -> Path:
    """The folder of a policy that is given as a folder or as a name on the hub."""
    folder = Path(os.path.expanduser(path))
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(path, local_files_only=True))
