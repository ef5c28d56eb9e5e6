"""What could be gained on a table: the oracle, how much of it is luck, and how often models tie."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from router_r1_envs.worlds.recorded_world.arrays import Grid
from router_r1_envs.worlds.recorded_world.runs import Run
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.stats.oracles import cross_fitted_oracle, guess_corrected_oracle, raw_oracle
from router_r1_eval.tournament.self_consistency import Repeats


def headroom(world: RecordedWorld, grid: Grid, bar: Run) -> dict[str, Any]:
    """What could be gained, how much of it is luck, and how often models tie.

    The oracle less chance asks the best single model where nobody knows; None where no question has options, or where scores are not all 0 or 1.
    """
    # Or nothing says what guessing is worth.
    offered = np.array([len(q.choices or ()) > 1 for q in grid.questions])
    partly = not np.isin(grid.score, (0.0, 1.0)).all()  # then chance has no such formula
    options = np.where(offered, grid.options, np.inf)
    ties = Counter(
        "one best model"
        if (row == row.max()).sum() == 1
        else "a tie"
        if row.max() > 0
        else "nobody"
        for row in grid.score
    )
    return {
        "best_single": float(bar.value.mean()),
        "oracle": float(raw_oracle(grid.score).mean()),
        "oracle_less_chance": None
        if partly or not offered.any()
        else float(
            guess_corrected_oracle(grid.score, options, grid.names.index(world.best_single)).mean()
        ),
        "oracle_cross_fitted": _repeated(world, grid),
        "ties": {name: count / len(grid) for name, count in sorted(ties.items())},
    }


def _repeated(world: RecordedWorld, grid: Grid) -> dict[str, Any] | None:
    """The oracle less the luck of one draw, beside the raw one and the best single model on the same questions; None without repeats."""
    if not any(outcome.sample for outcome in world.table):
        return None
    repeats = Repeats.of(world.table, grid.questions)
    samples = int(repeats.depth.min())
    if samples < 2:
        return None
    score = repeats.score[:, :, :samples]
    score = score[~np.isnan(score).any(axis=(1, 2))]
    best = grid.names.index(world.best_single)
    return {
        "accuracy": float(cross_fitted_oracle(score).mean()),
        "oracle": float(raw_oracle(score[:, :, 0]).mean()),
        "best_single": float(score[:, best].mean()),
        "questions": len(score),
        "samples": samples,
    }
