"""Several samples of a model: votes among them by hand, the bar they make, the oracle less luck; and pools of two models."""

import numpy as np
import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.model_cards import ModelCard
from router_r1.pricing import Price
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.report import write_report
from router_r1_eval.results import Results
from router_r1_eval.tournament.baselines import baselines
from router_r1_eval.tournament.self_consistency import Samples, self_consistency

PRICES = {"small": 1.0, "large": 10.0}
LEVELS = (Level(name="rich", worth_usd=1.0), Level(name="poor", worth_usd=0.0001))


def question(number: int) -> Question:
    """A question whose gold answer is A; every second one is long."""
    words = f"Question {number}?" + " Think of everything." * (number % 2)
    return Question(id=f"q{number}", question=words, answer="A", metric="em", category="one")


def table_of(said, numbers=range(1)) -> OutcomeTable:
    """`said(number)` gives for each model its samples: texts, None where nothing could be extracted, or ... where there is none."""
    rows = []
    for number in numbers:
        for model, answers in said(number).items():
            for sample, answer in enumerate(answers):
                if answer is not ...:
                    told = {"input_tokens": 100, "output_tokens": 0, "sample": sample}
                    score = float(answer == "A")
                    row = {"id": f"q{number}", "model": model, "text": "...", "answer": answer}
                    rows.append(Outcome(**row, score=score, **told))
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in PRICES.items()]
    return OutcomeTable(cards, map(question, numbers), rows, source="drawn")


def world_of(said, size=120) -> RecordedWorld:
    table = table_of(said, range(size))
    return RecordedWorld(table, RecordedWorldConfig(table="drawn", levels=LEVELS))


def two_of_three(number):
    """One sample of `small` is wrong on each question, another each time; `large` is right in four questions of five."""
    small = ["A", "A", "A"]
    small[number % 3] = f"B{number % 3}"
    return {"small": small, "large": ["B" if number % 5 == 0 else "A"]}


@pytest.mark.parametrize(
    ("samples", "voted"),
    [
        (["A", "B", "B"], [1, 1, 0]),  # of two with one vote each the first leads
        (["B", "A", "A"], [0, 0, 1]),
        (["B", None, "A"], [0, 0, 0]),
        ([None, "A", "B"], [0, 1, 1]),  # who says nothing has no vote
        ([None, None, None], [0, 0, 0]),
        (["A", ..., "A"], [1, 1, 1]),
        (["The A.", "A", "B"], [0.5, 0.5, 0.5]),  # alike as answers; scored apart
    ],
)
def test_the_majority_of_the_first_samples_answers(samples, voted) -> None:
    table = table_of(lambda _: {"small": samples, "large": ["A"] * 3})
    found = Samples.of(table, table.questions)
    assert found.voted[0, 0].tolist()[1:] == voted[1:]
    assert found.voted[0, 0, 0] == float(samples[0] == "A")
    there = [sample is not ... for sample in samples]
    assert (~np.isnan(found.score[0, 0])).tolist() == there
    assert found.cost[0, 0].tolist() == pytest.approx(np.cumsum(there) * 1e-4)
    assert found.depth.tolist() == [1 if ... in samples else 3, 3]


def test_where_nothing_was_extracted_the_first_samples_own_score_counts() -> None:
    table = table_of(lambda _: {"small": [None, None], "large": ["A"]})
    rows = [o.model_copy(update={"score": 0.75}) if o.model == "small" else o for o in table]
    table = OutcomeTable(table.cards, table.questions, rows)
    assert Samples.of(table, table.questions).voted[0, 0].tolist() == [0.75, 0.75]


def test_self_consistency_is_as_right_as_its_majority_and_costs_its_samples(measured) -> None:
    world = world_of(two_of_three)
    rows = {row["name"]: row for row in measured(world, baselines(TableSplits.of(world)))["rows"]}
    bar = rows["self-consistency"]
    rich, poor = bar["curve"]
    assert (rich["accuracy"], rich["calls"]) == (1, 3)
    assert rich["cost_usd"] == pytest.approx(3e-4)
    assert rich["cost_usd"] < rows["best single"]["cost_usd"]
    # A right answer that is worth as little as a call is not worth three.
    assert (poor["calls"], poor["cost_usd"]) == (1, pytest.approx(1e-4))
    assert poor["accuracy"] == rows["small"]["accuracy"]
    assert bar["within"]["three quarters of its cost"]["setting"] == "rich"


