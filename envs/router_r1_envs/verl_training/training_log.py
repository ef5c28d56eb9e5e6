"""The metrics of a training run, one JSON object a line, as verl writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from router_r1.errors import DataError


def read_metrics(path: str | Path) -> list[tuple[int, dict[str, Any]]]:
    """Steps and their metrics, from a file or from all files of a folder; where a run was resumed, the later line counts.

    Raises:
        DataError: not readable, or something else.
    """
    steps: dict[int, dict[str, Any]] = {}
    path = Path(path)
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    try:
        for line in (line for file in files for line in file.read_text().splitlines(keepends=True)):
            if not line.endswith("\n"):
                continue  # it is being written, or its writer was killed
            entry = json.loads(line)
            steps.setdefault(entry["step"], {}).update(entry["data"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: no metrics of a training run: {error}") from error
    return sorted(steps.items())
