"""`uniroute`: a learned map, models as their mean scores in clusters, and the prior of a model that is added."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.routers.lookup.uniroute import _at_level, _cross_entropy, _softmax

pytest.importorskip("sklearn")


def test_the_slope_of_the_loss_is_that_of_small_steps() -> None:
    source = np.random.default_rng(0)
    inputs, theta = source.normal(size=(9, 4)), source.normal(size=(3, 4))
    scores = source.random((9, 5))
    _, slope = _cross_entropy(theta, inputs, scores)
    for place in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[place] = 1e-6
        above, below = (_cross_entropy(theta + s, inputs, scores)[0] for s in (step, -step))
        assert slope[place] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_the_learned_map_predicts_better_than_its_start(topic_table) -> None:
    # At this sharpness every question starts near the middle of both clusters.
    table = topic_table(0)
    scores = np.array(
        [[table.outcome(q.id, n).score for n in table.names] for q in table.questions]
    )
    errors = []
    for passes in (0, 100):
        fitted = routers.make("uniroute", clusters=2, sharpness=1.0, passes=passes).fit(table)
        errors.append(((fitted.scores(table.questions) - scores) ** 2).mean())
    assert errors[1] < errors[0] - 0.02


def test_one_sharp_cluster_for_each_question_remembers_it_and_one_cluster_is_the_mean(
    topic_table,
) -> None:
    table = topic_table(0)
    scores = np.array(
        [[table.outcome(q.id, n).score for n in table.names] for q in table.questions]
    )
    one = routers.make("uniroute", clusters=1).fit(table)
    assert one.scores(table.questions) == pytest.approx(np.tile(scores.mean(0), (120, 1)))
    still = routers.make("uniroute", clusters=16, sharpness=0.0, passes=0).fit(table)
    assert still.scores(table.questions) == pytest.approx(np.tile(scores.mean(0), (120, 1)))


def added(table: OutcomeTable, few: OutcomeTable, prior: float) -> routers.Router:
    """`solver` under the name `new` joins from some questions."""
    copies = [o.model_copy(update={"model": "new"}) for o in few if o.model == "solver"]
    card = table.cards[1].model_copy(update={"name": "new"})
    fitted = routers.make("uniroute", clusters=8, prior=prior).fit(table)
    return fitted.add_model("new", OutcomeTable([card], few.questions, copies))


def test_a_model_that_joins_with_all_questions_is_the_model_that_was_fitted(topic_table) -> None:
    table = topic_table(0)
    scores = added(table, table, prior=0.0).scores(topic_table(1).questions)
    assert scores[:, 2] == pytest.approx(scores[:, 1])


def test_with_a_high_prior_only_the_level_of_a_model_is_learned(topic_table) -> None:
    table, few = topic_table(0), topic_table(2, 10)
    fitted = added(table, few, prior=1e9)
    level = np.mean([few.outcome(q.id, "solver").score for q in few.questions])
    assert fitted.scores(few.questions)[:, 2].mean() == pytest.approx(level, abs=1e-3)
    profile, new = fitted.learned["psi"][:, :2].mean(1), fitted.learned["psi"][:, 2]
    assert (np.argsort(profile) == np.argsort(new)).all()


def test_a_level_moves_all_clusters_the_same_way_and_stays_between_0_and_1() -> None:
    soft = _softmax(np.random.default_rng(0).normal(size=(50, 4)))
    profile = np.array([0.1, 0.4, 0.6, 0.9])
    for level in (0.02, 0.5, 0.97):
        moved = _at_level(soft, profile, level)
        assert (soft @ moved).mean() == pytest.approx(level)
        assert ((moved > 0) & (moved < 1)).all() and (np.diff(moved) > 0).all()
    assert _at_level(soft, profile, float((soft @ profile).mean())) == pytest.approx(
        profile, abs=2e-3
    )
