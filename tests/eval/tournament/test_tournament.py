"""Bars on a table, checked by hand on small ones: single models, random, lookups, votes, cascades, oracle; intervals."""

from dataclasses import replace

import numpy as np
import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.pricing import Price
from router_r1.routers.category import CategoryRouter
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_arrays import TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.stats import bootstrap
from router_r1_eval.stats.bootstrap import interval, paired
from router_r1_eval.tournament.baselines import baselines
from router_r1_eval.tournament.category_lookup import BEST_PER_CATEGORY_BY_PRICE
from router_r1_eval.tournament.entrants import Entrant, single_model
from router_r1_eval.tournament.router_entrants import router_entrant
from router_r1_eval.tournament.voting_baselines import cascade, stop_at_margin, vote_steps

PRICES = {"a": 1.0, "b": 2.0, "c": 10.0}
LEVELS = (Level(name="rich", worth_usd=1.0), Level(name="poor", worth_usd=0.0001))


def world_of(answers, *, size=80, levels=LEVELS) -> RecordedWorld:
    """A world of choice questions whose gold answer is A; `answers(number)` gives category and the three answers."""
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in PRICES.items()]
    questions, outcomes = [], []
    for number in range(size):
        category, *said = answers(number)
        fields = {"question": f"Question {number}?", "answer": "A", "choices": ("x", "y", "z")}
        questions.append(Question(id=f"q{number}", metric="choice", category=category, **fields))
        for name, answer in zip(PRICES, said, strict=True):
            score = float(answer == "A")
            tokens = {"input_tokens": 100, "output_tokens": 0}
            row = {"id": f"q{number}", "model": name, "text": "...", "answer": answer}
            outcomes.append(Outcome(**row, score=score, **tokens))
    table = OutcomeTable(cards, questions, outcomes, source="drawn")
    return RecordedWorld(table, RecordedWorldConfig(table="drawn", levels=levels))


def halves(number):
    """`a` is right on even questions, which are of their own category; `c` is right on all but every tenth."""
    return (
        "odd" if number % 2 else "even",
        "B" if number % 2 else "A",
        "C",
        "C" if number % 10 == 5 else "A",
    )


@pytest.fixture
def rows_of(measured):
    """World -> the rows of all baselines, by name."""

    def rows(world):
        return {
            row["name"]: row for row in measured(world, baselines(TableSplits.of(world)))["rows"]
        }

    return rows


def test_every_bar_of_the_contract_is_there_with_its_fields(rows_of) -> None:
    rows = rows_of(world_of(halves))
    assert {"random", "cheapest", "dearest", "best single", "best per category", "oracle"} <= set(
        rows
    )
    assert {"a", "b", "c"} <= set(rows)
    for row in rows.values():
        assert {
            "name",
            "kind",
            "accuracy",
            "cost_usd",
            "calls",
            "ci95",
            "vs_best_single",
            "curve",
        } <= set(row)
        assert set(row["vs_best_single"]) == {"accuracy_diff", "ci95", "cost_ratio"}
        low, high = row["ci95"]
        assert low <= row["accuracy"] <= high
    assert rows["oracle"]["kind"] == "oracle"
    curves = [row["curve"] for row in rows.values() if row["curve"]]
    assert len(curves) == 3
    assert all([point["setting"] for point in curve] == ["rich", "poor"] for curve in curves)


