"""The rows of a benchmark: from local files, from a local copy of its hub repository, or from the hub.

In a folder these are looked for, each gzipped or not:

1. one file with everything: a name in `Benchmark.files`, which are those under which its authors publish it, or NAME, or
   NAME_SPLIT for another split than the one that is quoted; of a benchmark with parts its rows need the column `task`;
2. a file for each part: NAME_PART, NAME_PART_SPLIT, or in a folder (`bbh/word_sorting.json`);
3. a copy of the hub repository, a folder called as the repository is (`hf download nyu-mll/glue --repo-type dataset
   --local-dir FOLDER/glue`), which `datasets` reads.

Formats: JSON Lines, JSON (a list, or an object with one under `examples`, `data` or the split), CSV, the same with tabs (TSV), and
Parquet.

Not covered: what is in a row.
"""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import read_json_lines
from router_r1.errors import DataError, MissingDependencyError
from router_r1_eval.benchmarks.base import PART, SPLIT, Benchmark, Hub, Row
from router_r1_eval.tables.importers.base import read_csv

log = logging.getLogger("router_r1_eval.benchmarks")

_FORMATS = ("jsonl", "json", "csv", "tsv", "parquet")
_LISTS = ("examples", "data", "Data", "rows")


def rows(
    benchmark: Benchmark, data: Path | None, split: str | None = None
) -> Iterator[tuple[str, Row]]:
    """The rows of a benchmark, each with where it stands.

    Args:
        data: the folder with its files; None for the hub.
        split: another split than the one that is quoted.

    Raises:
        DataError: it can not be reached, and which file to put where; or a file that can not be read.
        MissingDependencyError: `datasets` is needed and not installed.
    """
    if data is None:
        for hub in benchmark.hub:
            yield from _marked(_hub(benchmark, hub, split), hub, split)
        return
    whole = _file(data, candidates(benchmark, None, split))
    if whole is not None:
        hub = benchmark.hub[0]._replace(part=None)
        yield from _marked(_local(whole, hub, split), hub, split)
        return
    found = [(hub, _find(benchmark, data, hub, split)) for hub in _parts(benchmark)]
    if missing := [hub for hub, path in found if path is None]:
        if len(missing) == len(found):
            raise DataError(_missing(benchmark, data, split))
        parts = ", ".join(str(hub.part) for hub in missing)
        log.warning("%s: %s has no file of %s; these are left out", benchmark.name, data, parts)
    for hub, path in found:
        if path is not None:
            yield from _marked(_local(path, hub, split), hub, split)


def candidates(benchmark: Benchmark, part: str | None, split: str | None) -> list[str]:
    """The names of files that are looked for, without `.gz`."""
    split = None if benchmark.one_file else split
    given = [n for n in benchmark.files if split is None and ("{part}" in n) == (part is not None)]
    stems = [benchmark.name]
    if part is not None:
        stems = [f"{benchmark.name}_{part}", f"{benchmark.name}/{part}"]
    if split is not None:
        stems = [f"{stem}_{split}" for stem in stems]
    names = [*given, *(f"{stem}.{ending}" for stem in stems for ending in _FORMATS)]
    return [name.replace("{part}", part or "") for name in names]


def _parts(benchmark: Benchmark) -> Iterable[Hub]:
    """Each part once."""
    return {hub.part: hub for hub in benchmark.hub}.values()


def _find(benchmark: Benchmark, data: Path, hub: Hub, split: str | None) -> Path | None:
    names = [hub.part] if hub.file is None else [hub.file, hub.part]
    path = _file(data, [name for part in names for name in candidates(benchmark, part, split)])
    if path is not None:
        return path
    copy = data / hub.path.rpartition("/")[2]
    # A folder with files for the parts (`bbh/word_sorting.json`) is no copy of the repository. Not all of these have a README.
    is_copy = any((copy / name).is_file() for name in ("README.md", ".gitattributes"))
    return copy if is_copy else None


def _file(data: Path, names: Iterable[str]) -> Path | None:
    """The first of these files that is in the folder, gzipped or not."""
    paths = (data / ending for name in names for ending in (name, f"{name}.gz"))
    return next((path for path in paths if path.is_file()), None)


