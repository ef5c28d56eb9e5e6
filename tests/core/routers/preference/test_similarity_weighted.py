"""`sw`: ratings are those of Bradley and Terry, and similar battles weigh more."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.routers.preference.battles import Battle
from router_r1.routers.preference.router import sigmoid
from router_r1.routers.preference.similarity_weighted import ratings

pytest.importorskip("sklearn")


def test_the_ratings_of_two_models_are_the_log_of_their_wins() -> None:
    wins = np.array([[[0.0, 30.0], [10.0, 0.0]], [[0.0, 2.0], [2.0, 0.0]]])
    found = ratings(wins, np.zeros(2))
    assert found[:, 0] - found[:, 1] == pytest.approx([np.log(3), 0.0])
    assert found.sum(1) == pytest.approx([0.0, 0.0])


def test_every_model_wins_as_often_as_its_rating_says() -> None:
    wins = np.random.default_rng(0).uniform(0.01, 50, (20, 6, 6)) * (1 - np.eye(6))
    found = ratings(wins, np.full(6, 3.0))
    expected = sigmoid(found[:, :, None] - found[:, None, :])
    games = wins + wins.transpose(0, 2, 1)
    assert (games * expected).sum(2) == pytest.approx(wins.sum(2), abs=1e-5)
    assert ratings(7 * wins, np.zeros(6)) == pytest.approx(found, abs=1e-6)


def test_the_weight_is_ten_to_the_cosine_over_the_largest() -> None:
    router = routers.make("sw", sharpness=1.0)
    cosines = np.array([[0.8, 0.4, 0.0, -0.2], [0.0, 0.0, 0.0, 0.0]])
    paper = 10 * 10 ** (cosines[0] / 0.8)
    weights = router._weights(cosines)
    assert weights[0] / weights[0, 0] == pytest.approx(paper / paper[0])
    assert weights[1].tolist() == [1, 1, 1, 1]  # nothing is similar: the overall ratings


def test_without_sharpness_every_question_has_the_ratings_of_all_battles(topic_table) -> None:
    table = topic_table(0)
    flat = routers.make("sw", sharpness=0.0, prior=0.0).fit(table).strengths(table.questions)
    assert flat == pytest.approx(np.tile(flat[:1], (len(flat), 1)))
    battles = [[table.outcome(q.id, n).score for n in table.names] for q in table.questions]
    lawyer, solver = np.array(battles).T
    ties = (lawyer == solver).sum() / 2  # half a win for each
    gap = np.log(((lawyer > solver).sum() + ties) / ((solver > lawyer).sum() + ties))
    assert flat[0, 0] - flat[0, 1] == pytest.approx(gap, abs=1e-4)


def test_models_that_never_met_are_rated_through_a_third() -> None:
    battles = [Battle("What of tort?", "good", "middling", "a")] * 9
    battles += [Battle("What of tort?", "good", "middling", "b")]
    battles += [Battle("What of sums?", "bad", "middling", "b")] * 9
    battles += [Battle("What of sums?", "bad", "middling", "a")]
    fitted = routers.make("sw").fit_battles(battles, {"bad": 1.0, "good": 1.0, "middling": 1.0})
    asked = routers.base.Question(id="q", question="What?", answer="1", metric="em")
    assert fitted.win_rates([asked], "good", "bad")[0] > 0.8