def test_single_models_random_and_oracle_are_what_they_are_by_hand(rows_of) -> None:
    world = world_of(halves)
    rows = rows_of(world)
    numbers = [int(q.id[1:]) for q in world.questions(Split.TEST)]
    right = {"a": [n % 2 == 0 for n in numbers], "c": [n % 10 != 5 for n in numbers]}
    assert rows["a"]["accuracy"] == pytest.approx(np.mean(right["a"]))
    assert (
        rows["best single"]["accuracy"]
        == rows["c"]["accuracy"]
        == pytest.approx(np.mean(right["c"]))
    )
    assert rows["cheapest"]["cost_usd"] == pytest.approx(1e-4)
    assert rows["dearest"]["cost_usd"] == pytest.approx(1e-3)
    assert rows["random"]["accuracy"] == pytest.approx(
        (np.mean(right["a"]) + np.mean(right["c"])) / 3
    )
    assert rows["random"]["cost_usd"] == pytest.approx(13e-4 / 3)
    # The oracle takes `a` where it is right, else `c` where that is, else the cheapest of three wrong ones.
    assert rows["oracle"]["accuracy"] == pytest.approx(np.mean(right["c"]))
    costs = [1e-3 if n % 2 and n % 10 != 5 else 1e-4 for n in numbers]
    assert rows["oracle"]["cost_usd"] == pytest.approx(np.mean(costs))
    assert rows["best single"]["vs_best_single"] == {
        "accuracy_diff": 0,
        "ci95": [0, 0],
        "cost_ratio": 1,
    }


def test_the_lookup_takes_the_best_model_of_each_category_at_the_price(rows_of) -> None:
    rows = rows_of(world_of(halves))
    by_price = {p["setting"]: p for p in rows["best per category, by price"]["curve"]}
    assert by_price["rich"]["accuracy"] == rows["oracle"]["accuracy"]
    assert by_price["rich"]["cost_usd"] < rows["best single"]["cost_usd"]
    assert by_price["poor"]["cost_usd"] == pytest.approx(1e-4)


@pytest.mark.parametrize("name", ["a first one", "the last one"])
def test_a_category_that_training_lacks_gets_the_best_single_model(name: str) -> None:
    """Wherever the category for which `a` is taken stands in the list."""

    def named(number):
        category, *said = halves(number)
        return name if category == "even" else "middle", *said

    world = world_of(named)
    lookup = next(m for m in baselines(TableSplits.of(world)) if m.name == "best per category")
    asked = world.questions(Split.TEST)
    even = next(q for q in asked if int(q.id[1:]) % 2 == 0)
    for question, cost in (
        (even, 1e-4),
        (even.model_copy(update={"category": "unheard of"}), 1e-3),
    ):
        assert lookup.run(TableSplits.of(world).arrays([question]), "").cost[0] == pytest.approx(
            cost
        )


def test_a_cascade_believes_two_that_agree_and_else_the_third() -> None:
    said = [
        ("A", "A", "B"),
        ("B", "B", "A"),
        ("A", "B", "A"),
        ("A", "B", "B"),
        (None, None, "A"),
        ("A", None, None),
    ]
    world = world_of(lambda n: ("x", *said[n % 6]))
    questions = sorted((q for s in Split for q in world.questions(s)), key=lambda q: int(q.id[1:]))
    run = cascade(TableSplits.of(world).arrays(questions[:6]), 0, 1, 2)
    assert run.value.tolist() == [1, 0, 1, 0, 1, 1]
    assert run.calls.tolist() == [2, 2, 3, 3, 3, 3]
    assert run.cost[:3].tolist() == pytest.approx([3e-4, 3e-4, 13e-4])


def test_a_vote_stops_once_the_leader_is_clear() -> None:
    said = [("A", "A", "B"), ("B", "A", "A"), (None, "A", "A")]
    world = world_of(lambda n: ("x", *said[n % 3]))
    questions = sorted((q for s in Split for q in world.questions(s)), key=lambda q: int(q.id[1:]))
    arrays = TableSplits.of(world).arrays(questions[:3])
    steps = vote_steps(arrays, np.zeros((2, 3)), (0, 1, 2))  # everyone weighs log(options - 1)
    one = np.log(2)
    assert steps[1][0].tolist() == pytest.approx([one, one, 0])
    assert steps[1][1].tolist() == pytest.approx([2 * one, 0, one])
    patient = stop_at_margin(steps, 1.5 * one)
    assert patient.calls.tolist() == [2, 3, 3]
    assert patient.value.tolist() == [1, 1, 1]
    hasty = stop_at_margin(steps, 0.5 * one)
    assert hasty.calls.tolist() == [1, 1, 2]
    assert hasty.value.tolist() == [1, 0, 1]


