"""Results of routers on the same questions, as `results.json` has them: bars, intervals, comparisons, curves.

Not covered: what is measured (`tournament.py`, `evaluate.py`) and showing results (`report.py`).
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

from router_r1_envs.worlds.recorded_world.runs import Run
from router_r1_eval.stats.bootstrap import interval, paired


def point(run: Run, bar: Run | None, seed: int = 0) -> dict[str, Any]:
    """A router's figures, and how it compares with the best single model on the same questions, where one was asked.

    `ci95` is of the accuracy and `cost_ci95` of the dollars, both over other draws of questions; calls have none.
    """
    figures: dict[str, Any] = {
        "accuracy": float(run.value.mean()),
        "cost_usd": float(run.cost.mean()),
        "calls": float(run.calls.mean()),
        "ci95": interval(run.value, seed=seed).bounds,
        "cost_ci95": interval(run.cost, seed=seed).bounds,
    }
    if bar is not None:
        difference = paired(run.value, bar.value, seed=seed)
        spent = float(bar.cost.mean())
        figures["vs_best_single"] = {
            "accuracy_diff": difference.mean,
            "ci95": difference.bounds,
            "cost_ratio": float(run.cost.mean()) / spent if spent else None,
        }
    return figures


def row(
    name: str, kind: str, runs: Mapping[str, Run], head: str, bar: Run, seed: int = 0
) -> dict[str, Any]:
    """A row of `results.json`.

    Args:
        name: of the router.
        kind: `bar`, `router`, `agent` or `oracle`.
        runs: by setting.
        head: the setting that stands for the router; the others are its curve.
        bar: the best single model on the same questions.
        seed: of the bootstrap.
    """
    points = {
        setting: {"setting": setting, **point(run, bar, seed)} for setting, run in runs.items()
    }
    curve = list(points.values()) if len(points) > 1 else []
    return {"name": name, "kind": kind, **points[head], "curve": curve}


def estimated(settings: Mapping[str, Any]) -> list[str]:
    """One line where costs are guesses, by the settings of `results.json`; none where they are not."""
    share = settings.get("costs_estimated", 0)
    told = f"costs are estimates in {share:.0%} of the outcomes: their token counts were guessed"
    return [told] if share else []


def versions() -> dict[str, str]:
    """What the figures were made with."""
    found = {"python": platform.python_version()}
    for package in ("router-r1", "verl", "torch", "transformers", "numpy"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
