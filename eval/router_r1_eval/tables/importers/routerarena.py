"""RouterArena's cached results: one JSON Lines file per model, with texts, tokens, scores and costs.

Tokens are kept as recorded. Not all were measured: those of gemini-2.0-flash-001 are 1.3 x the number of words, rounded
down, which `table check` reports. `cost.json` has prices. The `global_index` of a row is `DATASET_NUMBER`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router_r1.data.json_lines import located_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1_eval.source_files import read_json
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
from router_r1_eval.tables.importers.rows import (
    RECORDED,
    accepted_answers,
    count,
    missing_texts,
    needed_text,
    number,
    outcome,
    plain,
    question,
    require,
    require_keys,
    text,
)

EXPECTED = (
    "the .jsonl files of https://github.com/RouteWorks/RouterArena/tree/main/cached_results and cost.json, the prices "
    "beside its code"
)
_METRICS = {
    "mcq_accuracy": "choice",
    "exact_match": "em",
    "superglue_exact_match": "em",
    "math_metric": "math",
    "code_accuracy": "code",
}
_KEYS = (
    "global_index",
    "question",
    "generated_answer",
    "token_usage",
    "success",
    "evaluation_result",
)


def read(source: Path, options: ImportOptions) -> Import:
    """One table of all models in the folder."""
    files = sorted([*source.glob("*.jsonl"), *source.glob("*.jsonl.gz")])
    require(bool(files), f"{source}: holds no .jsonl file; put there: {EXPECTED}")
    questions: dict[str, Question] = {}
    outcomes: list[Outcome] = []
    failed, outside, names = 0, 0, []
    for path in files:
        name = path.name.removesuffix(".gz").removesuffix(".jsonl")
        names.append(name)
        for where, row in located_json_lines(path):
            require_keys(row, _KEYS, where)
            failed += not row["success"]
            result = require_keys(
                row["evaluation_result"] or {}, ("score", "metric"), f"{where}: result"
            )
            usage = require_keys(
                row["token_usage"], ("input_tokens", "output_tokens"), f"{where}: usage"
            )
            asked = _question(row, result, where)
            questions.setdefault(asked.id, asked)
            answer = result.get("extracted_answer")
            score = number(result["score"], where, "the score")
            outside += not 0 <= score <= 1
            cost = plain(result.get("inference_cost"))
            outcomes.append(
                outcome(
                    where,
                    id=asked.id,
                    model=name,
                    text=text(row["generated_answer"], where, "the generated answer") or "",
                    answer=text(answer, where, "the extracted answer"),
                    score=min(1.0, max(0.0, score)),
                    input_tokens=count(usage["input_tokens"], where, "input_tokens"),
                    output_tokens=count(usage["output_tokens"], where, "output_tokens"),
                    **({} if cost is None else {"cost": number(cost, where, "the cost")}),
                )
            )
    known = _cards(source / "cost.json") if (source / "cost.json").exists() else {}
    table = OutcomeTable(
        cards(names, known, options), questions.values(), outcomes, source=str(source)
    )
    return Import(
        {"": table},
        (
            "tokens, costs and scores are as recorded",
            f"{outside} scores lie outside 0..1 and are clipped",
            f"{failed} of {len(outcomes)} calls failed; they keep their score",
            *missing_texts(outcomes),
        ),
    )


def _question(row: dict[str, Any], result: dict[str, Any], where: str) -> Question:
    index = needed_text(row["global_index"], where, "global_index")
    metric = text(result["metric"], where, "the metric") or RECORDED
    return question(
        where,
        id=index,
        question=needed_text(row["question"], where, "the question"),
        answer=accepted_answers(result.get("ground_truth"), where),
        metric=_METRICS.get(metric, metric),
        category=index.rpartition("_")[0] or index,
    )


def _cards(path: Path) -> dict[str, ModelCard]:
    prices = require_keys(read_json(path), (), str(path))
    keys = ("input_token_price_per_million", "output_token_price_per_million")
    found = {}
    for name, about in prices.items():
        row = require_keys(about, keys, f"{path}: {name}")
        input_price, output_price = (number(row[key], f"{path}: {name}", key) for key in keys)
        found[name] = card(name, input_price, output_price)
    return found


IMPORTERS.add(
    "routerarena", Importer(read, EXPECTED), "RouteWorks/RouterArena: cached results of each model"
)
