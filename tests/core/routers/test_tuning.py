"""Tuning: the settings that choose best on questions that were left out."""

from dataclasses import dataclass

import numpy as np
import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError, DataError
from router_r1.routers.base import Router, setting
from router_r1.routers.lookup.knn import KnnRouter
from router_r1.routers.tuning import SENSITIVITIES, tune


def test_settings_that_route_better_come_first(topic_table) -> None:
    # All questions as neighbours predict the same for both topics; a few tell them apart.
    table = topic_table(0)
    trials = tune("knn", table)
    assert [t.utility for t in trials] == sorted((t.utility for t in trials), reverse=True)
    assert trials[0].settings["k"] in (10, 20)
    assert trials[-1].settings["k"] == 160


def test_the_utility_is_the_mean_score_less_the_price_of_the_cost(topic_table) -> None:
    table = topic_table(0)
    trial = next(t for t in tune("knn", table) if t.settings["k"] == 160)
    # With every question as a neighbour, one model is chosen for all: the better one where money is short.
    costs, scores = {}, {}
    for name in table.names:
        cells = [table.outcome(q.id, name) for q in table.questions]
        scores[name] = np.mean([c.score for c in cells])
        costs[name] = np.mean([table.cost_usd(c) for c in cells])
    reference = costs[max(scores, key=scores.__getitem__)]
    means = [max(scores[n] - s * costs[n] / reference for n in table.names) for s in SENSITIVITIES]
    assert trial.utility == pytest.approx(np.mean(means), abs=0.06)


def test_given_settings_stay_and_nothing_to_tune_is_an_error(topic_table) -> None:
    trials = tune("kmeans", topic_table(0), {"seed": 3})
    assert all(t.settings["seed"] == 3 for t in trials)
    with pytest.raises(ConfigError, match="no setting to tune"):
        tune("knn", topic_table(0), {"k": 5})
    with pytest.raises(ConfigError, match="2 folds or more"):
        tune("knn", topic_table(0), folds=1)
    with pytest.raises(DataError, match="too few questions for 3 folds"):
        tune("knn", topic_table(0, 2))


def test_no_question_is_predicted_by_a_router_that_was_fitted_on_it(
    topic_table, monkeypatch
) -> None:
    seen: list[set[str]] = []

    @dataclass(kw_only=True, eq=False)
    class Watched(Router):
        name = "watched"
        grid = {"size": (1, 2)}
        size: int = setting(1)

        def _learn(self, data):
            self.known = {q.id for q in data.questions}
            return {}

        def _predict(self, questions):
            asked = {q.id for q in questions}
            assert not asked & self.known
            seen.append(asked)
            return np.zeros((len(questions), 2))

    monkeypatch.setattr(
        "router_r1.routers.tuning.ROUTERS", type("R", (), {"find": staticmethod(lambda _: Watched)})
    )
    table = topic_table(0)
    tune("watched", table)
    assert len(seen) == 6
    assert set().union(*seen) == {q.id for q in table.questions}


def test_copies_of_a_question_are_left_out_together(topic_table, monkeypatch) -> None:
    table = topic_table(0, 60)
    twice = [q.model_copy(update={"id": f"copy {q.id}"}) for q in table.questions]
    copies = [o.model_copy(update={"id": f"copy {o.id}"}) for o in table]
    both = OutcomeTable(table.cards, [*table.questions, *twice], [*table, *copies])
    texts: list[set[str]] = []
    fit = KnnRouter.fit

    def watched(self, known):
        texts.append({q.question for q in known.questions})
        return fit(self, known)

    monkeypatch.setattr(KnnRouter, "fit", watched)
    tune("knn", both)
    whole = {q.question for q in both.questions}
    assert all(len(known) < len(whole) for known in texts)
    held = [whole - known for known in texts[:: len(KnnRouter.grid["k"])]]
    assert sum(map(len, held)) == len(whole)
