"""What a tournament says on a terminal: what the sample can show, a line for each router and setting, and for each cap on cost the chosen one.

Not covered: the figures (`tournament.py`) and the page (`report/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_r1_eval.results import estimated
from router_r1_eval.tournament.baselines import LABEL
from router_r1_eval.tournament.tournament import CAPS


def summary(results: dict[str, Any]) -> list[str]:
    """What the sample can show; a line for each router and setting; for each cap of `CAPS` the setting that validation chose."""
    head, ties = results["headroom"], results["headroom"]["ties"]
    lines = [
        f"{results['questions']} questions: a paired comparison finds differences of {100 * head['smallest_difference']:.1f} "
        f"points or more",
        "questions with " + ", ".join(f"{name}: {share:.0%}" for name, share in ties.items()),
        f"best single model {head['best_single']:.3f}, oracle {head['oracle']:.3f}"
        + _less_chance(head),
        *_luck(head["oracle_cross_fitted"]),
        *estimated(results["settings"]),
        *results["notes"],
        *(f"not listed: {name}, which {why}" for name, why in results["not_listed"].items()),
        "",
    ]
    width = max(len(entry["name"]) for entry in results["rows"])
    best = results["settings"]["best_single"]
    lines += [
        f"points: against the best single model, {best}; cost: as a share of its cost",
        f"{'':{width}s}  level   right  points [95 %]          cost   calls",
    ]
    for entry in results["rows"]:
        lines += [_line(entry["name"], item, width) for item in entry["curve"] or [entry]]
    for name in CAPS:
        lines += [
            "",
            f"at the level that validation chooses at no more than {name}; last, points against {LABEL}, at its level for this cap",
        ]
        for entry in results["rows"]:
            if entry["curve"]:
                item = entry["within"][name]
                none = f"{entry['name']:{width}s}  no level is that cheap"
                lines.append(_line(entry["name"], item, width) if item else none)
    return lines + _gap_lines(results, width)


def _luck(repeated: dict[str, Any] | None) -> list[str]:
    if repeated is None:
        return []
    return [
        f"on {repeated['questions']} questions with {repeated['samples']} samples of every model: oracle {repeated['oracle']:.3f}, less "
        f"the luck of one draw {repeated['accuracy']:.3f}, best single model {repeated['best_single']:.3f}"
    ]


def _gap_lines(results: dict[str, Any], width: int) -> list[str]:
    """For two models: APGR, and the share of strong calls that recovers parts of the gap."""
    two = results["two_models"]
    if two is None:
        return []
    title = f"from {two['weak']} to {two['strong']}: a gap of {100 * two['gap']:.1f} points"
    lines = ["", title]
    for entry in results["rows"]:
        if entry["apgr"] is not None:
            shares = (
                f"{part} of the gap at {'no share' if share is None else f'{share:.1%}'}"
                for part, share in entry["cpt"].items()
            )
            lines.append(f"{entry['name']:{width}s}  APGR {entry['apgr']:.3f}  {', '.join(shares)}")
    return lines


def _less_chance(head: Mapping[str, Any]) -> str:
    found = head["oracle_less_chance"]
    return "" if found is None else f", less the luck of many guessers {found:.3f}"


def _line(name: str, item: dict[str, Any], width: int) -> str:
    """Accuracy, points against the best single model, share of its cost."""
    versus = item["vs_best_single"]
    low, high = (100 * bound for bound in versus["ci95"])
    ratio = "-" if versus["cost_ratio"] is None else f"x{versus['cost_ratio']:.2f}"
    points = f"{100 * versus['accuracy_diff']:+5.1f} [{low:+.1f}, {high:+.1f}]"
    return (
        f"{name:{width}s}  {item.get('setting', ''):6s}  {item['accuracy']:.3f}  {points:21s}  {ratio:6s}  "
        f"{item['calls']:.2f}{_beside_label(item)}"
    )


def _beside_label(item: dict[str, Any]) -> str:
    if (versus := item.get("vs_best_per_category")) is None:
        return ""
    low, high = (100 * bound for bound in versus["ci95"])
    return f"   {100 * versus['accuracy_diff']:+5.1f} [{low:+.1f}, {high:+.1f}]"
