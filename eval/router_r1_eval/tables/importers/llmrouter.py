"""LLMRouter's table of nine models.

`train.json` and `test.json` (question, score of each model) are joined, by the text of the question, with
`query_train.jsonl` and `query_test.jsonl` (task, gold answer, metric). `candidates.json` has prices.

119 of the 500 test questions are training questions too; they are dropped from the test split. The source lacks the
answers of models and their output tokens.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import located_json_lines
from router_r1.data.options import LETTERS
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1_eval.source_files import read_json
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
from router_r1_eval.tables.importers.rows import (
    RECORDED,
    accepted_answers,
    estimated_tokens,
    find_file,
    needed_text,
    number,
    outcome,
    plain,
    question,
    require,
    require_keys,
    same_question,
    text,
)
from router_r1_reward.metrics.python_literal.value import Value, parse

EXPECTED = (
    "train.json, test.json, query_train.jsonl, query_test.jsonl and candidates.json (default_llm.json) of "
    "https://github.com/ulab-uiuc/LLMRouter"
)
METRICS = {
    "cem": "contains",
    "em_mc": "choice",
    "f1_score": "f1",
    "MATH": "math",
    "GSM8K": "math",
    "code_eval": "code",
}
"""LLMRouter's name of a metric -> ours."""
_SPLITS = ("train", "test")


def read(source: Path, options: ImportOptions) -> Import:
    """A table of the training questions and one of the test questions, which share no question."""
    require(source.is_dir(), f"{source}: is not a folder; expected one with {EXPECTED}")
    known = model_cards(find_file(source, "candidates.json"))
    tables: dict[str, OutcomeTable] = {}
    split_of: dict[str, str] = {}  # each question so far -> the split it was in
    counts = Counter[str]()
    for split in _SPLITS:
        path = find_file(source, f"{split}.json")
        queries = _queries(find_file(source, f"query_{split}.jsonl"))
        questions: list[Question] = []
        outcomes: list[Outcome] = []
        rows = read_json(path)
        require(isinstance(rows, list), f"{path}: expected a list of questions")
        for place, row in enumerate(rows, 1):
            where = f"{path}: row {place}"
            require_keys(row, ("question", "scores"), where)
            asked = needed_text(row["question"], where, "the question")
            key = same_question(asked)
            if key in split_of and not options.as_published:
                counts["in both splits" if split_of[key] != split else "repeated"] += 1
                continue
            split_of[key] = split
            counts["without a query"] += key not in queries
            questions.append(_question(f"{split}-{place:05d}", asked, queries.get(key, {}), where))
            scores = require_keys(row["scores"], (), f"{where}: scores")
            outcomes += _outcomes(questions[-1], scores, where)
        names = dict.fromkeys(one.model for one in outcomes)
        tables[split] = OutcomeTable(
            cards(names, known, options), questions, outcomes, source=f"{source}/{split}"
        )
    return Import(tables, _notes(counts, options))


def _notes(counts: Counter[str], options: ImportOptions) -> tuple[str, ...]:
    shared = (
        "questions that are in both splits are kept, as published"
        if options.as_published
        else f"{counts['in both splits']} test questions are training questions too: dropped from the test split"
    )
    return (
        shared,
        f"{counts['repeated']} questions occur twice in a split: the second is dropped",
        f"{counts['without a query']} questions have no task and gold answer in the query files",
        "texts and output tokens are not in the source; input tokens are estimated as characters / 4",
    )


def _outcomes(asked: Question, scores: dict[str, Any], where: str) -> list[Outcome]:
    return [
        outcome(
            where,
            id=asked.id,
            model=name,
            text="",
            answer=None,
            score=number(score, where, f"the score of {name}"),
            input_tokens=estimated_tokens(asked.question),
            output_tokens=0,
            estimated=True,
        )
        for name, score in scores.items()
    ]


def _queries(path: Path) -> dict[str, dict[str, Any]]:
    """Question -> its row in a query file."""
    keys = ("query", "task_name", "ground_truth", "metric")
    found = {}
    for where, row in located_json_lines(path):
        row = require_keys(row, keys, where)
        found[same_question(needed_text(row["query"], where, "the query"))] = row
    return found


def _question(key: str, asked: str, query: dict[str, Any], where: str) -> Question:
    metric = text(query.get("metric"), where, "the metric") or RECORDED
    return question(
        where,
        id=key,
        question=asked,
        answer=accepted_answers(query.get("ground_truth"), where),
        metric=METRICS.get(metric, metric),
        category=text(query.get("task_name"), where, "the task"),
        choices=option_texts(query.get("choices"), metric, where),
    )


def option_texts(cell: Any, metric: str, where: str) -> tuple[str, ...] | None:
    """The options of a query; None without any.

    They are a list of texts, or `text` and `labels` (also `label`), mostly in the Python or JSON notation of these. What
    stands there for another metric than `em_mc`, such as the tests of a program, are no options.

    Args:
        cell: the field `choices`.
        metric: the metric, as the source calls it.
        where: the row, for the message.

    Raises:
        DataError: they are something else.
    """
    found = plain(cell)
    if isinstance(found, str):
        literal = parse(found.strip(), json_names=True)
        found = None if literal is None else _objects(literal)
        require(
            found is not None or literal == ("none",),
            f"{where}: its choices {cell[:60]!r} are no list of texts",
        )
    if metric != "em_mc" or not found:
        return None
    shown, labels = found, None
    if isinstance(found, dict):
        shown = found.get("text")
        labels = found.get("labels", found.get("label"))
    require(isinstance(shown, list) and bool(shown), f"{where}: its choices are no list of texts")
    if labels is not None and list(labels) != list(LETTERS[: len(shown)]):
        return None  # the gold answer is no letter of ours
    return tuple(needed_text(one, where, "a choice") for one in shown)


def _objects(literal: Value) -> Any:
    """A literal as Python's objects; None for what choices do not hold."""
    if literal[0] in ("list", "tuple"):
        return [_objects(item) for item in literal[1]]
    if literal[0] == "dict":
        return {_objects(pair[1][0]): _objects(pair[1][1]) for pair in literal[1]}
    return literal[1] if literal[0] in ("str", "int", "float", "bool") else None


def model_cards(path: Path) -> dict[str, ModelCard]:
    """The cards of `default_llm.json`: model name -> `feature, input_price, output_price`."""
    found = {}
    for name, about in require_keys(read_json(path), (), str(path)).items():
        where = f"{path}: {name}"
        row = require_keys(about, ("input_price", "output_price"), where)
        found[name] = card(
            name,
            number(row["input_price"], where, "the input price"),
            number(row["output_price"], where, "the output price"),
            text(row.get("feature"), where, "the feature") or "",
        )
    return found


IMPORTERS.add(
    "llmrouter",
    Importer(read, EXPECTED),
    "ulab-uiuc/LLMRouter: scores on training and test questions, duplicates dropped",
)
