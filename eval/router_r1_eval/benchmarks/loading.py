"""Rows of a benchmark: from local files, from a local copy of its hub repository, or from the hub.

A folder is searched for, in this order and each gzipped or not:

1. one file with everything: a name from `Benchmark.files` (the names under which its authors publish it), or NAME, or
   NAME_SPLIT or NAME/SPLIT for another split; if the benchmark has parts, the rows need the column `task`;
2. one file per part: NAME_PART, NAME_PART_SPLIT, or in a folder (`bbh/word_sorting.json`);
3. a copy of the hub repository, in a folder with the name of the repository (`hf download nyu-mll/glue --repo-type
   dataset --local-dir FOLDER/glue`), which `datasets` reads.

Formats: JSON Lines, JSON (a list, or an object with one under `examples`, `data` or the split), CSV, TSV and Parquet.

Not covered: the content of rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import located_json_lines
from router_r1.errors import DataError, MissingDependencyError
from router_r1.files import check_input
from router_r1.json_text import parse_json
from router_r1_eval.benchmarks.base import Benchmark, Hub
from router_r1_eval.benchmarks.rows import PART, SPLIT, SourceRow
from router_r1_eval.source_files import read_csv, read_text

log = logging.getLogger("router_r1_eval.benchmarks")

_FORMATS = ("jsonl", "json", "csv", "tsv", "parquet")
_LIST_KEYS = ("examples", "data", "Data", "rows")


def rows(
    benchmark: Benchmark, data: Path | None, split: str | None = None
) -> Iterator[tuple[str, SourceRow]]:
    """The rows of a benchmark, each with its place for messages.

    Args:
        benchmark: the benchmark.
        data: the folder with its files; None for the hub.
        split: the split to use instead of the one that results are reported on.

    Raises:
        DataError: the source cannot be found (says which file to put where) or read.
        MissingDependencyError: `datasets` is needed and not installed.
    """
    if data is None:
        for hub in benchmark.hub:
            yield from _marked(_hub_rows(benchmark, hub, split), hub, split)
        return
    whole = _first_file(data, file_names(benchmark, None, split))
    if whole is not None:
        hub = benchmark.hub[0]._replace(part=None)
        yield from _marked(_local_rows(whole, hub, split), hub, split)
        return
    found = [(hub, _find_part(benchmark, data, hub, split)) for hub in _parts(benchmark)]
    if missing := [hub for hub, path in found if path is None]:
        if len(missing) == len(found):
            raise DataError(_nothing_found(benchmark, data, split))
        parts = ", ".join(str(hub.part) for hub in missing)
        log.warning("%s: %s has no file for %s; left out", benchmark.name, data, parts)
    for hub, path in found:
        if path is not None:
            yield from _marked(_local_rows(path, hub, split), hub, split)


def file_names(benchmark: Benchmark, part: str | None, split: str | None) -> list[str]:
    """The names of files to look for, without `.gz`.

    Args:
        benchmark: the benchmark.
        part: the part of it; None for one file with everything.
        split: the requested split; None for the one that results are reported on.
    """
    split = None if benchmark.one_file else split
    published = [
        name
        for name in benchmark.files
        if split is None and ("{part}" in name) == (part is not None)
    ]
    stems = [benchmark.name]
    if part is not None:
        stems = [f"{benchmark.name}_{part}", f"{benchmark.name}/{part}"]
    if split is not None:
        stems = [f"{stem}{sign}{split}" for sign in "_/" for stem in stems]
    names = [*published, *(f"{stem}.{ending}" for stem in stems for ending in _FORMATS)]
    return [name.replace("{part}", part or "") for name in names]


def _parts(benchmark: Benchmark) -> Iterable[Hub]:
    """Each part once."""
    return {hub.part: hub for hub in benchmark.hub}.values()


def _find_part(benchmark: Benchmark, data: Path, hub: Hub, split: str | None) -> Path | None:
    """The file of a part, or the copy of its repository."""
    names = [hub.part] if hub.file is None else [hub.file, hub.part]
    path = _first_file(
        data, [name for part in names for name in file_names(benchmark, part, split)]
    )
    if path is not None:
        return path
    copy = data / hub.path.rpartition("/")[2]
    # A folder with one file per part (`bbh/word_sorting.json`) is not a copy. Not every repository has a README.
    is_copy = any((copy / name).is_file() for name in ("README.md", ".gitattributes"))
    return copy if is_copy else None


def _first_file(data: Path, names: Iterable[str]) -> Path | None:
    """The first of these files that the folder holds, gzipped or not."""
    paths = (data / ending for name in names for ending in (name, f"{name}.gz"))
    return next((path for path in paths if path.is_file()), None)


def _nothing_found(benchmark: Benchmark, data: Path, split: str | None) -> str:
    hub = benchmark.hub[0]
    first, *others = file_names(
        benchmark, "PART" if hub.part and not benchmark.one_file else None, split
    )
    parts = [str(hub.file or hub.part) for hub in _parts(benchmark)] if "PART" in first else []
    choice = f" with PART one of {', '.join(parts)}" if parts else ""
    return (
        f"{data}: holds nothing of {benchmark.name}; put {first} there (or {', '.join(others)}; gzipped or not){choice}, "
        f"from {benchmark.source}; or a copy of {hub.path} as the folder {hub.path.rpartition('/')[2]}"
    )


def _marked(
    found: Iterable[tuple[str, SourceRow]], hub: Hub, split: str | None
) -> Iterator[tuple[str, SourceRow]]:
    """Add part and split to every row."""
    for where, row in found:
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected an object, got {type(row).__name__}")
        yield where, {**row, PART: hub.part, SPLIT: split or hub.split}


def _hub_rows(benchmark: Benchmark, hub: Hub, split: str | None) -> Iterator[tuple[str, SourceRow]]:
    try:
        yield from _dataset_rows(hub.path, hub, split)
    except DataError as error:
        first, *_ = file_names(benchmark, hub.file or hub.part, split)
        raise DataError(
            f"{benchmark.name}: {error}; get it from {benchmark.source}, put {first} into a folder, and pass that "
            f"folder with --data FOLDER"
        ) from error


def _local_rows(path: Path, hub: Hub, split: str | None) -> Iterator[tuple[str, SourceRow]]:
    name = path.name.removesuffix(".gz")
    if path.is_dir():
        yield from _dataset_rows(str(path), hub, split)
    elif name.endswith((".csv", ".tsv")):
        for number, row in enumerate(read_csv(path, ()), 2):
            yield f"{path}: row {number}", row
    elif name.endswith(".parquet"):
        yield from _parquet_rows(path)
    elif name.endswith(".json"):
        yield from _json_rows(path, split or hub.split)
    else:
        yield from located_json_lines(path)


def _json_rows(path: Path, split: str) -> Iterator[tuple[str, SourceRow]]:
    content = read_text(path)
    try:
        found = parse_json(content)
    except ValueError as error:
        if not content.lstrip().startswith("{"):
            raise DataError(f"{path}: not JSON: {error}") from error
        yield from located_json_lines(path)  # JSON Lines in a file called .json
        return
    if isinstance(found, dict):
        key = next((k for k in (split, *_LIST_KEYS) if isinstance(found.get(k), list)), None)
        if key is None:
            raise DataError(
                f"{path}: expected a list of questions, or an object with one under {split!r} or "
                f"{', '.join(map(repr, _LIST_KEYS))}; it has {', '.join(map(repr, found))}"
            )
        found = found[key]
    if not isinstance(found, list):
        raise DataError(f"{path}: expected a list of questions, got {type(found).__name__}")
    for number, row in enumerate(found, 1):
        yield f"{path}: question {number}", row


def _parquet_rows(path: Path) -> Iterator[tuple[str, SourceRow]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise _datasets_missing("a Parquet file") from error
    try:
        check_input(path)
        table = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    for number, row in enumerate(table.to_pylist(), 1):
        yield f"{path}: row {number}", row


def _dataset_rows(path: str, hub: Hub, split: str | None) -> Iterator[tuple[str, SourceRow]]:
    """The rows of a repository on the hub, or of a local copy. Raises `DataError` if it cannot be read."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise _datasets_missing("the Hugging Face hub") from error
    chosen = split or hub.split
    where = f"{path} ({hub.config or 'default'}, {chosen})"
    try:
        found: Any = datasets.load_dataset(path, hub.config, split=chosen)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{where} cannot be read: {reason}") from error
    for number, row in enumerate(found, 1):
        yield f"{where}: row {number}", row


def _datasets_missing(what: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"{what} needs the package `datasets`: pip install 'router-r1[eval]'; or pass a folder with JSON files"
    )
