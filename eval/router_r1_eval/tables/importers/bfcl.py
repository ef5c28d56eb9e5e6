"""BFCL's results: for each model and category a file of results and a file of scores, both JSON Lines.

Source: https://github.com/HuanzhiMao/BFCL-Result, a folder of one date, such as `2024-08-11`:

    result*/MODEL/gorilla_openfunctions_v1_test_CATEGORY_result.json   `id, result`, and mostly `input_token_count,
                                                                       output_token_count, latency`
    score*/MODEL/CATEGORY_score.json                                   first `accuracy, correct_count, total_count`, then
                                                                       the failures alone: `id, prompt, error, ...`

Later versions call the files `BFCL_v3_CATEGORY_result.json` and `BFCL_v3_CATEGORY_score.json`, also in folders of groups below
the model's. A result without a failure is right. A number as the `id` of a failure counts from 1.

A question's text is known only if some model failed on it (`prompt`), or from `--gold`, a file or folder of the questions,
JSON Lines with `id, question` and `function` (`berkeley-function-call-leaderboard/data` of
https://github.com/ShishirPatil/gorilla). Of the others the text is their id. There is no metric for calls of functions
here: such a table can be measured, and not trained on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.errors import DataError
from router_r1_eval.source_files import read_text
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import cards
from router_r1_eval.tables.importers.rows import (
    NOT_PUBLISHED,
    RECORDED,
    count,
    estimated_tokens,
    needed_text,
    outcome,
    plain,
    question,
    require,
    require_keys,
)

EXPECTED = "the folders result and score of a date of https://github.com/HuanzhiMao/BFCL-Result, with the models that are wanted"
_MOST_DIGITS = 300
_NAME = re.compile(
    r"(?:gorilla_openfunctions_v\d+_test_|BFCL_v\d+_)?(.+)_(result|score)\.json(?:\.gz)?"
)


class _Scores(NamedTuple):
    """A file of scores."""

    total: int
    failed: frozenset[str]


def read(source: Path, options: ImportOptions) -> Import:
    """One table of all models and categories that have results and scores."""
    require(source.is_dir(), f"{source}: is not a folder; expected one with {EXPECTED}")
    results, scores = _files(source, "result"), _files(source, "score")
    both = [key for key in results if key in scores]
    require(
        bool(both),
        f"{source}: holds no result/MODEL/CATEGORY_result.json with its score/MODEL/CATEGORY_score.json; "
        f"put there: {EXPECTED}",
    )
    texts: dict[str, str] = {}
    if options.gold is not None:
        for where, row in _questions(options.gold):
            row = require_keys(row, ("id", "question"), where)
            texts[needed_text(row["id"], where, "the id")] = _asked(row)
    categories: dict[str, str] = {}
    rows: list[tuple[str, str, dict[str, Any], float]] = []
    for model, category in both:
        judged = _scores(scores[model, category], category, texts)
        found = list(_lines(results[model, category]))
        require(
            len(found) == judged.total,
            f"{results[model, category]}: has {len(found)} results, but {scores[model, category]} says {judged.total}",
        )
        for where, row in found:
            row = require_keys(row, ("id", "result"), where)
            key = needed_text(row["id"], where, "the id")
            categories.setdefault(key, category)
            rows.append((where, model, row, float(key not in judged.failed)))
    outcomes = [_outcome(where, model, row, score, texts) for where, model, row, score in rows]
    questions = [
        question(
            str(source),
            id=key,
            question=texts.get(key) or key,
            answer=NOT_PUBLISHED,
            metric=RECORDED,
            category=category,
        )
        for key, category in categories.items()
    ]
    names = dict.fromkeys(model for model, _ in both)
    table = OutcomeTable(cards(names, {}, options), questions, outcomes, source=str(source))
    estimated = sum(one.estimated for one in outcomes)
    notes = (
        f"{sum(key not in texts for key in categories)} of {len(categories)} questions have no text in the source: it is "
        f"their id (--gold gives them)",
        f"{estimated} of {len(outcomes)} results have no token counts: they are estimated as characters / 4",
        f"{len(results) + len(scores) - 2 * len(both)} files have no counterpart (results or scores) and are left out",
        "scores are as recorded; there are no gold answers",
    )
    return Import({"": table}, notes)


def _files(source: Path, kind: str) -> dict[tuple[str, str], Path]:
    """(model, category) -> file of results or scores."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(source.rglob(f"*_{kind}.json*")):
        name = _NAME.fullmatch(path.name)
        parts = path.relative_to(source).parts
        at = next((n for n, part in enumerate(parts[:-1]) if part.startswith(kind)), -1)
        if name is None or name[2] != kind or at + 2 >= len(parts):
            continue
        key = (parts[at + 1], name[1])
        require(
            key not in found,
            f"{path}: {found.get(key)} has the {kind}s of {key[0]} in {key[1]} too; keep one date in the folder",
        )
        found[key] = path
    return found


