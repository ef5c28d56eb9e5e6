"""reasoning-gym-eval: one JSON file per level, run and task, `zero-shot/LEVEL/RUN/CATEGORY/TASK.json`.

Source: https://github.com/open-thought/reasoning-gym-eval, folder `reasoninggym-paper-experiments/zero-shot`. LEVEL is easy or
hard, RUN is `PROVIDER_MODEL_DATE_TIME`. A file has `name, category, system_prompt` and `results`; a result has
`question, expected_answer` and `completions`, each with `model_answer, full_model_response, score`. Several completions
are samples. Runs also hold `summary.json` and `checkpoint.json`, which are not needed.

The score is that of the gym's own verifier, with partial credit. Accepted answers are the expected one and every recorded
answer that the verifier gave 0.99 or more, so that `em` agrees with it: many tasks have more than one right answer.
Tokens are estimated as characters / 4; hidden reasoning (o3-mini, deepseek-r1, qwq-32b) is not recorded.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.source_files import read_json
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import cards
from router_r1_eval.tables.importers.rows import (
    NOT_PUBLISHED,
    RECORDED,
    estimated_tokens,
    missing_texts,
    needed_text,
    number,
    outcome,
    question,
    require,
    require_keys,
    text,
)

EXPECTED = (
    "the folder zero-shot, or a part of it, of "
    "https://github.com/open-thought/reasoning-gym-eval/tree/main/reasoninggym-paper-experiments"
)
ACCEPTED = 0.99
"""Score from which an answer counts as right."""
_RUN = re.compile(r"(?:[^_]+_)?(.+)_\d{8}_\d{6}")
_LEVELS = ("easy", "hard")
_OTHER_FILES = ("summary.json", "checkpoint.json")
_KEYS = ("name", "results")


def read(source: Path, options: ImportOptions) -> Import:
    """One table of all levels, tasks and models in the folder."""
    files = [path for path in sorted(source.rglob("*.json")) if path.name not in _OTHER_FILES]
    files = [path for path in files if _model(path)]
    require(
        bool(files),
        f"{source}: holds no RUN/CATEGORY/TASK.json, where RUN is PROVIDER_MODEL_DATE_TIME; put there: {EXPECTED}",
    )
    fields: dict[str, dict[str, Any]] = {}
    accepted: dict[str, dict[str, None]] = defaultdict(dict)
    outcomes: list[Outcome] = []
    samples = Counter[tuple[str, str]]()
    partial = 0
    for path in files:
        level = next((part for part in path.parts[::-1] if part in _LEVELS), "")
        model = _model(path)
        about = require_keys(read_json(path), _KEYS, str(path))
        task = needed_text(about["name"], str(path), "the name")
        system = text(about.get("system_prompt"), str(path), "system_prompt") or ""
        require(isinstance(about["results"], list), f"{path}: results are no list")
        for place, row in enumerate(about["results"], 1):
            where = f"{path}: result {place}"
            row = require_keys(row, ("question", "expected_answer", "completions"), where)
            asked = needed_text(row["question"], where, "the question")
            digest = hashlib.sha256(asked.encode()).hexdigest()[:10]
            key = "/".join(filter(None, (level, task, digest)))
            fields.setdefault(
                key,
                {
                    "question": asked,
                    "category": task,
                    "metadata": {
                        "level": level or None,
                        "area": text(about.get("category"), where, "the category"),
                    },
                },
            )
            expected = text(row["expected_answer"], where, "expected_answer")
            accepted[key] |= {expected: None} if expected and expected.strip() else {}
            require(isinstance(row["completions"], list), f"{where}: completions are no list")
            for completion in row["completions"]:
                found = _outcome(completion, key, model, samples[key, model], where)
                prompt = estimated_tokens(system + asked)
                outcomes.append(found.model_copy(update={"input_tokens": prompt}))
                samples[key, model] += 1
                partial += 0 < found.score < ACCEPTED
                if found.score >= ACCEPTED and found.answer and found.answer.strip():
                    accepted[key][found.answer] = None
    questions = [_question(key, fields[key], tuple(accepted[key]), str(source)) for key in fields]
    names = dict.fromkeys(map(_model, files))
    table = OutcomeTable(cards(names, {}, options), questions, outcomes, source=str(source))
    notes = (
        "scores are those of the gym's verifiers; accepted answers include every recorded one that they found right",
        f"{partial} of {len(outcomes)} answers have partial credit",
        "tokens are estimated as characters / 4; hidden reasoning is not recorded",
        *missing_texts(outcomes),
    )
    return Import({"": table}, notes)


def _model(path: Path) -> str:
    """The model of a file, from the folder of its run; empty if the file is not in one."""
    run = _RUN.fullmatch(path.parent.parent.name)
    return run[1] if run else ""


def _outcome(completion: Any, key: str, model: str, sample: int, where: str) -> Outcome:
    row = require_keys(completion, ("model_answer", "full_model_response", "score"), where)
    reply = text(row["full_model_response"], where, "the response") or ""
    return outcome(
        where,
        id=key,
        model=model,
        sample=sample,
        text=reply,
        answer=text(row["model_answer"], where, "model_answer"),
        score=number(row["score"], where, "the score"),
        input_tokens=0,
        output_tokens=estimated_tokens(reply),
        estimated=True,
    )


def _question(key: str, about: dict[str, Any], accepted: tuple[str, ...], where: str) -> Question:
    about["metadata"] = {name: value for name, value in about["metadata"].items() if value}
    return question(
        f"{where}: {key}",
        id=key,
        answer=accepted or NOT_PUBLISHED,
        metric="em" if accepted else RECORDED,
        **about,
    )


IMPORTERS.add(
    "reasoning-gym",
    Importer(read, EXPECTED),
    "open-thought/reasoning-gym-eval: samples on a hundred tasks, scored by the gym's verifiers",
)
