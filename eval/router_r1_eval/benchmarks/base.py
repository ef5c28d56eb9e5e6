"""What a benchmark is, and what all conversions of rows share.

A conversion takes the number of a row and the row, and gives a question, or None for a row that is none (of another split,
withdrawn). It raises `DataError` without saying where: the loader knows file and line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from router_r1 import config
from router_r1.data.options import LETTERS, with_options
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.extensions import Registry

Area = Literal["qa", "maths", "knowledge", "instruction", "code", "understanding", "safety", "own"]
AREAS: tuple[str, ...] = get_args(Area)
"""All areas, in the order of lists."""

Row = Mapping[str, Any]
Convert = Callable[[int, Row], Question | None]
Corpus = Callable[[Sequence[Question], Sequence[str | None]], dict[str, float]]
"""(questions, their answers in the same order, None for no answer) -> numbers by name, 0 to 1 but for correlations."""

PART = "@part"
"""Key under which a row knows the part of its benchmark that it comes from: the task, the year."""
SPLIT = "@split"
"""Key under which a row knows the split that was asked for."""

SHORT = "Answer with a name, a date or a few words, and nothing else."
"""How short answers are given."""
LETTER = "Answer with the letter of the right option."
"""How options are chosen."""


class Hub(NamedTuple):
    """A place on the Hugging Face hub."""

    path: str
    """Repository, `owner/name`."""
    config: str | None
    """Configuration, where it has several."""
    split: str
    """The split that is quoted."""
    part: str | None = None
    """The part of the benchmark that this is; None for all of it."""
    file: str | None = None
    """What stands for the part in names of files, where that is another name."""


@dataclass(frozen=True)
class Benchmark:
    """A public question set, or a file of one's own."""

    name: str
    """What it is called in commands and ids."""
    title: str
    """What it is called in prose."""
    area: Area
    """What it is about."""
    licence: str
    """Under which the questions are published."""
    source: str
    """Where it comes from: a URL, or the file."""
    hub: tuple[Hub, ...]
    """Where its parts lie on the hub; empty for a file of one's own."""
    files: tuple[str, ...]
    """Names that are looked for in a folder, gzipped or not, the first one that is there; `{part}` stands for a part. The
    name of the benchmark, with part and split, is always looked for too (`reading.candidates`)."""
    size: int | None
    """Questions that are quoted; None where that is not fixed."""
    convert: Convert
    """(number of the row, row) -> question, or None for a row that is none."""
    instruction: str = ""
    """How to answer, shown under the question."""
    corpus: Corpus | None = None
    """Numbers that are no means of a score per question."""
    one_file: bool = False
    """Its file holds all splits, and the conversion or a key of the file tells them apart."""


BENCHMARKS: Registry[Benchmark] = Registry(
    "benchmark", folder="router_r1_eval.benchmarks.sets", group="router_r1.benchmarks"
)
"""All public benchmarks by name."""


def register(benchmark: Benchmark) -> Benchmark:
    """Register a benchmark under its name. Raises `ConfigError` if the name is taken."""
    size = "" if benchmark.size is None else f", {benchmark.size:,} questions"
    summary = f"{benchmark.title} ({benchmark.area}{size})"
    return BENCHMARKS.add(benchmark.name, benchmark, summary)


def question(name: str, key: str, **fields: Any) -> Question:
    """A question with the id `NAME/KEY`. Raises `ConfigError`, which names the field that is wrong."""
    return config.validate(Question, {"id": f"{name}/{key}", **fields}, f"{name}/{key}")


def part(row: Row) -> str:
    """The part of its benchmark that a row comes from: that of its file, or the column `task`. Raises `DataError`."""
    return str(row[PART]) if row.get(PART) is not None else text(row, "task")


def fingerprint(*texts: str) -> str:
    """A key for a question that has none of its own: a hash of what is asked."""
    joined = "\x1f".join(" ".join(text.split()) for text in texts)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def cell(row: Row, *keys: str) -> Any:
    """The first of these columns that the row has. Raises `DataError` for none."""
    for key in keys:
        if row.get(key) is not None:
            return row[key]
    has = ", ".join(repr(key) for key in row if not key.startswith("@")) or "nothing"
    wanted = " or ".join(map(repr, keys))
    raise DataError(f"the row has no {wanted}; it has {has}")


def text(row: Row, *keys: str) -> str:
    """The first of these columns as a text that is not empty."""
    found = cell(row, *keys)
    if not isinstance(found, str) or not found.strip():
        raise DataError(f"{keys[0]!r} is {found!r}; expected a text")
    return found.strip()


def texts(row: Row, *keys: str) -> list[str]:
    """The first of these columns as a list of texts."""
    found = cell(row, *keys)
    if not isinstance(found, (list, tuple)) or not all(isinstance(t, str) for t in found):
        raise DataError(f"{keys[0]!r} is {found!r}; expected a list of texts")
    return list(found)


def whole(row: Row, *keys: str) -> int:
    """The first of these columns as a whole number, from a number or the text of a CSV cell."""
    found = cell(row, *keys)
    try:
        return int(str(found))
    except ValueError:
        raise DataError(f"{keys[0]!r} is {found!r}; expected a whole number") from None


def short_answer(name: str, row: Row, *, category: str | None = None) -> Question:
    """A question with accepted short answers, scored by exact match.

    Read from `question` (or `Question`, `query`) and `answer` (or `answers`, `golden_answers`, `Answer`,
    `possible_answers`): a text, a list, or such a list as JSON. `answer_aliases` are accepted too. The id is `id` (or
    `_id`, `question_id`, `QuestionId`) where there is one.
    """
    asked = text(row, "question", "Question", "query")
    accepted = _accepted(
        cell(row, "answer", "answers", "golden_answers", "Answer", "possible_answers")
    )
    accepted += _accepted(row.get("answer_aliases") or [])
    accepted = list(dict.fromkeys(answer.strip() for answer in accepted if answer.strip()))
    if not accepted:
        raise DataError("the row has no accepted answer; expected at least one")
    key = next((row[k] for k in ("id", "_id", "question_id", "QuestionId") if row.get(k)), None)
    return question(
        name,
        str(key) if key is not None else fingerprint(asked),
        question=asked,
        answer=tuple(accepted) if len(accepted) > 1 else accepted[0],
        metric="em",
        category=category,
    )


def _accepted(found: Any) -> list[str]:
    """Accepted answers out of the forms in which they are published."""
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
    metadata: Mapping[str, Any] | None = None,
) -> Question:
    """A question with its options below it, lettered; the gold answer is a letter.

    Args:
        right: the place of the right option, from 0.
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
        metadata=dict(metadata or {}),
    )
    return bare.model_copy(update={"question": with_options(bare)})


def drawn(key: str, right: str, wrong: Iterable[str]) -> tuple[list[str], int]:
    """Options in an order that a hash of the key decides, and the place of the right one: the same on every machine,
    and the right one not always first.
    """
    options = [right, *wrong]
    order = sorted(range(len(options)), key=lambda n: fingerprint(key, str(n), options[n]))
    return [options[n] for n in order], order.index(0)


def letter_place(found: Any, count: int) -> int:
    """The place of an option that is named by its letter or its number from 0. Raises `DataError` otherwise."""
    name = str(found).strip()
    place = LETTERS.find(name) if len(name) == 1 and name.isalpha() else -1
    if name.isdigit():
        place = int(name)
    if not 0 <= place < count:
        raise DataError(f"the gold answer {found!r} names none of {count} options")
    return place
