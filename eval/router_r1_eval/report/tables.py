"""The tables of a report: results, caps on cost, every setting, mixtures; and the frame of all tables.

Cells are markup; whatever comes from a file is escaped here. A column that no line fills is left out, with its note.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from router_r1_eval.report.read import Point, Reached, Results, Row, Versus

T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column: what a cell says, what it is sorted by, and what it means in words."""

    title: str
    text: Callable[[T], str]
    """Markup of a cell; empty where there is nothing to say."""
    note: str = ""
    by: Callable[[T], float | None] | None = None
    """What the column is sorted by; its text where this is None."""
    words: bool = False
    """Whether cells are words, and stand on the left."""


def table(
    columns: Sequence[Column[T]],
    lines: Sequence[T],
    caption: str,
    *,
    strong: Callable[[T], bool] = lambda _: False,
    sortable: bool = True,
) -> str:
    """A table with its notes. The first column names the line.

    Args:
        columns: without those that no line fills.
        lines: in their first order.
        caption: escaped.
        strong: which lines stand out.
        sortable: whether a reader may order the lines by a column.
    """
    cells = [[column.text(line) for line in lines] for column in columns]
    used = [n for n, column in enumerate(cells) if n == 0 or any(column)]
    head = "".join(_heading(columns[n], n == 0) for n in used)
    body = []
    for number, line in enumerate(lines):
        row = []
        for n in used:
            column = columns[n]
            value = column.by(line) if column.by else None
            order = f' data-by="{value:.9g}"' if value is not None else ""
            words = ' class="words"' if column.words or n == 0 else ""
            tag = 'th scope="row"' if n == 0 else "td"
            row.append(f"<{tag}{words}{order}>{cells[n][number]}</{tag[:2]}>")
        mark = ' class="strong"' if strong(line) else ""
        body.append(f"<tr{mark}>{''.join(row)}</tr>")
    notes = [(columns[n].title, columns[n].note) for n in used if columns[n].note]
    text = " ".join(f"<b>{html.escape(title)}</b>: {note}." for title, note in notes)
    kind = " data-sortable" if sortable else ' class="compact"'
    return framed(caption, kind, head, "".join(body), text)


def framed(caption: str, kind: str, head: str, body: str, note: str) -> str:
    """A table below its caption, in a box of its own that a phone can scroll."""
    said = f'<p class="note">{note}</p>' if note else ""
    label = html.escape(html.unescape(re.sub("<[^>]*>", "", caption)))
    return (
        f'<figure class="table"><figcaption>{caption}</figcaption><div class="scroll" role="region" aria-label="{label}" tabindex="0">'
        f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{said}</figure>"
    )


def _heading(column: Column[T], first: bool) -> str:
    words = (
        ' class="words"' if column.words or first else ""
    )  # the script makes a button of the title
    return f'<th scope="col"{words}>{html.escape(column.title)}</th>'


def results_table(results: Results, caption: str) -> str:
    """Every row at the setting that stands for it."""
    rows = sorted(results.distinct, key=order_of(results))
    usd = usd_columns(rows)
    if any(row.kind in ("agent", "router") for row in rows):
        caption += " Policies and routers in bold."
    caption += " A title orders the lines."
    levels = {row.setting for row in rows if row.curve}
    if len(levels) == 1:
        caption += f" All stand at the level {html.escape(levels.pop())}."
    columns: list[Column[Row]] = [
        Column("router", lambda r: html.escape(r.name), words=True),
        *_figures(usd, rows),
        Column(
            "McNemar p",
            lambda r: _p(r.mcnemar.p) if r.mcnemar and not _same(r) else "",
            "the exact test on questions that only one of the two has right; not corrected for the number of rows",
            lambda r: r.mcnemar.p if r.mcnemar else None,
        ),
        Column(
            "reward",
            lambda r: _fixed(r.reward, 3),
            "mean reward of the episodes, as in training",
            lambda r: r.reward,
        ),
        Column(
            "right specialist",
            lambda r: "" if r.right_specialist is None else f"{r.right_specialist:.0%}",
            "share of the calls that went to a candidate with the skill that the sub-query takes",
            lambda r: r.right_specialist,
        ),
        Column(
            "ms",
            lambda r: _fixed(r.overhead_ms, 3),
            "milliseconds on the clock that a one-shot router takes for a decision, all questions decided at once",
            lambda r: r.overhead_ms,
        ),
        Column(
            "level",
            lambda r: html.escape(r.setting) if r.curve and levels else "",
            "what the router was told of the price of a mistake, or its budget; the one that stands for it was chosen before the test "
            "questions were seen",
            words=True,
        ),
    ]
    return table(columns, rows, caption, strong=lambda r: r.kind in ("agent", "router"))


