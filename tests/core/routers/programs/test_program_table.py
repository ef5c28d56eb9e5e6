"""Outcomes of combinations on programs, what they cost, and choices that need no network."""

import numpy as np
import pytest

from router_r1.errors import ConfigError, DataError
from router_r1.routers.programs import (
    ModelChoices,
    PlantedOutcomes,
    Program,
    ProgramTable,
    SubTask,
    draw_programs,
)
from router_r1.routers.programs.success_rate import (
    at_random,
    best_fixed,
    best_of_shape,
    majority_of_each_type,
    of_oracle,
    successes,
)

MODELS = ModelChoices({"LOC": {"l0": 1.0, "l1": 2.0}, "VQA": {"v0": 10.0, "v1": 20.0, "v2": 30.0}})
ASK = Program("ask", "?", (SubTask("a", "VQA"),))
FIND_ASK = Program(
    "find", "?", (SubTask("b", "LOC"), SubTask("a", "VQA", ("b",)), SubTask("c", "VQA"))
)


def test_a_run_costs_a_call_for_each_sub_task() -> None:
    assert MODELS.combinations[:3] == (("l0", "v0"), ("l0", "v1"), ("l0", "v2"))
    assert MODELS.costs([ASK, FIND_ASK]).tolist() == [
        [10, 20, 30, 10, 20, 30],
        [21, 41, 61, 22, 42, 62],
    ]
    assert MODELS.named(4, ASK) == {"VQA": "v1"}
    assert MODELS.named(4, FIND_ASK) == {"LOC": "l1", "VQA": "v1"}
    assert MODELS.distinct([ASK, FIND_ASK]).sum(1).tolist() == [3, 6]


def test_runs_fill_every_combination_that_is_the_same_run() -> None:
    runs = {"ask": [({"VQA": "v1"}, True)], "find": [({"LOC": "l1", "VQA": "v0"}, False)]}
    table = ProgramTable.of_runs([ASK, FIND_ASK], MODELS, runs)
    nan = float("nan")
    expected = [[nan, 1, nan, nan, 1, nan], [nan, nan, nan, 0, nan, nan]]
    assert np.array_equal(table.outcomes, expected, equal_nan=True)
    with pytest.raises(DataError, match="a run has 'None' for LOC; expected one of l0, l1"):
        ProgramTable.of_runs([FIND_ASK], MODELS, {"find": [({"VQA": "v0"}, True)]})
    with pytest.raises(DataError, match="no program has the id 'other'"):
        ProgramTable.of_runs([ASK], MODELS, {"other": []})


def test_an_outcome_is_success_failure_or_not_run() -> None:
    with pytest.raises(DataError, match="got another number"):
        ProgramTable(
            (ASK,), MODELS, np.full((1, 6), 3.0)
        )  # what M3's code writes for runs left out
    with pytest.raises(DataError, match="of shape"):
        ProgramTable((ASK,), MODELS, np.zeros((1, 5)))
    with pytest.raises(DataError, match="at least two models"):
        ModelChoices({"LOC": {"l": 1.0}})
    with pytest.raises(DataError, match="expected dollars"):
        ModelChoices({"LOC": {"l": -1.0, "m": 1.0}})


def test_choices_without_a_network() -> None:
    both = np.array([[1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1.0]])
    table = ProgramTable((ASK, FIND_ASK, FIND_ASK), MODELS, both)
    assert at_random(table) == pytest.approx([2 / 6, 1 / 6, 2 / 6])
    assert best_fixed(table, table.programs).tolist() == [4, 4, 4]
    # l1 succeeds in 3 of 9 runs against 1 of 6; v1 and v2 in 2 of 6, and the first of equals is taken.
    assert majority_of_each_type(table, table.programs).tolist() == [4, 4, 4]
    assert successes(table, np.array([0, 1, 2])).tolist() == [1, 0, 1]
    assert of_oracle(table).tolist() == [1, 1, 1]
    many = ProgramTable((ASK,) * 20 + (FIND_ASK,) * 20, MODELS, np.repeat(both[[0, 2]], 20, 0))
    assert many.outcomes[np.arange(40), best_of_shape(many, many.programs)].all()


def test_unrecorded_runs_are_never_counted_as_failures() -> None:
    nan = float("nan")
    table = ProgramTable((ASK,), MODELS, np.array([[nan, 1, nan, nan, 1, nan]]))
    assert at_random(table).tolist() == [1]
    with pytest.raises(DataError, match="the run with combination 0 is not recorded"):
        successes(table, np.array([0]))
    empty = ProgramTable((ASK,), MODELS, np.full((1, 6), nan))
    with pytest.raises(DataError, match="program 'ask': no run is recorded"):
        of_oracle(empty)


def test_planted_outcomes_depend_on_seed_and_program_alone() -> None:
    programs = draw_programs(60)
    one, two = PlantedOutcomes(seed=1), PlantedOutcomes(seed=1, missing=0.3)
    whole, last = one.of(programs), one.of(programs[30:])
    assert np.array_equal(whole.outcomes[30:], last.outcomes)
    assert not np.array_equal(PlantedOutcomes(seed=2).of(programs).outcomes, whole.outcomes)
    same = whole.models.distinct(programs).sum(1)
    assert set(same) == {10, 100}  # detection or question answering alone, or both
    lost = np.isnan(two.of(programs).outcomes)
    assert 0.2 < lost.mean() < 0.4
    assert np.array_equal(two.of(programs).outcomes[~lost], whole.outcomes[~lost])
    assert 0 < of_oracle(whole).mean() <= 1
    with pytest.raises(ConfigError, match="models: expected 2 or more"):
        PlantedOutcomes(models=1).of(programs)
