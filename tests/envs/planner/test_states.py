"""States of episodes: who may be asked, and which sample answers."""

import numpy as np

from router_r1_envs.planner.responses import Responses
from router_r1_envs.planner.states import ALL, States, random_states


def responses_of(recorded) -> Responses:
    """[n, m, s + 1] what is recorded; nothing else matters here."""
    recorded = np.array(recorded, dtype=bool)
    empty = np.zeros(recorded.shape)
    n = len(recorded)
    return Responses(
        names=tuple("abc"[: recorded.shape[1]]),
        questions=(),
        category=np.zeros(n, dtype=np.int64),
        length=np.ones(n),
        options=np.zeros(n),
        recorded=recorded,
        answer=np.where(recorded, 0, -1),
        score=empty,
        cost=empty,
        tokens=empty,
        answer_length=empty,
    )


TWO_SAMPLES = responses_of([[[1, 1, 0], [1, 0, 0], [0, 0, 0]]])
"""One question: `a` has two samples, `b` one, `c` none."""


def after(*models) -> States:
    states = States.start(np.array([0]), np.array([ALL]), 4)
    for model in models:
        states = states.after(np.array([model]), TWO_SAMPLES)
    return states


def test_everybody_may_be_asked_once_and_again_where_a_further_sample_is_recorded() -> None:
    assert after().askable(TWO_SAMPLES).tolist() == [[True, True, True]]
    assert after(0, 1, 2).askable(TWO_SAMPLES).tolist() == [[True, False, False]]
    assert after(0, 0).askable(TWO_SAMPLES).tolist() == [[False, True, True]]


def test_each_call_of_a_candidate_gives_its_next_sample_and_then_nothing() -> None:
    states = after(0, 0, 0, 2)
    assert states.models.tolist() == [[0, 0, 0, 2]] and states.samples.tolist() == [[0, 1, 2, 0]]
    assert states.heard(TWO_SAMPLES).tolist() == [[True, True, False, False]]
    assert states.times(3).tolist() == [[3, 0, 1]]


def test_random_states_have_the_stated_sizes_and_ask_nobody_in_vain() -> None:
    responses = responses_of([[[1, 1, 0], [1, 0, 0]]] * 50)
    sizes = np.arange(50) % 5
    rows, fold = np.arange(50), np.zeros(50, dtype=np.int64)
    states = random_states(
        responses, rows, fold, sizes, np.ones((50, 2)), 4, np.random.default_rng(0)
    )
    assert states.made.sum(1).tolist() == np.minimum(sizes, 3).tolist()  # three samples in all
    assert (states.heard(responses) == states.made).all()