def test_a_vote_for_a_distrusted_answer_still_beats_what_nobody_said() -> None:
    """With two options a model that is right in 40 % of its answers counts against what it says."""
    world = world_of(lambda number: ("one", "A", "A", "A"), size=4)
    arrays = replace(TableSplits.of(world).arrays(world.table.questions), options=np.full(4, 2.0))
    (values, margins, _) = vote_steps(arrays, np.full((2, 3), np.log(0.4 / 0.6)), (0,))
    assert values.tolist() == [[1, 1, 1, 1]]
    assert (margins < 0).all()


def test_a_curve_is_represented_by_what_validation_says_whatever_the_test_would_say(
    measured,
) -> None:
    """`a` and `c` cost 1 and 10; which of the two is right depends on the split alone."""

    def split(number):
        held_out = split_of(f"q{number}") is Split.VALIDATION
        return ("one", *(("A", "C", "B") if held_out else ("B", "C", "A")))

    world = world_of(split, size=200)
    fixed = {"cheap": lambda g: single_model(g, 0), "dear": lambda g: single_model(g, 2)}
    method = Entrant("either", "baseline", tuple(fixed), lambda g, s: fixed[s](g))
    (row,) = measured(world, [method])["rows"]
    assert row["setting"] == "cheap"
    assert row["accuracy"] == 0 < row["curve"][1]["accuracy"]


def test_each_cap_has_the_most_accurate_setting_that_validation_finds_under_it(measured) -> None:
    world = world_of(halves)
    fixed = {
        "a": lambda g: single_model(g, 0),
        "b": lambda g: single_model(g, 1),
        "c": lambda g: single_model(g, 2),
    }
    method = Entrant("each", "baseline", tuple(fixed), lambda g, s: fixed[s](g))
    dear = Entrant("dear", "baseline", ("c",), lambda g, s: fixed[s](g))
    each, only = measured(world, [method, dear])["rows"]
    assert each["within"]["its cost"]["setting"] == "c"
    assert each["within"]["three quarters of its cost"]["setting"] == "a"
    assert each["within"]["three quarters of its cost"]["accuracy"] == each["curve"][0]["accuracy"]
    assert only["within"]["three quarters of its cost"] is None


@pytest.mark.parametrize("order", [("dear", "cheap"), ("cheap", "dear")])
def test_of_equally_accurate_settings_the_cheaper_one_is_taken(order, measured) -> None:
    """On validation questions `a` is as right as `c`, the best single model, for a tenth of its cost."""
    world = world_of(
        lambda n: ("one", "A" if split_of(f"q{n}") is Split.VALIDATION else "B", "C", "A"), size=200
    )
    fixed = {"cheap": lambda g: single_model(g, 0), "dear": lambda g: single_model(g, 2)}
    method = Entrant("either", "baseline", order, lambda g, s: fixed[s](g))
    (row,) = measured(world, [method])["rows"]
    assert row["setting"] == "cheap"
    assert {item["setting"] for item in row["within"].values()} == {"cheap"}


@pytest.mark.parametrize("order", [("2", "3"), ("3", "2")])
def test_where_every_setting_is_too_dear_the_cheapest_stands_for_the_router(
    order, measured
) -> None:
    world = world_of(halves)

    def run(arrays: TableArrays, times: str):
        return replace(single_model(arrays, 2), cost=float(times) * single_model(arrays, 2).cost)

    (row,) = measured(world, [Entrant("dear", "baseline", order, run)])["rows"]
    assert row["setting"] == "2"
    assert row["cost_usd"] == pytest.approx(2e-3)
    assert set(row["within"].values()) == {None}


def test_levels_without_a_worth_are_an_error() -> None:
    with pytest.raises(ConfigError, match="no level states worth_usd"):
        baselines(TableSplits.of(world_of(halves, levels=(Level(name="x", budget_usd=1.0),))))


