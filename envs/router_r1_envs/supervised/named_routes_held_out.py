"""What a checkpoint does with held-out questions that have a route: how many it routes as labelled, and what that costs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_r1.data.outcome_table import OutcomeTable
from router_r1.routers.named_routes import OTHER, Decision, NamedRoutes, RoutesFile
from router_r1_envs.supervised.named_routes_examples import RoutedQuestion
from router_r1_envs.supervised.named_routes_oracle import mean_costs


def decisions_of(
    checkpoint: str | Path, routes: RoutesFile, questions: Sequence[str]
) -> list[Decision]:
    """What a checkpoint decides on some questions, greedily."""
    from router_r1_envs.cpu_inference.policy import open_policy
    from router_r1_envs.supervised.sampling import CONCURRENCY

    router = NamedRoutes(
        routes, open_policy(checkpoint, concurrency=CONCURRENCY), concurrency=CONCURRENCY
    )

    async def all_of_them() -> list[Decision]:
        try:
            return await router.decide_all(questions)
        finally:
            await router.aclose()

    return asyncio.run(all_of_them())


def held_out_figures(
    routes: RoutesFile,
    checkpoint: str | Path,
    rows: Sequence[RoutedQuestion],
    common: str,
    table: OutcomeTable | None = None,
) -> dict[str, Any]:
    """How a checkpoint routes held-out questions.

    Args:
        routes: the routes.
        checkpoint: its folder, or its name on the hub.
        rows: the questions with their routes.
        common: the most frequent route in training.
        table: replies of the candidates, for what the chosen ones scored and cost.

    Returns:
        `accuracy` with `interval` (95 %, Wilson), `chance` (of a route drawn evenly), `most_common` (the accuracy of
        always the same route), `unreadable` (share of replies), `by_difficulty`; with a table also `outcome`.
    """
    began = time.monotonic()
    decisions = decisions_of(checkpoint, routes, [row.question for row in rows])
    seconds = time.monotonic() - began
    hits = [
        not d.problem and (d.route or OTHER) == row.route
        for row, d in zip(rows, decisions, strict=True)
    ]
    levels: dict[str, list[bool]] = {}
    for row, hit in zip(rows, hits, strict=True):
        levels.setdefault(row.analysis.difficulty, []).append(hit)
    figures = {
        "questions": len(rows),
        "accuracy": sum(hits) / len(hits),
        "interval": wilson(sum(hits), len(hits)),
        "chance": 1 / len({*routes.names, *(row.route for row in rows)}),
        "most_common": sum(row.route == common for row in rows) / len(rows),
        "unreadable": sum(bool(d.problem) for d in decisions) / len(rows),
        "by_difficulty": {
            level: {"questions": len(found), "accuracy": sum(found) / len(found)}
            for level, found in sorted(levels.items())
        },
        "seconds": round(seconds, 1),
    }
    if table is not None and (outcome := _outcome(routes, table, rows, decisions)):
        figures["outcome"] = outcome
    return figures


def in_words(figures: dict[str, Any]) -> str:
    """The figures in one line."""
    low, high = figures["interval"]
    return (
        f"{figures['accuracy']:.1%} of {figures['questions']} held-out questions routed as labelled "
        f"(95 % interval {low:.1%} to {high:.1%}; chance {figures['chance']:.1%}, always the most common route "
        f"{figures['most_common']:.1%}), {figures['unreadable']:.1%} of the replies unreadable"
    )


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share (Wilson, 1927): (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    share, factor = hits / of, 1 + z * z / of
    middle = (share + z * z / (2 * of)) / factor
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / factor
    return max(0.0, middle - half), min(1.0, middle + half)


def _outcome(
    routes: RoutesFile,
    table: OutcomeTable,
    rows: Sequence[RoutedQuestion],
    decisions: Sequence[Decision],
) -> dict[str, Any] | None:
    """Mean score and dollars of the chosen candidates, and of each alone; None if the table lacks one of them."""
    models = routes.models
    if len(models) < 2 or not set(models) <= set(table.names):
        return None
    costs = mean_costs(table, models)
    scores: dict[str, list[float]] = {name: [] for name in ("routed", *models)}
    spent = 0.0
    for row, decision in zip(rows, decisions, strict=True):
        found = {name: table.outcome(row.id, name) for name in models}
        if not row.id or any(outcome is None for outcome in found.values()):
            continue
        for name, outcome in found.items():
            assert outcome is not None
            scores[name].append(outcome.score)
        scores["routed"].append(scores[decision.model][-1])
        spent += costs[decision.model]
    count = len(scores["routed"])
    if not count:
        return None
    single = {name: {"score": sum(scores[name]) / count, "usd": costs[name]} for name in models}
    return {
        "questions": count,
        "routed": {"score": sum(scores["routed"]) / count, "usd": spent / count},
        **single,
    }
