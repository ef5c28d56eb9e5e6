"""`elo`: the closed form for two models, the mean score on complete tables, and blindness."""

import math

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.routers.lookup.elo import _bradley_terry

pytest.importorskip("numpy")


def recorded(table: OutcomeTable) -> np.ndarray:
    return np.array([[table.outcome(q.id, n).score for n in table.names] for q in table.questions])


def test_two_ratings_differ_by_the_logarithm_of_wins_over_losses(topic_table) -> None:
    table = topic_table(0)
    prior = 3.0
    ratings = routers.make("elo", prior=prior).fit(table).learned["ratings"]
    a, b = recorded(table).T
    drawn = (a == b).sum() + prior
    wins, losses = (a > b).sum() + drawn / 2, (a < b).sum() + drawn / 2
    assert ratings[0] - ratings[1] == pytest.approx(400 * math.log10(wins / losses))
    assert ratings.mean() == pytest.approx(1000)


def test_ratings_are_those_that_win_as_often_as_recorded() -> None:
    source = np.random.default_rng(0)
    true = np.array([1.0, 0.3, -0.4, -0.9])
    battles = source.integers(20, 200, (4, 4))
    battles = battles + battles.T
    wins = battles / (1 + np.exp(true - true[:, None]))
    np.fill_diagonal(wins, 0)
    assert _bradley_terry(wins) == pytest.approx(true)
    assert _bradley_terry(wins[::-1, ::-1])[::-1] == pytest.approx(true)


def test_on_scores_of_0_and_1_it_predicts_the_mean_score(topic_table) -> None:
    table = topic_table(0)
    fitted = routers.make("elo", prior=1e-6).fit(table)
    expected = np.tile(recorded(table).mean(0), (120, 1))
    assert fitted.scores(table.questions) == pytest.approx(expected, abs=1e-6)


def test_every_question_goes_to_the_same_model(topic_table) -> None:
    fitted = routers.make("elo").fit(topic_table(0))
    for worth in (0.0, 0.01, math.inf):
        assert len(set(fitted.choose(topic_table(1).questions, worth))) == 1
    assert fitted.explain(topic_table(1).questions[0]).because[0] == "the same for every question"


def test_a_model_without_a_win_has_a_finite_rating(topic_table) -> None:
    table = topic_table(0)
    lost = [o.model_copy(update={"score": float(o.model == "solver")}) for o in table]
    ratings = routers.make("elo").fit(OutcomeTable(table.cards, table.questions, lost)).learned
    assert ratings["ratings"][1] - ratings["ratings"][0] == pytest.approx(
        400 * math.log10(120.5 / 0.5)
    )


def test_an_added_copy_of_a_model_gets_nearly_its_rating(topic_table) -> None:
    table = topic_table(0)
    fitted = routers.make("elo").fit(table)
    copies = [o.model_copy(update={"model": "copy"}) for o in table if o.model == "solver"]
    card = table.cards[1].model_copy(update={"name": "copy"})
    fitted.add_model("copy", OutcomeTable([card], table.questions, copies))
    ratings = fitted.learned["ratings"]
    assert ratings[2] == pytest.approx(ratings[1], abs=10)
    assert fitted.scores(table.questions)[0, 2] == pytest.approx(recorded(table)[:, 1].mean())
