"""What defines each cascade."""

import math
from typing import Any

import numpy as np
import pytest

from router_r1 import routers
from router_r1.errors import ConfigError
from router_r1.routers.cascade.experience import Experience
from router_r1.routers.cascade.plans import best_plan, on_the_hull
from router_r1.routers.cascade.replies import NOT_ASKED, codes

pytest.importorskip("sklearn")


def make(name: str, **settings: Any) -> Any:
    """A cascade that is fitted fast."""
    return routers.make(name, trees=30, folds=2, **settings)


# --- plans


def test_only_plans_that_some_worth_chooses_are_kept() -> None:
    cost = np.array([1.0, 2.0, 3.0, 4.0, 2.0])
    score = np.array([0.1, 0.5, 0.55, 0.9, 0.4])
    kept = on_the_hull(score, cost)
    assert kept.tolist() == [0, 1, 3]
    chosen = {best_plan(score, cost, worth) for worth in np.geomspace(0.01, 1e4, 400)}
    assert chosen == set(kept.tolist())
    assert best_plan(score, cost, 0.0) == 0
    assert best_plan(score, cost, math.inf) == 3
    assert best_plan(np.ones(3), np.array([2.0, 1.0, 3.0]), math.inf) == 1


# --- RouterBench


def test_routerbench_asks_by_price_and_answers_with_the_last_reply(reply_table) -> None:
    cascade = make("routerbench_cascade").fit(reply_table(0))
    table = reply_table(1, 100)
    played = cascade.play(cascade.read(table, table.questions), 0.05)
    assert all(row == sorted(row, reverse=False) or 0 in row for row in played.asked.tolist())
    assert (played.answer == played.asked.argmax(1)).all()
    assert set(map(tuple, (played.asked > 0).astype(int).tolist())) <= {
        (1, 0, 0),
        (1, 1, 0),
        (1, 1, 1),
    }


def test_a_wrong_verdict_turns_a_judgement_round_as_often_as_told(reply_table) -> None:
    table = reply_table(1)
    read = {
        error: make("routerbench_cascade", error=error)
        .fit(reply_table(0, 40))
        .read(table, table.questions)
        .judged
        for error in (0.0, 0.2, 1.0)
    }
    assert read[1.0] == pytest.approx(1 - read[0.0])
    turned = ~np.isclose(read[0.2], read[0.0])
    assert turned.mean() == pytest.approx(0.2, abs=0.04)
    assert read[0.2][turned] == pytest.approx(1 - read[0.0][turned])


def test_a_cap_keeps_the_next_call_from_being_made(reply_table) -> None:
    table = reply_table(1, 100)
    for cap, most in ((0.0005, 1), (0.0041, 2), (0.03, 3)):
        cascade = make("routerbench_cascade", cap_usd=cap).fit(reply_table(0, 40))
        played = cascade.play(cascade.read(table, table.questions), math.inf)
        assert played.calls.max() == most


# --- FrugalGPT


def test_frugalgpt_finds_the_chain_and_threshold_of_a_brute_force_search(reply_table) -> None:
    draw = np.random.default_rng(1)
    score = draw.random((80, 3)).round()
    judged = (0.5 * score + 0.5 * draw.random((80, 3))).clip(0.01)
    cost = np.broadcast_to(np.array([1.0, 2.0, 5.0])[:, None], (80, 3, 1))
    cascade = make("frugalgpt", max_calls=2, tried=64).fit(reply_table(0, 30))
    learned = cascade._learn_decisions(Experience(score, judged, score.astype(int), score, cost))
    for worth in (2.0, 6.0, 30.0):
        best = max(
            worth * np.where(judged[:, a] >= t, score[:, a], score[rows, lead]).mean()
            - (cost[0, a, 0] + (judged[:, a] < t).mean() * cost[0, b, 0])
            for a in range(3)
            for b in range(3)
            for rows in [np.arange(80)]
            for lead in [np.where(judged[:, b] > judged[:, a], b, a)]
            for t in [0.0, 2.0, *np.quantile(judged[:, a], np.linspace(0, 1, 64))]
        )
        place = best_plan(learned["plan_score"], learned["plan_cost"], worth)
        found = worth * learned["plan_score"][place] - learned["plan_cost"][place]
        assert found == pytest.approx(best)