def order_of(results: Results) -> Callable[[Row], tuple[float, float]]:
    """By what rows are sorted: the highest reward first, or the highest accuracy where not all have one."""
    rewarded = all(row.reward is not None for row in results.rows)
    return lambda row: (-(row.reward or 0) if rewarded else -row.accuracy, row.cost_usd)


def _same(point: Point) -> bool:
    """Whether it is the best single model itself."""
    versus = point.vs_best_single
    return versus is not None and versus.accuracy_diff == 0 and versus.ci95 == (0, 0)


def _figures(usd: Callable[[Point], str], rows: Sequence[Row]) -> list[Column[Row]]:
    """Columns of accuracy, the comparison with the best single model, and cost; their notes are of what these rows have."""
    percent = "percent of the questions"
    if any(row.ci95 for row in rows):
        percent += ", with the bootstrap interval over questions"
    payers = "the calls of candidates"
    if any(row.kind == "agent" for row in rows):
        payers += " and, where it has a price, of the policy"
    notes = {
        "accuracy": percent,
        "$ per 1,000": f"what {payers} cost, in US dollars per 1,000 questions",
    }
    columns = (
        replace(column, note=notes.get(column.title, column.note)) for column in _point_columns(usd)
    )
    return [_on(lambda row: row, column) for column in columns]


def _on(of: Callable[[T], Point | None], column: Column[Point]) -> Column[T]:
    """The column of a point as a column of what has one."""
    by = column.by

    def text(line: T) -> str:
        point = of(line)
        return "" if point is None else column.text(point)

    def order(line: T) -> float | None:
        point = of(line)
        return None if point is None or by is None else by(point)

    return Column(column.title, text, column.note, order, column.words)


def _point_columns(usd: Callable[[Point], str]) -> list[Column[Point]]:
    return [
        Column(
            "accuracy",
            _accuracy,
            by=lambda p: p.accuracy,
        ),
        Column(
            "vs best single",
            _versus,
            "points of accuracy against the best single model on the same questions, with the paired 95 % interval; ▲ above it and ▼ below it beyond chance (the interval "
            "leaves out 0); unmarked: this sample can not tell them apart",
            lambda p: p.vs_best_single.accuracy_diff if p.vs_best_single else None,
        ),
        Column(
            "$ per 1,000",
            usd,
            by=lambda p: p.cost_usd,
        ),
        Column(
            "× its cost",
            lambda p: _fixed(p.vs_best_single.cost_ratio if p.vs_best_single else None, 2),
            "cost as a share of the best single model's",
            lambda p: p.vs_best_single.cost_ratio if p.vs_best_single else None,
        ),
        Column(
            "calls",
            lambda p: f"{p.calls:.2f}",
            "calls of candidates per question",
            lambda p: p.calls,
        ),
    ]


def _accuracy(point: Point) -> str:
    interval = point.ci95
    bounds = "" if interval is None else f" {_interval(100 * interval[0], 100 * interval[1])}"
    return f"{100 * point.accuracy:.1f}{bounds}"


def _versus(point: Point) -> str:
    versus = point.vs_best_single
    if versus is None:
        return ""
    if _same(point):
        return '<span class="quiet">the same</span>'
    verdict = 0 if isinstance(point, Row) and point.kind == "oracle" else versus.verdict
    mark = {1: '<b class="up">▲</b> ', -1: "▼ ", 0: ""}[verdict]
    low, high = (100 * bound for bound in versus.ci95)
    text = f"{mark}{signed(100 * versus.accuracy_diff)} {_interval(low, high, signed)}"
    return f"<b>{text}</b>" if verdict > 0 else text