def _scores(path: Path, category: str, texts: dict[str, str]) -> _Scores:
    """The failures in a file of scores; the questions in it are added to `texts`."""
    lines = list(_lines(path))
    require(bool(lines), f"{path}: is empty; expected a line with accuracy and total_count")
    where, summary = lines[0]
    summary = require_keys(summary, ("correct_count", "total_count"), where)
    total = count(summary["total_count"], where, "total_count")
    failed = set()
    for where, row in lines[1:]:
        row = require_keys(row, ("id",), where)
        prompt = row.get("prompt")
        about = prompt if isinstance(prompt, dict) and "id" in prompt else None
        key = plain(row["id"]) if about is None else about["id"]
        if isinstance(key, int):
            key = f"{category}_{key - 1}"
        key = needed_text(key, where, "the id")
        failed.add(key)
        if about is not None and "question" in about and key not in texts:
            texts[key] = _asked(about)
    right = count(summary["correct_count"], where, "correct_count")
    require(
        total - right == len(failed),
        f"{path}: says that {right} of {total} are right, but lists {len(failed)} failures",
    )
    return _Scores(total, frozenset(failed))


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    """(`FILE:LINE`, row) pairs. Numbers with very many digits, which a model may put into a call, are read as texts."""
    for line_number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            where = f"{path}:{line_number}"
            try:
                yield where, json.loads(line, parse_int=_whole_number)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{where}: not JSON: {error}") from error


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _questions(source: Path) -> Iterator[tuple[str, Any]]:
    files = sorted(source.glob("*.json*")) if source.is_dir() else [source]
    require(bool(files), f"{source}: holds no .json file with questions")
    for path in files:
        yield from _lines(path)


def _asked(row: dict[str, Any]) -> str:
    """A question with the functions that may be called, as one text."""
    texts = list(_contents(row["question"]))
    functions = row.get("function")
    if functions:
        listed = functions if isinstance(functions, list) else [functions]
        texts += ["", "Functions:", *(json.dumps(one, ensure_ascii=False) for one in listed)]
    return "\n".join(texts).strip()


def _contents(turns: Any) -> Iterator[str]:
    """The texts of a question: a text, or messages in turns."""
    if isinstance(turns, str):
        yield turns
    elif isinstance(turns, dict):
        yield from _contents(turns.get("content"))
    elif isinstance(turns, list):
        for turn in turns:
            yield from _contents(turn)


def _outcome(
    where: str, model: str, row: dict[str, Any], score: float, texts: dict[str, str]
) -> Outcome:
    result = row["result"]
    reply = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    prompt, answered = (
        _tokens(row.get(f"{side}_token_count"), where, side) for side in ("input", "output")
    )
    known = prompt is not None and answered is not None
    key = str(row["id"])
    return outcome(
        where,
        id=key,
        model=model,
        text=reply,
        answer=reply.strip() or None,
        score=score,
        input_tokens=prompt if known else estimated_tokens(texts.get(key, "")),
        output_tokens=answered if known else estimated_tokens(reply),
        estimated=not known,
    )


def _tokens(cell: Any, where: str, side: str) -> int | None:
    """A count, or the sum of the counts of all turns; None if there is none."""
    found = plain(cell)
    if isinstance(found, list):
        parts = [_tokens(part, where, side) for part in found]
        return None if not parts or None in parts else sum(filter(None, parts))
    return None if found is None else count(found, where, f"{side}_token_count")


IMPORTERS.add(
    "bfcl",
    Importer(read, EXPECTED),
    "HuanzhiMao/BFCL-Result: calls of functions, right or wrong, with token counts",
)
