"""A JSON Lines file of your own: prompts with gold answers and categories.

A line is an object with `question` (or `prompt`) and `answer` (a text, or a list of accepted ones), and as wanted `metric` (`em`;
`choice` where there are `choices`), `category`, `choices`, `metadata` and `id` (a hash of what is asked). Every question file of
`router_r1.data.questions` is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.data.json_lines import read_json_lines
from router_r1.data.options import with_options
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_eval.benchmarks.base import Benchmark, Row, fingerprint

_ENDINGS = (".jsonl", ".jsonl.gz")


def is_path(name: str) -> bool:
    """Is this a file, or called like one?"""
    return name.endswith(_ENDINGS) or Path(name).is_file()


def benchmark(path: Path) -> Benchmark:
    """A file as a benchmark; its name is the file's, without ending."""
    if not path.name.endswith(_ENDINGS):
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
        DataError: no such file, no JSON, a line that is no question, or an id that is there twice; names file and line.
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
                f"{path}:{number}: the id {question.id!r} is in line {lines[question.id]} already; ids are unique, and "
                f"without one a question's text is"
            )
        lines[question.id] = number
        questions.append(question)
    if not questions:
        raise DataError(f"{path}: holds no questions; one a line, with 'question' and 'answer'")
    return questions


def convert(number: int, row: Row) -> Question:
    """One line."""
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
