"""Routing between two models: the metrics PGR, APGR and CPT by hand, and the rows of a pool of two."""

import numpy as np
import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.splits import Split
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.report.page import write_report
from router_r1_eval.results import Results
from router_r1_eval.tournament.two_models import Gap, gap, oracle_order


def test_the_gap_of_four_questions_by_hand() -> None:
    weak, strong = np.array([0, 0, 1, 1.0]), np.array([1, 1, 1, 0.0])
    found = gap(weak, strong, np.array([4, 3, 2, 1.0]))  # gains 1, 1, 0, -1 over a gap of 1/4
    assert found.share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.pgr.tolist() == [0, 1, 2, 2, 1]
    assert found.apgr == pytest.approx((0.5 + 1.5 + 2 + 1.5) / 4)
    assert found.cpt(0.5) == pytest.approx(0.125)
    assert found.cpt(2) == 0.5
    assert found.cpt(2.1) is None
    assert found.cpt(0) == 0


def test_questions_with_equal_scores_are_swapped_together() -> None:
    rng = np.random.default_rng(0)
    weak, strong = rng.random(50).round(), rng.random(50).round()
    found = gap(weak, strong, np.zeros(50))
    assert found.share.tolist() == [0, 1]
    assert found.apgr == pytest.approx(0.5)
    # The same as the mean over many random orders within the groups.
    order = rng.integers(0, 3, 50).astype(float)
    drawn = [gap(weak, strong, order + 1e-6 * rng.random(50)).apgr for _ in range(4000)]
    assert gap(weak, strong, order).apgr == pytest.approx(np.mean(drawn), abs=0.02)


def test_cpt_is_where_the_curve_first_reaches_the_threshold() -> None:
    falls = Gap(np.array([0, 0.25, 0.5, 1]), np.array([0, 0.4, 0.2, 1]))
    # The last piece rises from 0.2 to 1 over the second half: it reaches 0.5 after 3/8 of its way, 0.8 after 3/4.
    assert falls.cpt(0.5) == pytest.approx(0.6875)
    assert falls.cpt(0.8) == pytest.approx(0.875)
    assert falls.cpt(0.3) == pytest.approx(0.1875)  # on the first rise, not the second
    shares = np.linspace(0, 1, 100_001)
    heights = np.interp(shares, falls.share, falls.pgr)
    for x in (0.1, 0.4, 0.41, 0.95):
        assert falls.cpt(x) == pytest.approx(shares[np.argmax(heights >= x)], abs=1e-4)
    # PGR rises to 1, falls to 0 and rises again; half the gap is recovered on the first rise.
    found = gap(np.array([0, 1, 0, 0.0]), np.array([1, 0, 1, 0.0]), np.array([4, 3, 2, 1.0]))
    assert found.pgr.tolist() == [0, 1, 0, 1, 1]
    assert found.cpt(0.5) == pytest.approx(0.125)


def test_no_order_beats_the_oracle() -> None:
    rng = np.random.default_rng(1)
    weak, strong = rng.random(80), rng.random(80) + 0.1
    best = gap(weak, strong, oracle_order(weak, strong))
    for _ in range(20):
        other = gap(weak, strong, rng.random(80))
        assert other.apgr < best.apgr
    assert (np.diff(best.pgr, 2) < 1e-9).all(), "the oracle's curve is concave"


def test_models_without_a_gap_are_an_error() -> None:
    with pytest.raises(ValueError, match="no gap to recover"):
        gap(np.array([0, 1.0]), np.array([1, 0.0]), np.array([1, 2.0]))
    with pytest.raises(ValueError, match="one value per question in each array"):
        gap(np.zeros(2), np.ones(3), np.zeros(2))


# --- rows of a pool of two


def test_every_order_of_two_models_recovers_its_share_of_the_gap(
    tmp_path, sampled_world, small_fails_long, hold, lines_of
) -> None:
    world = sampled_world(small_fails_long, size=400)
    results = hold(world, one_shot=["label"])
    two, rows = results["two_models"], {row["name"]: row for row in results["rows"]}
    assert (two["weak"], two["strong"]) == ("small", "large")
    assert two["gap"] == pytest.approx(rows["large"]["accuracy"] - rows["small"]["accuracy"])
    assert rows["random"]["apgr"] == pytest.approx(0.5)
    assert rows["random"]["cpt"] == {"50%": pytest.approx(0.5), "80%": pytest.approx(0.8)}
    assert rows["label"]["apgr"] == pytest.approx(0.5)  # with one category, all scores are equal
    long = np.mean([len(q.question) > 20 for q in world.questions(Split.TEST)])
    assert rows["prompt length"]["apgr"] == pytest.approx(1 - long / 2)
    assert rows["prompt length"]["cpt"]["80%"] == pytest.approx(0.8 * long)
    assert rows["oracle"]["apgr"] == pytest.approx(1 - two["gap"] / 2)
    assert (rows["small"]["pgr"], rows["large"]["pgr"]) == (0, 1)
    assert rows["small"]["apgr"] is rows["sequential naive Bayes vote"]["apgr"] is None
    # The prompt length baseline pays for the stronger model on long questions only.
    by_length = rows["prompt length"]["curve"][0]
    assert by_length["accuracy"] == rows["large"]["accuracy"]
    assert by_length["cost_usd"] == pytest.approx(1e-4 + 9e-4 * long, rel=0.01)
    assert any(line.startswith("prompt length") and "APGR" in line for line in lines_of(results))
    Results.model_validate(results).write(tmp_path)
    page = write_report(tmp_path).read_text()
    assert "Between two models" in page
    assert f"{rows['prompt length']['apgr']:.3f}" in page.partition("Between two models")[2]
    assert "Not listed: ask two" in page


def test_a_stronger_model_that_is_weaker_on_test_questions_leaves_no_gap(
    sampled_world, small_fails_long, is_test, with_outcomes, hold, lines_of
) -> None:
    def reversed_in_test(outcome):
        return {"score": float(outcome.model == "small")} if is_test(int(outcome.id[1:])) else {}

    world = with_outcomes(sampled_world(small_fails_long, size=200), reversed_in_test)
    results = hold(world)
    assert results["two_models"]["gap"] == -1
    assert {row["apgr"] for row in results["rows"]} == {None}
    assert lines_of(results)


def test_only_routers_state_the_time_of_a_decision(sampled_world, small_fails_long, hold) -> None:
    results = hold(sampled_world(small_fails_long), one_shot=["label"])
    assert [r["name"] for r in results["rows"] if "overhead_ms" in r] == ["label"]
    assert 0 < next(r for r in results["rows"] if r["name"] == "label")["overhead_ms"] < 1000


def test_a_pool_of_three_models_has_no_gap(sampled_world, small_fails_long, hold) -> None:
    world = sampled_world(small_fails_long)
    third = ModelCard(name="third", price=Price(input=1, output=1))
    rows = [o.model_copy(update={"model": "third"}) for o in world.table if o.model == "small"]
    table = OutcomeTable([*world.table.cards, third], world.table.questions, [*world.table, *rows])
    results = hold(RecordedWorld(table, world.settings))
    assert results["two_models"] is None
    assert "apgr" not in results["rows"][0]
    assert "prompt length" not in {row["name"] for row in results["rows"]}
