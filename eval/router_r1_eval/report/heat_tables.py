"""Tables whose cells are coloured by their figure: regret and accuracy by category, numbers of all answers together, and who is asked."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from router_r1_eval.report.labels import shortened
from router_r1_eval.report.read import BEST, Results, Row
from router_r1_eval.report.tables import framed, order_of

_MOST_COLUMNS = 20
"""With more categories a table is turned."""
_LONGEST_TITLE = 28  # letters


def _heat(
    titles: Sequence[str],
    under: Sequence[str],
    lines: Sequence[tuple[str, Sequence[float | None]]],
    caption: str,
    form: Callable[[float], str],
    most: float,
    note: str,
    corner: str = "router",
    turned: str = "category",
    colour: str = "share",
) -> str:
    """A table whose cells are the stronger in colour, the larger their figure; what is below 0 has another colour.

    Where there are many titles they are the lines below the word `turned`, and the columns are what the lines would be.
    """
    across = [_named(title, small) for title, small in zip(titles, under, strict=True)]
    down = [html.escape(name) for name, _ in lines]
    grid = [values for _, values in lines]
    if len(titles) > _MOST_COLUMNS:
        down, across = across, [_short(name) for name, _ in lines]
        grid, corner = list(zip(*grid, strict=True)), turned
    head = "".join(f'<th scope="col"><span>{title}</span></th>' for title in across)
    body = []
    for name, values in zip(down, grid, strict=True):
        cells = []
        for value in values:
            if value is None:
                cells.append("<td></td>")
                continue
            share = min(1.0, abs(value) / most) if most else 0.0
            hue = "below" if value < 0 else colour
            cells.append(f'<td class="{hue}" style="--heat:{share:.2f}">{form(value)}</td>')
        body.append(f'<tr><th scope="row" class="words">{name}</th>{"".join(cells)}</tr>')
    heading = f'<th scope="col" class="words">{corner}</th>{head}'
    return framed(caption, ' class="heat"', heading, "".join(body), note)


def _named(title: str, small: str) -> str:
    return html.escape(title) + (f" <i>{html.escape(small)}</i>" if small else "")


def _short(name: str) -> str:
    """Markup of a name that stands upright above a column: whole when it is pointed at."""
    text = shortened(name, _LONGEST_TITLE)
    whole = "" if text == name else f' title="{html.escape(name)}"'
    return f"<b{whole}>{html.escape(text)}</b>"


def _shown(results: Results) -> list[Row]:
    """All rows but single models, the best one apart, in the order of the results table."""
    rows = [
        row for row in results.distinct if not results.is_single(row) or row.name.startswith(BEST)
    ]
    return sorted(rows, key=order_of(results))


def regret_table(results: Results, caption: str) -> str:
    """Router x category: points below the best single model of the category; empty where nothing says."""
    rows = [row for row in _shown(results) if row.regret]
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row.regret))
    sizes = _sizes(rows)
    lines = [(r.name, [_points(r.regret.get(name)) for name in names]) for r in rows]
    note = (
        "Points of accuracy that a router is below the single model that is best in the category, which only these very questions tell. "
        "Less than 0: above every single model. In a category with few questions much of it is chance."
    )
    under = [sizes.get(name, "") for name in names]
    return _heat(names, under, lines, caption, _whole, 20, note, colour="above")


def _points(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _whole(value: float) -> str:
    text = f"{value:.0f}"
    return "0" if text in ("0", "-0") else text.replace("-", "−")


def _sizes(rows: Sequence[Row]) -> dict[str, str]:
    return {name: f"{c.questions:,}" for row in rows for name, c in row.categories.items()}


def category_table(results: Results, caption: str) -> str:
    """Router x category: accuracy, single models too; empty where nothing says, or there is only one category."""
    rows = sorted((r for r in results.distinct if r.categories), key=order_of(results))
    names = list(dict.fromkeys(name for row in rows for name in row.categories))
    if len(names) < 2:
        return ""
    sizes = _sizes(rows)
    lines = [
        (r.name, [_points(r.categories[n].accuracy) if n in r.categories else None for n in names])
        for r in rows
    ]
    under = [sizes[name] for name in names]
    return _heat(
        names,
        under,
        lines,
        caption,
        _whole,
        100,
        "Percent of the questions; beside the name of a category, how many it has.",
    )


def corpus_table(results: Results, caption: str) -> str:
    """Router x number of all its answers together; empty where the benchmark has none."""
    rows = sorted((row for row in results.rows if row.corpus), key=order_of(results))
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row.corpus))
    lines = [(row.name, [row.corpus.get(name) for name in names]) for row in rows]
    return _heat(names, [""] * len(names), lines, caption, _precise, 1, "")


def _precise(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def asked_table(results: Results, caption: str) -> str:
    """Agent and level x candidate: share of the questions for which it was asked; empty where nothing says."""
    lines = [
        (f"{row.name}, {point.setting}" if point.setting else row.name, point)
        for row in results.rows
        for point in (row.curve or (row,))
        if point.asked
    ]
    if not lines:
        return ""
    names = list(dict.fromkeys(name for _, point in lines for name in point.asked))
    shares = [(name, [_points(point.asked.get(n)) for n in names]) for name, point in lines]
    note = "Percent of the questions for which a candidate was asked, once or more; a question may be put to several."
    under = [""] * len(names)
    return _heat(
        names, under, shares, caption, _whole, 100, note, "router, level", turned="candidate"
    )
