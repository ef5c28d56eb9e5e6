"""Benchmarks by name; for now a JSON Lines file of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from router_r1.questions import Question, read_questions


@dataclass(frozen=True)
class Benchmark:
    """Where questions come from, and how they are answered."""

    name: str
    instruction: str = ""
    """How to answer, shown under the question."""
    corpus: Callable[[Sequence[Question], Sequence[str | None]], dict[str, float]] | None = None
    """Figures that are no mean over questions."""


def get(name: str) -> Benchmark:
    """The benchmark of this name."""
    return Benchmark(Path(name).name)


def load(
    name: str, data: Path | None = None, *, limit: int | None = None, split: str | None = None
) -> list[Question]:
    """Its questions, or the first `limit` of them."""
    return read_questions(name)[:limit]