def test_answers_of_a_grid_are_told_apart_by_meaning_and_scored_by_who_gave_them() -> None:
    said = {"a": "$20.00", "b": "20", "c": "21"}
    question = Question(id="q", question="?", answer="20", metric="math")
    table = world_of(halves).table
    rows = [
        Outcome(
            id="q",
            model=m,
            text="",
            answer=s,
            score=float(s != "21"),
            input_tokens=1,
            output_tokens=1,
        )
        for m, s in said.items()
    ]
    world = world_of(halves)
    world.table = OutcomeTable(table.cards, [question], rows)
    arrays = TableSplits.of(world).arrays([question])
    assert arrays.answer.tolist() == [[0, 0, 1]]
    assert arrays.answers == (("$20.00", "21"),)
    assert arrays.value.tolist() == [[1, 0, 0]]


# --- intervals


def test_an_interval_holds_the_mean_and_shrinks_with_more_questions() -> None:
    rng = np.random.default_rng(0)
    small, large = (interval(rng.random(n)) for n in (100, 10000))
    assert small.low < small.mean < small.high
    assert large.high - large.low == pytest.approx((small.high - small.low) / 10, rel=0.25)
    # 95 % of a mean of uniform numbers lie within 1.96 sd / sqrt(n).
    assert large.high - large.low == pytest.approx(2 * 1.96 * np.sqrt(1 / 12) / 100, rel=0.1)


def test_a_paired_interval_is_narrower_where_both_fail_on_the_same() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(1000) < 0.5
    ours = np.where(hard, 0.0, 1.0)
    theirs = np.where(rng.random(1000) < 0.05, 0.0, ours)
    difference = paired(ours, theirs)
    assert 0 < difference.low < difference.mean == pytest.approx((ours - theirs).mean())
    assert difference.high - difference.low < interval(ours).high - interval(ours).low
    assert paired(ours, ours).bounds == [0, 0]
    assert paired(ours, theirs) == paired(ours, theirs, seed=0)


def test_intervals_of_nothing_or_of_different_questions_are_errors() -> None:
    with pytest.raises(ValueError, match="expected a row of values"):
        interval(np.array([]))
    with pytest.raises(ValueError, match="same questions"):
        paired(np.zeros(3), np.zeros(2))


def test_an_interval_of_many_questions_counts_every_draw_of_every_piece(monkeypatch) -> None:
    values = np.random.default_rng(0).random(50)
    whole = interval(values, draws=400)
    monkeypatch.setattr(bootstrap, "_KEPT", 50 * 99)  # five pieces
    pieces = list(bootstrap._resamples(50, 400, 0))
    assert len(pieces) == 5
    assert sum(len(piece) for piece in pieces) == 400
    assert all(np.allclose(piece.sum(1), 1) for piece in pieces)
    assert interval(values, draws=400) == whole


# --- nothing is chosen by the test questions


def held_out(number) -> bool:
    return split_of(f"q{number}") is Split.TEST


def with_costs(world, dearer) -> RecordedWorld:
    """The same world, in which some outcomes (question's number, model) cost so much."""
    rows = [
        o.model_copy(update={"cost": dearer(int(o.id[1:]), o.model) or world.table.cost_usd(o)})
        for o in world.table
    ]
    table = OutcomeTable(world.table.cards, world.table.questions, rows, source="drawn")
    return RecordedWorld(table, world.settings)


@pytest.mark.parametrize("name", ["label", "knn", "linear", "kmeans"])
def test_a_router_is_not_fitted_on_test_questions(name: str) -> None:
    """Their category is known to nobody, so it gets what is best elsewhere, and not `b`, which alone knows it."""
    if name != "label":
        pytest.importorskip("sklearn")
    world = world_of(
        lambda n: ("asked later", "C", "A", "B") if held_out(n) else ("one", "C", "B", "A"),
        size=200,
    )
    method = router_entrant(TableSplits.of(world), name)
    arrays = TableSplits.of(world).test
    assert method.run(arrays, "rich").value.mean() == 0


def test_the_cap_on_cost_is_what_the_best_single_model_costs_on_validation_questions(
    measured,
) -> None:
    """`c` is always right and cheap on the test questions alone, where `b`, a fifth of its price elsewhere, would be too dear."""
    world = world_of(
        lambda n: ("one", "A" if held_out(n) else "C", "C" if n % 5 == 0 else "A", "A"), size=200
    )
    world = with_costs(world, lambda n, model: 1e-4 if held_out(n) and model == "c" else None)
    fixed = {"a": lambda g: single_model(g, 0), "b": lambda g: single_model(g, 1)}
    (row,) = measured(world, [Entrant("ours", "baseline", ("a", "b"), lambda g, s: fixed[s](g))])[
        "rows"
    ]
    assert row["setting"] == "b"
    assert row["within"]["its cost"]["setting"] == "b"