def _missing(benchmark: Benchmark, data: Path, split: str | None) -> str:
    hub = benchmark.hub[0]
    first, *others = candidates(
        benchmark, "PART" if hub.part and not benchmark.one_file else None, split
    )
    parts = [str(hub.file or hub.part) for hub in _parts(benchmark)] if "PART" in first else []
    of = f" with PART one of {', '.join(parts)}" if parts else ""
    return (
        f"{data}: holds nothing of {benchmark.name}; put {first} there (or {', '.join(others)}; gzipped or not){of}, "
        f"from {benchmark.source}; or a copy of {hub.path} as the folder {hub.path.rpartition('/')[2]}"
    )


def _marked(
    found: Iterable[tuple[str, Row]], hub: Hub, split: str | None
) -> Iterator[tuple[str, Row]]:
    for where, row in found:
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected an object, got {type(row).__name__}")
        yield where, {**row, PART: hub.part, SPLIT: split or hub.split}


def _hub(benchmark: Benchmark, hub: Hub, split: str | None) -> Iterator[tuple[str, Row]]:
    try:
        yield from _dataset(hub.path, hub, split)
    except DataError as error:
        first, *_ = candidates(benchmark, hub.file or hub.part, split)
        raise DataError(
            f"{benchmark.name}: {error}; get it from {benchmark.source}, put {first} into a folder, and give that "
            f"folder (--data FOLDER)"
        ) from error


def _local(path: Path, hub: Hub, split: str | None) -> Iterator[tuple[str, Row]]:
    if path.is_dir():
        yield from _dataset(str(path), hub, split)
        return
    name = path.name.removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        for number, row in enumerate(read_csv(path, ()), 2):
            yield f"{path}: row {number}", row
    elif name.endswith(".parquet"):
        yield from _parquet(path)
    elif name.endswith(".json"):
        yield from _json(path, split or hub.split)
    else:
        for number, row in read_json_lines(path):
            yield f"{path}:{number}", row


def _json(path: Path, split: str) -> Iterator[tuple[str, Row]]:
    try:
        raw = path.read_bytes()
        content = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can not be read: {error}") from error
    try:
        found = json.loads(content)
    except ValueError as error:
        if not content.lstrip().startswith("{"):
            raise DataError(f"{path}: no JSON: {error}") from error
        for number, row in read_json_lines(path):  # JSON Lines under the name of JSON
            yield f"{path}:{number}", row
        return
    if isinstance(found, dict):
        key = next((k for k in (split, *_LISTS) if isinstance(found.get(k), list)), None)
        if key is None:
            raise DataError(
                f"{path}: expected a list of questions, or an object with one under {split!r} or "
                f"{', '.join(map(repr, _LISTS))}; it has {', '.join(map(repr, found))}"
            )
        found = found[key]
    if not isinstance(found, list):
        raise DataError(f"{path}: expected a list of questions, got {type(found).__name__}")
    for number, row in enumerate(found, 1):
        yield f"{path}: question {number}", row


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise _no_datasets("a Parquet file") from error
    try:
        table = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: can not be read: {error}") from error
    for number, row in enumerate(table.to_pylist(), 1):
        yield f"{path}: row {number}", row


def _dataset(path: str, hub: Hub, split: str | None) -> Iterator[tuple[str, Row]]:
    """The rows of a repository on the hub, or of a local copy of it. Raises `DataError` if it can not be read."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise _no_datasets("the Hugging Face hub") from error
    chosen = split or hub.split
    try:
        found: Any = datasets.load_dataset(path, hub.config, split=chosen)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path} ({hub.config or 'default'}, {chosen}) can not be read: {reason}"
        ) from error
    for number, row in enumerate(found, 1):
        yield f"{path} ({hub.config or 'default'}, {chosen}): row {number}", row


def _no_datasets(what: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"{what} is read with the package `datasets`: pip install 'router-r1[eval]'; or give a folder with files as JSON"
    )
