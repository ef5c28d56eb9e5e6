"""Rows of the baselines: which there are, and the figures of single models, random and oracle by hand."""

import numpy as np
import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.splits import Split
from router_r1_envs.worlds.recorded_world.world import RecordedWorld


def test_every_promised_baseline_has_a_row_with_its_fields(world_of, halves, rows_of) -> None:
    rows = rows_of(world_of(halves))
    promised = {"random", "cheapest", "dearest", "best single", "best per category", "oracle"}
    assert promised <= set(rows)
    assert {"a", "b", "c"} <= set(rows)
    fields = {"name", "kind", "accuracy", "cost_usd", "calls", "ci95", "vs_best_single", "curve"}
    for row in rows.values():
        assert fields <= set(row)
        assert set(row["vs_best_single"]) == {"accuracy_diff", "ci95", "cost_ratio"}
        low, high = row["ci95"]
        assert low <= row["accuracy"] <= high
    assert rows["oracle"]["kind"] == "oracle"
    curves = [row["curve"] for row in rows.values() if row["curve"]]
    assert len(curves) == 3
    assert all([point["setting"] for point in curve] == ["rich", "poor"] for curve in curves)


def test_single_models_random_and_oracle_by_hand(world_of, halves, rows_of) -> None:
    world = world_of(halves)
    rows = rows_of(world)
    numbers = [int(q.id[1:]) for q in world.questions(Split.TEST)]
    right = {"a": [n % 2 == 0 for n in numbers], "c": [n % 10 != 5 for n in numbers]}
    assert rows["a"]["accuracy"] == pytest.approx(np.mean(right["a"]))
    assert rows["c"]["accuracy"] == pytest.approx(np.mean(right["c"]))
    assert rows["best single"]["accuracy"] == rows["c"]["accuracy"]
    assert rows["cheapest"]["cost_usd"] == pytest.approx(1e-4)
    assert rows["dearest"]["cost_usd"] == pytest.approx(1e-3)
    mean = (np.mean(right["a"]) + np.mean(right["c"])) / 3
    assert rows["random"]["accuracy"] == pytest.approx(mean)
    assert rows["random"]["cost_usd"] == pytest.approx(13e-4 / 3)
    # The oracle takes `a` where it is right, else `c` where that is right, else the cheapest of three wrong models.
    assert rows["oracle"]["accuracy"] == pytest.approx(np.mean(right["c"]))
    costs = [1e-3 if n % 2 and n % 10 != 5 else 1e-4 for n in numbers]
    assert rows["oracle"]["cost_usd"] == pytest.approx(np.mean(costs))
    itself = {"accuracy_diff": 0, "ci95": [0, 0], "cost_ratio": 1}
    assert rows["best single"]["vs_best_single"] == itself


@pytest.mark.parametrize("models", [1, 2])
def test_a_pool_of_few_models_lacks_the_baselines_that_need_more(
    models: int, world_of, halves, rows_of
) -> None:
    world = world_of(halves)
    names = world.table.names[:models]
    table = OutcomeTable(
        world.table.cards[:models],
        world.table.questions,
        [outcome for outcome in world.table if outcome.model in names],
    )
    rows = rows_of(RecordedWorld(table, world.settings))
    assert ("sequential naive Bayes vote" in rows) == (models == 2)
    assert "ask two, escalate on disagreement" not in rows
    assert {*names, "best per category, by price", "oracle"} <= set(rows)
