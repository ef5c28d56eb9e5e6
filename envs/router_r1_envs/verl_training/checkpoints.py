"""The checkpoints of a training run: removes stale ones before a run starts, and keeps a copy of the best one.

The best checkpoint is a folder in the Hugging Face format with `best.json` beside the weights. A run may be killed at
any moment and restarted; the best checkpoint survives both. With LoRA, verl saves base weights and adapter under the
names that they have inside PEFT, which nothing else loads; in the best checkpoint the adapter is merged (`lora.py`).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from router_r1_envs.verl_training.lora import ADAPTER_SETTINGS, merge_adapter
from router_r1_envs.worlds.trained_in import FILE

RECORD = "best.json"
_TRACKER = "latest_checkpointed_iteration.txt"
_LAST_FILE = "data.pt"  # verl writes it last into a checkpoint, before it updates the tracker


def remove_stale_checkpoints(folder: str | Path) -> int | None:
    """Keep the checkpoint that the next run resumes from, and remove all others.

    When verl's process ends, it forgets which checkpoints it still had to remove. If it is killed while it writes the
    tracker, the file is left empty, and verl cannot read it; this function then writes the tracker again.

    Args:
        folder: where verl saves checkpoints.

    Returns:
        The step of the checkpoint; None if there is none.
    """
    folder = Path(folder)
    by_step = {
        int(path.name.removeprefix("global_step_")): path
        for path in folder.glob("global_step_*")
        if path.name.removeprefix("global_step_").isdecimal()
    }
    tracker = folder / _TRACKER
    tracked = tracker.read_text().strip() if tracker.exists() else ""
    if tracked.isdecimal() and int(tracked) in by_step:
        last = int(tracked)
    else:
        complete = [step for step, path in by_step.items() if (path / _LAST_FILE).exists()]
        if not complete:
            return None
        last = max(complete)
        draft = tracker.with_suffix(".new")
        draft.write_text(str(last))
        draft.rename(tracker)
    for step, path in by_step.items():
        if step != last:
            shutil.rmtree(path)
    return last


class BestCheckpoint:
    """A copy of the weights with the highest validation reward so far."""

    def __init__(self, folder: str | Path) -> None:
        """Complete a replacement that a killed run began.

        Args:
            folder: where `best/` is, or will be.
        """
        self.path = Path(folder) / "best"
        self._replacement = Path(folder) / "best.new"
        # The record is written last: with it the copy is complete, and only the renaming is left to do.
        if (self._replacement / RECORD).exists():
            self._replace()

    @property
    def record(self) -> dict[str, Any] | None:
        """`step` and `reward` of the best checkpoint; None if there is none yet."""
        file = self.path / RECORD
        found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
        return found

    def offer(
        self, weights: str | Path, step: int, reward: float, trained_in: Path | None = None
    ) -> bool:
        """Copy the weights if their reward is higher than that of the best checkpoint.

        Args:
            weights: a folder with a policy. If verl trained an adapter, its settings are beside the folder.
            step: training step of the weights.
            reward: their mean reward on the validation questions.
            trained_in: the file that says what they are trained for; copied into the checkpoint if it exists.

        Returns:
            Whether they are the best checkpoint now.
        """
        best = self.record
        if best is not None and best["reward"] >= reward:
            return False
        shutil.rmtree(self._replacement, ignore_errors=True)
        # The policy that a run starts from may have been the best of another run; do not copy that run's record.
        shutil.copytree(weights, self._replacement, ignore=shutil.ignore_patterns(RECORD))
        adapter = Path(weights).parent / ADAPTER_SETTINGS
        if adapter.exists():
            merge_adapter(self._replacement, adapter)
        if trained_in is not None and trained_in.exists():
            shutil.copy(trained_in, self._replacement / FILE)
        draft = self._replacement / f"{RECORD}.new"
        draft.write_text(json.dumps({"step": step, "reward": reward}) + "\n")
        draft.rename(self._replacement / RECORD)
        self._replace()
        return True

    def _replace(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._replacement.rename(self.path)