def test_nothing_that_is_fitted_or_chosen_depends_on_the_test_questions(hold) -> None:
    """The same training and validation questions beside other test questions: the same decisions, expectations and settings."""

    def turned(number):
        category, *said = halves(number)
        return category, *(("B", "A", "C") if held_out(number) else said)

    one = world_of(halves, size=300)
    other = with_costs(world_of(turned, size=300), lambda n, _: 0.01 if held_out(n) else None)
    arrays = [TableSplits.of(world).train for world in (one, other)]
    pairs = zip(
        *(
            [*baselines(TableSplits.of(w)), router_entrant(TableSplits.of(w), "label")]
            for w in (one, other)
        ),
        strict=True,
    )
    for first, second in pairs:
        for setting in first.settings:
            ours, theirs = first.run(arrays[0], setting), second.run(arrays[1], setting)
            assert (ours.value == theirs.value).all(), (first.name, setting)
            assert (ours.cost == theirs.cost).all(), (first.name, setting)
        if first.predict is not None and second.predict is not None:
            assert (first.predict(arrays[0]) == second.predict(arrays[1])).all(), first.name
    rows = [hold(world, one_shot=["label"])["rows"] for world in (one, other)]
    for first, second in zip(*rows, strict=True):
        assert first["accuracy"] != second["accuracy"] or first["name"] == "random"
        assert chosen_in(first) == chosen_in(second), first["name"]


def chosen_in(row):
    within = {name: item and item["setting"] for name, item in row["within"].items()}
    return row["setting"], within, row["hull"]["corners"]


# --- a tournament's further figures


def test_an_expectation_is_neither_right_nor_wrong_and_has_no_test_of_that(
    hold, lines_of, rows_of
) -> None:
    world = world_of(halves, size=400)
    rows = rows_of(world)
    assert rows["random"]["mcnemar"] is None
    # By hand: both are right on even questions, and of odd ones only `c` is, nine in ten being no multiple of five.
    odd = [int(q.id[1:]) for q in world.questions(Split.TEST) if int(q.id[1:]) % 2]
    only = sum(n % 10 != 5 for n in odd)
    assert rows["a"]["mcnemar"] == {
        "only_ours": 0,
        "only_theirs": only,
        "p": pytest.approx(2 * 0.5**only),
    }
    assert lines_of(hold(world))
    graded = [o.model_copy(update={"score": 0.75 * o.score}) for o in world.table]
    table = OutcomeTable(world.table.cards, world.table.questions, graded, source="drawn")
    rows = rows_of(RecordedWorld(table, world.settings))
    assert rows["a"]["mcnemar"]["only_theirs"] == only  # from a half on it is right


def test_regret_is_against_the_model_that_is_best_in_the_category(rows_of) -> None:
    """`c` is best on the whole; of even questions it has every third wrong, which `a` has right."""
    world = world_of(
        lambda n: ("odd", "B", "C", "A") if n % 2 else ("even", "A", "C", "A" if n % 3 else "B"),
        size=400,
    )
    rows = rows_of(world)
    even = [int(q.id[1:]) for q in world.questions(Split.TEST) if int(q.id[1:]) % 2 == 0]
    assert rows["best single"]["accuracy"] == rows["c"]["accuracy"]
    assert rows["c"]["regret"] == {
        "odd": 0,
        "even": pytest.approx(np.mean([n % 3 == 0 for n in even])),
    }
    assert rows["a"]["regret"] == {"odd": 1, "even": 0}


