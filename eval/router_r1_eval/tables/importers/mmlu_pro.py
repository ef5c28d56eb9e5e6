"""MMLU-Pro's evaluation results: one zip per model, `model_outputs_NAME_5shots.zip`, which holds one JSON list.

A row has `question_id, question, options, answer, category, model_outputs, pred`. Where no letter could be read from an
output, the authors' script draws a random one; here such an output has no answer and scores 0.

Tokens are estimated as characters / 4, without the worked examples of the prompt. The source has no prices; `PRICES`
has the public list prices of ten models in autumn 2024.
"""

from __future__ import annotations

import errno
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from router_r1.data.options import LETTERS
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError, one_line
from router_r1.files import MOST_BYTES, read_input
from router_r1.json_text import parse_json
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
from router_r1_eval.tables.importers.rows import (
    estimated_tokens,
    missing_texts,
    needed_text,
    outcome,
    plain,
    question,
    require,
    require_keys,
    text,
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
            output = plain(row.get("model_outputs")) or plain(row.get("generated_text"))
            if isinstance(output, list):
                output = output[0] if output else None
            reply = text(output, where, "the output") or ""
            asked = _question(row, where)
            first = questions.setdefault(asked.id, asked)
            require(
                (first.question, first.answer) == (asked.question, asked.answer),
                f"{where}: question {asked.id} has another text or gold answer than in {files[0]}",
            )
            answer = text(row["pred"], where, "pred") or None
            unread += answer is None
            outcomes.append(
                outcome(
                    where,
                    id=asked.id,
                    model=name,
                    text=reply,
                    answer=answer,
                    score=float(answer == asked.answer),
                    input_tokens=estimated_tokens(asked.question + "".join(asked.choices or ())),
                    output_tokens=estimated_tokens(reply),
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
        *missing_texts(outcomes),
    ]
    return Import({"": table}, tuple(notes))


def _rows(path: Path) -> list[Any]:
    try:
        if path.suffix != ".zip":
            raw = read_input(path)
        else:
            with zipfile.ZipFile(path) as archive:
                inside = [n for n in archive.namelist() if n.endswith(".json") and "/." not in n]
                inside = [n for n in inside if not n.startswith("__MACOSX")]
                require(len(inside) == 1, f"{path}: expected one JSON file in it, found {inside}")
                raw = _unpacked(archive, inside[0])
        rows = parse_json(raw)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: cannot be read: {one_line(error)}") from error
    require(isinstance(rows, list), f"{path}: expected a list of answers")
    return list(rows)


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of a zip. Raises `OSError` for one that is far too large."""
    with archive.open(name) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, "holds a file that is too large")
    return content


def _question(row: dict[str, Any], where: str) -> Question:
    listed = plain(row["options"])
    require(isinstance(listed, list), f"{where}: options are no list; expected a list of texts")
    options = [needed_text(option, where, "an option") for option in listed if option != "N/A"]
    letters = LETTERS[: len(options)]
    require(
        str(row["answer"]) in letters and len(str(row["answer"])) == 1,
        f"{where}: the gold answer {row['answer']!r} names none of {len(options)} options",
    )
    return question(
        where,
        id=f"mmlu-pro-{needed_text(row['question_id'], where, 'question_id')}",
        question=needed_text(row["question"], where, "the question"),
        answer=str(row["answer"]),
        metric="choice",
        category=text(row["category"], where, "the category"),
        choices=tuple(options),
    )


IMPORTERS.add(
    "mmlu-pro",
    Importer(read, EXPECTED),
    "TIGER-AI-Lab/MMLU-Pro: a zip file of answers for each model (eval_results)",
)
