"""Shared by the tests of benchmarks: files of rows in every format."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def put() -> Callable[..., Path]:
    """`put(folder, name, *rows)` writes a file in the format of its name, and returns its path."""
    return _put


def _put(folder: Path, name: str, *rows: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = name.removesuffix(".gz")
    if plain.endswith((".csv", ".tsv")):
        with open(path, "w", newline="", encoding="utf-8") as file:
            separator = "\t" if plain.endswith(".tsv") else ","
            writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
            writer.writeheader()
            writer.writerows(rows)
        return path
    content = (
        json.dumps(list(rows))
        if plain.endswith(".json")
        else "".join(json.dumps(row) + "\n" for row in rows)
    )
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path