# --- agreement


def test_equal_answers_end_an_agreement_cascade(reply_table) -> None:
    cascade = make("agreement_cascade").fit(reply_table(0))
    cascade.learned["chain"] = np.array([[0, 1, 2]])
    cascade.learned |= {"plan_score": np.ones(1), "plan_cost": np.ones(1)}
    table = reply_table(1, 200)
    reading = cascade.read(table, table.questions)
    played = cascade.play(reading, math.inf)
    agree = reading.cells.answers[:, 0] == reading.cells.answers[:, 1]
    assert 0 < agree.sum() < 200
    assert (played.calls == np.where(agree, 2, 3)).all()
    assert (played.score[agree] == reading.cells.score[agree, 0]).all()
    prior = judged = np.full((1, 3), 0.5)
    _, revised = cascade.revise(prior, judged, np.array([[codes([None])[0], -1, NOT_ASKED]]))
    assert (revised == judged).all(), "two replies without an answer do not agree"


# --- AutoMix


@pytest.mark.parametrize("decision", ["pomdp", "threshold"])
def test_automix_asks_the_large_model_where_the_small_one_needs_it(reply_table, decision) -> None:
    cascade = make("automix", decision=decision).fit(reply_table(0))
    state = cascade.learned["state"]
    assert state.sum(3) == pytest.approx(np.ones(state.shape[:3]))  # NEEDY, GOOD or HOPELESS
    table = reply_table(1)
    reading = cascade.read(table, table.questions)
    played = cascade.play(reading, 0.05)
    right = reading.cells.score[:, 0] == 1
    asked = (played.asked > 0)[:, 1:].any(1)
    assert asked[~right].mean() > 0.9 > 0.1 > asked[right].mean()
    assert (played.answer == played.asked.argmax(1)).all()
    # The lift of a perfect verification: the large model is asked where it gains, at a share of the calls.
    assert cascade.ibc_lift(0.05) > 0.5
    assert math.isnan(cascade.ibc_lift(0.0))


def test_a_hopeless_question_is_not_worth_the_large_model(reply_table) -> None:
    """The judge tells GOOD, NEEDY and HOPELESS apart: a threshold on it must ask about the hopeless ones, too."""
    state = np.repeat([0, 1, 2], 100)  # hopeless, needy, good, by rising verification
    score = np.stack([state == 2, state >= 1], 1).astype(float)
    judged = np.stack([(state + 1) / 4 + np.linspace(0, 0.01, 300), np.full(300, 0.5)], 1)
    cost = np.broadcast_to(np.array([1.0, 4.0])[:, None], (300, 2, 1))
    seen = Experience(score, judged, score.astype(int), score, cost)
    asked = {}
    for decision in ("pomdp", "threshold"):
        cascade = make("automix", decision=decision, bins=3)
        cascade.models = ("small", "large")
        cascade.learned = cascade._learn_decisions(seen) | {"mean_cost": np.array([1.0, 4.0])}
        shown = np.column_stack([judged[:, 0], np.full(300, np.nan)])
        chosen = cascade.next(score, shown, cost[:, :, 0], 20.0)
        asked[decision] = [float((chosen[state == s] == 1).mean()) for s in range(3)]
    assert asked["pomdp"] == pytest.approx([0, 1, 0], abs=0.02)
    assert asked["threshold"] == pytest.approx([1, 1, 0], abs=0.02)


def test_automix_pays_for_the_samples_that_verify(reply_table) -> None:
    cascade = make("automix", samples=2).fit(reply_table(0, samples=3))
    table = reply_table(1, 60, samples=3)
    reading = cascade.read(table, table.questions)
    played = cascade.play(reading, 0.05)
    small, large, _ = cascade._pair(0.05)
    assert cascade.further(0.05)[small] == 2
    asked = played.asked[:, large] > 0
    assert (played.calls == 3 + asked).all()
    once = reading.cells.cost[0, :, 0]
    assert played.cost == pytest.approx(3 * once[small] + asked * once[large])
    assert cascade.step(table.questions[0], {}, 0.05).further == 2
    with pytest.raises(ConfigError, match="decision: expected pomdp or threshold, got 'guess'"):
        make("automix", decision="guess")


