"""Policies by rule, and what their order says about the generated world: the skill oracle is worth learning."""

import asyncio
from collections import Counter

import pytest

from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import StopReason
from router_r1.errors import ConfigError, PolicyError
from router_r1.model_cards import CallLimits
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1_envs.supervised.demonstrations import best_of, explorations, play
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.generated_world.rule_policies import (
    RULES,
    Explorer,
    always,
    anybody,
    by_skill,
    dearest,
    said,
    single_rules,
)
from router_r1_envs.worlds.generated_world.world import CANDIDATES, GeneratedWorld
from router_r1_eval.tournament.rollouts import roll_out_all
from router_r1_eval.tournament.world_tournament import WorldTournament, right_specialist
from router_r1_reward import RewardConfig, score

FREE = Level(name="free")


@pytest.fixture(scope="module")
def world():
    return GeneratedWorld()


@pytest.fixture(scope="module")
def reward(world):
    return RewardConfig(alpha=0.5, reference_usd=world.reference_usd)


@pytest.fixture(scope="module")
def two_hops(world):
    return [q for q in world.questions(Split.TRAIN, 60) if q.category == "two hops"]


@pytest.fixture(scope="module")
def bars(world, reward):
    """Every rule at every level, on the same 300 questions: {level: {rule: Played}}."""
    questions = world.questions(Split.TEST, 300)

    async def all_of_them():
        return {
            level.name: {
                name: await roll_out_all(
                    world,
                    questions,
                    level,
                    lambda q, rule=rule, options=options: Explorer(world, q, rule, **options),
                    reward,
                )
                for name, (rule, options) in (RULES | single_rules(world.candidates)).items()
            }
            for level in world.levels
        }

    return asyncio.run(all_of_them())


def outcomes(episode):
    return [outcome for turn in episode.turns for outcome in turn.outcomes]


def run(world, question, level=FREE, rule=by_skill, **options):
    return asyncio.run(play(world, question, level, Explorer(world, question, rule, **options)))


# --- what the bars say


def test_the_skill_oracle_beats_every_single_candidate_and_the_random_router(world, bars):
    for level in world.levels:
        oracle = bars[level.name]["skill oracle"].reward
        others = {n: p.reward for n, p in bars[level.name].items() if "oracle" not in n}
        assert max(others.values()) < oracle - 0.1, level.name


def test_hindsight_is_never_worse_than_skill(world, bars):
    for level in world.levels:
        hindsight, skill = (bars[level.name][f"{n} oracle"] for n in ("hindsight", "skill"))
        assert hindsight.reward >= skill.reward
        assert hindsight.run.value.mean() >= skill.run.value.mean()


def test_taking_questions_apart_pays_for_the_dearest_candidate(world, bars):
    last = bars[world.levels[-1].name]
    assert last["dearest"].run.value.mean() > last["single sage"].run.value.mean() + 0.05


def test_the_generalist_can_not_be_asked_at_the_smallest_budget(world, bars):
    sage = bars[world.levels[0].name]["single sage"]
    assert sage.run.calls.sum() == sage.run.cost.sum() == sage.run.value.sum() == 0


def test_nobody_spends_more_than_the_budget(world, bars):
    for level in world.levels:
        for played in bars[level.name].values():
            assert played.run.cost.max() <= level.budget_usd


def test_only_the_skill_oracle_always_asks_the_right_specialist(world, bars):
    level = bars[world.levels[1].name]
    assert right_specialist(world, level["skill oracle"].episodes) == 1
    assert 0.15 < right_specialist(world, level["random"].episodes) < 0.45
    assert right_specialist(world, level["cheapest"].episodes) == 0
    assert right_specialist(world, ()) == 0


def test_every_rule_ends_with_an_answer(bars):
    for level in bars.values():
        for played in level.values():
            assert {e.stop_reason for e in played.episodes} == {StopReason.ANSWERED}
            assert not any(turn.turn.problems for e in played.episodes for turn in e.turns)


# --- how a rule plays


def test_the_first_answer_is_carried_into_the_second_hop(world, two_hops):
    for question in two_hops:
        episode = run(world, question)
        first, second = outcomes(episode)
        assert first.query == question.metadata["hops"][0]
        assert second.query == question.metadata["hops"][1].format(said(first.response.text))
        assert episode.answer == said(second.response.text)


def test_a_question_may_be_asked_whole(world, two_hops):
    (outcome,) = outcomes(run(world, two_hops[0], decompose=False))
    assert outcome.query == two_hops[0].question


