"""Questions as benchmarks build them: with any metric, with short answers, or with lettered options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from router_r1 import config
from router_r1.data.options import LETTERS, with_options
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import Convert
from router_r1_eval.benchmarks.rows import SourceRow, cell, fingerprint, optional_text, text, texts

SHORT = "Answer with a name, a date or a few words, and nothing else."
"""The instruction for short answers."""
LETTER = "Answer with the letter of the right option."
"""The instruction for multiple choice."""
CODE = "Answer with the whole program in one block of Python code."
"""The instruction for programs."""


def question(name: str, key: str, **fields: Any) -> Question:
    """A question with the id `NAME/KEY`. Raises `ConfigError` if a field is wrong."""
    return config.validate(Question, {"id": f"{name}/{key}", **fields}, f"{name}/{key}")


def short_answer(name: str, row: SourceRow, *, category: str | None = None) -> Question:
    """A question with one or more accepted short answers, scored by exact match.

    The answers may be a text, a list, a list written as JSON, or TriviaQA's object with `value` and `aliases`. Without
    an id in the row, the id is a fingerprint of the question.

    Args:
        name: the benchmark.
        row: with a question and answers, under any of the usual column names.
        category: the category, if there is one.
    """
    asked = text(row, "question", "Question", "query")
    accepted = _accepted(
        cell(row, "answer", "answers", "golden_answers", "Answer", "possible_answers")
    )
    accepted += _accepted(row.get("answer_aliases") or [])
    accepted = list(dict.fromkeys(answer.strip() for answer in accepted if answer.strip()))
    if not accepted:
        raise DataError("the row has no accepted answer; expected at least one")
    return question(
        name,
        optional_text(row, "id", "_id", "question_id", "QuestionId") or fingerprint(asked),
        question=asked,
        answer=tuple(accepted) if len(accepted) > 1 else accepted[0],
        metric="em",
        category=category,
    )


def short_answers(name: str, *, category_column: str | None = None) -> Convert:
    """The conversion of a benchmark whose every row is a `short_answer`, with the category in this column."""

    def convert(number: int, row: SourceRow) -> Question:
        category = optional_text(row, category_column) if category_column else None
        return short_answer(name, row, category=category)

    return convert


def _accepted(found: Any) -> list[str]:
    if isinstance(found, str) and found.startswith("["):
        try:
            found = json.loads(found)
        except ValueError:
            return [found]  # an answer that happens to begin with a bracket
    if isinstance(found, str):
        return [found]
    if isinstance(found, Mapping):  # TriviaQA
        named = {key.lower(): value for key, value in found.items()}
        return [*_accepted(named.get("value") or ""), *_accepted(named.get("aliases") or [])]
    if isinstance(found, Iterable):
        return [str(answer) for answer in found]
    return [str(found)]


def multiple_choice(
    name: str,
    key: str,
    asked: str,
    options: Sequence[str],
    right: int,
    *,
    category: str | None = None,
) -> Question:
    """A question with its options below it, lettered; the gold answer is a letter.

    Args:
        name: the benchmark.
        key: the id within the benchmark.
        asked: the question without options.
        options: their texts.
        right: index of the right option, from 0.
        category: the category, if there is one.

    Raises:
        DataError: there is no such option.
    """
    if not 0 <= right < len(options):
        raise DataError(f"the right option is number {right + 1} of {len(options)}")
    bare = question(
        name,
        key,
        question=asked,
        answer=LETTERS[right] if right < len(LETTERS) else "?",
        metric="choice",
        category=category,
        choices=tuple(option.strip() for option in options),
    )
    return bare.model_copy(update={"question": with_options(bare)})


def lettered_choices(name: str, row: SourceRow, category: object) -> Question:
    """A multiple-choice question in MMLU's format.

    Args:
        name: the benchmark.
        row: with `question`, `choices` (a list, or letters with texts) and `answer` (a letter, or an index from 0).
        category: the subject, or None.
    """
    asked, options = text(row, "question"), cell(row, "choices")
    if isinstance(options, Mapping):
        options = list(options.values())
    options = texts({"choices": options}, "choices")
    return multiple_choice(
        name,
        str(row["id"])
        if row.get("id") is not None
        else fingerprint(str(category), asked, *options),
        asked,
        options,
        option_index(cell(row, "answer"), len(options)),
        category=None if category is None else str(category),
    )


def shuffled_options(key: str, right: str, wrong: Iterable[str]) -> tuple[list[str], int]:
    """Options in an order that depends on the key alone, so it is the same on every machine.

    Args:
        key: key of the question.
        right: the right option.
        wrong: the others.

    Returns:
        The options, and the index of the right one.
    """
    options = [right, *wrong]
    order = sorted(range(len(options)), key=lambda n: fingerprint(key, str(n), options[n]))
    return [options[n] for n in order], order.index(0)


def option_index(gold: Any, count: int) -> int:
    """The index of an option that is named by its letter, or by its number from 0. Raises `DataError` otherwise."""
    name = str(gold).strip()
    index = LETTERS.find(name) if len(name) == 1 and name.isalpha() else -1
    if name.isdigit():
        index = int(name)
    if not 0 <= index < count:
        raise DataError(f"the gold answer {gold!r} names none of {count} options")
    return index
