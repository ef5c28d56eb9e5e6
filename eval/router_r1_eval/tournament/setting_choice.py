"""Which setting of an entrant counts: chosen on the validation questions, measured on the test questions.

The *main* setting represents the entrant: the most accurate one that costs no more than the best single model, or the
cheapest if all cost more. The same choice is made under every cap of `CAPS`, but without the fallback.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import Entrant

CAPS = {"its cost": 1.0, "three quarters of its cost": 0.75}
"""Caps on mean cost, as shares of the best single model's cost; validation chooses a setting under each."""


@dataclass(frozen=True)
class EntrantRuns:
    """The runs of an entrant at all its settings, on the validation and the test questions."""

    entrant: Entrant
    validation: Mapping[str, RouterRun]
    test: Mapping[str, RouterRun]
    seconds: float
    """Wall-clock time of the first test run."""

    @classmethod
    def of(cls, splits: TableSplits, entrant: Entrant) -> EntrantRuns:
        """Run an entrant on the validation and test questions."""
        first, *others = entrant.settings
        start = time.perf_counter()
        test = {first: entrant.run(splits.test, first)}
        seconds = time.perf_counter() - start
        test |= {setting: entrant.run(splits.test, setting) for setting in others}
        validation = {s: entrant.run(splits.validation, s) for s in entrant.settings}
        return cls(entrant, validation, test, seconds)

    def most_accurate(self, limit_usd: float) -> str | None:
        """The most accurate setting within the limit, on the validation questions; on a tie, the cheapest.

        None if all settings cost more.
        """
        costs = {s: float(run.cost.mean()) for s, run in self.validation.items()}
        affordable = [s for s, cost in costs.items() if cost <= limit_usd * (1 + 1e-9)]
        # Rounded, because means of the same values in another order differ in the last bits.
        key = {
            s: (round(float(self.validation[s].value.mean()), 12), -costs[s]) for s in affordable
        }
        return max(affordable, key=key.__getitem__) if affordable else None

    def main(self, limit_usd: float) -> str:
        """The setting that represents the entrant."""
        cheapest = min(self.validation, key=lambda s: self.validation[s].cost.mean())
        return self.most_accurate(limit_usd) or cheapest
