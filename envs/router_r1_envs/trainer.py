"""verl's trainer with two things more: what shows a collapse is logged every step, and the best checkpoint is kept.

Reward alone does not show a collapse: it can rise while nobody is asked anything any more. So accuracy, valid answers, calls,
cost, the share of each candidate and the groups without any variance stand beside it.

`trainer.v1.trainer_mode=router_r1` selects this trainer; importing this module registers it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import transfer_queue as tq
from omegaconf import open_dict
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

MODE = "router_r1"
BEST = "best"
"""Folder with the best checkpoint in the Hugging Face format, beside verl's own checkpoints."""


def episode_metrics(
    extra_fields: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    groups: Sequence[str],
    candidates: Sequence[str] = (),
) -> dict[str, float]:
    """What a step's episodes say about the policy's health.

    Args:
        extra_fields: what the agent loop reported for each episode.
        scores: the reward of each.
        groups: which prompt each belongs to.
        candidates: names that are listed even when nobody asked them.
    """
    parts = [fields["reward_extra_info"] for fields in extra_fields]
    asked: Counter[str] = Counter()
    for fields in extra_fields:
        asked.update(fields["asked"])
    calls = sum(asked.values())
    by_group: dict[str, list[float]] = {}
    for group, score in zip(groups, scores, strict=True):
        by_group.setdefault(group, []).append(score)
    flat = sum(max(values) - min(values) < 1e-9 for values in by_group.values())
    shares = {name: asked[name] / max(1, calls) for name in dict.fromkeys([*candidates, *asked])}
    return {
        "episode/reward": _mean(scores),
        "episode/accuracy": _mean([p["correct"] for p in parts]),
        "episode/valid": _mean([p["valid"] for p in parts]),
        "episode/cost_usd": _mean([p["cost_usd"] for p in parts]),
        "episode/calls": _mean([p["calls"] for p in parts]),
        "episode/rounds": _mean([p["rounds"] for p in parts]),
        "episode/problems": _mean([p["problems"] for p in parts]),
        "episode/groups_without_variance": flat / max(1, len(by_group)),
        # 1 when all candidates are asked equally often, 0 when one gets every call.
        "episode/share_entropy": _entropy(list(shares.values())),
        **{f"share/{name}": share for name, share in shares.items()},
    }


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / max(1, len(values))


def _entropy(shares: Sequence[float]) -> float:
    if len(shares) < 2:
        return 0.0
    return -sum(p * math.log(p) for p in shares if p > 0) / math.log(len(shares))


@register_trainer(MODE)
class RouterTrainer(PPOTrainerSync):  # type: ignore[misc]
    """The synchronous trainer of verl with sentinels and the best checkpoint."""

    def __init__(self, config: Any) -> None:
        # verl asks for its own name of the mode in several places.
        with open_dict(config):
            config.trainer.v1.trainer_mode = "sync"
        super().__init__(config)
        self._folder = Path(config.trainer.default_local_dir)

    def _compute_metrics(
        self, batch: Any, metrics: dict[str, Any], *args: Any, **kwargs: Any
    ) -> None:
        super()._compute_metrics(batch, metrics, *args, **kwargs)
        fields = ["uid", "rm_scores", "extra_fields"]
        data = tq.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=fields
        )
        extra = data.pop("extra_fields").tolist()
        uids = data.pop("uid").tolist()
        scores = [float(row.sum()) for row in data["rm_scores"]]
        metrics.update(episode_metrics(extra, scores, uids))

    def _val_metrics_update(
        self, data_sources: Any, sample_uids: Any, infos: dict[str, list[Any]], *args: Any, **kwargs: Any
    ) -> dict[str, float]:
        metrics: dict[str, float] = super()._val_metrics_update(
            data_sources, sample_uids, infos, *args, **kwargs
        )
        found = {
            "val/reward": infos["reward"],
            "val/accuracy": infos["acc"],
            "val/valid": infos["valid"],
            "val/cost_usd": infos["cost_usd"],
            "val/calls": infos["calls"],
        }
        metrics |= {name: _mean([v for v in values if v is not None]) for name, values in found.items()}
        self._keep_best(metrics["val/reward"])
        return metrics

    def _keep_best(self, reward: float) -> None:
        """Copy this step's weights when no earlier step did better on the validation questions."""
        record = self._folder / BEST / "best.json"
        best = json.loads(record.read_text()) if record.exists() else None
        if best is not None and best["reward"] >= reward:
            return
        weights = self._folder / f"global_step_{self.global_steps}" / "actor" / "huggingface"
        if self.global_steps == 0:
            source = os.path.expanduser(self.config.actor_rollout_ref.model.path)
            weights = Path(source)
        elif not weights.exists():
            return  # not saved at this step
        if not weights.is_dir():
            return  # step 0 of a policy that is only on the hub
        fresh = self._folder / f"{BEST}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(weights, fresh)
        entry = {"step": self.global_steps, "reward": reward}
        (fresh / "best.json").write_text(json.dumps(entry) + "\n")
        # Renamed only when it is whole, so that a run that is killed leaves one that is.
        shutil.rmtree(self._folder / BEST, ignore_errors=True)
        fresh.rename(self._folder / BEST)