def test_every_row_is_drawn_by_the_seed(measured) -> None:
    world = world_of(halves, size=200)

    def run(arrays: TableArrays, setting: str):
        fine = np.array([int(q.id[1:]) * 0.618 % 1 for q in arrays.questions])
        return replace(single_model(arrays, 0), value=fine ** float(setting), cost=fine)

    method = Entrant("fine", "baseline", ("1", "2"), run)
    one, same, other = (measured(world, [method], seed=seed)["rows"][0] for seed in (1, 1, 2))
    for found, again, elsewhere in zip(
        *([*r["curve"], r] for r in (one, same, other)), strict=True
    ):
        for name in ("ci95", "cost_ci95"):
            assert found[name] == again[name] != elsewhere[name]
        assert found["vs_best_single"]["ci95"] != elsewhere["vs_best_single"]["ci95"]


def test_routerbenchs_aiq_is_over_the_largest_cost_of_all_rows(measured) -> None:
    """`a` costs 1 and `c` 10 (per 10,000); `c` asked twice is as right and costs 20."""
    world = world_of(halves, size=400)

    def twice(arrays: TableArrays, _: str):
        return replace(single_model(arrays, 2), cost=2 * single_model(arrays, 2).cost)

    results = measured(
        world, [Entrant("twice", "baseline", ("",), twice), *baselines(TableSplits.of(world))]
    )
    rows = {row["name"]: row for row in results["rows"]}
    low, high = rows["a"]["accuracy"], rows["c"]["accuracy"]
    area = 9 * (low + high) / 2 + 10 * high
    assert results["zero_router"]["in_hindsight"]["aiq_routerbench"] == pytest.approx(area / 20)
    assert rows["c"]["hull"]["in_hindsight"]["aiq_routerbench"] == pytest.approx(high / 2)
    assert rows["twice"]["hull"]["in_hindsight"]["aiq_routerbench"] == 0


def test_a_row_says_what_mixing_reaches_and_where_it_loses(measured) -> None:
    """`c` is the best single model; `a` is as good for a tenth of its cost in one of two categories."""
    world = world_of(halves, size=400)
    results = measured(world, baselines(TableSplits.of(world)))
    rows = {row["name"]: row for row in results["rows"]}
    best = rows["best single"]
    assert best["hull"]["cost_ratio_at_100"] == pytest.approx(1)
    assert best["hull"]["cost_ratio_at_95"] == pytest.approx(0.95)
    assert best["mcnemar"]["p"] == 1
    lookup = rows["best per category, by price"]
    assert lookup["hull"]["cost_ratio_at_100"] == pytest.approx(0.55, abs=0.1)
    low, high = lookup["hull"]["range_usd"]
    assert (low, high) == (rows["a"]["cost_usd"], rows["c"]["cost_usd"])
    assert lookup["hull"]["aiq"] > results["zero_router"]["aiq"] > best["hull"]["aiq"]
    assert rows["cheapest"]["regret"]["even"] == 0
    assert rows["cheapest"]["regret"]["odd"] == pytest.approx(
        rows["c"]["accuracy"] * 2 - 1, abs=0.1
    )
    assert best["regret"] == {"even": 0, "odd": 0}
    assert 0 < best["arena_score"] < lookup["arena_score"] < 1


def test_validation_chooses_which_settings_are_mixed(measured) -> None:
    """`lucky` is as good as the oracle on the test questions and wrong on all others; `steady` is `a` on both."""
    world = world_of(halves, size=400)
    test = TableSplits.of(world).test

    def run(arrays: TableArrays, setting: str):
        cheap = single_model(arrays, 0)
        if setting == "steady":
            return cheap
        right = float(arrays.questions == test.questions)
        return replace(cheap, value=np.full(len(arrays), right), cost=2 * cheap.cost)

    results = measured(world, [Entrant("ours", "router", ("steady", "lucky"), run)])
    (ours,) = results["rows"]
    assert ours["hull"]["corners"] == ["steady"]
    assert ours["hull"]["accuracy_at"]["100%"] == pytest.approx(ours["accuracy"])
    assert ours["hull"]["aiq"] == pytest.approx(ours["accuracy"])
    assert ours["hull"]["in_hindsight"]["aiq"] > 0.9 > ours["hull"]["aiq"]
    assert ours["hull"]["cost_ratio_at_100"] is None
    assert results["settings"]["corners"] == "validation"
    assert results["zero_router"]["corners"] == ["a", "c"]


