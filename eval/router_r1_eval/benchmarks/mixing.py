"""Questions of several benchmarks in one list, each with its benchmark as category."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks import jsonl_file


def parse_share(text: str) -> tuple[str, int | None]:
    """A benchmark and how many of its questions, from `gsm8k=300`, `gsm8k` (all) or `own.jsonl=20`."""
    name, sign, count = text.rpartition("=")
    if not sign:
        return text, None
    if not count.isdecimal() or int(count) < 1:
        raise ConfigError(f"{text}: expected NAME or NAME=COUNT, e.g. gsm8k=300")
    return name, int(count)


def mix(shares: Iterable[tuple[str, int | None]], data: Path | None = None) -> list[Question]:
    """A sample of each benchmark, together in an order by a hash of the ids, so that every beginning is a mixture.

    The category of a question becomes the name of its benchmark: routers and reports tell the benchmarks apart by it.
    The instruction of a benchmark is lost, because one run has one; tell the candidates by a system prompt how to
    answer.

    Args:
        shares: benchmark or JSON Lines file -> how many of its questions; None for all.
        data: a folder with the files of the benchmarks; None for the hub. A file of your own is found by its path.

    Raises:
        ConfigError: two questions have the same id, or there is no such benchmark.
        DataError: a source cannot be found or read.
    """
    found: dict[str, Question] = {}
    for name, count in shares:
        category = benchmarks.get(name).name
        folder = None if jsonl_file.is_path(name) else data
        for question in benchmarks.load(name, folder, limit=count):
            if question.id in found:
                raise ConfigError(
                    f"{name}: the id {question.id!r} is in {found[question.id].category} too; name each source once"
                )
            found[question.id] = question.model_copy(update={"category": category})
    return sorted(found.values(), key=_order)


def _order(question: Question) -> bytes:
    return hashlib.sha256(f"mix {question.id}".encode()).digest()
