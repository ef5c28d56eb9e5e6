"""QA-Eval (EVOUNA): human verdicts on the answers of five systems to Natural Questions and TriviaQA.

Source: https://github.com/wangcunxiang/QA-Eval, `EVOUNA/NQ.json` and `EVOUNA/TQ.json` (arXiv:2305.12421). Each is a list of
rows with `question`, `golden_answer` (accepted answers with `/` between them), `improper`, and for each system
`answer_SYSTEM` and `judge_SYSTEM`.

Questions that the annotators call improper are dropped, and an answer without a verdict is a missing cell. The score is the
verdict. Accepted answers are the golden ones and every answer that was judged right, so that `em` agrees with the
verdicts. Tokens are estimated as characters / 4, without the passages that DPR+FiD and Bing Chat read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.source_files import read_json
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
from router_r1_eval.tables.importers.rows import (
    estimated_tokens,
    needed_text,
    number,
    outcome,
    plain,
    question,
    require,
    require_keys,
    text,
)

EXPECTED = "NQ.json and TQ.json of https://github.com/wangcunxiang/QA-Eval/tree/main/EVOUNA, or one of them"
SYSTEMS = {
    "fid": "dpr+fid-large",
    "gpt35": "text-davinci-003",
    "chatgpt": "gpt-3.5-turbo",
    "gpt4": "gpt-4",
    "newbing": "bing-chat",
}
"""How the fields name a system -> the model."""
PRICES = {
    "dpr+fid-large": (0.01, 0.01),
    "text-davinci-003": (20.0, 20.0),
    "gpt-3.5-turbo": (2.0, 2.0),
    "gpt-4": (30.0, 60.0),
    "bing-chat": (30.0, 60.0),
}
"""Dollars per million tokens: list prices of April 2023. Those of DPR+FiD, a model of 0.8B parameters, and of Bing Chat,
which was free, are assumed."""
_SETS = {"NQ": "nq", "TQ": "tq"}


def read(source: Path, options: ImportOptions) -> Import:
    """One table of both question sets, or of the one that the file holds."""
    files = (
        sorted([*source.glob("*.json"), *source.glob("*.json.gz")]) if source.is_dir() else [source]
    )
    require(bool(files), f"{source}: holds no .json file; put there: {EXPECTED}")
    questions: list[Question] = []
    outcomes: list[Outcome] = []
    improper = unjudged = 0
    for path in files:
        stem = path.name.split(".")[0]
        name = _SETS.get(stem, stem.lower())
        rows = read_json(path)
        require(isinstance(rows, list), f"{path}: expected a list of questions")
        for place, row in enumerate(rows):
            where = f"{path}: row {place + 1}"
            row = require_keys(row, ("question", "golden_answer", "improper"), where)
            if _flag(row["improper"], where, "improper") and not options.as_published:
                improper += 1
                continue
            key = f"{name}/{place}"
            found = [
                answered
                for system in SYSTEMS
                if (answered := _outcome(row, system, key, where)) is not None
            ]
            unjudged += len(SYSTEMS) - len(found)
            if found:
                questions.append(_question(row, key, name, found, where))
                outcomes += found
    names = [name for name in SYSTEMS.values() if any(o.model == name for o in outcomes)]
    known = {name: card(name, *price) for name, price in PRICES.items()}
    table = OutcomeTable(cards(names, known, options), questions, outcomes, source=str(source))
    notes = (
        "scores are human verdicts; accepted answers include every recorded one that was judged right",
        f"{improper} questions that the annotators call improper are dropped",
        f"{unjudged} answers have no verdict: they are missing cells",
        "tokens are estimated as characters / 4, without what the systems looked up; the prices of dpr+fid-large and "
        "bing-chat are assumed",
    )
    return Import({"": table}, notes)


def _flag(cell: Any, where: str, what: str) -> bool | None:
    """A flag; None if it is missing."""
    return None if plain(cell) is None else bool(number(cell, where, what))


def _outcome(row: dict[str, Any], system: str, key: str, where: str) -> Outcome | None:
    """The answer of a system; None if it has no verdict."""
    row = require_keys(row, (f"answer_{system}", f"judge_{system}"), where)
    verdict = _flag(row[f"judge_{system}"], where, f"judge_{system}")
    if verdict is None:
        return None
    reply = text(row[f"answer_{system}"], where, f"answer_{system}") or ""
    return outcome(
        where,
        id=key,
        model=SYSTEMS[system],
        text=reply,
        answer=reply.strip() or None,
        score=float(verdict),
        input_tokens=estimated_tokens(needed_text(row["question"], where, "the question")),
        output_tokens=estimated_tokens(reply),
        estimated=True,
    )


def _question(
    row: dict[str, Any], key: str, name: str, found: list[Outcome], where: str
) -> Question:
    golden = needed_text(row["golden_answer"], where, "golden_answer")
    listed = [part.strip() for part in golden.split("/") if part.strip()] or [golden]
    right = [one.answer for one in found if one.score == 1 and one.answer]
    return question(
        where,
        id=key,
        question=needed_text(row["question"], where, "the question"),
        answer=tuple(dict.fromkeys([*listed, *right])),
        metric="em",
        category=name,
        metadata={"gold": golden},
    )


IMPORTERS.add(
    "qa-eval",
    Importer(read, EXPECTED),
    "wangcunxiang/QA-Eval: human verdicts on five systems' answers to open questions",
)
