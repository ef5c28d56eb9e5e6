"""LiveCodeBench's performances: one JSON object per scenario, with a score for each model and problem.

Source: https://github.com/LiveCodeBench/livecodebench.github.io, `build/performances_generation.json` and
`src/mocks/performances_{generation,repair,testgen,execution}.json`. An object has `performances` and `models`; a performance
has `question_id, model, date` and `pass@1` in percent over some ten samples (`Pass@1` in execution), mostly `difficulty`
and `platform`. In testgen and execution a problem has several tests, each a question here: `2727/1`, `2777/sample_0`.

The source has no texts, tokens or costs, and of a problem only its id. `--gold` gives the texts: JSON Lines with `question_id`
and `question_content`, as in the data set code_generation_lite. Scores are shares of samples, so a table says how often
a model solves a problem, not whether one call did.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import located_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.source_files import read_json
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import cards
from router_r1_eval.tables.importers.rows import (
    NOT_PUBLISHED,
    RECORDED,
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

EXPECTED = (
    "performances_generation.json, or that of another scenario, of https://github.com/LiveCodeBench/livecodebench.github.io "
    "(folder build or src/mocks)"
)


def read(source: Path, options: ImportOptions) -> Import:
    """The table of one scenario, or a table for each `performances_SCENARIO.json` of a folder."""
    files = sorted(source.glob("performances_*.json*")) if source.is_dir() else [source]
    require(bool(files), f"{source}: holds no performances_SCENARIO.json; put there: {EXPECTED}")
    texts: dict[str, str] = {}
    if options.gold is not None:
        for where, row in located_json_lines(options.gold):
            row = require_keys(row, ("question_id", "question_content"), where)
            content = needed_text(row["question_content"], where, "question_content")
            texts[needed_text(row["question_id"], where, "question_id")] = content
    tables, notes = {}, []
    for path in files:
        scenario = path.name.split(".")[0].removeprefix("performances_")
        table, unknown = _table(path, texts, options)
        tables[scenario if len(files) > 1 else ""] = table
        if unknown:
            notes.append(
                f"{scenario}: {unknown} of {len(table.questions)} questions have no text in the source: it is their id "
                f"(--gold gives them)"
            )
    notes.append("texts and tokens are not in the source; scores are shares of samples")
    return Import(tables, tuple(notes))


def _table(path: Path, texts: dict[str, str], options: ImportOptions) -> tuple[OutcomeTable, int]:
    """The table of a scenario, and how many of its questions have no text."""
    rows = require_keys(read_json(path), ("performances",), str(path))["performances"]
    require(isinstance(rows, list) and bool(rows), f"{path}: performances are no list of scores")
    times = Counter[tuple[str, str]]()
    placed = []
    for place, row in enumerate(rows, 1):
        where = f"{path}: performance {place}"
        row = require_keys(row, ("question_id", "model"), where)
        problem = needed_text(row["question_id"], where, "question_id")
        model = needed_text(row["model"], where, "the model")
        times[problem, model] += 1
        placed.append((where, row, problem, model, times[problem, model]))
    several = {problem for (problem, _), number_of in times.items() if number_of > 1}
    questions: dict[str, Question] = {}
    outcomes: list[Outcome] = []
    for where, row, problem, model, test in placed:
        sample = text(row.get("sample_id"), where, "sample_id")
        key = f"{problem}/{sample or test}" if sample or problem in several else problem
        asked = questions.setdefault(key, _question(key, row, texts.get(problem), where))
        outcomes.append(_outcome(row, asked, model, where))
    names = dict.fromkeys(one.model for one in outcomes)
    table = OutcomeTable(cards(names, {}, options), questions.values(), outcomes, source=str(path))
    return table, sum(one.question == one.id for one in questions.values())


def _question(key: str, row: dict[str, Any], content: str | None, where: str) -> Question:
    date = plain(row.get("date"))
    if date is not None:
        milliseconds = number(date, where, "the date")
        require(
            0 <= milliseconds < 1e13,
            f"{where}: the date is {milliseconds:g}; expected milliseconds since 1970",
        )
        date = datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
    metadata = {
        "date": date,
        "difficulty": text(row.get("difficulty"), where, "the difficulty"),
        "platform": text(row.get("platform"), where, "the platform"),
    }
    return question(
        where,
        id=key,
        question=content or key,
        answer=NOT_PUBLISHED,
        metric=RECORDED,
        category=metadata["platform"] or metadata["difficulty"],
        metadata={name: value for name, value in metadata.items() if value},
    )


def _outcome(row: dict[str, Any], asked: Question, model: str, where: str) -> Outcome:
    percent = number(row.get("pass@1", row.get("Pass@1")), where, "pass@1")
    require(0 <= percent <= 100, f"{where}: pass@1 is {percent:g}; expected 0 to 100 percent")
    return outcome(
        where,
        id=asked.id,
        model=model,
        text="",
        answer=None,
        score=percent / 100,
        input_tokens=estimated_tokens(asked.question),
        output_tokens=0,
        estimated=True,
    )


IMPORTERS.add(
    "livecodebench",
    Importer(read, EXPECTED),
    "LiveCodeBench: the leaderboard's pass@1 of each model on each problem",
)
