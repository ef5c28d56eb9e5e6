"""Outcome tables: each model's answer to each question, its cost, and its score.

A table is a folder of three files (`docs/tables.md`):

    pool.yaml                the models and their prices
    questions.jsonl[.gz]     the questions with their gold answers
    responses.jsonl[.gz]     one outcome per line

or `questions.parquet` and `responses.parquet`. Error messages name the file and the line or row; a table that loads is
consistent. Scores are taken as recorded.

Not here: checking that metrics exist and scores are right (the reward package), and training on a table (the worlds).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

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
from router_r1.token_prices import Price, Usage, cost_usd

TokenCount = Annotated[int, Field(ge=0, le=2**53, strict=True)]
MAX_SAMPLES = 10_000
"""Answers of one model to one question. Arrays are made of this size, so a number of nine digits is a slip."""
FORMATS = ("jsonl", "jsonl.gz", "parquet")
"""The formats of a table's questions and responses."""


_Cell: TypeAlias = tuple[str, str, int]  # question id, model, sample


class Outcome(StrictModel):
    """One answer of one model to one question."""

    id: Text
    """The question's id."""
    model: Text
    """The model's name, as in `pool.yaml`."""
    text: str
    """The model's reply."""
    score: Annotated[float, Field(ge=0, le=1, strict=True)]
    """Score of the reply, 0 (wrong) to 1 (right)."""
    input_tokens: TokenCount
    """Tokens of the prompt."""
    output_tokens: TokenCount
    """Tokens of the answer, reasoning included."""
    answer: str | None = None
    """The short answer in the text. `null`: none could be extracted. Missing: extracted from the text when needed."""
    cost: Annotated[float, Field(ge=0, le=1e9, strict=True)] | None = None
    """Dollars; takes precedence over price x tokens."""
    sample: Annotated[int, Field(ge=0, lt=MAX_SAMPLES, strict=True)] = 0
    """Number of this answer among those of one model to one question, from 0."""
    estimated: Annotated[bool, Field(strict=True)] = False
    """True if the token counts, and so the cost computed from them, are estimated from the texts."""

    @property
    def usage(self) -> Usage:
        """The token counts in the form that the ledger uses."""
        return Usage(self.input_tokens, self.output_tokens, estimated=self.estimated)

    @property
    def short_answer(self) -> str | None:
        """The recorded short answer; the one extracted from the text where `answer` is missing."""
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
"""The columns of a parquet file of outcomes. An empty `answer` means none could be extracted; null means missing."""


