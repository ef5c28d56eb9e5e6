"""Benchmarks: public question sets as `Question`s (`docs/benchmarks.md`).

    base.py            what a benchmark is, and the registry
    rows.py            reading the cells of a source's rows
    questions.py       building questions: short answers, multiple choice
    math_problems.py   problems with a boxed answer
    label_tasks.py     suites of labelled tasks
    corpus_scores.py   scores of a whole set of answers: correlations, F1 of classes
    sets/              the benchmarks, one module each, which registers itself
    jsonl_file.py      a JSON Lines file of your own
    loading.py         rows from local files or the hub
    sampling.py        which questions a limited run asks
    mixing.py          questions of several benchmarks in one list
    commands.py        `router-r1 benchmark`

Not covered: asking and grading (`router_r1_eval.run`).
"""

from __future__ import annotations

import difflib
from pathlib import Path

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError, shown_name
from router_r1_eval.benchmarks import jsonl_file, loading
from router_r1_eval.benchmarks.base import AREAS, BENCHMARKS, Benchmark, Hub, register
from router_r1_eval.benchmarks.sampling import sample


def names() -> tuple[str, ...]:
    """The names of all public benchmarks, extensions included, by area."""
    return tuple(sorted(BENCHMARKS, key=lambda name: (AREAS.index(BENCHMARKS[name].area), name)))


def get(name: str) -> Benchmark:
    """The benchmark with this name, or the JSON Lines file at this path.

    Raises:
        ConfigError: there is no such benchmark; lists the names there are.
    """
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    if jsonl_file.is_path(name):
        return jsonl_file.benchmark(Path(name))
    close = difflib.get_close_matches(name.lower(), BENCHMARKS, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigError(
        f"there is no benchmark {shown_name(name)!r}; {guess}there are {', '.join(names())}; pass a file of your own by its path, which "
        f"ends in .jsonl or .jsonl.gz"
    )


def load(
    name: str, data: Path | None = None, *, limit: int | None = None, split: str | None = None
) -> list[Question]:
    """The questions of a benchmark, in the order of its source.

    Args:
        name: a name, or the path of a JSON Lines file.
        data: a folder with the benchmark's files; None for the Hugging Face hub.
        limit: at most this many questions, chosen by a hash of their ids, so that a larger sample contains a smaller
            one and every part of the benchmark has its share.
        split: the split to use instead of the one that results are reported on.

    Raises:
        ConfigError: there is no such benchmark, or the limit is below 1.
        DataError: the source cannot be found (says which file to put where), or a row is broken (names file and line).
        MissingDependencyError: the hub is needed, and `datasets` is not installed.
    """
    benchmark = get(name)
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}, which leaves no questions; pass 1 or more")
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
            question = _with_unique_id(question, questions, where)
            questions[question.id] = question
    if not questions:
        source = "the hub" if data is None else str(data)
        raise DataError(f"{name}: {source} holds no question of it; check the split and the file")
    return sample(list(questions.values()), limit)


def _with_unique_id(question: Question, known: dict[str, Question], where: str) -> Question:
    """The question, with a number added to its id if the source contains it more than once."""
    other = known.get(question.id)
    if other is None:
        return question
    if other.question != question.question:
        raise DataError(f"{where}: another question has the id {question.id!r} already")
    number = 2
    while f"{question.id}-{number}" in known:
        number += 1
    return question.model_copy(update={"id": f"{question.id}-{number}"})


__all__ = ["AREAS", "BENCHMARKS", "Benchmark", "Hub", "get", "load", "names", "register"]
