"""What a benchmark is, and the registry of all benchmarks.

A benchmark converts a row of its source into a `Question`. `rows.py` reads the cells of a row, and `questions.py`
builds the questions. A conversion returns None for a row to leave out (of another split, or withdrawn), and raises
`DataError` without a file or line, which the loader adds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.extensions import Registry
from router_r1_eval.benchmarks.rows import SourceRow

Area = Literal["qa", "maths", "knowledge", "instruction", "code", "understanding", "safety", "own"]
AREAS: tuple[str, ...] = get_args(Area)
"""All areas, in the order in which they are listed."""

Convert = Callable[[int, SourceRow], Question | None]
"""(number of the row, row) -> the question, or None to leave the row out."""
CorpusScores = Callable[[Sequence[Question], Sequence[str | None]], dict[str, float]]
"""(questions, their answers in the same order, None for no answer) -> scores by name."""


class Hub(NamedTuple):
    """Where a part of a benchmark is on the Hugging Face hub."""

    path: str
    """The repository, `owner/name`."""
    config: str | None
    """The configuration, if the repository has several."""
    split: str
    """The split that results are reported on."""
    part: str | None = None
    """The part of the benchmark: a task, a year. None for all of it."""
    file: str | None = None
    """The name of the part in file names, if it differs."""


@dataclass(frozen=True)
class Benchmark:
    """A public question set, or a file of your own."""

    name: str
    """The name in commands and question ids."""
    title: str
    """The name in prose."""
    area: Area
    """What it measures."""
    licence: str
    """The licence of the questions."""
    source: str
    """The URL of its authors, or the path of a file."""
    hub: tuple[Hub, ...]
    """Its parts on the hub; empty for a file of your own."""
    files: tuple[str, ...]
    """File names to look for in a folder, first match wins; `{part}` stands for a part. The name of the benchmark, with
    part and split, is always looked for too (`loading.file_names`)."""
    size: int | None
    """Number of questions in the reported split; None if that is not fixed."""
    convert: Convert
    """Makes a question of a row."""
    instruction: str = ""
    """How to answer; shown below each question."""
    corpus: CorpusScores | None = None
    """Scores of a whole set of answers that are not means over questions, such as the F1 of a class; from 0 to 1, or
    from -1 for correlations."""
    one_file: bool = False
    """One file holds all splits; the conversion or a key of the file tells them apart."""


BENCHMARKS: Registry[Benchmark] = Registry(
    "benchmark", folder="router_r1_eval.benchmarks.sets", group="router_r1.benchmarks"
)
"""All public benchmarks by name."""


def register(benchmark: Benchmark) -> Benchmark:
    """Register a benchmark under its name. Raises `ConfigError` if the name is taken or the area is unknown."""
    public = [area for area in AREAS if area != "own"]
    if benchmark.area not in public:
        raise ConfigError(
            f"benchmark {benchmark.name!r}: area is {benchmark.area!r}; expected one of {', '.join(public)}"
        )
    size = "" if benchmark.size is None else f", {benchmark.size:,} questions"
    summary = f"{benchmark.title}: {benchmark.area}{size}"
    return BENCHMARKS.add(benchmark.name, benchmark, summary)
