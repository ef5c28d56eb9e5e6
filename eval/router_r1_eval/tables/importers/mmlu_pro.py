"""MMLU-Pro's evaluation results: one zip per model, `model_outputs_NAME_5shots.zip`, which holds one JSON list.

A row has `question_id, question, options, answer, category, model_outputs, pred`. Where no letter could be read from an
output, the authors' script draws a random one; here such an output has no answer and scores 0.

Tokens are estimated as characters / 4, without the worked examples of the prompt. The source has no prices; `PRICES`
has the public list prices of ten models in autumn 2024.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from router_r1.data.options import LETTERS
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
from router_r1_eval.tables.importers.rows import (
    estimated_tokens,
    outcome,
    question,
    require,
    require_keys,
)

EXPECTED = "the zips of https://github.com/TIGER-AI-Lab/MMLU-Pro/tree/main/eval_results, for the models that are wanted"
PRICES = {
    "gemini-1.5-flash-002": (0.075, 0.30),
    "DeepSeek-Coder-V2": (0.14, 0.28),
    "Phi-3-mini-4k-instruct": (0.13, 0.52),
    "Meta-Llama-3_1-8B-Instruct": (0.18, 0.18),
    "mathstral-7B": (0.25, 0.25),
    "Mixtral-8x7B-Instruct-v0.1": (0.60, 0.60),
    "Meta-Llama-3_1-70B-Instruct": (0.88, 0.88),
    "Qwen1.5-72B-Chat": (0.90, 0.90),
    "gemini-1.5-pro-002": (1.25, 5.00),
    "jamba-1.5-large": (2.00, 8.00),
}
"""Dollars per million tokens of input and output."""
_NAME = re.compile(r"(?:model_outputs_)?(.+?)(?:_\d+shots?)?\.(?:zip|json)$")
_KEYS = ("question_id", "question", "options", "answer", "category", "pred")


def read(source: Path, options: ImportOptions) -> Import:
    """One table of all models. A question that a model was not asked is a missing cell."""
    files = sorted(source.glob("*.zip")) if source.is_dir() else [source]
    require(bool(files), f"{source}: holds no zip; put there: {EXPECTED}")
    questions: dict[str, Question] = {}
    outcomes: list[Outcome] = []
    unread, names = 0, []
    for path in files:
        matched = _NAME.match(path.name)
        name = matched[1] if matched else path.stem
        names.append(name)
        for number, row in enumerate(_rows(path), 1):
            where = f"{path}: row {number}"
            row = require_keys(row, _KEYS, where)
            output = row.get("model_outputs") or row.get("generated_text") or ""
            text = output[0] if isinstance(output, list) and output else str(output or "")
            asked = _question(row, where)
            first = questions.setdefault(asked.id, asked)
            require(
                (first.question, first.answer) == (asked.question, asked.answer),
                f"{where}: question {asked.id} has another text or gold answer than in {files[0]}",
            )
            answer = row["pred"] or None
            unread += answer is None
            outcomes.append(
                outcome(
                    where,
                    id=asked.id,
                    model=name,
                    text=text,
                    answer=answer,
                    score=float(answer == asked.answer),
                    input_tokens=estimated_tokens(asked.question + "".join(asked.choices or ())),
                    output_tokens=estimated_tokens(text),
                    estimated=True,
                )
            )
    known = {name: card(name, *price) for name, price in PRICES.items()}
    table = OutcomeTable(
        cards(names, known, options), questions.values(), outcomes, source=str(source)
    )
    notes = [
        "tokens are estimated as characters / 4, without the worked examples of prompts",
        f"{unread} of {len(outcomes)} answers hold no letter that could be read: they score 0, and no letter is drawn",
    ]
    return Import({"": table}, tuple(notes))


def _rows(path: Path) -> list[Any]:
    try:
        if path.suffix != ".zip":
            raw = path.read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                inside = [n for n in archive.namelist() if n.endswith(".json") and "/." not in n]
                inside = [n for n in inside if not n.startswith("__MACOSX")]
                require(len(inside) == 1, f"{path}: expected one JSON file in it, found {inside}")
                raw = archive.read(inside[0])
        rows = json.loads(raw)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    require(isinstance(rows, list), f"{path}: expected a list of answers")
    return list(rows)


def _question(row: dict[str, Any], where: str) -> Question:
    options = [str(option) for option in row["options"] if option != "N/A"]
    letters = LETTERS[: len(options)]
    require(
        str(row["answer"]) in letters and len(str(row["answer"])) == 1,
        f"{where}: the gold answer {row['answer']!r} names none of {len(options)} options",
    )
    return question(
        where,
        id=f"mmlu-pro-{row['question_id']}",
        question=str(row["question"]),
        answer=str(row["answer"]),
        metric="choice",
        category=str(row["category"]),
        choices=tuple(options),
    )


IMPORTERS.add(
    "mmlu-pro",
    Importer(read, EXPECTED),
    "TIGER-AI-Lab/MMLU-Pro: a zip file of answers for each model (eval_results)",
)
