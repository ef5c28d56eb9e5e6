"""LLMRouter's routing data: what its own routers are trained on, with texts, tokens and scores.

Source: https://github.com/ulab-uiuc/LLMRouter (`llmrouter/data/README.md`): `default_routing_train_data.jsonl`,
`default_routing_test_data.jsonl` and `default_llm.json`, in one folder or in the folders below it (`routing_data`,
`llm_candidates`). A line is one answer: `task_name, query, ground_truth, metric, choices, task_id, model_name, response,
input_tokens, output_tokens, token_num, response_time, performance, embedding_id`. Embeddings (`.pt`) are not read.

`router-r1 table export` writes this layout. Queries of the test file that are in the training file too are dropped.
Tokens of calls that failed are counts of words in the source.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import located_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import cards
from router_r1_eval.tables.importers.llmrouter import METRICS, model_cards, option_texts
from router_r1_eval.tables.importers.rows import (
    RECORDED,
    accepted_answers,
    count,
    estimated_tokens,
    missing_texts,
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

EXPECTED = (
    "routing_data/default_routing_train_data.jsonl, default_routing_test_data.jsonl and llm_candidates/default_llm.json of "
    "https://github.com/ulab-uiuc/LLMRouter (data/example_data), or one file of routing data"
)
_SPLITS = ("train", "test")
_KEYS = ("task_name", "query", "ground_truth", "metric", "model_name", "performance")
_Key = tuple[str, ...]


def read(source: Path, options: ImportOptions) -> Import:
    """A table of each split, which share no query; a file is one table without a name."""
    files = {"": source} if source.is_file() else _files(source)
    require(bool(files), f"{source}: holds no *routing_train_data.jsonl; put there: {EXPECTED}")
    listed = sorted(source.rglob("default_llm.json")) if source.is_dir() else []
    known = model_cards(listed[0]) if listed else {}
    tables: dict[str, OutcomeTable] = {}
    split_of: dict[_Key, str] = {}
    dropped: set[_Key] = set()
    failed = 0
    every: list[Outcome] = []
    for split, path in files.items():
        questions: dict[_Key, Question] = {}
        outcomes: list[Outcome] = []
        samples = Counter[tuple[str, str]]()
        for where, row in located_json_lines(path):
            row = require_keys(row, _KEYS, where)
            asked = needed_text(row["query"], where, "the query")
            key = (same_question(asked), str(plain(row.get("choices"))))
            if split_of.setdefault(key, split) != split and not options.as_published:
                dropped.add(key)
                continue
            if key not in questions:
                name = f"{split}-{len(questions) + 1:05d}".removeprefix("-")
                questions[key] = _question(name, asked, row, where)
            model = needed_text(row["model_name"], where, "model_name")
            found = _outcome(row, questions[key], model, samples[questions[key].id, model], where)
            samples[questions[key].id, model] += 1
            failed += found.text.startswith(("ERROR", "API Error"))
            outcomes.append(found)
        names = dict.fromkeys(one.model for one in outcomes)
        tables[split] = OutcomeTable(
            cards(names, known, options), questions.values(), outcomes, source=str(path)
        )
        every += outcomes
    notes = (
        f"{len(dropped)} test queries are training queries too: dropped from the test split",
        f"{failed} of {len(every)} calls failed; they keep their score, and their tokens are counts of words",
        "scores and tokens are as recorded; embeddings are not read",
        *missing_texts(every),
    )
    return Import(tables, notes)


def _files(folder: Path) -> dict[str, Path]:
    found = {}
    for split in _SPLITS:
        paths = sorted(folder.rglob(f"*routing_{split}_data.jsonl*"))
        require(
            len(paths) < 2,
            f"{folder}: holds several files of the {split} split: {', '.join(map(str, paths[:2]))}",
        )
        if paths:
            found[split] = paths[0]
    return found


def _question(key: str, asked: str, row: dict[str, Any], where: str) -> Question:
    metric = text(row["metric"], where, "the metric") or RECORDED
    task_id = text(row.get("task_id"), where, "task_id")
    return question(
        where,
        id=key,
        question=asked,
        answer=accepted_answers(row["ground_truth"], where),
        metric=METRICS.get(metric, metric),
        category=text(row["task_name"], where, "the task"),
        choices=option_texts(row.get("choices"), metric, where),
        metadata={"task_id": task_id} if task_id else {},
    )


def _outcome(row: dict[str, Any], asked: Question, model: str, sample: int, where: str) -> Outcome:
    reply = text(row.get("response"), where, "the response") or ""
    counts = [plain(row.get(f"{side}_tokens")) for side in ("input", "output")]
    known = None not in counts
    marked = plain(row.get("estimated")) is True  # by our export
    given = [count(c, where, "a token count") for c in counts] if known else []
    return outcome(
        where,
        id=asked.id,
        model=model,
        sample=sample,
        text=reply,
        score=number(row["performance"], where, "performance"),
        input_tokens=given[0] if known else estimated_tokens(asked.question),
        output_tokens=given[1] if known else estimated_tokens(reply),
        estimated=marked or not known,
    )


IMPORTERS.add(
    "llmrouter-routing",
    Importer(read, EXPECTED),
    "ulab-uiuc/LLMRouter: its routing data, one line per query and model",
)
