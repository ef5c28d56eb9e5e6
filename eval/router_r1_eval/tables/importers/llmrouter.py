"""LLMRouter's nine-model table: `train.json`, `test.json` (question, scores of each model) and `query_train.jsonl`,
`query_test.jsonl` (task, gold answer, metric), joined by the text of the question; `candidates.json` has prices.

119 of the 500 test questions are also training questions: they are dropped from the test split. What a model answered is not in
the source, nor are its output tokens.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import read_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.model_cards import ModelCard
from router_r1_eval.tables.importers.base import (
    IMPORTERS,
    Given,
    Import,
    Importer,
    accepted,
    card,
    cards,
    must,
    number,
    outcome,
    question,
    tokens,
    wanted,
    whole,
)

EXPECTED = (
    "train.json, test.json, query_train.jsonl, query_test.jsonl and candidates.json (default_llm.json) of "
    "https://github.com/ulab-uiuc/LLMRouter"
)
_METRICS = {
    "em_mc": "choice",
    "f1_score": "f1",
    "MATH": "math",
    "GSM8K": "math",
    "code_eval": "code",
}
_SPLITS = ("train", "test")


def read(source: Path, given: Given) -> Import:
    """A table of the training questions and one of the test questions, which share none."""
    must(source.is_dir(), f"{source}: is no folder; it should hold {EXPECTED}")
    known = _cards(whole(source, "candidates.json"))
    parts: dict[str, OutcomeTable] = {}
    seen: dict[str, str] = {}
    dropped = dict.fromkeys(("in both splits", "twice in a split", "without a query"), 0)
    for split in _SPLITS:
        path = whole(source, f"{split}.json")
        asked = {
            _same(row["query"]): row for row in _queries(whole(source, f"query_{split}.jsonl"))
        }
        questions: list[Question] = []
        outcomes: list[Outcome] = []
        names = dict[str, None]()
        for place, row in enumerate(_load(path), 1):
            where = f"{path}: row {place}"
            wanted(row, ("question", "scores"), where)
            key = _same(row["question"])
            if key in seen and not given.as_published:
                dropped["in both splits" if seen[key] != split else "twice in a split"] += 1
                continue
            seen[key] = split
            query = asked.get(key)
            dropped["without a query"] += query is None
            asked_one = _question(f"{split}-{place:05d}", row["question"], query or {}, where)
            questions.append(asked_one)
            for name, score in row["scores"].items():
                names[name] = None
                value = number(score, where, f"the score of {name}")
                outcomes.append(
                    outcome(
                        where,
                        id=asked_one.id,
                        model=name,
                        text="",
                        answer=None,
                        score=value,
                        input_tokens=tokens(row["question"]),
                        output_tokens=0,
                        estimated=True,
                    )
                )
        parts[split] = OutcomeTable(
            cards(names, known, given), questions, outcomes, source=f"{source}/{split}"
        )
    found = (
        "questions that are in both splits are kept, as published"
        if given.as_published
        else f"{dropped['in both splits']} test questions are training questions too: dropped from the test split"
    )
    return Import(
        parts,
        (
            found,
            f"{dropped['twice in a split']} questions stand twice in a split: the second is dropped",
            f"{dropped['without a query']} questions have no task and gold answer in the query files",
            "texts and output tokens are not in the source; input tokens are estimated as characters / 4",
        ),
    )


def _same(question: str) -> str:
    return " ".join(question.split())


def _load(path: Path) -> Any:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return json.loads(raw)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path}: can not be read: {error}") from error


def _queries(path: Path) -> Iterable[dict[str, Any]]:
    for place, row in read_json_lines(path):
        yield wanted(row, ("query", "task_name", "ground_truth", "metric"), f"{path}:{place}")


def _question(key: str, text: str, query: dict[str, Any], where: str) -> Question:
    options = query.get("choices")
    shown = options.get("text") if isinstance(options, dict) else None
    metric = str(query.get("metric") or "recorded")
    return question(
        where,
        id=key,
        question=text,
        answer=accepted(query.get("ground_truth")),
        metric=_METRICS.get(metric, metric),
        category=query.get("task_name"),
        choices=tuple(map(str, shown)) if shown else None,
    )


def _cards(path: Path) -> dict[str, ModelCard]:
    found = {}
    for name, about in _load(path).items():
        row = wanted(about, ("input_price", "output_price"), f"{path}: {name}")
        found[name] = card(
            name,
            number(row["input_price"], f"{path}: {name}", "the input price"),
            number(row["output_price"], f"{path}: {name}", "the output price"),
            str(row.get("feature") or ""),
        )
    return found


IMPORTERS.add(
    "llmrouter",
    Importer(read, EXPECTED),
    "ulab-uiuc/LLMRouter: scores of training and test questions, duplicates dropped",
)
