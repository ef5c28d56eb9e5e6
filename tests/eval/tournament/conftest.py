"""What tests of tournaments on a table share: results as JSON, as results.json has them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.results import Results
from router_r1_eval.tournament.entrants import Entrant
from router_r1_eval.tournament.measure import measure
from router_r1_eval.tournament.summary import table_summary
from router_r1_eval.tournament.tournament import TableTournament
from router_r1_reward import RewardConfig

Json = dict[str, Any]


@pytest.fixture
def measured() -> Callable[..., Json]:
    """(world, entrants) -> the measured results of these entrants alone."""

    def run(world: RecordedWorld, entrants: Sequence[Entrant], seed: int = 0) -> Json:
        return measure(TableSplits.of(world), entrants, seed=seed).to_json()

    return run


@pytest.fixture
def hold() -> Callable[..., Json]:
    """(world, one-shot routers) -> the results of a whole tournament."""

    def run(world: RecordedWorld, one_shot: Sequence[str] = ()) -> Json:
        contest = TableTournament(world, TableSplits.of(world), one_shot=one_shot)
        return contest.hold(RewardConfig()).to_json()

    return run


@pytest.fixture
def lines_of() -> Callable[[Json], list[str]]:
    """Results -> the lines that the command prints."""
    return lambda results: table_summary(Results.model_validate(results))
