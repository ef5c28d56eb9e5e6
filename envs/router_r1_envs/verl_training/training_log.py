"""Reads the metrics of a training run, which verl writes as one JSON object per line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router_r1.errors import DataError, one_line
from router_r1.files import input_lines
from router_r1.json_text import parse_json


def read_metrics(path: str | Path) -> list[tuple[int, dict[str, Any]]]:
    """The metrics of each step, in order. A resumed run logs some steps twice; the later line wins.

    Args:
        path: a file, or a folder with one file for each start of the run.

    Raises:
        DataError: a file cannot be read, or holds something else.
    """
    steps: dict[int, dict[str, Any]] = {}
    path = Path(path)
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    try:
        for line in (line for file in files for line in input_lines(file)):
            if not line.endswith(b"\n"):
                continue  # still being written, or its writer was killed
            entry = parse_json(line)
            steps.setdefault(entry["step"], {}).update(entry["data"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path}: no metrics of a training run: {one_line(error)}") from error
    return sorted(steps.items())
