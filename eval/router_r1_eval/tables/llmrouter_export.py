"""Writes an outcome table as the data that LLMRouter trains its routers on (https://github.com/ulab-uiuc/LLMRouter).

The layout is that of its `llmrouter/data/README.md`; the importer `llmrouter-routing` reads it. Below the folder:

    query_data/default_query_{train,test}.jsonl             a line per question
    routing_data/default_routing_{train,test}_data.jsonl    a line per question and model, first samples only
    llm_candidates/default_llm.json                         the models and their prices

`embedding_id` counts the questions, those for training first. LLMRouter makes the embeddings themselves
(`query_embeddings_longformer.pt`, `default_llm_embeddings.json`). Unknown here, and null: the time that an answer took. A
field of ours, which LLMRouter ignores, says that token counts are estimates (`estimated`). Recorded costs have no place:
LLMRouter computes them from its prices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import write_json_lines
from router_r1.data.options import LETTERS
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.files import write_json

METRICS = {
    "choice": "em_mc",
    "f1": "f1_score",
    "math": "MATH",
    "code": "code_eval",
    "contains": "cem",
}
"""Our name of a metric -> LLMRouter's. Others keep their name, and LLMRouter does not grade by them."""


def export(tables: Mapping[str, OutcomeTable], folder: str | Path) -> tuple[str, ...]:
    """Write the tables of both splits.

    Args:
        tables: `train` and `test` -> its table, over the same models.
        folder: where to write; existing files are replaced.

    Returns:
        Notes: what the layout cannot hold.

    Raises:
        DataError: a split has no table, or their models differ.
    """
    if set(tables) != {"train", "test"}:
        raise DataError(
            f"expected the tables train and test, got {', '.join(sorted(tables)) or 'none'}"
        )
    if set(tables["train"].names) != set(tables["test"].names):
        raise DataError(
            "the tables for training and for tests have other models; LLMRouter needs the same"
        )
    folder = Path(folder)
    begin = missing = samples = several = costs = 0
    for split in ("train", "test"):
        table = tables[split]
        queries = [_query(question) for question in table.questions]
        write_json_lines(folder / "query_data" / f"default_query_{split}.jsonl", queries)
        rows = list(_routing(table, queries, begin))
        write_json_lines(folder / "routing_data" / f"default_routing_{split}_data.jsonl", rows)
        begin += len(queries)
        missing += len(queries) * len(table.names) - len(rows)
        samples += len(table) - len(rows)
        costs += sum(outcome.cost is not None for outcome in table)
        several += sum(len(question.answers) > 1 for question in table.questions)
    write_json(folder / "llm_candidates" / "default_llm.json", _models(tables["train"]))
    return (
        f"{missing} cells have no answer: they have no line",
        f"{samples} further samples are left out",
        f"{costs} recorded costs are left out: the layout has prices only",
        f"of {several} questions only the first accepted answer is written",
        "embeddings are LLMRouter's to make: run its step 3, or its generate_llm_embeddings.py",
    )


def _query(question: Question) -> dict[str, Any]:
    choices = None
    if question.choices:
        labels = list(LETTERS[: len(question.choices)])
        choices = json.dumps({"text": list(question.choices), "labels": labels}, ensure_ascii=False)
    task_id = question.metadata.get("task_id")
    return {
        "task_name": question.category or "none",
        "query": question.question,
        "ground_truth": question.answers[0],
        "metric": METRICS.get(question.metric, question.metric),
        "choices": choices,
        "task_id": task_id if isinstance(task_id, str) else None,
    }


def _routing(
    table: OutcomeTable, queries: list[dict[str, Any]], begin: int
) -> Iterator[dict[str, Any]]:
    for place, (question, query) in enumerate(zip(table.questions, queries, strict=True), begin):
        for name in table.names:
            outcome = table.outcome(question.id, name)
            if outcome is None:
                continue
            yield query | {
                "model_name": name,
                "response": outcome.text,
                "token_num": outcome.input_tokens + outcome.output_tokens,
                "input_tokens": outcome.input_tokens,
                "output_tokens": outcome.output_tokens,
                "response_time": None,
                "api_key_used": "",
                "performance": outcome.score,
                "embedding_id": place,
                "user_id": None,
                "fig_id": None,
                **({"estimated": True} if outcome.estimated else {}),
            }


def _models(table: OutcomeTable) -> dict[str, dict[str, Any]]:
    return {
        card.name: {
            "size": "",
            "feature": card.description,
            "input_price": card.price.input,
            "output_price": card.price.output,
            "model": card.model_id,
            "service": card.endpoint or "",
        }
        for card in table.cards
    }