def test_model_and_samples_are_chosen_on_training_questions(measured) -> None:
    """On the test questions `small` is always wrong and `large` right at once: neither is known before."""

    def turned(number):
        if split_of(f"q{number}") is Split.TEST:
            return {"small": ["B"] * 3, "large": ["A"]}
        return two_of_three(number)

    world = world_of(turned)
    rows = {row["name"]: row for row in measured(world, baselines(TableSplits.of(world)))["rows"]}
    rich = rows["self-consistency"]["curve"][0]
    assert (rich["accuracy"], rich["calls"]) == (0, 3)
    assert rows["large"]["accuracy"] == 1


def test_without_repeated_samples_there_is_no_such_bar_and_the_results_say_so(
    hold, lines_of
) -> None:
    once = world_of(lambda n: {"small": ["A" if n % 2 else "B"], "large": ["A"]})
    assert self_consistency(TableSplits.of(once)) == []
    # A few repeats do not make a bar either.
    few = world_of(lambda n: {"small": ["A"] * (1 + (n % 2)), "large": ["A" if n % 3 else "B"]})
    assert self_consistency(TableSplits.of(few)) == []
    results = hold(once)
    assert "self-consistency" not in {row["name"] for row in results["rows"]}
    assert results["not_listed"]["self-consistency"].startswith("needs several recorded answers")
    assert results["not_listed"]["ask two, escalate on disagreement"].endswith("three candidates")
    assert results["headroom"]["oracle_cross_fitted"] is None
    assert any(line.startswith("not listed: self-consistency") for line in lines_of(results))


def test_scores_without_answers_have_no_votes(hold) -> None:
    world = world_of(lambda n: {"small": [None] * 3, "large": [None] * 3})
    rows = [o.model_copy(update={"score": float(o.model == "large")}) for o in world.table]
    world = RecordedWorld(
        OutcomeTable(world.table.cards, world.table.questions, rows), world.settings
    )
    results = hold(world)
    assert {"self-consistency", "sequential naive Bayes vote"} <= set(results["not_listed"])
    assert results["headroom"]["oracle_cross_fitted"]["accuracy"] == 1


def test_the_oracle_less_the_luck_of_one_draw(hold, lines_of) -> None:
    """Both models guess: whoever is right in one sample is not more likely to be in another."""
    rng = np.random.default_rng(0)
    drawn = rng.random((600, 2, 4)) < 0.5

    def guess(number):
        return {
            name: ["A" if right else "B" for right in drawn[number, j]]
            for j, name in enumerate(PRICES)
        }

    results = hold(world_of(guess, size=600))
    found = results["headroom"]["oracle_cross_fitted"]
    assert found["samples"] == 4
    assert found["questions"] == results["questions"]
    assert found["oracle"] == results["headroom"]["oracle"] == pytest.approx(0.75, abs=0.07)
    assert found["accuracy"] == pytest.approx(0.5, abs=0.07)
    assert any("4 samples of every model" in line for line in lines_of(results))


# --- estimates


def test_costs_that_are_estimates_are_said_to_be(tmp_path, hold, lines_of) -> None:
    exact = world_of(two_of_three)
    rows = [o.model_copy(update={"estimated": o.model == "large"}) for o in exact.table]
    guessed = RecordedWorld(
        OutcomeTable(exact.table.cards, exact.table.questions, rows), exact.settings
    )
    for world, share in ((exact, 0), (guessed, 0.25)):
        results = hold(world)
        assert results["settings"]["costs_estimated"] == share
        told = [line for line in lines_of(results) if line.startswith("costs are estimates in 25%")]
        assert len(told) == (1 if share else 0)
        Results.model_validate(results).write(tmp_path)
        assert ("Costs are estimates in 25%" in write_report(tmp_path).read_text()) == bool(share)


# --- two models


