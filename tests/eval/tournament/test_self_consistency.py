"""Repeated samples: votes among them by hand, and self-consistency as a baseline."""

import numpy as np
import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.self_consistency import Samples, self_consistency


@pytest.mark.parametrize(
    ("samples", "voted"),
    [
        (["A", "B", "B"], [1, 1, 0]),  # with one vote each, the first answer leads
        (["B", "A", "A"], [0, 0, 1]),
        (["B", None, "A"], [0, 0, 0]),
        ([None, "A", "B"], [0, 1, 1]),  # a sample without an answer has no vote
        ([None, None, None], [0, 0, 0]),
        (["A", ..., "A"], [1, 1, 1]),
        (["The A.", "A", "B"], [0.5, 0.5, 0.5]),  # the same answer with different scores
    ],
)
def test_the_majority_of_the_first_samples_answers(samples, voted, sampled_table) -> None:
    table = sampled_table(lambda _: {"small": samples, "large": ["A"] * 3})
    found = Samples.of(table, table.questions)
    assert found.voted[0, 0].tolist()[1:] == voted[1:]
    assert found.voted[0, 0, 0] == float(samples[0] == "A")
    recorded = [sample is not ... for sample in samples]
    assert (~np.isnan(found.score[0, 0])).tolist() == recorded
    assert found.cost[0, 0].tolist() == pytest.approx(np.cumsum(recorded) * 1e-4)
    assert found.depth.tolist() == [1 if ... in samples else 3, 3]


def test_without_any_answer_the_first_samples_score_counts(sampled_table) -> None:
    table = sampled_table(lambda _: {"small": [None, None], "large": ["A"]})
    rows = [o.model_copy(update={"score": 0.75}) if o.model == "small" else o for o in table]
    table = OutcomeTable(table.cards, table.questions, rows)
    assert Samples.of(table, table.questions).voted[0, 0].tolist() == [0.75, 0.75]


def test_self_consistency_has_the_accuracy_of_its_majority_and_the_cost_of_its_samples(
    sampled_world, two_of_three, rows_of
) -> None:
    rows = rows_of(sampled_world(two_of_three))
    baseline = rows["self-consistency"]
    rich, poor = baseline["curve"]
    assert (rich["accuracy"], rich["calls"]) == (1, 3)
    assert rich["cost_usd"] == pytest.approx(3e-4)
    assert rich["cost_usd"] < rows["best single"]["cost_usd"]
    # If a right answer has the value of one call, three calls do not pay.
    assert (poor["calls"], poor["cost_usd"]) == (1, pytest.approx(1e-4))
    assert poor["accuracy"] == rows["small"]["accuracy"]
    assert baseline["within"]["three quarters of its cost"]["setting"] == "rich"


def test_model_and_samples_are_chosen_on_training_questions(
    sampled_world, two_of_three, is_test, rows_of
) -> None:
    """On the test questions, unlike the training questions, `small` is always wrong and `large` always right."""

    def reversed_in_test(number):
        return {"small": ["B"] * 3, "large": ["A"]} if is_test(number) else two_of_three(number)

    rows = rows_of(sampled_world(reversed_in_test))
    rich = rows["self-consistency"]["curve"][0]
    assert (rich["accuracy"], rich["calls"]) == (0, 3)
    assert rows["large"]["accuracy"] == 1


def test_without_repeated_samples_the_baseline_is_not_listed(sampled_world, hold, lines_of) -> None:
    once = sampled_world(lambda n: {"small": ["A" if n % 2 else "B"], "large": ["A"]})
    assert self_consistency(TableSplits.of(once)) == []
    # A second sample of half of the questions is not enough.
    few = sampled_world(
        lambda n: {"small": ["A"] * (1 + (n % 2)), "large": ["A" if n % 3 else "B"]}
    )
    assert self_consistency(TableSplits.of(few)) == []
    results = hold(once)
    assert "self-consistency" not in {row["name"] for row in results["rows"]}
    assert results["not_listed"]["self-consistency"].startswith("needs several recorded answers")
    assert results["not_listed"]["ask two, escalate on disagreement"].endswith("three candidates")
    assert results["headroom"]["oracle_cross_fitted"] is None
    assert any(line.startswith("not listed: self-consistency") for line in lines_of(results))


def test_a_table_of_scores_without_answers_has_no_voting_baselines(
    sampled_world, with_outcomes, hold
) -> None:
    world = sampled_world(lambda n: {"small": [None] * 3, "large": [None] * 3})
    results = hold(with_outcomes(world, lambda o: {"score": float(o.model == "large")}))
    assert {"self-consistency", "sequential naive Bayes vote"} <= set(results["not_listed"])
    assert results["headroom"]["oracle_cross_fitted"]["accuracy"] == 1
