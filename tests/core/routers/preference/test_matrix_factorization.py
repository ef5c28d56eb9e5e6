"""`mf`: strengths are bilinear, ties are left out, and noise is for training alone."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.routers.preference.battles import Battle

pytest.importorskip("sklearn")
torch = pytest.importorskip("torch")

COSTS = {"lawyer": 0.001, "solver": 0.002, "clerk": 0.0001}


def test_strengths_are_linear_in_the_vector_and_centred(topic_table) -> None:
    table = topic_table(0)
    fitted = routers.make("mf").fit(table)
    vectors = fitted.vectors(table.questions)
    one, two, middle = (
        fitted._strengths_of_vectors(v, fitted.learned)
        for v in (vectors[:50], vectors[50:100], (vectors[:50] + vectors[50:100]) / 2)
    )
    assert middle == pytest.approx((one + two) / 2)
    assert one.sum(1) == pytest.approx(np.zeros(50))


def test_the_form_has_no_more_dimensions_than_are_set(battles) -> None:
    fitted = routers.make("mf", dimensions=1).fit_battles(battles, COSTS)
    # One dimension times models whose length is 1: each is +1 or -1, centred.
    assert np.linalg.matrix_rank(fitted.learned["weights"], tol=1e-4) <= 1


def test_ties_are_left_out_unless_they_have_a_weight(battles) -> None:
    asked = [Question(id="q", question="court and judge", answer="1", metric="em")]
    ties = [Battle(b.question, "lawyer", "solver", "tie") for b in battles]
    plain = routers.make("mf").fit_battles(battles, COSTS).strengths(asked)
    assert np.array_equal(
        routers.make("mf").fit_battles([*battles, *ties], COSTS).strengths(asked), plain
    )
    weighted = routers.make("mf", ties=1.0).fit_battles([*battles, *ties], COSTS).strengths(asked)
    assert weighted[0, 0] - weighted[0, 1] < 0.8 * (plain[0, 0] - plain[0, 1])


def test_noise_is_for_training_alone_and_leaves_the_random_numbers_of_others(topic_table) -> None:
    table = topic_table(0)
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    fitted = routers.make("mf", noise=1.0).fit(table)
    assert np.array_equal(fitted.scores(table.questions), fitted.scores(table.questions))
    assert torch.equal(torch.rand(3), expected)
    quiet = routers.make("mf", noise=0.0).fit(table)
    # Noise many times the length of a vector keeps what is learned small.
    assert np.abs(quiet.learned["weights"]).max() > 2 * np.abs(fitted.learned["weights"]).max()


def test_where_no_model_ever_beats_another_all_are_equal(topic_table) -> None:
    table = topic_table(0)
    same = [o.model_copy(update={"score": 1.0}) for o in table]
    fitted = routers.make("mf").fit(OutcomeTable(table.cards, table.questions, same))
    assert not fitted.strengths(table.questions).any()
    assert set(fitted.choose(table.questions, float("inf"))) == {"lawyer"}
