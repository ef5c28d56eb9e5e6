"""The sequential vote and the cascade, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from router_r1.data.splits import Split
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.voting_baselines import cascade, stop_at_margin, vote_steps


@pytest.fixture
def arrays_of(world_of):
    """Answers of `a`, `b` and `c`, a triple for each question -> the arrays of these questions."""

    def make(answers):
        world = world_of(lambda n: ("x", *answers[n % len(answers)]))
        every = (q for split in Split for q in world.questions(split))
        in_order = sorted(every, key=lambda q: int(q.id[1:]))
        return TableSplits.of(world).arrays(in_order[: len(answers)])

    return make


def test_a_cascade_believes_two_models_that_agree_and_else_the_referee(arrays_of) -> None:
    answers = [
        ("A", "A", "B"),
        ("B", "B", "A"),
        ("A", "B", "A"),
        ("A", "B", "B"),
        (None, None, "A"),
        ("A", None, None),
    ]
    run = cascade(arrays_of(answers), 0, 1, 2)
    assert run.value.tolist() == [1, 0, 1, 0, 1, 1]
    assert run.calls.tolist() == [2, 2, 3, 3, 3, 3]
    assert run.cost[:3].tolist() == pytest.approx([3e-4, 3e-4, 13e-4])


def test_a_vote_stops_once_the_leader_is_ahead_by_the_margin(arrays_of) -> None:
    arrays = arrays_of([("A", "A", "B"), ("B", "A", "A"), (None, "A", "A")])
    # With log odds of 0, every vote weighs log(options - 1) = log 2.
    steps = vote_steps(arrays, np.zeros((2, 3)), (0, 1, 2))
    one = np.log(2)
    assert steps[1][0].tolist() == pytest.approx([one, one, 0])
    assert steps[1][1].tolist() == pytest.approx([2 * one, 0, one])
    patient = stop_at_margin(steps, 1.5 * one)
    assert patient.calls.tolist() == [2, 3, 3]
    assert patient.value.tolist() == [1, 1, 1]
    hasty = stop_at_margin(steps, 0.5 * one)
    assert hasty.calls.tolist() == [1, 1, 2]
    assert hasty.value.tolist() == [1, 0, 1]


def test_a_vote_of_a_distrusted_model_still_beats_an_answer_without_votes(world_of) -> None:
    """With two options, a model that is right in 40 % of its answers votes with a negative weight."""
    world = world_of(lambda number: ("one", "A", "A", "A"), size=4)
    arrays = replace(TableSplits.of(world).arrays(world.table.questions), options=np.full(4, 2.0))
    (values, margins, _) = vote_steps(arrays, np.full((2, 3), np.log(0.4 / 0.6)), (0,))
    assert values.tolist() == [[1, 1, 1, 1]]
    assert (margins < 0).all()


def test_an_answer_is_scored_as_the_response_that_first_gave_it(arrays_of) -> None:
    """Equal answers may be graded unlike. So a vote of one call scores as the candidate does, also without an answer."""
    arrays = arrays_of([("A", "A", "B"), (None, "A", "A")])
    arrays = replace(arrays, score=np.array([[0.2, 0.9, 0.0], [0.4, 0.7, 1.0]]))
    first, second, third = vote_steps(arrays, np.zeros((2, 3)), (0, 1, 2))[0]
    assert first.tolist() == [0.2, 0.4]
    assert second.tolist() == [0.2, 0.7] and third.tolist() == [0.2, 0.7]
