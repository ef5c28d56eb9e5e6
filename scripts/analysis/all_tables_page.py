"""The page of `all_tables.py`: what its figures say, in Markdown."""

from __future__ import annotations

import textwrap
from typing import Any

LABEL = "label"
"""The router that looks up the category."""
_POINTS = 100  # of accuracy


def page(rows: list[dict[str, Any]], made_by: str, drawing: str, report: str | None = None) -> str:
    """The page over all tables.

    Args:
        rows: the content of each table's row.json.
        made_by: the command line and the day.
        drawing: where a table's curves are; `{}` stands for its name.
        report: where a table's report is, likewise; None: nowhere.
    """
    lines = [
        "# Routers on every table",
        "",
        _wrapped(
            "Points of accuracy on the test questions over the best single model, and @ the share of its cost, with 95 % "
            "bootstrap intervals over questions. Under each cap a router may mix two of its settings, chosen on the "
            "validation questions, where the cap binds: on the test questions a router may cost a little more. *over "
            "label*: over the router that looks up the category, under the same cap, on the same questions. *seeds*: the "
            "lowest and the highest of several fits at the first cap; figures are means over them. *decision*: "
            "milliseconds a question, its embedding included, all questions at once. Routers that need a checkpoint do "
            "not take part. Intervals are not corrected for the number of comparisons: of a hundred, a few exclude 0 by "
            "luck."
        ),
        "",
        f"    {made_by}",
        "",
        *_overview(rows),
    ]
    for row in rows:
        lines += ["", f"## {row['table']}", "", _verdict(row), ""]
        train, validation, test = row["questions"]
        planner = row["routers"]["planner"]["fit_seconds"]
        link = f" [Report]({report.format(row['table'])})" if report else ""
        lines += [
            _wrapped(
                f"{row['models']} models; {train} questions to fit, {validation} to choose, {test} to measure. Best "
                f"single: {row['best_single']}, {row['best_single_accuracy']:.3f}. {_oracles(row)}The planner, fitted in "
                f"{planner:.0f} s, makes further calls at {row['planned_levels']} of {row['levels']} levels.{link}"
            ),
            "",
            f"![Accuracy over cost on {row['table']}]({drawing.format(row['table'])})",
            "",
            *_routers(row),
        ]
    return "\n".join(lines) + "\n"


def _overview(rows: list[dict[str, Any]]) -> list[str]:
    """Router by table, at no more than the best single model's cost; and who beats nobody."""
    names = _sorted({name for row in rows for name in row["routers"]})
    tables = [row["table"] for row in rows]
    lines = [
        "Points over the best single model at no more than its cost. **Bold**: the interval is above 0. °: so is the one",
        "over the label router. A cell with @ cost more than that on the test questions, and is neither.",
        "",
        f"| router | {' | '.join(tables)} |",
        f"|---|{'---|' * len(tables)}",
    ]
    for name in names:
        cells = [_short(row["caps"]["1"].get(name)) for row in rows]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    beaten: list[str] = []
    for name in names:
        found = [row["caps"]["1"].get(name) for row in rows]
        if not any(f and _within(f) and f["over_best_single"][1] > 0 for f in found):
            beaten.append(name)
    below = [
        name
        for name in names
        if name != LABEL
        and not any(
            f and _within(f) and f["over_label"] and f["over_label"][1] > 0
            for f in (row["caps"]["1"].get(name) for row in rows)
        )
    ]
    lines += [
        "",
        _wrapped(f"Beat the best single model on none of these tables: {_listed(beaten)}."),
    ]
    lines += ["", _wrapped(f"Beat the label router on none of these tables: {_listed(below)}.")]
    return lines


def _routers(row: dict[str, Any]) -> list[str]:
    """Every router on one table, the most accurate first."""
    caps = row["caps"]
    lines = [
        "| router | its cost | over label | three quarters | over label | half | over label | seeds | fit, s | "
        "decision, ms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]

    def accuracy(name: str) -> float:
        figures = caps["1"].get(name)
        return -1.0 if figures is None else float(figures["over_best_single"][0])

    for name in sorted(row["routers"], key=accuracy, reverse=True):
        cells = [name]
        for cap in ("1", "0.75", "0.5"):
            figures = caps[cap].get(name)
            cells += [_cell(figures), _interval((figures or {}).get("over_label"))]
        made, full = row["routers"][name], caps["1"].get(name)
        cells += [
            _spread(full["by_seed"]) if full else "",
            f"{made['fit_seconds']:.1f}",
            "" if made["decision_ms"] is None else f"{made['decision_ms']:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _verdict(row: dict[str, Any]) -> str:
    """The first sentence about a table: whether anything is gained there."""
    gains = {
        (cap, name): routers[name]["over_best_single"]
        for cap, routers in row["caps"].items()
        for name in routers
    }
    proven = [key for key, (_, low, _) in gains.items() if low > 0]
    if not proven:
        return "**Nothing is proven to be more accurate than the best single model at its cost or less.**"
    cap, name = max(proven, key=lambda key: gains[key][0])
    cost = row["caps"][cap][name]["cost"]
    at = "" if cost is None else f" at {cost:.2f} of its cost"
    return f"**{name} gains {_interval(gains[cap, name])} points over the best single model{at}.**"


def _oracles(row: dict[str, Any]) -> str:
    headroom = row["headroom"]
    if not headroom:
        return ""
    found = [f"Oracle {headroom['oracle']:.3f}"]
    if headroom.get("oracle_less_chance") is not None:
        found.append(f"without lucky guesses {headroom['oracle_less_chance']:.3f}")
    if headroom.get("oracle_cross_fitted"):
        found.append(f"cross-fitted over samples {headroom['oracle_cross_fitted']['accuracy']:.3f}")
    return ", ".join(found) + ". "


def _sorted(names: set[str]) -> list[str]:
    first = [name for name in ("planner", "policy", LABEL) if name in names]
    return first + sorted(names - set(first))


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none"


def _short(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    mean, low, _ = figures["over_best_single"]
    shown = f"{_POINTS * mean:+.1f}"
    if not _within(figures):
        return f"{shown} @{figures['cost']:.2f}"
    over_label = figures["over_label"]
    mark = "°" if over_label and over_label[1] > 0 else ""
    return (f"**{shown}**" if low > 0 else shown) + mark


def _within(figures: dict[str, Any]) -> bool:
    """Whether a router cost no more than the best single model, to two digits, on the test questions too."""
    return figures["cost"] is None or round(figures["cost"], 2) <= 1


def _spread(by_seed: list[float]) -> str:
    if len(by_seed) < 2:
        return ""
    return f"{_POINTS * min(by_seed):+.1f} to {_POINTS * max(by_seed):+.1f}"


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    cost = "" if figures["cost"] is None else f" @{figures['cost']:.2f}"
    return f"{_interval(figures['over_best_single'])}{cost}"


def _interval(bounds: list[float] | None) -> str:
    if bounds is None:
        return ""
    mean, low, high = (_POINTS * value for value in bounds)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
