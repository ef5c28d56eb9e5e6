"""Tables whose cells are coloured by their value: categories, corpus metrics, candidates called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router_r1_eval.report.markup import escaped
from router_r1_eval.report.number_format import fixed, whole
from router_r1_eval.report.results_table import row_order
from router_r1_eval.report.row_names import shortened
from router_r1_eval.report.table import framed
from router_r1_eval.results import BEST_SINGLE, Results, Row

_MOST_COLUMNS = 20
"""A table with more columns is transposed."""
_LONGEST_TITLE = 28  # letters


@dataclass(frozen=True)
class _HeatTable:
    """A table whose larger values have a stronger colour; negative values have another colour."""

    columns: Sequence[str]
    lines: Sequence[tuple[str, Sequence[float | None]]]
    """The name of each line, and its values."""
    maximum: float
    """The value with the strongest colour."""
    number_format: Callable[[float], str] = whole
    subtitles: Sequence[str] = ()
    """Beside each column title."""
    line_title: str = "router"
    column_title: str = "category"
    """What the columns are, for a transposed table."""
    colour: str = "share"

    def markup(self, caption: str, note: str = "") -> str:
        subtitles = self.subtitles or [""] * len(self.columns)
        across: Sequence[str] = [
            escaped(title) + (f" <i>{escaped(small)}</i>" if small else "")
            for title, small in zip(self.columns, subtitles, strict=True)
        ]
        down: Sequence[str] = [escaped(name) for name, _ in self.lines]
        grid: Sequence[Sequence[float | None]] = [values for _, values in self.lines]
        corner = self.line_title
        if len(self.columns) > _MOST_COLUMNS:
            down, across = across, [_upright(name) for name, _ in self.lines]
            grid, corner = list(zip(*grid, strict=True)), self.column_title
        head = f'<th scope="col" class="words">{corner}</th>' + "".join(
            f'<th scope="col"><span>{title}</span></th>' for title in across
        )
        body = "".join(
            f'<tr><th scope="row" class="words">{name}</th>{"".join(map(self._cell, values))}</tr>'
            for name, values in zip(down, grid, strict=True)
        )
        return framed(caption, ' class="heat"', head, body, note)

    def _cell(self, value: float | None) -> str:
        if value is None:
            return "<td></td>"
        heat = min(1.0, abs(value) / self.maximum)
        colour = "below" if value < 0 else self.colour
        return f'<td class="{colour}" style="--heat:{heat:.2f}">{self.number_format(value)}</td>'


def _upright(name: str) -> str:
    """Markup of a name above a column; in full when the mouse is over it."""
    text = shortened(name, _LONGEST_TITLE)
    full = "" if text == name else f' title="{escaped(name)}"'
    return f"<b{full}>{escaped(text)}</b>"


def regret_table(results: Results, caption: str) -> str:
    """Row x category: points below the best single model of the category; empty if no row has regrets."""
    rows = [
        row
        for row in sorted(results.distinct, key=row_order(results))
        if row.regret and (not results.is_single(row) or row.name.startswith(BEST_SINGLE))
    ]
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row.regret))
    sizes = _sizes(rows)
    heat = _HeatTable(
        names,
        [(row.name, [_percent(row.regret.get(name)) for name in names]) for row in rows],
        maximum=20,
        subtitles=[sizes.get(name, "") for name in names],
        colour="above",
    )
    return heat.markup(
        caption,
        "Points of accuracy by which a router is below the single model that is best in the category on these very "
        "questions. Below 0: above every single model. In a category with few questions much of it is chance.",
    )


def category_table(results: Results, caption: str) -> str:
    """Row x category: accuracy; empty if there are fewer than two categories."""
    rows = sorted((r for r in results.distinct if r.categories), key=row_order(results))
    names = list(dict.fromkeys(name for row in rows for name in row.categories))
    if len(names) < 2:
        return ""
    sizes = _sizes(rows)

    def accuracy(row: Row, name: str) -> float | None:
        return _percent(row.categories[name].accuracy) if name in row.categories else None

    heat = _HeatTable(
        names,
        [(row.name, [accuracy(row, name) for name in names]) for row in rows],
        maximum=100,
        subtitles=[sizes[name] for name in names],
    )
    return heat.markup(
        caption, "Percent of the questions; beside each category, its number of questions."
    )


def corpus_table(results: Results, caption: str) -> str:
    """Row x metric over all its answers together; empty if the benchmark has no such metric."""
    rows = sorted((row for row in results.rows if row.corpus), key=row_order(results))
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row.corpus))
    lines = [(row.name, [row.corpus.get(name) for name in names]) for row in rows]
    heat = _HeatTable(names, lines, maximum=1, number_format=lambda value: fixed(value, 3))
    return heat.markup(caption)


def called_table(results: Results, caption: str) -> str:
    """Policy and level x candidate: share of the questions for which it was called; empty without such figures."""
    lines = [
        (f"{row.name}, {point.setting}" if point.setting else row.name, point.asked)
        for row in results.rows
        for point in row.points
        if point.asked
    ]
    if not lines:
        return ""
    names = list(dict.fromkeys(name for _, asked in lines for name in asked))
    heat = _HeatTable(
        names,
        [(line, [_percent(asked.get(name)) for name in names]) for line, asked in lines],
        maximum=100,
        line_title="router, level",
        column_title="candidate",
    )
    return heat.markup(
        caption,
        "Percent of the questions for which a candidate was called at least once; a question may go to several.",
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _sizes(rows: Sequence[Row]) -> dict[str, str]:
    return {name: f"{c.questions:,}" for row in rows for name, c in row.categories.items()}