def signed(value: float) -> str:
    """With its sign, a real minus, one digit."""
    return f"{value:+.1f}".replace("-", "−")


def _interval(low: float, high: float, form: Callable[[float], str] = lambda v: f"{v:.1f}") -> str:
    return f'<span class="ci">[{form(low)}, {form(high)}]</span>'


def _fixed(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _p(value: float) -> str:
    return "&lt; 0.001" if value < 0.001 else f"{value:.3f}"


def usd_columns(points: Iterable[Point]) -> Callable[[Point], str]:
    """How costs are written, per 1,000 questions: with as many digits as the smallest takes to show two, so that points line up."""
    paid = [1000 * p.cost_usd for p in points if p.cost_usd > 0]
    digits = max(2, min(6, 1 - math.floor(math.log10(min(paid))))) if paid else 2
    return lambda point: f"{1000 * point.cost_usd:.{digits}f}"


# --- caps, settings, mixtures


def caps(results: Results) -> list[str]:
    """The caps on cost that a level was chosen under, where one was found."""
    found = (cap for row in results.rows if row.curve for cap, point in row.within.items() if point)
    return list(dict.fromkeys(found))


def capped_table(results: Results, cap: str, caption: str) -> str:
    """For a cap on cost, the level of every router that validation chose."""
    lines = [(row, row.within[cap]) for row in results.rows if row.curve and cap in row.within]
    lines.sort(key=lambda line: -(line[1].accuracy if line[1] else 0))
    usd = usd_columns(point for _, point in lines if point)
    columns: list[Column[tuple[Row, Point | None]]] = [
        Column("router", lambda line: html.escape(line[0].name), words=True),
        *_unexplained(lambda line: line[1], usd),
        Column(
            "level",
            lambda line: html.escape(line[1].setting) if line[1] else "none is that cheap",
            words=True,
        ),
        *_against_label(lines),
    ]
    return table(columns, lines, caption, strong=lambda line: line[0].kind in ("agent", "router"))


def _against_label(
    lines: Sequence[tuple[Row, Point | None]],
) -> list[Column[tuple[Row, Point | None]]]:
    """A column, where results have the comparison."""

    def versus(line: tuple[Row, Point | None]) -> Versus | None:
        return line[1].vs_best_per_category if line[1] else None

    def difference(line: tuple[Row, Point | None]) -> float | None:
        return None if (found := versus(line)) is None else found.accuracy_diff

    def text(line: tuple[Row, Point | None]) -> str:
        found = versus(line)
        if found is None:
            return ""
        if found.ci95 == (0, 0):
            return '<span class="quiet">the same</span>'
        low, high = (100 * bound for bound in found.ci95)
        return f"{signed(100 * found.accuracy_diff)} {_interval(low, high, signed)}"

    if not any(map(versus, lines)):
        return []
    note = "points against the best model of each category, at its own level for this cap: what a router gains that sees more than the category"
    return [Column("vs best per category", text, note, difference)]


def settings_table(results: Results, caption: str) -> str:
    """Every level of the rows that have several, without oracles and single models; empty where none has."""
    rows = [
        row
        for row in results.rows
        if row.curve and row.kind != "oracle" and not results.is_single(row)
    ]
    lines = [(row, point) for row in rows for point in row.curve]
    if not lines:
        return ""
    usd = usd_columns(point for _, point in lines)
    columns: list[Column[tuple[Row, Point]]] = [
        Column("router", lambda line: html.escape(line[0].name), words=True),
        Column("level", lambda line: html.escape(line[1].setting), words=True),
        *_unexplained(lambda line: line[1], usd),
        Column("reward", lambda line: _fixed(line[1].reward, 3), "", lambda line: line[1].reward),
        Column(
            "valid",
            lambda line: "" if line[1].valid is None else f"{100 * line[1].valid:.1f}",
            "percent of the episodes that ended with an answer",
            lambda line: line[1].valid,
        ),
    ]
    return table(columns, lines, caption, strong=lambda line: line[0].kind in ("agent", "router"))


def _unexplained(of: Callable[[T], Point | None], usd: Callable[[Point], str]) -> list[Column[T]]:
    """The columns of a point without their notes, which stand under the results table."""
    return [replace(_on(of, column), note="") for column in _point_columns(usd)]


_Mixed = tuple[str, str, Reached | None, float | None]
"""Name, kind, what mixing reaches, arena score."""


def _hindsight(reached: Reached | None) -> float | None:
    return reached.in_hindsight.aiq if reached and reached.in_hindsight else None


def mixtures_table(results: Results, caption: str) -> str:
    """What mixing a router's levels reaches; empty where nothing says."""
    lines = [
        (row.name, row.kind, row.hull, row.arena_score)
        for row in results.distinct
        if row.hull is not None and not results.is_single(row)
    ]
    if not lines:
        return ""
    if results.zero_router is not None:
        lines.append(("single models, mixed", "bar", results.zero_router, None))
    lines.sort(key=lambda line: -((line[2].aiq if line[2] else None) or 0))
    spends = dict.fromkeys(part for line in lines if line[2] for part in line[2].accuracy_at)

    def at_spend(part: str) -> Column[_Mixed]:
        def accuracy(line: _Mixed) -> float | None:
            return line[2].accuracy_at.get(part) if line[2] else None

        def text(line: _Mixed) -> str:
            return "" if (found := accuracy(line)) is None else f"{100 * found:.1f}"

        first = part == next(iter(spends))
        note = "accuracy of a mixture that costs this share of what the best single model does"
        return Column(f"at {part.replace('%', ' %')}", text, note if first else "", accuracy)

    columns: list[Column[_Mixed]] = [
        Column("router", lambda line: html.escape(line[0]), words=True),
        Column(
            "AIQ",
            lambda line: _fixed(line[2].aiq if line[2] else None, 3),
            "mean accuracy of the mixtures over the range of costs of the single models",
            lambda line: line[2].aiq if line[2] else None,
        ),
        Column(
            "in hindsight",
            lambda line: _fixed(_hindsight(line[2]), 3),
            "AIQ with the levels chosen on these very questions, as it is published for other routers; it flatters those with many levels",
            lambda line: _hindsight(line[2]),
        ),
        *map(at_spend, spends),
        Column(
            "cost of its accuracy",
            lambda line: _fixed(line[2].cost_ratio_at_100 if line[2] else None, 2),
            "what a mixture that is as accurate as the best single model costs, as a share of that model's cost; empty: none is",
            lambda line: line[2].cost_ratio_at_100 if line[2] else None,
        ),
        Column(
            "cost of 95 % of it",
            lambda line: _fixed(line[2].cost_ratio_at_95 if line[2] else None, 2),
            "the same for 95 % of its accuracy",
            lambda line: line[2].cost_ratio_at_95 if line[2] else None,
        ),
        Column(
            "arena score",
            lambda line: _fixed(line[3], 3),
            "accuracy and log cost in one number, at the level that stands for the router",
            lambda line: line[3],
        ),
    ]
    return table(columns, lines, caption, strong=lambda line: line[1] in ("agent", "router"))


def two_models_table(results: Results, caption: str) -> str:
    """For a pool of two: what each order of the questions is worth; empty for others."""
    lines = [row for row in results.rows if row.apgr is not None and row.cpt is not None]
    if results.two_models is None or not lines:
        return ""

    def calls_for(part: str) -> Column[Row]:
        def share(row: Row) -> float | None:
            return (row.cpt or {}).get(part)

        def text(row: Row) -> str:
            return "" if (found := share(row)) is None else f"{100 * found:.1f} %"

        return Column(f"calls for {part}", text, by=share)

    columns: list[Column[Row]] = [
        Column("router", lambda row: html.escape(row.name), words=True),
        Column(
            "APGR",
            lambda row: _fixed(row.apgr, 3),
            "average part of the gap that is recovered, over all shares of calls to the stronger model; random order has 0.5, the oracle's is the "
            "ceiling of this table",
            lambda row: row.apgr,
        ),
        *map(calls_for, lines[0].cpt or {}),
    ]
    return table(columns, lines, caption, strong=lambda row: row.kind in ("agent", "router"))
