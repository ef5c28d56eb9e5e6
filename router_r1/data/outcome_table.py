"""Outcome tables: what each model answered to each question, what it cost, and how right it was.

A table is a folder of three files (`docs/tables.md`):

    pool.yaml                the models and their prices
    questions.jsonl[.gz]     the questions with their gold answers
    responses.jsonl[.gz]     one outcome a line

or `questions.parquet` and `responses.parquet`. What is wrong with a file is an error that names file and line, or row; a
table that loads is consistent. Scores are taken as recorded.

Not covered: whether a metric is known and a score is right (the reward package), and learning from a table (the worlds).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field

from router_r1 import config
from router_r1.answers import extract_answer
from router_r1.config import StrictModel
from router_r1.data.json_lines import located_json_lines, write_json_lines
from router_r1.data.parquet import SUFFIX, Columns, read_parquet, write_parquet
from router_r1.data.questions import Question, Text, read_questions, write_questions
from router_r1.errors import ConfigError, DataError
from router_r1.files import atomic_write
from router_r1.model_cards import Endpoint, ModelCard, PoolFile
from router_r1.pricing import Usage, cost_usd

TokenCount = Annotated[int, Field(ge=0, strict=True)]
FORMATS = ("jsonl", "jsonl.gz", "parquet")
"""How the two long files of a table may be written."""


class Outcome(StrictModel):
    """One answer of one model to one question."""

    id: Text
    """The question's id."""
    model: Text
    """The model's name, as in `pool.yaml`."""
    text: str
    """What it said."""
    score: Annotated[float, Field(ge=0, le=1, strict=True)]
    """How right that was, 0 to 1."""
    input_tokens: TokenCount
    """Tokens of the prompt."""
    output_tokens: TokenCount
    """Tokens of the answer, reasoning included."""
    answer: str | None = None
    """The short answer in the text. `null`: none could be extracted. Left out: read from the text when needed."""
    cost: Annotated[float, Field(ge=0, strict=True)] | None = None
    """Dollars. Wins over price x tokens."""
    sample: TokenCount = 0
    """Counts the answers of one model to one question, from 0."""
    estimated: Annotated[bool, Field(strict=True)] = False
    """The token counts were guessed from the texts, and so is what they cost."""

    @property
    def usage(self) -> Usage:
        """The tokens, as the ledger counts them."""
        return Usage(self.input_tokens, self.output_tokens, estimated=self.estimated)

    @property
    def short_answer(self) -> str | None:
        """The recorded short answer, or what the text ends in where none was recorded."""
        recorded = self.answer if "answer" in self.model_fields_set else extract_answer(self.text)
        return (recorded or "").strip() or None


COLUMNS: Columns = {
    "id": "text",
    "model": "text",
    "text": "text",
    "score": "number",
    "input_tokens": "count",
    "output_tokens": "count",
    "answer": "text",
    "cost": "number",
    "sample": "count",
    "estimated": "flag",
}
"""The columns of a parquet file of outcomes. An empty `answer` is one that could not be extracted; null: left out."""


