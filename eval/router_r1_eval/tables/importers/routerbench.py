"""RouterBench: one row per prompt; each model M has the columns `M` (score), `M|model_response`, `M|total_cost` (USD).

The release is a pickled data frame. Reading a pickle runs any program it holds, so it needs `--trusted`, and pandas. A
CSV file with the same columns needs neither. The release has recorded costs, but no prices and no gold answers.
"""

from __future__ import annotations

import ast
import warnings
from pathlib import Path
from typing import Any

from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError, DataError, MissingDependencyError, one_line
from router_r1_eval.source_files import read_csv
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
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

EXPECTED = "routerbench_0shot.pkl or routerbench_5shot.pkl of https://huggingface.co/datasets/withmartian/routerbench, or a CSV of it"
_RESPONSE, _COST = "|model_response", "|total_cost"
_KEYS = ("sample_id", "prompt", "eval_name")


def read(source: Path, options: ImportOptions) -> Import:
    """One table of all models."""
    require(source.is_file(), f"{source}: is a folder; pass the file: {EXPECTED}")
    rows = _pickled(source, options) if source.suffix == ".pkl" else read_csv(source, _KEYS)
    require(bool(rows), f"{source}: holds no rows")
    names = [key.removesuffix(_RESPONSE) for key in rows[0] if str(key).endswith(_RESPONSE)]
    require(
        bool(names), f"{source}: has no column that ends in {_RESPONSE!r}; it is not RouterBench"
    )
    keys = [*_KEYS, *(key for n in names for key in (n, n + _RESPONSE, n + _COST))]
    questions, outcomes = [], []
    for place, row in enumerate(rows, 2):
        where = f"{source}: row {place}"
        require_keys(row, keys, where)
        prompt = _joined(needed_text(row["prompt"], where, "the prompt"))
        asked = question(
            where,
            id=needed_text(row["sample_id"], where, "sample_id"),
            question=prompt,
            answer=NOT_PUBLISHED,
            metric=RECORDED,
            category=text(row["eval_name"], where, "eval_name"),
        )
        questions.append(asked)
        for name in names:
            reply = _joined(text(row[name + _RESPONSE], where, f"the response of {name}") or "")
            score = number(row[name], where, f"the score of {name}")
            outcomes.append(
                outcome(
                    where,
                    id=asked.id,
                    model=name,
                    text=reply,
                    score=score,
                    input_tokens=estimated_tokens(prompt),
                    output_tokens=estimated_tokens(reply),
                    estimated=True,
                    cost=number(row[name + _COST], where, f"the cost of {name}"),
                )
            )
    known = {name: card(name, 0, 0) for name in names}
    table = OutcomeTable(cards(names, known, options), questions, outcomes, source=str(source))
    return Import(
        {"": table},
        (
            "costs are the recorded ones; list prices are not in the source, and are 0 without --price or --pool",
            "tokens are estimated as characters / 4",
            "gold answers are not in the source: scores are as recorded and cannot be graded again",
            *missing_texts(outcomes),
        ),
    )


def _joined(written: str) -> str:
    """A text; some are written as a Python list of texts in the release."""
    if written.startswith("[") and written.endswith("]"):
        try:
            with warnings.catch_warnings(action="ignore"):  # about a backslash in a reply
                parts = ast.literal_eval(written)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return written  # a reply that happens to stand in brackets
        if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
            return "\n".join(parts)
    return written


def _pickled(source: Path, options: ImportOptions) -> list[dict[str, Any]]:
    if not options.trusted:
        raise ConfigError(
            f"{source}: is a pickle, which can run any program when it is read; pass --trusted if you trust its source, "
            f"or convert it to CSV on another machine"
        )
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError(
            "a pickled data frame needs pandas: pip install pandas"
        ) from error
    try:
        frame = pandas.read_pickle(source)
    except Exception as error:  # unpickling raises anything
        raise DataError(f"{source}: cannot be read: {one_line(error)}") from error
    if not isinstance(frame, pandas.DataFrame):
        raise DataError(f"{source}: holds a {type(frame).__name__}; expected a data frame")
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows


IMPORTERS.add(
    "routerbench", Importer(read, EXPECTED), "RouterBench: a pickled data frame, or the same as CSV"
)
