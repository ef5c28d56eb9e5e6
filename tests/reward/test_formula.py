"""The reward of an episode: order of outcomes, cost, parts, traces and episodes, settings, Router-R1's reward."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from router_r1 import Episode, Limits, ModelCard, Price, RouterAgent, StopReason, Trace
from router_r1.errors import ConfigError, DataError
from router_r1.testing import ScriptedPolicy, ScriptedPool
from router_r1.token_prices import Usage
from router_r1.transport.messages import Response
from router_r1_reward import CostWindow, Facts, RewardConfig, score
from router_r1_reward.cost_penalty import penalty
from router_r1_reward.formula import total_of
from router_r1_reward.paper_reward import published_reward

MANY = settings(max_examples=300, deadline=None)
REFERENCE = 0.001
CONFIG = RewardConfig(reference_usd=REFERENCE)

# At most ten thousand references: beyond, the difference of two costs can be less than the last bit of the total.
costs = st.floats(0, 1e4 * REFERENCE)
problems = st.integers(0, 12)
invalid_ends = st.sampled_from(
    [
        s
        for s in StopReason
        if s not in (StopReason.ANSWERED, StopReason.ERROR, StopReason.CANCELLED)
    ]
)


@st.composite
def weights(draw: st.DrawFn) -> RewardConfig:
    alpha = draw(st.floats(0.01, 0.98))
    beta = draw(st.floats(0, 0.99 - alpha))
    return RewardConfig(alpha=alpha, beta=beta, reference_usd=draw(st.floats(1e-6, 1.0)))


def facts(
    answer: str | None = "Paris", cost_usd: float = 0.0, problems: int = 0, **more: object
) -> Facts:
    ended = StopReason.ANSWERED if answer is not None else StopReason.ROUNDS
    base = Facts(answer, ended, cost_usd, problems, calls=1, rounds=1)
    return replace(base, **more)  # type: ignore[arg-type]


def total(of: Facts, config: RewardConfig = CONFIG) -> float:
    return score(of, "Paris", "em", config).total


def well_apart(one: float, other: float) -> bool:
    """Whether costs differ by more than a millionth of the larger, so that the totals differ despite rounding."""
    return abs(one - other) > 1e-6 * max(one, other) and abs(one - other) > 1e-9


# --- the order of outcomes


@MANY
@given(weights(), costs, costs, problems, problems, invalid_ends)
def test_an_invalid_episode_scores_less_than_any_valid_one(
    config: RewardConfig, one: float, other: float, few: int, many: int, end: StopReason
) -> None:
    invalid = facts(None, one, few, stop_reason=end)
    for answer in ("Paris", "London"):
        assert total(invalid, config) < total(facts(answer, other, many), config)


@MANY
@given(weights(), costs, costs, problems, problems)
def test_a_wrong_answer_scores_less_than_a_right_one(
    config: RewardConfig, one: float, other: float, few: int, many: int
) -> None:
    assert total(facts("London", one, few), config) < total(facts("Paris", other, many), config)


@MANY
@given(costs, costs, problems, st.sampled_from(["Paris", "London", None]))
def test_the_cheaper_of_equal_answers_scores_strictly_more(
    one: float, other: float, problems: int, answer: str | None
) -> None:
    assume(well_apart(one, other))
    low, high = sorted((one, other))
    assert total(facts(answer, low, problems)) > total(facts(answer, high, problems))


@MANY
@given(costs, st.integers(0, 3), st.sampled_from(["Paris", "London"]))
def test_fewer_format_problems_score_more(cost: float, problems: int, answer: str) -> None:
    assert total(facts(answer, cost, problems)) > total(facts(answer, cost, problems + 1))


@MANY
@given(weights(), costs, problems, st.sampled_from(["Paris", "London", None]))
def test_the_total_is_in_its_range(
    config: RewardConfig, cost: float, problems: int, answer: str | None
) -> None:
    assert -1 - config.alpha <= total(facts(answer, cost, problems), config) <= 1


def test_without_cost_and_problems_right_wrong_and_invalid_score_1_0_and_minus_1() -> None:
    assert total(facts("Paris")) == 1.0
    assert total(facts("London")) == 0.0
    assert total(facts(None)) == -1.0


def test_a_partly_right_answer_scores_in_between() -> None:
    totals = [
        score(facts(answer), "Paris France", "f1", CONFIG).total
        for answer in ("London", "Paris", "Paris France")
    ]
    assert totals == [0.0, pytest.approx(2 / 3), 1.0]


# --- cost


def test_half_of_alpha_is_lost_at_the_reference() -> None:
    assert total(facts(cost_usd=REFERENCE)) == pytest.approx(1 - 0.3 / 2)
    assert total(facts(cost_usd=9 * REFERENCE)) == pytest.approx(1 - 0.3 * 0.9)


@MANY
@given(st.floats(1e-6, 1), st.floats(0.05, 0.9))
def test_the_first_dollars_cost_1_over_worth_usd_each(worth: float, alpha: float) -> None:
    config = RewardConfig(alpha=alpha)
    little = worth * alpha * 1e-6
    lost = total(facts(worth_usd=worth), config) - total(
        facts(cost_usd=little, worth_usd=worth), config
    )
    assert lost / little == pytest.approx(1 / worth, rel=1e-3)


def test_worth_usd_of_the_episode_takes_precedence_over_the_settings() -> None:
    parts = score(facts(cost_usd=0.003, worth_usd=0.01), "Paris", "em", CONFIG).parts
    assert parts["reference_usd"] == pytest.approx(0.3 * 0.01)
    assert parts["u"] == pytest.approx(0.5)


def test_a_missing_reference_raises() -> None:
    with pytest.raises(ConfigError, match=r"worth_usd.*reference_usd"):
        score(facts(), "Paris", "em")


def test_with_alpha_0_no_reference_is_needed() -> None:
    assert total(facts(cost_usd=5.0), RewardConfig(alpha=0)) == 1.0


@MANY
@given(st.floats(0, 1e3), st.floats(1e-9, 1e3))
def test_the_penalty_is_bounded_and_strictly_increasing(cost: float, step: float) -> None:
    assume(step > 1e-6 * max(1.0, cost))
    assert 0 <= penalty(cost, 1.0) < penalty(cost + step, 1.0) < 1


@pytest.mark.parametrize("cost", [-0.1, math.nan, math.inf])
def test_a_negative_or_infinite_cost_raises(cost: float) -> None:
    with pytest.raises(DataError, match="number of dollars"):
        total(facts(cost_usd=cost))


# --- parts


@MANY
@given(costs, problems, st.sampled_from(["Paris", "London", None]), st.booleans())
def test_the_total_follows_from_the_parts(
    cost: float, problems: int, answer: str | None, published: bool
) -> None:
    kind = "router_r1" if published else "graded"
    config = RewardConfig(kind=kind, reference_usd=REFERENCE)
    window = CostWindow.of([0.0, REFERENCE, 4 * REFERENCE])
    reward = score(facts(answer, cost, problems), "Paris", "em", config, window=window)
    p = reward.parts
    base = p["correct"] if p["valid"] else -1.0
    assert reward.total == total_of(p) == base - p["cost_penalty"] - p["format_penalty"]
    if not published:
        assert p["cost_penalty"] == pytest.approx(0.3 * p["u"])
        expected = 0.05 * min(1, p["problems"] / 4) if p["valid"] else 0.0
        assert p["format_penalty"] == pytest.approx(expected)
        assert p["u"] == pytest.approx(p["cost_usd"] / (p["cost_usd"] + p["reference_usd"]))


def test_every_episode_has_the_same_parts() -> None:
    window = CostWindow.of([0.0, REFERENCE])
    published = RewardConfig(kind="router_r1")
    rewards = [score(facts(a), "Paris", "em", CONFIG) for a in ("Paris", "London", None)]
    rewards.append(score(facts(), "Paris", "em", published, window=window))
    rewards.append(score(facts(), "Paris", "em", RewardConfig(alpha=0)))
    names = list(rewards[0].parts)
    assert all(list(reward.parts) == names for reward in rewards)
    assert all(type(value) is float for reward in rewards for value in reward.parts.values())


# --- traces and episodes


TURNS = (
    '<think>Who knows?</think><route model="a">Capital of France?</route>',
    "<think>no action</think>",  # corrected
    "well <think>So.</think><answer>Paris</answer>",
)


def ask(turns: tuple[str, ...] = TURNS, **limits: object) -> Trace:
    policy = ScriptedPolicy(turns, price=Price(input=0.1, output=0.4))
    with RouterAgent(
        policy=policy, pool=ScriptedPool({"a": "Paris."}), limits=Limits.model_validate(limits)
    ) as agent:
        return agent.ask("Capital of France?").trace


def test_the_facts_of_a_trace() -> None:
    trace = ask(worth_usd=0.5)
    found = Facts.of(trace)
    assert (found.answer, found.stop_reason, found.valid) == ("Paris", StopReason.ANSWERED, True)
    assert (found.calls, found.rounds, found.worth_usd) == (1, 1, 0.5)
    assert found.problems == 2  # no action, and text outside tags
    assert found.cost_usd == trace.cost_usd > 0


ADOPTED = (
    '<think>?</think><route model="a">Capital of France?</route>',
    '<think>!</think><answer model="a"></answer>',
)


def adopt(score: float | None) -> Episode:
    card = ModelCard(name="a", price=Price(input=0, output=0))
    episode = Episode("Capital of France?", [card])
    episode.step(ADOPTED[0])
    episode.observe([Response("It is Paris.", cost_usd=0.0, score=score)])
    episode.step(ADOPTED[1])
    return episode


@pytest.mark.parametrize(("recorded", "correct"), [(0.25, 0.25), (0.0, 0.0), (None, 1.0)])
def test_an_adopted_reply_scores_as_recorded_and_is_graded_otherwise(recorded, correct) -> None:
    found = score(adopt(recorded), "Paris", "em", CONFIG)
    assert found.parts["correct"] == correct
    facts = Facts.of(adopt(recorded))
    assert Facts.from_dict(facts.to_dict()) == facts


def test_a_recorded_score_is_that_of_the_reply_and_of_no_other_answer() -> None:
    trace = ask(ADOPTED)
    assert trace.answer == "Paris."
    turns = [
        replace(
            turn,
            outcomes=tuple(
                replace(o, response=replace(o.response, score=0.5)) for o in turn.outcomes
            ),
        )
        for turn in trace.turns
    ]
    graded = replace(trace, turns=tuple(turns))
    assert Facts.of(graded).recorded_score == 0.5
    assert Facts.of(replace(graded, answer="London")).recorded_score is None  # an aggregator's


def test_a_trace_and_its_episode_have_the_same_reward() -> None:
    trace = ask(worth_usd=0.5)
    episode = trace.replay()
    one, other = score(trace, "Paris", "em"), score(episode, "Paris", "em")
    assert one.total == pytest.approx(other.total, rel=1e-12)
    assert one.parts == pytest.approx(other.parts, rel=1e-12)
    assert one.total < 1


def test_an_episode_without_an_answer_is_invalid() -> None:
    trace = ask((TURNS[0], TURNS[0]), max_rounds=1, max_malformed=0)
    assert trace.stop_reason is StopReason.ROUNDS
    reward = score(trace, "Paris", "em", CONFIG)
    assert reward.parts["valid"] == reward.parts["correct"] == 0.0
    assert -1.3 < reward.total < -1


def test_an_aggregated_answer_earns_nothing_if_the_policy_gave_none() -> None:
    policy = ScriptedPolicy((TURNS[0], TURNS[0]))
    pool = ScriptedPool({"a": "Paris."})
    limits = Limits(max_rounds=1, max_malformed=0)
    with RouterAgent(policy=policy, pool=pool, aggregator="vote", limits=limits) as a:
        trace = a.ask("Capital of France?").trace
    assert (trace.answer, trace.stop_reason) == ("Paris", StopReason.ROUNDS)
    parts = score(trace, "Paris", "em", CONFIG).parts
    assert parts["valid"] == parts["correct"] == parts["em"] == 0


def test_refused_routes_do_not_count_as_calls() -> None:
    card = ModelCard(name="a", price=Price(input=1, output=1))
    episode = Episode("?", [card], Limits(budget_usd=1e-9))
    episode.step('<think>?</think><route model="a">?</route>')
    episode.step("<think>!</think><answer>Paris</answer>")
    assert episode.turns[0].outcomes[0].refused
    assert (Facts.of(episode).calls, Facts.of(episode).rounds) == (0, 1)


def test_an_unfinished_episode_raises() -> None:
    card = ModelCard(name="a", price=Price(input=1, output=1))
    with pytest.raises(DataError, match="not over"):
        score(Episode("?", [card]), "Paris", "em", CONFIG)


@pytest.mark.parametrize("reason", [StopReason.ERROR, StopReason.CANCELLED])
def test_an_episode_that_ended_by_error_or_cancellation_raises(reason: StopReason) -> None:
    card = ModelCard(name="a", price=Price(input=1, output=1))
    episode = Episode("?", [card])
    episode.step('<think>?</think><route model="a">?</route>')
    episode.observe([Response("Paris", usage=Usage(1, 1), cost_usd=0.1)])
    episode.stop(reason)
    with pytest.raises(DataError, match=reason.value):
        score(episode, "Paris", "em", CONFIG)


def test_facts_round_trip_through_a_dictionary() -> None:
    one = Facts.of(ask(worth_usd=0.5), metric="em")
    assert Facts.from_dict(one.to_dict()) == one
    assert all(
        value is None or type(value) in (str, int, float, bool) for value in one.to_dict().values()
    )


@pytest.mark.parametrize("change", [{"extra": 1}, {"stop_reason": "tired"}])
def test_a_malformed_dictionary_of_facts_raises(change: dict[str, object]) -> None:
    with pytest.raises(DataError):
        Facts.from_dict(facts().to_dict() | change)
    with pytest.raises(DataError, match=r"Facts\.of"):
        Facts.from_dict({})


# --- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": -0.1},
        {"beta": -0.1},
        {"alpha": 0.8, "beta": 0.2},
        {"reference_usd": 0},
        {"kind": "other"},
        {"gamma": 1},
        {"alpha": math.nan},
    ],
)
def test_settings_out_of_range_raise(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RewardConfig.model_validate(wrong)


# --- Router-R1's reward


SEARCH = "<think>Who?</think><search>a: Capital of France?</search>"
ANSWER = "<think>So.</think><answer>Paris</answer>"


@pytest.mark.parametrize(
    ("turns", "passes"),
    [
        ((SEARCH, ANSWER), True),
        ((SEARCH, "Then <answer>Paris</answer>"), True),  # one thought is enough
        ((ANSWER.removeprefix("<think>"),), True),  # opened by the chat template
        (("<answer>Paris</answer>",), False),
        (("Well, " + SEARCH, ANSWER), False),
        ((SEARCH.replace("a:", "b:"), ANSWER), False),  # corrected, and yet a fault
        (("<think>Hm.</think>", ANSWER), False),
        ((SEARCH + "</think>", ANSWER), False),
    ],
)
def test_a_malformed_turn_costs_as_much_as_no_answer(turns: tuple[str, ...], passes: bool) -> None:
    window = CostWindow.of([0.0])
    published = RewardConfig(kind="router_r1", alpha=0.6)
    trace = ask(turns)
    reward = score(trace, "Paris", "em", published, window=window)
    assert Facts.of(trace).well_formed is passes
    assert reward.parts["correct"] == 1
    assert reward.total == pytest.approx(0.7 if passes else -1)  # costs 1/2: none is known
    assert reward.parts["format_penalty"] == (0 if passes else 2)


def test_its_alpha_may_take_the_whole_reward() -> None:
    assert RewardConfig(kind="router_r1", alpha=1).alpha == 1


@pytest.mark.parametrize(
    ("valid", "correct", "cost_score", "alpha", "expected"),
    [
        (False, 1.0, 1.0, 0.6, -1.0),
        (True, 0.0, 1.0, 0.6, 0.0),
        (True, 1.0, 1.0, 0.6, 1.0),
        (True, 1.0, 0.0, 0.6, 0.4),
        (True, 1.0, 0.25, 0.6, 0.55),
        (True, 0.5, 0.25, 0.6, 0.35),
        (True, 1.0, 0.25, 0.0, 1.0),
    ],
)
def test_the_published_reward(
    valid: bool, correct: float, cost_score: float, alpha: float, expected: float
) -> None:
    assert published_reward(valid, correct, cost_score, alpha) == pytest.approx(expected)


def test_score_computes_the_published_reward() -> None:
    config = RewardConfig(kind="router_r1", alpha=0.6)
    window = CostWindow.of([1e-6 * n * n for n in range(101)])  # roots 0, 1, ..., 100
    reward = score(facts(cost_usd=1e-6 * 50**2), "Paris", "em", config, window=window)
    assert reward.parts["u"] == pytest.approx(0.5)
    assert reward.total == pytest.approx(0.4 + 0.6 * 0.5)
    expensive = score(facts("London", cost_usd=1.0), "Paris", "em", config, window=window)
    cheap = score(facts("London"), "Paris", "em", config, window=window)
    assert expensive.total == cheap.total == 0.0  # why it is not the default


def test_the_published_reward_needs_a_window() -> None:
    with pytest.raises(ConfigError, match="window"):
        score(facts(), "Paris", "em", RewardConfig(kind="router_r1"))


def test_the_window_scales_between_its_percentiles() -> None:
    window = CostWindow.of([1e-6 * n * n for n in range(101)])
    assert [window.scale(1e-6 * n * n) for n in (0, 5, 50, 95, 100)] == pytest.approx(
        [1, 1, 0.5, 0, 0]
    )
    assert CostWindow().scale(1.0) == CostWindow.of([0.1] * 7).scale(1.0) == 0.5


def test_the_window_drops_old_costs() -> None:
    window = CostWindow.of([1e-6, 4e-6, 9e-6], size=3)
    later = window.seen(16e-6)
    assert later.roots == pytest.approx((2, 3, 4))
    assert window.roots == pytest.approx((1, 2, 3))  # a value, not a global
    assert CostWindow.of([1e-6, 4e-6, 9e-6, 16e-6], size=3) == later


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import router_r1_reward.compute, router_r1_reward.commands, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "transformers", "verl", "numpy", "sympy", "math_verify", "ray"}