class OutcomeTable:
    """Questions, models, and the outcomes of asking them. Immutable."""

    def __init__(
        self,
        cards: Iterable[ModelCard],
        questions: Iterable[Question],
        outcomes: Iterable[Outcome],
        *,
        endpoints: Mapping[str, Endpoint] | None = None,
        source: str = "table",
    ) -> None:
        """
        Args:
            cards: the models with their prices.
            questions: all questions.
            outcomes: in any order; a cell may be missing, and may hold several samples.
            endpoints: servers by the names the cards use.
            source: what to call this table in messages, usually its folder.

        Raises:
            ConfigError: no models, or one of them twice.
            DataError: no questions or outcomes, an outcome of an unknown question or model, or one that is there twice.
        """
        located = ((f"{source}: outcome {n}", o) for n, o in enumerate(outcomes, 1))
        pool = {"candidates": tuple(cards), "endpoints": dict(endpoints or {})}
        self._fill(config.validate(PoolFile, pool, source), questions, located, source)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a table.

        Raises:
            ConfigError: `pool.yaml` or a line is not what it should be; names file, line and field.
            DataError: a file is missing or empty, or a line contradicts another; names file and line.
            MissingDependencyError: a parquet file, and pyarrow is not installed.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise DataError(
                f"{folder}: no such folder; a table is a folder with pool.yaml, questions.jsonl, responses.jsonl"
            )
        table = cls.__new__(cls)
        located = (
            (where, config.validate(Outcome, data, where))
            for where, data in outcome_rows(table_file(folder, "responses"))
        )
        pool = config.load(PoolFile, folder / "pool.yaml")
        questions = read_questions(table_file(folder, "questions"))
        table._fill(pool, questions, located, str(folder))
        return table

    def _fill(
        self,
        pool: PoolFile,
        questions: Iterable[Question],
        located: Iterable[tuple[str, Outcome]],
        source: str,
    ) -> None:
        """Take in the parts; `located` is where each outcome stands, for messages."""
        self.source = source
        self.cards = pool.candidates
        self.endpoints = pool.endpoints
        self.names = tuple(card.name for card in self.cards)
        self._cards = {card.name: card for card in self.cards}
        self._questions: dict[str, Question] = {}
        for question in questions:
            if question.id in self._questions:
                raise DataError(f"{source}: two questions have the id {question.id!r}")
            self._questions[question.id] = question
        if not self._questions:
            raise DataError(f"{source}: holds no questions")
        self.questions = tuple(self._questions.values())
        self._outcomes: dict[tuple[str, str, int], Outcome] = {}
        places: dict[tuple[str, str, int], str] = {}
        for where, outcome in located:
            key = (outcome.id, outcome.model, outcome.sample)
            if outcome.id not in self._questions:
                raise DataError(
                    f"{where}: no question has the id {outcome.id!r}; add it to the questions, or remove this line"
                )
            if outcome.model not in self._cards:
                raise DataError(
                    f"{where}: the pool has no {outcome.model!r}; it has {', '.join(self.names)}"
                )
            if key in places:
                raise DataError(
                    f"{where}: {outcome.model!r} answered {outcome.id!r} with sample {outcome.sample} in {places[key]} "
                    f"already; number repeated answers in `sample`"
                )
            places[key] = where
            self._outcomes[key] = outcome
        if not self._outcomes:
            raise DataError(f"{source}: holds no responses")

    # --- reading

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes.values())

    def __len__(self) -> int:
        return len(self._outcomes)

    def question(self, question_id: str) -> Question:
        """The question of this id. Raises `DataError` where there is none."""
        try:
            return self._questions[question_id]
        except KeyError:
            raise DataError(f"{self.source}: no question has the id {question_id!r}") from None

    def card(self, model: str) -> ModelCard:
        """The card of this model. Raises `DataError` where there is none."""
        try:
            return self._cards[model]
        except KeyError:
            raise DataError(
                f"{self.source}: the pool has no {model!r}; it has {', '.join(self.names)}"
            ) from None

    def outcome(self, question_id: str, model: str, sample: int = 0) -> Outcome | None:
        """What this model answered; None where that was not recorded."""
        return self._outcomes.get((question_id, model, sample))

    def cost_usd(self, outcome: Outcome) -> float:
        """Dollars of an outcome: its own cost, or else price x tokens."""
        if outcome.cost is not None:
            return outcome.cost
        usage = outcome.usage
        return cost_usd(usage, self.card(outcome.model).price)

    @property
    def costs_estimated(self) -> float:
        """The share of the outcomes whose cost is price x guessed tokens."""
        return sum(o.estimated and o.cost is None for o in self) / len(self)

    # --- making others

    def subset(self, ids: Iterable[str]) -> OutcomeTable:
        """The table of these questions alone, in the order of this one. Raises `DataError` for an unknown id."""
        wanted = {self.question(question_id).id for question_id in ids}
        return OutcomeTable(
            self.cards,
            (q for q in self.questions if q.id in wanted),
            (o for o in self if o.id in wanted),
            endpoints=self.endpoints,
            source=self.source,
        )

    def save(self, folder: str | Path, format: str = "jsonl.gz") -> None:  # noqa: A002  # as others call it
        """Write the three files; equal tables give equal files. Replaces the files of another table, whatever their form.

        Raises:
            ConfigError: no such format.
            MissingDependencyError: parquet, and pyarrow is not installed.
        """
        if format not in FORMATS:
            raise ConfigError(f"a table is written as one of {', '.join(FORMATS)}, not {format!r}")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_questions(folder / f"questions.{format}", self.questions)
        rows = (outcome.model_dump(mode="json", exclude_unset=True) for outcome in self)
        if format == "parquet":
            write_parquet(folder / f"responses.{format}", COLUMNS, map(_in_columns, rows))
        else:
            write_json_lines(folder / f"responses.{format}", rows)
        pool: dict[str, Any] = {"candidates": [_plain(card) for card in self.cards]}
        if self.endpoints:
            pool["endpoints"] = {name: _plain(e) for name, e in self.endpoints.items()}
        text = yaml.safe_dump(pool, sort_keys=False, allow_unicode=True, width=120)
        with atomic_write(folder / "pool.yaml") as new:
            new.write_text(text, encoding="utf-8")
        for name in ("questions", "responses"):  # the same in two forms is an error
            for other in set(FORMATS) - {format}:
                (folder / f"{name}.{other}").unlink(missing_ok=True)


def table_file(folder: Path, name: str) -> Path:
    """The file `questions` or `responses` of a table, in whichever form it is there.

    Raises:
        DataError: there is none, or it is there in two forms.
    """
    found = [path for form in FORMATS if (path := folder / f"{name}.{form}").exists()]
    if len(found) == 1:
        return found[0]
    what = "two files" if found else "no file"
    raise DataError(
        f"{folder}: {what} {name}.jsonl[.gz] or {name}.parquet; a table has one of them"
    )


def outcome_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """What a file of outcomes holds, with the place of each row, before anybody has looked whether it is an outcome.

    Raises:
        DataError: the file can not be read, or a line is no JSON.
    """
    if path.suffix != SUFFIX:
        yield from located_json_lines(path)
        return
    for number, row in read_parquet(path):
        if row.get("answer") == "":
            row["answer"] = None
        yield f"{path}: row {number}", row


def _in_columns(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"answer": row["answer"] or ""} if "answer" in row else row


def _plain(content: StrictModel) -> dict[str, Any]:
    return content.model_dump(mode="json", exclude_defaults=True)
