"""What a table tells a router: its splits, the levels that state a value, and the best single model."""

import pytest

from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits


def test_the_splits_are_those_of_the_world(colours) -> None:
    world = colours()
    splits = TableSplits.of(world)
    for split, arrays in (
        (Split.TRAIN, splits.train),
        (Split.VALIDATION, splits.validation),
        (Split.TEST, splits.test),
    ):
        assert arrays.questions == tuple(world.questions(split))
    assert splits.table.names[splits.best_column] == splits.best_single == "large"
    assert (splits.incomplete, splits.incomplete_left_out) == (1, None)


def test_only_levels_that_state_a_value_have_a_sensitivity(colours) -> None:
    levels = (Level(name="value", worth_usd=0.01), Level(name="budget", budget_usd=1.0))
    splits = TableSplits.of(colours(levels=levels))
    assert splits.levels == levels
    assert dict(splits.sensitivities) == {"value": pytest.approx(splits.reference_usd / 0.01)}


def test_levels_without_a_value_are_an_error(colours) -> None:
    with pytest.raises(ConfigError, match="no level states worth_usd"):
        TableSplits.of(colours(levels=(Level(name="x", budget_usd=1.0),)))