# --- cascade routing


def test_one_call_of_cascade_routing_is_the_prior_router(reply_table, topic_table) -> None:
    for make_table in (reply_table, topic_table):
        train, test = make_table(0, 60), make_table(1, 60)
        cascade = make("cascade_routing", max_calls=1).fit(train)
        prior = routers.make("label").fit(train)
        reading = cascade.read(test, test.questions)
        for worth in (0.0, 0.001, 0.01, 0.1, math.inf):
            played = cascade.play(reading, worth)
            chosen = [cascade.models[place] for place in played.answer]
            assert chosen == prior.choose(test.questions, worth)
            assert (played.calls == 1).all()


def test_in_the_order_of_prices_cascade_routing_is_a_cascade(reply_table) -> None:
    cascade = make("cascade_routing", order="price", ahead=1).fit(reply_table(0))
    table = reply_table(1)
    played = cascade.play(cascade.read(table, table.questions), 0.1)
    steps = {tuple(row) for row in played.asked.tolist()}
    assert steps <= {(1, 0, 0), (1, 2, 0), (1, 2, 3)}
    assert len(steps) > 1
    with pytest.raises(ConfigError, match="order: expected any or price, got 'random'"):
        make("cascade_routing", order="random")


def test_the_value_of_a_set_is_the_expected_maximum_of_gaussians(reply_table) -> None:
    cascade = make("cascade_routing", trust=1.0).fit(reply_table(0, 40))
    cascade.learned["moved"] = np.array([0.5, 0.3, 0.4])
    moved = cascade.learned["moved"]
    prior, present = np.array([[0.3, 0.5, 0.6]]), np.array([0.55])
    can, price = np.array([[True, True, False]]), np.array([[0.01, 0.02, 0.0]])
    sigma = np.sqrt(moved * prior[0] * (1 - prior[0]))
    draws = np.random.default_rng(0).normal(prior[0], sigma, (200_000, 3)).clip(max=1.0)
    alone = np.maximum(draws, 0.55).mean(0) - price[0]
    for roomy in (False, True):
        value, first = cascade._best_superset(prior, price, can, present, np.array([roomy]))
        pair = np.maximum(draws[:, :2].max(1), 0.55).mean() - 0.03
        wanted = max(alone[0], alone[1], pair if roomy else 0.0)
        assert value[0] == pytest.approx(wanted, abs=2e-3)
        assert first[0] == (0 if roomy and pair > alone[:2].max() else alone[:2].argmax())
    cascade.ahead = 1
    value, _ = cascade._best_superset(prior, price, can, present, np.array([True]))
    assert value[0] == pytest.approx(alone[:2].max(), abs=2e-3)


def test_agreement_raises_and_dissent_lowers_a_judgement(reply_table) -> None:
    # Replies look alike, right or wrong, and wrong ones all differ: only agreement tells.
    draw = np.random.default_rng(0)
    score = (draw.random((400, 3)) < 0.5).astype(float)
    half = np.full((400, 3), 0.5)
    answers = np.where(score > 0, 0, 1 + np.arange(3))
    cascade = make("cascade_routing").fit(reply_table(0, 12))
    cascade.learned |= cascade._learn_decisions(
        Experience(half, half, answers, score, np.ones((400, 3, 1)))
    )
    prior = half[:4]
    judged = np.array([[0.5, 0.5, np.nan]] * 2 + [[0.5, np.nan, np.nan], [0.0, 0.5, np.nan]])
    answers = np.array([[0, 0, -2], [0, 1, -2], [0, -2, -2], [-1, 0, -2]])
    _, revised = cascade.revise(prior, judged, answers)
    agreed, differed, alone, failed = revised[:, 0]
    assert agreed > 0.9 > alone > differed > failed == 0
    assert alone == pytest.approx(0.5, abs=0.1)
    assert np.isnan(revised).tolist() == np.isnan(judged).tolist()
    untouched, _ = cascade.revise(prior, np.full((4, 3), np.nan), np.full((4, 3), NOT_ASKED))
    assert np.array_equal(untouched, prior)