def by_length(number):
    """`large` is needed for long questions, but for every tenth question, where both fail or only `small` knows."""
    return {
        "small": ["A" if number % 2 == 0 and number % 10 else "B"],
        "large": ["A" if number % 10 else "B"],
    }


def test_two_models_have_a_gap_and_every_order_its_share_of_it(tmp_path, hold, lines_of) -> None:
    world = world_of(by_length, size=400)
    results = hold(world, one_shot=["label"])
    two, rows = results["two_models"], {row["name"]: row for row in results["rows"]}
    assert (two["weak"], two["strong"]) == ("small", "large")
    assert two["gap"] == pytest.approx(rows["large"]["accuracy"] - rows["small"]["accuracy"])
    assert rows["random"]["apgr"] == pytest.approx(0.5)
    assert rows["random"]["cpt"] == {"50%": pytest.approx(0.5), "80%": pytest.approx(0.8)}
    assert rows["label"]["apgr"] == pytest.approx(0.5)  # one category: no order
    long = np.mean([len(q.question) > 20 for q in world.questions(Split.TEST)])
    assert rows["prompt length"]["apgr"] == pytest.approx(1 - long / 2)
    assert rows["prompt length"]["cpt"]["80%"] == pytest.approx(0.8 * long)
    assert rows["oracle"]["apgr"] == pytest.approx(1 - two["gap"] / 2)
    assert (rows["small"]["pgr"], rows["large"]["pgr"]) == (0, 1)
    assert rows["small"]["apgr"] is rows["sequential naive Bayes vote"]["apgr"] is None
    # The bar sends long questions to the stronger model, and pays for no others.
    assert rows["prompt length"]["curve"][0]["accuracy"] == rows["large"]["accuracy"]
    assert rows["prompt length"]["curve"][0]["cost_usd"] == pytest.approx(
        1e-4 + 9e-4 * long, rel=0.01
    )
    assert any(line.startswith("prompt length") and "APGR" in line for line in lines_of(results))
    Results.model_validate(results).write(tmp_path)
    page = write_report(tmp_path).read_text()
    assert "Between two models" in page
    assert f"{rows['prompt length']['apgr']:.3f}" in page.partition("Between two models")[2]
    assert "Not listed: ask two" in page


def test_where_the_model_that_was_better_in_training_is_not_there_is_no_gap(hold, lines_of) -> None:
    world = world_of(by_length, size=200)
    tested = {q.id for q in world.questions(Split.TEST)}
    rows = [
        o.model_copy(update={"score": float(o.model == "small")}) if o.id in tested else o
        for o in world.table
    ]
    table = OutcomeTable(world.table.cards, world.table.questions, rows)
    results = hold(RecordedWorld(table, world.settings))
    assert results["two_models"]["gap"] == -1
    assert {row["apgr"] for row in results["rows"]} == {None}
    assert lines_of(results)


def test_more_models_have_no_gap_and_routers_say_how_long_a_decision_takes(hold) -> None:
    world = world_of(by_length)
    results = hold(world, one_shot=["label"])
    assert [r["name"] for r in results["rows"] if "overhead_ms" in r] == ["label"]
    assert 0 < next(r for r in results["rows"] if r["name"] == "label")["overhead_ms"] < 1000
    third = ModelCard(name="third", price=Price(input=1, output=1))
    rows = [o.model_copy(update={"model": "third"}) for o in world.table if o.model == "small"]
    table = OutcomeTable([*world.table.cards, third], world.table.questions, [*world.table, *rows])
    results = hold(RecordedWorld(table, world.settings))
    assert results["two_models"] is None
    assert "apgr" not in results["rows"][0]
    assert "prompt length" not in {row["name"] for row in results["rows"]}


def test_the_lookup_expects_of_an_unknown_category_what_models_score_overall() -> None:
    world = world_of(by_length)
    lookup = next(m for m in baselines(TableSplits.of(world)) if m.name == "best per category")
    assert lookup.predict is not None
    arrays = TableSplits.of(world).arrays(
        [question(0).model_copy(update={"category": "unheard of"})]
    )
    train = TableSplits.of(world).train
    assert lookup.predict(arrays)[0].tolist() == pytest.approx(train.score.mean(0).tolist())
