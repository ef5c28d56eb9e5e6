"""Checks of token counts and recorded costs in an outcome table: were they measured, or assumed?

    constants        one value in nearly all rows of a model, although the texts differ
    assumed counts   values that a formula over the lengths of the texts gives, in rows not marked `estimated`

A tokeniser needs more tokens for one text than for another of the same length: over many texts its counts are 5 to 20 %
off any formula over characters and words. Counts that are hardly ever more than one token off were computed. Costs that
rest on either are not what anyone would have paid.

`check.py` runs these checks.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.tables.finding import Finding

MIN_ROWS = 5
"""Fewer rows of a model may have the same count by chance."""
MAX_DIFFERENCE = 8
"""Characters by which texts may differ and still have the same number of tokens, in many rows."""
CONSTANT = 0.95
"""Share of rows with one value from which a column counts as constant."""
MIN_FITTED = 40
"""A formula is looked for in at least so many rows ..."""
MIN_LENGTHS = 25
"""... with at least so many different lengths ..."""
MIN_RANGE = 20
"""... and values that lie at least so many tokens apart."""
FORMULA = 0.97
"""Share of rows in which a formula must hold, to a token or to half a percent."""
MAX_FITTED = 2000
"""More rows than this add nothing."""

Sizes = tuple[float, ...]
"""What a formula may use: characters and words of the texts, and the number of options."""


class _Column(NamedTuple):
    """One kind of value of one model, row by row."""

    what: str
    """What the values count, for messages."""
    values: Sequence[float]
    lengths: Sequence[int]
    """The characters that the value depends on; all 0 if no texts are recorded."""
    sizes: Sequence[Sizes]
    estimated: Sequence[bool]
    """Whether the table says that the value is an estimate."""


def findings(table: OutcomeTable) -> Iterator[Finding]:
    """All findings about the counts and costs of a table."""
    rows: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in table:
        rows[outcome.model].append(outcome)
    asked = {question.id: _asked(question) for question in table.questions}
    computed: dict[str, list[str]] = defaultdict(list)
    for name in table.names:
        for column in _columns(table, rows[name], asked):
            constant = _constant(name, column, len(rows[name]))
            if constant is not None:
                yield constant
            elif _is_computed(column):
                computed[column.what].append(name)
    for what, names in computed.items():
        others = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield Finding(
            "warning",
            "assumed counts",
            f"the {what} of {', '.join(names[:3])}{others} follow a formula over the lengths of the texts, which no "
            f"tokeniser does: they were assumed, not measured; mark such rows as estimated",
        )


def _asked(question: Question) -> tuple[int, Sizes]:
    """Characters of a question and its options, and what a formula may use of them."""
    options = question.choices or ()
    chars = [len(question.question), sum(map(len, options))]
    words = len(question.question.split()) + sum(len(option.split()) for option in options)
    return sum(chars), (*map(float, chars), float(words), float(len(options)))


def _columns(
    table: OutcomeTable, rows: list[Outcome], asked: dict[str, tuple[int, Sizes]]
) -> Iterator[_Column]:
    estimated = [row.estimated for row in rows]
    prompts = [asked[row.id] for row in rows]
    replies = [
        (len(row.text), (float(len(row.text)), float(len(row.text.split())))) for row in rows
    ]
    for what, values, about in (
        ("input tokens", [float(row.input_tokens) for row in rows], prompts),
        ("output tokens", [float(row.output_tokens) for row in rows], replies),
    ):
        lengths, sizes = zip(*about, strict=True) if about else ((), ())
        yield _Column(what, values, lengths, sizes, estimated)
    if rows and all(row.cost is not None for row in rows):
        yield _Column(
            "dollars",
            [float(row.cost or 0.0) for row in rows],
            [p[0] + r[0] for p, r in zip(prompts, replies, strict=True)],
            [(*p[1], *r[1]) for p, r in zip(prompts, replies, strict=True)],
            estimated,
        )


def _constant(name: str, column: _Column, rows: int) -> Finding | None:
    """The finding about a column with one value in nearly all rows, although the texts differ in length."""
    if rows < MIN_ROWS or not column.values:
        return None
    value, times = Counter(column.values).most_common(1)[0]
    if times < CONSTANT * rows:
        return None
    if any(column.lengths):
        alike = sorted(
            length
            for length, other in zip(column.lengths, column.values, strict=True)
            if other == value
        )
        differ = alike[-1] - alike[0]
    else:  # no texts are recorded: their lengths are unknown, and without tokens there is nothing to measure
        differ = MAX_DIFFERENCE if value else 0
    if not differ:
        return None
    which = f"all {rows}" if times == rows else f"{times} of {rows}"
    return Finding(
        "warning" if differ > MAX_DIFFERENCE else "note",
        "constants",
        f"{which} rows of {name} have {value:,g} {column.what}, although their texts differ; costs need counts of each row",
    )


def _is_computed(column: _Column) -> bool:
    """Whether one formula gives nearly all values that the table does not call estimates."""
    import numpy as np

    longest = max(column.lengths, default=0)
    at_longest = sum(length == longest for length in column.lengths)
    # Texts that were cut to one length say nothing about the counts.
    cut = longest if at_longest > 0.02 * len(column.lengths) and at_longest > 1 else longest + 1
    used = [
        row
        for row, (length, estimated) in enumerate(
            zip(column.lengths, column.estimated, strict=True)
        )
        if not estimated and 0 < length < cut
    ][:MAX_FITTED]
    lengths = {column.lengths[row] for row in used}
    if len(used) < MIN_FITTED or len(lengths) < MIN_LENGTHS:
        return False
    values = np.array([column.values[row] for row in used])
    dollars = column.what == "dollars"
    typical = statistics.median(values.tolist())
    if typical <= 0 or (not dollars and np.ptp(values) < MIN_RANGE):
        return False
    sizes = np.array([column.sizes[row] for row in used])
    sizes = np.column_stack([np.ones(len(used)), sizes[:, np.ptp(sizes, axis=0) > 0]])
    tolerance = np.maximum(0.0 if dollars else 1.0, 0.005 * np.abs(values))
    kept = np.ones(len(used), dtype=bool)
    holds = kept
    for _ in range(4):  # the fit is repeated without the rows that it fits worst
        solution = np.linalg.lstsq(sizes[kept], values[kept], rcond=None)[0]
        misses = np.abs(sizes @ solution - values)
        holds = misses <= tolerance + 1e-12
        kept = misses <= max(float(np.quantile(misses, 0.9)), float(np.median(tolerance)))
    return bool(holds.mean() >= FORMULA)
