"""Lines that `router-r1 tournament` prints: what the sample can show, every row, and the choice under each cap.

Not covered: the figures (`measure.py`) and the page (`router_r1_eval.report`).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence

from router_r1_eval.results import CrossFittedOracle, Headroom, Point, Results, Row
from router_r1_eval.tournament.category_lookup import BEST_PER_CATEGORY_BY_PRICE
from router_r1_eval.tournament.setting_choice import CAPS


def table_summary(results: Results) -> list[str]:
    """The lines for a tournament on a table."""
    head = results.headroom
    assert head is not None
    width = max(len(row.name) for row in results.rows)
    lines = [
        *_about_the_sample(results, head),
        "",
        f"points: against the best single model, {results.settings.best_single}; cost: as a share of its cost; level: the "
        f"accuracy that one of its calls must buy",
        f"{'':{width}s}  level      right  points [95 %]          cost   calls",
    ]
    for row in results.rows:
        lines += [_line(row.name, point, width, level) for level, point in _distinct(row.points)]
    for cap in CAPS:
        lines += ["", *_under_cap(results.rows, cap, width)]
    return lines + _two_models(results, width)


def world_summary(results: Results) -> list[str]:
    """A line for each policy and rule of a world without a table, the highest reward first."""
    return [
        f"{row.name:18s} reward {row.reward or 0.0:6.3f}  accuracy {row.accuracy:.3f}  "
        f"${row.cost_usd:.6f}  calls {row.calls:.2f}"
        + ("" if row.right_specialist is None else f"  right {row.right_specialist:.2f}")
        for row in sorted(results.rows, key=lambda row: -(row.reward or 0.0))
    ]


def _about_the_sample(results: Results, head: Headroom) -> list[str]:
    luck = ""
    if head.oracle_less_chance is not None:
        luck = f", without lucky guesses {head.oracle_less_chance:.3f}"
    missing = (f"not listed: {name}, which {why}" for name, why in results.not_listed.items())
    return [
        f"{results.questions} questions: a paired comparison can show differences of "
        f"{100 * head.smallest_difference:.1f} points or more",
        "questions with " + ", ".join(f"{name}: {share:.0%}" for name, share in head.ties.items()),
        f"best single model {head.best_single:.3f}, oracle {head.oracle:.3f}{luck}",
        *_repeated_samples(head.oracle_cross_fitted),
        *results.cost_notes,
        *results.notes,
        *missing,
    ]


def _repeated_samples(oracle: CrossFittedOracle | None) -> list[str]:
    if oracle is None:
        return []
    return [
        f"on {oracle.questions} questions with {oracle.samples} samples of every model: oracle {oracle.oracle:.3f}, "
        f"without the luck of a single draw {oracle.accuracy:.3f}, best single model {oracle.best_single:.3f}"
    ]


def _under_cap(rows: tuple[Row, ...], cap: str, width: int) -> list[str]:
    """The level that validation chooses under one cap, for each row with levels."""
    lines = [
        f"at the level that validation chooses at no more than {cap}; in the last column, points against "
        f"{BEST_PER_CATEGORY_BY_PRICE}, at its level for this cap"
    ]
    for row in rows:
        if row.curve:
            point = row.within[cap]
            none = f"{row.name:{width}s}  no level is that cheap"
            lines.append(none if point is None else _line(row.name, point, width))
    return lines


def _two_models(results: Results, width: int) -> list[str]:
    """For a pool of two: APGR, and the shares of calls to the stronger model that recover parts of the gap."""
    two = results.two_models
    if two is None:
        return []
    lines = ["", f"from {two.weak} to {two.strong}: a gap of {100 * two.gap:.1f} points"]
    for row in results.rows:
        if row.apgr is not None:
            shares = (
                f"{part} of the gap at {'no share' if share is None else f'{share:.1%}'}"
                for part, share in (row.cpt or {}).items()
            )
            lines.append(f"{row.name:{width}s}  APGR {row.apgr:.3f}  {', '.join(shares)}")
    return lines


def _distinct(points: Sequence[Point]) -> list[tuple[str, Point]]:
    """The points of a row, those that follow each other with the same figures as one: a small table has many."""
    figures = operator.attrgetter("accuracy", "cost_usd", "calls")
    found = [list(same) for _, same in itertools.groupby(points, key=figures)]
    return [
        (" - ".join(dict.fromkeys((same[0].setting, same[-1].setting))), same[0]) for same in found
    ]


def _line(name: str, point: Point, width: int, level: str | None = None) -> str:
    """Name, level, accuracy, points against the best single model with their interval, share of its cost, calls."""
    versus = point.vs_best_single
    assert versus is not None
    low, high = (100 * bound for bound in versus.ci95)
    ratio = "-" if versus.cost_ratio is None else f"x{versus.cost_ratio:.2f}"
    points = f"{100 * versus.accuracy_diff:+5.1f} [{low:+.1f}, {high:+.1f}]"
    return (
        f"{name:{width}s}  {level or point.setting:9s}  {point.accuracy:.3f}  {points:21s}  {ratio:6s}  "
        f"{point.calls:.2f}{_against_lookup(point)}"
    )


def _against_lookup(point: Point) -> str:
    if (versus := point.vs_best_per_category) is None:
        return ""
    low, high = (100 * bound for bound in versus.ci95)
    return f"   {100 * versus.accuracy_diff:+5.1f} [{low:+.1f}, {high:+.1f}]"
