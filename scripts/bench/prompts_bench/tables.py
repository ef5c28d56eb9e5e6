"""Figures and the table by policy and prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Rows = Sequence[dict[str, Any]]


def figures(rows: Rows) -> list[dict[str, Any]]:
    """One entry for each policy and prompt, in the order of the rows; shares are of all its episodes."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["policy"], row["prompt"]), []).append(row)
    return [
        {
            "policy": policy,
            "prompt": prompt,
            "episodes": len(found),
            **{
                name: _mean(row[name] for row in found)
                for name in ("clean", "well_formed", "sensible", "copied", "valid", "correct")
            },
            "rounds": _mean(row["rounds"] for row in found),
            "tokens": _mean(row["tokens"] for row in found),
            "prompt_tokens": _mean(row["prompt_tokens"] for row in found),
            "first": Counter(row["first"] for row in found),
            "models": Counter(model for row in found for model in row["models"]),
            "problems": Counter(kind for row in found for kind in row["problems"]),
            "stop_reasons": Counter(row["stop_reason"] for row in found),
        }
        for (policy, prompt), found in groups.items()
    ]


def show(entries: Iterable[dict[str, Any]], *, first_turn: bool) -> None:
    """Print the table on the terminal."""
    table = Table(box=None, pad_edge=False)
    left = ["policy", "prompt", "most common problems"]
    shares = ["clean", "well_formed", "sensible"]
    shares += [] if first_turn else ["copied", "valid", "correct"]
    for name in ("policy", "prompt", "n", *shares, "rounds", "tokens", "most common problems"):
        table.add_column(
            name.replace("_", "-"),
            justify="left" if name in left else "right",
            overflow="fold",
        )
    for entry in entries:
        common = ", ".join(f"{kind} {n}" for kind, n in entry["problems"].most_common(3))
        table.add_row(
            entry["policy"],
            entry["prompt"],
            str(entry["episodes"]),
            *(f"{entry[name]:.0%}" for name in shares),
            f"{entry['rounds']:.1f}",
            f"{entry['tokens']:.0f}",
            common,
        )
    Console().print(table)


def _mean(values: Iterable[float]) -> float:
    found = [float(value) for value in values]
    return sum(found) / len(found)
