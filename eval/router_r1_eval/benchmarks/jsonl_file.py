"""A JSON Lines file of your own as a benchmark: prompts with gold answers.

A line is an object with `question` (or `prompt`) and `answer` (a text, or a list of accepted texts). Optional are
`metric` (default `em`, or `choice` if there are `choices`), `category`, `choices`, `metadata` and `id` (default: a hash
of the question). Every question file that `router_r1.data.questions` writes is such a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.data.json_lines import read_json_lines
from router_r1.data.options import with_options
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_eval.benchmarks.base import Benchmark
from router_r1_eval.benchmarks.rows import SourceRow, fingerprint

SUFFIXES = (".jsonl", ".jsonl.gz")


def is_path(name: str) -> bool:
    """Whether this is the path of a file, or has the suffix of one."""
    return name.endswith(SUFFIXES) or Path(name).is_file()


def benchmark(path: Path) -> Benchmark:
    """A file as a benchmark, named after the file without its suffix. Raises `ConfigError` for other suffixes."""
    if not path.name.endswith(SUFFIXES):
        raise ConfigError(f"{path}: expected a JSON Lines file, called *.jsonl or *.jsonl.gz")
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    return Benchmark(
        name=name,
        title=name,
        area="own",
        licence="yours",
        source=str(path),
        hub=(),
        files=(path.name,),
        size=None,
        convert=convert,
    )


def read(path: Path) -> list[Question]:
    """The questions of a file.

    Raises:
        DataError: the file cannot be read or is empty, a line is not a question, or an id is used twice; names file and
            line.
    """
    questions: list[Question] = []
    lines: dict[str, int] = {}
    for number, row in read_json_lines(path):
        try:
            question = convert(number, row)
        except (ConfigError, DataError) as error:
            raise DataError(f"{path}:{number}: {error}") from error
        if question.id in lines:
            raise DataError(
                f"{path}:{number}: the id {question.id!r} is used in line {lines[question.id]} already; make ids unique, or "
                f"without ids the questions"
            )
        lines[question.id] = number
        questions.append(question)
    if not questions:
        raise DataError(
            f"{path}: holds no questions; write one a line, with 'question' and 'answer'"
        )
    return questions


def convert(number: int, row: SourceRow) -> Question:
    """The question of one line."""
    if not isinstance(row, dict):
        raise DataError(f"expected an object, got {type(row).__name__}")
    fields: dict[str, Any] = dict(row)
    if "prompt" in fields and "question" not in fields:
        fields["question"] = fields.pop("prompt")
    asked = fields.get("question")
    fields.setdefault("metric", "choice" if fields.get("choices") else "em")
    if isinstance(asked, str):
        fields.setdefault("id", fingerprint(asked, *map(str, fields.get("choices") or ())))
    question = config.validate(Question, fields, "the question")
    return question.model_copy(update={"question": with_options(question)})