def test_a_mixture_has_the_accuracy_of_the_straight_line_at_a_spend(measured) -> None:
    """`a` costs a tenth of `c`, the best single model: at a quarter of its cost, a sixth of the questions go to `c`."""
    world = world_of(halves, size=400)
    results = measured(world, baselines(TableSplits.of(world)))
    rows = {row["name"]: row for row in results["rows"]}
    low, high = rows["a"]["accuracy"], rows["c"]["accuracy"]
    found = results["zero_router"]["accuracy_at"]
    assert found["25%"] == pytest.approx(low + (high - low) / 6)
    assert found["50%"] == pytest.approx(low + (high - low) * 4 / 9)
    assert found["100%"] == pytest.approx(high)
    assert rows["c"]["hull"]["accuracy_at"]["50%"] == pytest.approx(high / 2)  # half unanswered


@pytest.mark.parametrize("models", [1, 2])
def test_few_models_have_fewer_bars(models: int, rows_of) -> None:
    world = world_of(halves)
    names = world.table.names[:models]
    table = OutcomeTable(
        world.table.cards[:models],
        world.table.questions,
        [outcome for outcome in world.table if outcome.model in names],
    )
    small = RecordedWorld(table, RecordedWorldConfig(table="drawn", levels=LEVELS))
    rows = rows_of(small)
    assert ("sequential naive Bayes vote" in rows) == (models == 2)
    assert "ask two, escalate on disagreement" not in rows
    assert {*names, "best per category, by price", "oracle"} <= set(rows)


def test_what_the_sample_shows_depends_on_how_often_two_routers_differ(rows_of) -> None:
    rows = rows_of(world_of(halves, size=400))
    assert rows["b"]["smallest_difference"] > rows["a"]["smallest_difference"]
    assert 0 < rows["best single"]["smallest_difference"] < 0.1  # never less than six questions


def test_headroom_is_stated_with_what_luck_has_in_it(measured) -> None:
    world = world_of(halves, size=400)
    head = measured(world, baselines(TableSplits.of(world)))["headroom"]
    assert head["oracle"] == head["best_single"] == pytest.approx(0.9, abs=0.05)
    # Nobody else knows what `c` does not; it is asked where nobody knows.
    assert head["oracle_less_chance"] == pytest.approx(head["best_single"])
    assert set(head["ties"]) == {"a tie", "one best model", "nobody"}
    assert sum(head["ties"].values()) == pytest.approx(1)
    assert head["ties"]["nobody"] == pytest.approx(1 - head["oracle"])
    assert 0 < head["smallest_difference"] < 0.3


def test_a_one_shot_router_is_measured_at_each_level(hold) -> None:
    world = world_of(halves, size=400)
    method = router_entrant(TableSplits.of(world), "label:prior=0")
    assert method.settings == tuple(level.name for level in world.levels)
    arrays = TableSplits.of(world).test
    run = method.run(arrays, method.settings[0])
    assert run.value.mean() == single_model(arrays, 2).value.mean()
    assert run.calls.tolist() == [1] * len(arrays)
    assert run.cost.mean() < single_model(arrays, 2).cost.mean()
    with pytest.raises(ConfigError, match="there is no router"):
        router_entrant(TableSplits.of(world), "none")
    with pytest.raises(ConfigError, match="router 'knn:k=0' cannot be fitted"):
        router_entrant(TableSplits.of(world), "knn:k=0")
    with pytest.raises(ConfigError, match="duplicate row name 'label'"):
        hold(world, one_shot=["label", "label"])


def test_a_router_is_asked_the_text_it_was_fitted_on(monkeypatch) -> None:
    seen: list[str] = []
    features = CategoryRouter.scores

    def scores(self, questions):
        seen.extend(question.question for question in questions)
        return features(self, questions)

    monkeypatch.setattr(CategoryRouter, "scores", scores)
    world = world_of(halves)
    method = router_entrant(TableSplits.of(world), "label")
    arrays = TableSplits.of(world).test
    assert "(A) x" in arrays.questions[0].question
    method.run(arrays, method.settings[0])
    assert seen == [world.table.question(q.id).question for q in arrays.questions]
    assert not any("(A)" in text for text in seen)