def test_the_skill_oracle_knows_the_cheaper_twin(bars, world):
    asked = Counter(
        o.model for e in bars[world.levels[1].name]["skill oracle"].episodes for o in outcomes(e)
    )
    assert set(asked) == {"ledger", "abacus", "scribe"}


def test_who_asks_the_next_best_after_a_hedged_reply_is_more_accurate_and_spends_more(bars, world):
    for level in world.levels[1:]:
        once, again = (
            bars[level.name][n].run for n in ("skill oracle", "skill oracle, asks again")
        )
        assert again.value.mean() > once.value.mean() + 0.02
        assert again.cost.mean() > once.cost.mean()


def test_the_dearest_candidate_that_was_refused_is_replaced_by_the_next(world, two_hops):
    models = [o.model for o in outcomes(run(world, two_hops[0], world.levels[0], dearest))]
    assert models == ["sage", "atlas", "sage", "atlas"]


def test_a_hedged_answer_is_asked_for_again_once(world):
    def hedged(outcome):
        return outcome.response.text.startswith("not sure")

    repeated = 0
    for number, question in enumerate(world.questions(Split.TRAIN, 60)):
        plain, again = (
            outcomes(run(world, question, rule=anybody, ask_again=flag, key=str(number)))
            for flag in (False, True)
        )
        assert len(plain) == len(question.metadata["hops"])
        if hedged(again[0]):
            repeated += 1
            assert again[1].query == again[0].query
        if not any(hedged(outcome) for outcome in again):
            assert len(again) == len(plain)
    assert repeated > 10


def test_draws_depend_on_the_key(world, two_hops):
    def models(key):
        return [[o.model for o in outcomes(run(world, q, rule=anybody, key=key))] for q in two_hops]

    assert models("a") == models("a") != models("b")


def test_a_budget_that_pays_for_nobody_ends_with_an_unknown_answer(world, two_hops):
    episode = run(world, two_hops[0], Level(name="none", budget_usd=0.0), always("parrot"))
    assert (episode.answer, episode.spent_usd) == ("unknown", 0)


def test_rules_need_the_steps_of_a_question(world):
    plain = Question(id="q", question="What?", answer="x", metric="em")
    with pytest.raises(ConfigError, match="'q' has no steps"):
        Explorer(world, plain, anybody)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("the answer is bado kiru", "bado kiru"),
        ("not sure , maybe -3", "-3"),
        ("i do not understand the question", "unknown"),
    ],
)
def test_the_short_answer_is_read_from_a_reply(reply, answer):
    assert said(reply) == answer


# --- demonstrations


def test_explorations_ask_everybody_at_all_levels_and_are_reproducible(world):
    questions = world.questions(Split.TRAIN, 200)
    episodes, again = (list(explorations(world, questions, seed=1)) for _ in range(2))
    assert [e.transcript for e in episodes] == [e.transcript for e in again]
    other = explorations(world, questions, seed=2)
    assert [e.transcript for e in episodes] != [e.transcript for e in other]
    asked = Counter(o.model for e in episodes for o in outcomes(e))
    assert all(asked[c.name] > 0.08 * asked.total() for c in CANDIDATES)
    budgets = Counter(e.limits.budget_usd for e in episodes)
    assert all(budgets[level.budget_usd] > 40 for level in world.levels)
    assert {e.stop_reason for e in episodes} == {StopReason.ANSWERED}


def test_the_best_exploration_is_kept_and_nothing_where_none_earns(world, reward):
    questions = world.questions(Split.TRAIN, 60)
    first = {e.question: e for e in best_of(world, questions, reward, tries=1)}
    best = {e.question: e for e in best_of(world, questions, reward, tries=8)}
    gold = {q.question: q for q in questions}
    totals = [
        {n: score(e, gold[n].answers, "em", reward).total for n, e in kept.items()}
        for kept in (first, best)
    ]
    assert set(first) <= set(best) and len(best) < 60
    assert all(total > 0 for total in totals[1].values())
    # More tries never earn less, and mostly more.
    assert all(totals[1][n] >= totals[0][n] for n in first)
    assert len(best) > 1.5 * len(first)


def test_a_policy_that_can_not_be_reached_gives_no_figures(world, reward):
    nowhere = OpenAIPolicy("http://127.0.0.1:9/v1", "m", limits=CallLimits(max_attempts=1))
    with pytest.raises(PolicyError, match="could not be reached in 2 of 2 episodes"):
        WorldTournament(world, {"mine": nowhere}, limit=2).hold(reward)
