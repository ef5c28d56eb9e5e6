"""The best checkpoint of a training run: one folder in the Hugging Face format, with `best.json` beside the weights.

A run may be killed at any moment and started again; what was best is still there then.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

RECORD = "best.json"


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
