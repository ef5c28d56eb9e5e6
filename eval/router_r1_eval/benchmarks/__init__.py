"""Benchmarks: public question sets as `Question`s, one file each (`docs/benchmarks.md`).

    common.py        what a benchmark is; what all conversions share
    loading.py       rows of a local file, of a local copy of a hub repository, or of the hub
    sampling.py      which questions stand for all of them
    statistics.py    numbers of a whole set of answers: Matthews, correlations, F1 of classes
    nq.py ...        one benchmark each: where it is, how a row becomes a question, how it is answered and graded
    jsonl_file.py           a JSON Lines file of your own
    commands.py      `router-r1 benchmark`

To add one: a module here with `BENCHMARK`, its name in `_MODULES`, and a row in the page's table.

Not covered: who answers, and what comes of it.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_eval.benchmarks import jsonl_file, loading
from router_r1_eval.benchmarks.base import AREAS, BENCHMARKS, Benchmark, Hub
from router_r1_eval.benchmarks.sampling import sample


def names() -> tuple[str, ...]:
    """The names of all public benchmarks, by area."""
    return tuple(sorted(BENCHMARKS, key=lambda name: (AREAS.index(BENCHMARKS[name].area), name)))


def get(name: str) -> Benchmark:
    """A benchmark by its name, or a JSON Lines file of one's own by its path.

    Raises:
        ConfigError: no such benchmark; says which there are.
    """
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    if jsonl_file.is_path(name):
        return jsonl_file.benchmark(Path(name))
    close = difflib.get_close_matches(name.lower(), BENCHMARKS, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigError(
        f"there is no benchmark {name!r}; {meant}there are {', '.join(names())}, and any file of your own by its path, "
        f"which ends in .jsonl or .jsonl.gz"
    )


def load(
    name: str, data: Path | None = None, *, limit: int | None = None, split: str | None = None
) -> list[Question]:
    """The questions of a benchmark, in the order of its source.

    Args:
        name: a name, or the path of a JSON Lines file of one's own.
        data: a folder with the benchmark's files; without it the Hugging Face hub is read.
        limit: at most so many questions, chosen by a hash of their ids: a smaller sample is a part of a larger one, and
            all parts of a benchmark have their share in it.
        split: another split than the one that is quoted.

    Raises:
        ConfigError: no such benchmark, or a limit below 1.
        DataError: it can not be reached, and which file to put where; or a broken row, with file and line.
        MissingDependencyError: the hub is needed, and `datasets` is not installed.
    """
    benchmark = get(name)
    if limit is not None and limit < 1:
        raise ConfigError(f"a limit of {limit} questions leaves none; give 1 or more")
    if benchmark.area == "own":
        if split is not None:
            raise ConfigError(f"{name}: a file of your own has no splits; leave `split` out")
        if data is not None:
            raise ConfigError(
                f"{name}: a file of your own is found by its path; leave the folder {data} out"
            )
        return sample(jsonl_file.read(Path(name)), limit)
    questions: dict[str, Question] = {}
    for number, (where, row) in enumerate(loading.rows(benchmark, data, split)):
        try:
            question = benchmark.convert(number, row)
        except (DataError, ConfigError) as error:
            raise DataError(f"{where}: {error}") from error
        if question is not None:
            question = _apart(question, questions, where)
            questions[question.id] = question
    if not questions:
        place = "the hub" if data is None else str(data)
        raise DataError(f"{name}: what {place} has of it holds no question")
    return sample(list(questions.values()), limit)


def _apart(question: Question, questions: dict[str, Question], where: str) -> Question:
    """The question, under a name of its own where the same one was published before."""
    other = questions.get(question.id)
    if other is None:
        return question
    if other.question != question.question:
        raise DataError(f"{where}: the id {question.id!r} is that of another question already")
    again = 2
    while f"{question.id}-{again}" in questions:
        again += 1
    return question.model_copy(update={"id": f"{question.id}-{again}"})


__all__ = ["AREAS", "BENCHMARKS", "Benchmark", "Hub", "get", "load", "names"]