class OutcomeTable:
    """Questions, models, and the models' answers to the questions. Immutable."""

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
            outcomes: in any order; a model may have no answer to a question, or several samples.
            endpoints: servers by the names the cards use.
            source: the table's name in messages, usually its folder.

        Raises:
            ConfigError: there are no models, or two have the same name.
            DataError: there are no questions or outcomes, or an outcome is of an unknown question or model, or
                appears twice.
        """
        located = ((f"{source}: outcome {n}", o) for n, o in enumerate(outcomes, 1))
        pool = {"candidates": tuple(cards), "endpoints": dict(endpoints or {})}
        self._fill(config.validate(PoolFile, pool, source), questions, located, source)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a table.

        Raises:
            ConfigError: `pool.yaml` or a line is invalid; the message names file, line and field.
            DataError: a file is missing or empty, or a line contradicts another; the message names file and line.
            MissingDependencyError: a file is parquet, and pyarrow is not installed.
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
        """Set all fields, from outcomes with their places in files."""
        self.source = source
        self.cards = pool.candidates
        self.endpoints = pool.endpoints
        self.names = tuple(card.name for card in self.cards)
        self._cards = {card.name: card for card in self.cards}
        self._questions = _by_id(questions, source)
        self.questions = tuple(self._questions.values())
        self._outcomes: dict[_Cell, Outcome] = {}
        places: dict[_Cell, str] = {}
        for where, outcome in located:
            self._check_references(outcome, where)
            cell = (outcome.id, outcome.model, outcome.sample)
            if cell in places:
                raise DataError(
                    f"{where}: {outcome.model!r} answered {outcome.id!r} with sample {outcome.sample} in {places[cell]} "
                    f"already; number repeated answers in `sample`"
                )
            places[cell] = where
            self._outcomes[cell] = outcome
        if not self._outcomes:
            raise DataError(f"{source}: holds no responses")

    def _check_references(self, outcome: Outcome, where: str) -> None:
        """Raise `DataError` if the outcome is of an unknown question or model."""
        if outcome.id not in self._questions:
            raise DataError(
                f"{where}: no question has the id {outcome.id!r}; add it to the questions, or remove this line"
            )
        if outcome.model not in self._cards:
            raise DataError(
                f"{where}: the pool has no {outcome.model!r}; it has {', '.join(self.names)}"
            )

    # --- reading

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes.values())

    def __len__(self) -> int:
        return len(self._outcomes)

    def question(self, question_id: str) -> Question:
        """The question with this id. Raises `DataError` if there is none."""
        try:
            return self._questions[question_id]
        except KeyError:
            raise DataError(f"{self.source}: no question has the id {question_id!r}") from None

    def card(self, model: str) -> ModelCard:
        """The card of this model. Raises `DataError` if there is none."""
        try:
            return self._cards[model]
        except KeyError:
            raise DataError(
                f"{self.source}: the pool has no {model!r}; it has {', '.join(self.names)}"
            ) from None

    def outcome(self, question_id: str, model: str, sample: int = 0) -> Outcome | None:
        """The recorded outcome of this model on this question; None if there is none."""
        return self._outcomes.get((question_id, model, sample))

    def cost_usd(self, outcome: Outcome) -> float:
        """Dollars of an outcome: its recorded cost, else price x tokens."""
        if outcome.cost is not None:
            return outcome.cost
        return cost_usd(outcome.usage, self.card(outcome.model).price)

    @property
    def costs_estimated(self) -> float:
        """The share of the outcomes whose cost is price x estimated tokens."""
        return sum(o.estimated and o.cost is None for o in self) / len(self)

    # --- making other tables, and writing

    def subset(self, ids: Iterable[str]) -> OutcomeTable:
        """The table of these questions only, in this table's order. Raises `DataError` for an unknown id."""
        wanted = {self.question(question_id).id for question_id in ids}
        return OutcomeTable(
            self.cards,
            (q for q in self.questions if q.id in wanted),
            (o for o in self if o.id in wanted),
            endpoints=self.endpoints,
            source=self.source,
        )

    def with_prices(self, prices: Mapping[str, Price]) -> OutcomeTable:
        """The table as it would have been at other list prices; an outcome's own cost is scaled as its list price is.

        Args:
            prices: by model; the others keep theirs.

        Raises:
            ConfigError: the table has no such model, or an outcome states a cost where the old list price was 0.
        """
        if unknown := set(prices) - set(self.names):
            raise ConfigError(
                f"{self.source}: prices name {min(unknown)!r}, and the pool has {', '.join(self.names)}"
            )
        if not prices:
            return self
        return OutcomeTable(
            (
                card.model_copy(update={"price": prices.get(card.name, card.price)})
                for card in self.cards
            ),
            self.questions,
            (self._repriced(o, prices[o.model]) if o.model in prices else o for o in self),
            endpoints=self.endpoints,
            source=self.source,
        )

    def _repriced(self, outcome: Outcome, price: Price) -> Outcome:
        if outcome.cost is None:
            return outcome
        listed = cost_usd(outcome.usage, self.card(outcome.model).price)
        if listed == 0 and outcome.cost:
            raise ConfigError(
                f"{self.source}: {outcome.model!r} has recorded costs and a list price of 0, so they cannot be scaled to "
                f"another price"
            )
        factor = cost_usd(outcome.usage, price) / listed if listed else 0.0
        return outcome.model_copy(update={"cost": outcome.cost * factor})

    def save(self, folder: str | Path, format: str = "jsonl.gz") -> None:  # noqa: A002  # named as in other libraries
        """Write the three files; equal tables give identical files. A table that is already in the folder is replaced.

        Args:
            folder: the folder; created if missing.
            format: one of `FORMATS`.

        Raises:
            ConfigError: the format is unknown.
            MissingDependencyError: the format is parquet, and pyarrow is not installed.
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
        for name in ("questions", "responses"):  # a folder with a file in two formats does not load
            for other in set(FORMATS) - {format}:
                (folder / f"{name}.{other}").unlink(missing_ok=True)


def table_file(folder: Path, name: str) -> Path:
    """Find a table's file of `questions` or `responses`, in any format.

    Raises:
        DataError: there is no such file, or one in each of two formats.
    """
    found = [path for form in FORMATS if (path := folder / f"{name}.{form}").exists()]
    if len(found) == 1:
        return found[0]
    what = "two files" if found else "no file"
    raise DataError(
        f"{folder}: {what} {name}.jsonl[.gz] or {name}.parquet; a table has one of them"
    )


def outcome_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Read a file of outcomes without validation: (place, data) pairs, where place is `FILE:LINE` or `FILE: row N`.

    Raises:
        DataError: the file cannot be read, or a line is not JSON.
    """
    if path.suffix != SUFFIX:
        yield from located_json_lines(path)
        return
    for number, row in read_parquet(path):
        if row.get("answer") == "":
            row["answer"] = None
        yield f"{path}: row {number}", row


def _by_id(questions: Iterable[Question], source: str) -> dict[str, Question]:
    """Questions by id. Raises `DataError` if there are none, or two with one id."""
    found: dict[str, Question] = {}
    for question in questions:
        if question.id in found:
            raise DataError(
                f"{source}: two questions have the id {question.id!r}; give each its own"
            )
        found[question.id] = question
    if not found:
        raise DataError(f"{source}: holds no questions")
    return found


def _in_columns(row: dict[str, Any]) -> dict[str, Any]:
    """An outcome as a row of `COLUMNS`."""
    return row | {"answer": row["answer"] or ""} if "answer" in row else row


def _plain(content: StrictModel) -> dict[str, Any]:
    """A card or endpoint as plain values for YAML."""
    return content.model_dump(mode="json", exclude_defaults=True)
