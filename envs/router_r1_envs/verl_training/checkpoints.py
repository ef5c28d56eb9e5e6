"""The checkpoints of a training run: the best one is kept apart, and a start finds in order what a killed run has left.

The best is one folder in the Hugging Face format, with `best.json` beside the weights. A run may be killed at any moment
and started again; what was best is still there then.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

RECORD = "best.json"
_TRACKER = "latest_checkpointed_iteration.txt"
_LAST_WRITTEN = "data.pt"  # of a checkpoint, before verl names it in the tracker


def tidy(folder: str | Path) -> int | None:
    """Leave the checkpoint that a start will go on from, and remove the others.

    verl forgets with its process which checkpoints it would have removed; and a kill while it writes the number of the last
    one leaves an empty file, which it can not read.

    Returns:
        The step of the checkpoint; None where there is none.
    """
    folder = Path(folder)
    found = {
        int(path.name.removeprefix("global_step_")): path
        for path in folder.glob("global_step_*")
        if path.name.removeprefix("global_step_").isdecimal()
    }
    tracker = folder / _TRACKER
    named = tracker.read_text().strip() if tracker.exists() else ""
    if named.isdecimal() and int(named) in found:
        last = int(named)
    else:
        whole = [step for step, path in found.items() if (path / _LAST_WRITTEN).exists()]
        if not whole:
            return None
        last = max(whole)
        draft = tracker.with_suffix(".new")
        draft.write_text(str(last))
        draft.rename(tracker)
    for step, path in found.items():
        if step != last:
            shutil.rmtree(path)
    return last


class BestCheckpoint:
    """Keeps a copy of the weights that earned most so far."""

    def __init__(self, folder: str | Path) -> None:
        """`folder` is where `best/` is, or will be. Finishes what a killed run began."""
        self.path = Path(folder) / "best"
        self._fresh = Path(folder) / "best.new"
        # The record is written last: with it the copy is whole, and only the renaming is left to do.
        if (self._fresh / RECORD).exists():
            self._rename()

    @property
    def record(self) -> dict[str, Any] | None:
        """`step` and `reward` of the best checkpoint; None where there is none yet."""
        file = self.path / RECORD
        found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
        return found

    def offer(self, weights: str | Path, step: int, reward: float) -> bool:
        """Copy the weights of a step that earned more than every one before; says whether it did."""
        best = self.record
        if best is not None and best["reward"] >= reward:
            return False
        shutil.rmtree(self._fresh, ignore_errors=True)
        # The policy that a run began with may have been the best of another run.
        shutil.copytree(weights, self._fresh, ignore=shutil.ignore_patterns(RECORD))
        draft = self._fresh / f"{RECORD}.new"
        draft.write_text(json.dumps({"step": step, "reward": reward}) + "\n")
        draft.rename(self._fresh / RECORD)
        self._rename()
        return True

    def _rename(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._fresh.rename(self.path)
