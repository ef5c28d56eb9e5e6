"""Battles: which of two models answered one question better. They come from an outcome table or from an arena's file.

Which model of a battle is named first carries no information, and nothing that learns from battles may depend on it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from router_r1.data.json_lines import located_json_lines
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.parquet import SUFFIX, read_parquet
from router_r1.errors import DataError, shown_name
from router_r1.files import read_input
from router_r1.json_text import parse_json
from router_r1.routers.embedding import text_of
from router_r1.routers.training_set import TrainingSet

Winner = Literal["a", "b", "tie"]
_WINNERS: Mapping[str, Winner] = {
    "model_a": "a",
    "model_b": "b",
    "tie": "tie",
    "tie (bothbad)": "tie",
    "both_bad": "tie",  # since 2025
}
_ONE_HOT: Mapping[str, Winner] = {
    "winner_model_a": "a",
    "winner_model_b": "b",
    "winner_tie": "tie",
}


@dataclass(frozen=True)
class Battle:
    """Two models' answers to one question, compared."""

    question: str
    """The text that both answered."""
    model_a: str
    model_b: str
    winner: Winner
    where: str = field(default="battle", compare=False)
    """Its place in a file, for messages."""

    def __post_init__(self) -> None:
        """Raise `DataError` for a battle without a question, between a model and itself, or with another winner."""
        problem = None
        if not isinstance(self.question, str) or not self.question.strip():
            problem = "the question is empty; expected the text that both models answered"
        elif not (_is_name(self.model_a) and _is_name(self.model_b)):
            problem = "model_a and model_b: expected the names of two models"
        elif self.model_a == self.model_b:
            problem = f"{shown_name(self.model_a)!r} against itself; expected two different models"
        elif self.winner not in ("a", "b", "tie"):
            problem = f"winner: expected a, b or tie, got {shown_name(self.winner)!r}"
        if problem is not None:
            raise DataError(f"{self.where}: {problem}")

    def swapped(self) -> Battle:
        """The same battle with its models named in the other order."""
        others: Mapping[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie"}
        return Battle(
            self.question, self.model_b, self.model_a, others[self.winner], where=self.where
        )


def battles_of(table: OutcomeTable) -> list[Battle]:
    """The battles of all pairs of models on the questions that every model answered; equal scores are ties.

    Raises:
        DataError: no question has an outcome of every model.
    """
    data, found = TrainingSet.of(table), []
    for question, scores in zip(data.questions, data.scores, strict=True):
        for i, j in combinations(range(len(data.models)), 2):
            winner: Winner = "a" if scores[i] > scores[j] else "b"
            if scores[i] == scores[j]:
                winner = "tie"
            names = data.models[i], data.models[j]
            found.append(Battle(text_of(question), *names, winner, where=f"question {question.id}"))
    return found


def read_battles(path: str | Path, models: Collection[str] | None = None) -> list[Battle]:
    """Read a file of battles in one of the public formats: JSON, JSON Lines, parquet or CSV.

    The columns are those of lmsys/chatbot_arena_conversations, lmarena-ai/arena-human-preference-55k, -100k, -140k and
    routellm/gpt4_judge_battles:

        the question   `question`; or `prompt`, whose first text is taken where it holds a list; or the first message
                       of the user in `conversation_a` or `conversation_b`
        the models     `model_a`, `model_b`
        the winner     `winner`: model_a, model_b, tie, tie (bothbad), both_bad; or a 1 in one of `winner_model_a`,
                       `winner_model_b`, `winner_tie`. Both bad is a tie.

    Args:
        path: the file; `.gz` is read too, except of parquet.
        models: the models that may occur; by default any.

    Raises:
        DataError: the file cannot be read or holds no battle, or a row is not one; the message names file and line.
        MissingDependencyError: the file is parquet, and pyarrow is not installed.
    """
    battles = []
    for where, row in _rows(Path(path)):
        if not isinstance(row, Mapping):
            raise DataError(f"{where}: expected an object with model_a, model_b and winner")
        missing = [name for name in ("model_a", "model_b") if row.get(name) in (None, "")]
        if missing:
            raise DataError(f"{where}: {missing[0]} is missing; expected the name of a model")
        battle = Battle(
            _question(row, where), row["model_a"], row["model_b"], _winner(row, where), where=where
        )
        check_models(battle, models)
        battles.append(battle)
    if not battles:
        raise DataError(f"{path}: holds no battles")
    return battles


def check_models(battle: Battle, models: Collection[str] | None) -> None:
    """Raise `DataError` if a model of the battle is not among these."""
    for name in (battle.model_a, battle.model_b):
        if models is not None and name not in models:
            raise DataError(
                f"{battle.where}: unknown model {shown_name(name)!r}; expected one of "
                f"{', '.join(map(shown_name, sorted(models)))}; leave its battles out, or add the model"
            )


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """The rows of a file with their places."""
    name = path.name.removesuffix(".gz")
    if name.endswith(SUFFIX):
        yield from ((f"{path}: row {number}", row) for number, row in read_parquet(path))
    elif name.endswith(".jsonl"):
        yield from located_json_lines(path)
    elif name.endswith(".json"):
        content = _parsed(_text(path), str(path))
        if not isinstance(content, list):
            raise DataError(f"{path}: expected a list of battles; name JSON Lines .jsonl")
        yield from ((f"{path}: row {number}", row) for number, row in enumerate(content, 1))
    elif name.endswith(".csv"):
        yield from _csv_rows(path)
    else:
        raise DataError(f"{path}: expected a name that ends in .json, .jsonl, .csv or {SUFFIX}")


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    text = _text(path)
    limit = csv.field_size_limit(max(len(text), 1 << 17))  # replies are long
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = [(f"{path}:{reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)
    yield from rows


def _text(path: Path) -> str:
    try:
        return read_input(path).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not in UTF-8: {error}") from error


def _parsed(text: str, where: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from error


def _question(row: Mapping[str, Any], where: str) -> str:
    """The question of a row, empty if it is blank. Raises `DataError` if the row has none of its columns."""
    if isinstance(row.get("question"), str):
        return str(row["question"])
    if (prompt := row.get("prompt")) is not None:
        if isinstance(prompt, str) and prompt.lstrip().startswith('["'):  # of the 55k battles
            prompt = _parsed(prompt, f"{where}: prompt")
        first = prompt[0] if isinstance(prompt, list) and prompt else prompt
        return first if isinstance(first, str) else ""
    for name in ("conversation_a", "conversation_b"):
        turns = row.get(name)
        if isinstance(turns, str):
            turns = _parsed(turns, f"{where}: {name}")
        for turn in turns if isinstance(turns, list) else ():
            if isinstance(turn, Mapping) and turn.get("role") == "user":
                return _content(turn.get("content"))
    raise DataError(f"{where}: has no question, prompt, conversation_a or conversation_b")


def _content(content: Any) -> str:
    """The text of a message, whose content is a text or a list of parts."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _winner(row: Mapping[str, Any], where: str) -> Winner:
    if (name := row.get("winner")) is not None:
        found = _WINNERS.get(name) if isinstance(name, str) else None
        if found is None:
            raise DataError(
                f"{where}: winner: expected {', '.join(_WINNERS)}, got {shown_name(name)!r}"
            )
        return found
    # CSV has texts, parquet counts.
    flags = {str(row.get(column)): found for column, found in _ONE_HOT.items()}
    values = [str(row.get(column, 0)) for column in _ONE_HOT]
    if sorted(values) != ["0", "0", "1"]:
        raise DataError(
            f"{where}: expected a winner, or a 1 in one of {', '.join(_ONE_HOT)} and 0 in the others"
        )
    return flags["1"]


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip())