def test_what_of_a_table_changes_figures_is_said_and_missing_cells_need_a_word(hold) -> None:
    whole = hold(world_of(halves))["notes"]
    (prompts,) = whole  # that world records no output tokens
    assert prompts.startswith("100% of the answers have no recorded output tokens")

    table = world_of(halves).table
    last = table.questions[-1].id
    kept = [o for o in table if (o.id, o.model) != (last, "c")]
    holed = OutcomeTable(table.cards, table.questions, kept, source="holed")

    def world(**settings) -> RecordedWorld:
        return RecordedWorld(holed, RecordedWorldConfig(table="holed", levels=LEVELS, **settings))

    with pytest.raises(DataError, match=r"holed: 1 questions were not asked .*complete=true"):
        hold(world())
    left_out, free = hold(world(complete=True)), hold(world(complete=False))
    assert left_out["notes"][0].startswith("1 of 80 questions are left out")
    assert any("1 of" in note and "count as wrong and free" in note for note in free["notes"]) == (
        last in {q.id for q in world().questions(Split.TEST)}
    )
    assert last not in {q.id for split in Split for q in world(complete=True).questions(split)}


def test_errors_of_the_table_and_samples_are_said(hold) -> None:
    table = world_of(halves, size=200).table
    more = [
        Outcome(**o.model_dump(exclude={"sample", "text"}), sample=1, text="x" if o.score else "")
        for o in table
    ]
    twin = table.question("q1").model_copy(update={"id": "q0-again", "answer": "B"})
    same = [o.model_copy(update={"id": twin.id}) for o in table if o.id == "q1"]
    both = OutcomeTable(
        table.cards, [*table.questions, twin], [*table, *more, *same], source="both"
    )
    settings = RecordedWorldConfig(table="both", levels=LEVELS, duplicates="first")
    notes = hold(RecordedWorld(both, settings))["notes"]
    assert notes[-1].startswith(
        "table check finds 1 errors in this table, the first: 1 questions have"
    )
    assert any(note.startswith("the first sample of a candidate is its answer") for note in notes)


def test_under_a_cap_a_router_is_compared_with_the_lookup_by_category_under_the_same_cap(
    hold, lines_of, rows_of
) -> None:
    world = world_of(halves, size=400)
    rows = rows_of(world)
    arrays = TableSplits.of(world).test
    lookup = rows[BEST_PER_CATEGORY_BY_PRICE]["within"]["its cost"]
    assert lookup["vs_best_per_category"] == {"accuracy_diff": 0, "ci95": [0, 0]}
    # It asks `a`, which makes no mistake there, about even questions, and `c` about the others.
    even = np.array([int(q.id[1:]) % 2 == 0 for q in arrays.questions])
    right = np.where(even, 1.0, arrays.score[:, 2])
    assert lookup["accuracy"] == pytest.approx(right.mean())
    cheap = rows["cheapest"]["within"]["its cost"]
    expected = arrays.score[:, 0].mean() - right.mean()
    assert cheap["vs_best_per_category"]["accuracy_diff"] == pytest.approx(expected)
    low, high = cheap["vs_best_per_category"]["ci95"]
    assert low < expected < high < 0
    text = "\n".join(lines_of(hold(world, one_shot=["label"])))
    assert "points against best per category, by price" in text


def test_a_question_with_one_option_leaves_nothing_to_guess(measured) -> None:
    table = world_of(halves).table
    single_option = [q.model_copy(update={"choices": ("x",)}) for q in table.questions[:40]]
    some = OutcomeTable(
        table.cards, [*single_option, *table.questions[40:]], list(table), source="some"
    )
    world = RecordedWorld(some, RecordedWorldConfig(table="some", levels=LEVELS))
    head = measured(world, baselines(TableSplits.of(world)))["headroom"]
    assert head["best_single"] <= head["oracle_less_chance"] <= head["oracle"]
