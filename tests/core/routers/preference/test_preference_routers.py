"""Routers that learn from battles: nothing depends on the order of a battle's models, and scores have a scale."""

import random

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.routers.preference.battles import Battle, battles_of
from router_r1.routers.preference.router import platt_scale, sigmoid

COSTS = {"lawyer": 0.001, "solver": 0.002, "clerk": 0.0001}
ASKED = [
    Question(id="q", question=f"About {words}: what of number 7?", answer="1", metric="em")
    for words in ("court and judge and tort", "prime and matrix and sum")
]


def test_swapping_the_sides_of_any_battles_changes_no_prediction(make_router, battles) -> None:
    fitted = make_router(passes=1, seed=1).fit_battles(battles, COSTS)
    source = random.Random(0)
    for swapped in (
        [b.swapped() if source.random() < 0.5 else b for b in battles],
        # What an arena might do, and what the bug rests on: the winner is always named first.
        [b.swapped() if b.winner == "b" else b for b in battles],
    ):
        again = make_router(passes=1, seed=1).fit_battles(swapped, COSTS)
        assert np.array_equal(again.scores(ASKED), fitted.scores(ASKED))


def test_battles_teach_which_of_three_models_is_best_at_what(
    make_router, battles, tmp_path
) -> None:
    fitted = make_router().fit_battles(battles, COSTS)
    assert fitted.models == ("lawyer", "solver", "clerk")
    scores = fitted.scores(ASKED)
    assert fitted.choose(ASKED, float("inf")) == ["lawyer", "solver"]
    assert fitted.choose(ASKED, 0) == ["clerk", "clerk"]
    assert fitted.costs(ASKED)[0].tolist() == list(COSTS.values())
    # Without a table, a score is the probability of winning against an average model.
    assert scores == pytest.approx(sigmoid(fitted.strengths(ASKED)))
    fitted.save(tmp_path)
    assert np.array_equal(routers.load(tmp_path).scores(ASKED), scores)


def test_the_other_winners_teach_the_opposite(make_router, battles) -> None:
    others = {"a": "b", "b": "a", "tie": "tie"}
    reversed_battles = [Battle(b.question, b.model_a, b.model_b, others[b.winner]) for b in battles]
    fitted = make_router().fit_battles(reversed_battles, COSTS)
    scores = fitted.scores(ASKED)
    assert scores.argmin(1).tolist() == [0, 1]


def test_a_table_sets_the_scale_of_scores(make_router, topic_table) -> None:
    table = topic_table(0)
    fitted = make_router().fit_battles(battles_of(table), table)
    scores = fitted.scores(table.questions)
    law = np.array([q.category == "law" for q in table.questions])
    assert scores[law].mean(0) == pytest.approx((0.9, 0.2), abs=0.15)
    assert fitted.costs(ASKED)[0].tolist() == pytest.approx([0.0002, 0.002])
    assert ((scores > 0) & (scores < 1)).all()


def test_of_two_models_the_win_rate_orders_questions_as_the_scores_do(
    make_router, topic_table
) -> None:
    fitted = make_router().fit(topic_table(0))
    questions = topic_table(1).questions
    rates = fitted.win_rates(questions, "solver", "lawyer")
    assert rates == pytest.approx(1 - fitted.win_rates(questions, "lawyer", "solver"))
    assert ((rates >= 0) & (rates <= 1)).all()
    scores = fitted.scores(questions)
    gap = (scores[:, 1] - scores[:, 0])[np.argsort(rates)]
    correlation = np.corrcoef(np.argsort(np.argsort(gap)), np.arange(len(gap)))[0, 1]
    assert correlation > 0.9
    with pytest.raises(ConfigError, match="does not know 'oracle'; it knows lawyer, solver"):
        fitted.win_rates(questions, "solver", "oracle")


def test_battles_and_costs_that_do_not_fit_are_errors(battles) -> None:
    router = routers.make("sw")
    for known, message in (
        ({"lawyer": 1.0, "solver": 1.0}, "battle: unknown model 'clerk'; expected one of"),
        (COSTS | {"idle": 1.0}, "no battle has the model 'idle'"),
    ):
        with pytest.raises(DataError, match=message):
            router.fit_battles(battles, known)
    with pytest.raises(DataError, match="there are no battles"):
        router.fit_battles([], COSTS)
    with pytest.raises(ConfigError, match="at least two models"):
        router.fit_battles(battles, {"lawyer": 1.0})
    for cost in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="cost of 'clerk': expected dollars of 0 or more"):
            router.fit_battles(battles, COSTS | {"clerk": cost})
    with pytest.raises(ConfigError, match="a battle has only the text"):
        routers.make("sw", facts=0.5).fit_battles(battles, COSTS)
    with pytest.raises(ConfigError, match="is not fitted"):
        router.strengths([])


def test_the_scale_is_that_of_maximum_likelihood() -> None:
    source = np.random.default_rng(0)
    strengths = source.normal(size=(4000, 3))
    found = platt_scale(strengths, sigmoid(0.4 + 1.7 * strengths))
    assert found == pytest.approx((0.4, 1.7), abs=0.02)
    # Strengths that are of no use get a scale of almost 0, and never one that would turn the models around.
    assert platt_scale(strengths, sigmoid(-strengths))[1] == 0.01
