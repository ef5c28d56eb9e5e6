"""A selector fitted on planted outcomes."""

import pytest

from router_r1.routers.programs import PlantedOutcomes, ProgramSelector, draw_programs


@pytest.fixture(scope="session")
def planted():
    """Training and test tables: 4 models of each type, that prefer kinds of questions and may not fit together."""
    programs = draw_programs(800, seed=1)
    outcomes = PlantedOutcomes(seed=0, models=4)
    return outcomes.of(programs[:500]), outcomes.of(programs[500:])


@pytest.fixture(scope="session")
def selector(planted):
    """Fitted on the training table."""
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    return ProgramSelector(epochs=14, rate=0.005).fit(planted[0])
