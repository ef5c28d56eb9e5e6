"""Rule policies: how each plays an episode, and their ranking, which shows that skills are worth learning."""

import asyncio
from collections import Counter

import pytest

from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import StopReason
from router_r1.errors import ConfigError
from router_r1_envs.supervised.demonstrations import play_episode
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.generated_world.rule_policies import (
    RULES,
    RulePolicy,
    always,
    at_random,
    by_skill,
    most_expensive,
    short_answer,
    single_rules,
)
from router_r1_eval.tournament.rollouts import roll_out_all
from router_r1_eval.tournament.world_tournament import right_specialist
from router_r1_reward import RewardConfig

FREE = Level(name="free")


@pytest.fixture(scope="module")
def two_hops(world):
    return [q for q in world.questions(Split.TRAIN, 60) if q.category == "two hops"]


@pytest.fixture(scope="module")
def results(world):
    """Every rule at every level, on the same 300 questions: {level: {rule: Played}}."""
    questions = world.questions(Split.TEST, 300)
    reward = RewardConfig(alpha=0.5, reference_usd=world.reference_usd)

    async def play_every_rule():
        return {
            level.name: {
                name: await roll_out_all(
                    world,
                    questions,
                    level,
                    lambda q, rule=rule, options=options: RulePolicy(world, q, rule, **options),
                    reward,
                )
                for name, (rule, options) in (RULES | single_rules(world.candidates)).items()
            }
            for level in world.levels
        }

    return asyncio.run(play_every_rule())


def outcomes(episode):
    return [outcome for turn in episode.turns for outcome in turn.outcomes]


def run(world, question, level=FREE, rule=by_skill, **options):
    return asyncio.run(
        play_episode(world, question, level, RulePolicy(world, question, rule, **options))
    )


# --- ranking


def test_the_skill_oracle_earns_more_than_any_baseline_at_every_level(world, results):
    for level in world.levels:
        oracle = results[level.name]["skill oracle"].reward
        baselines = {n: p.reward for n, p in results[level.name].items() if "oracle" not in n}
        assert max(baselines.values()) < oracle - 0.1, level.name


def test_hindsight_is_at_least_as_good_as_skill(world, results):
    for level in world.levels:
        hindsight, skill = (results[level.name][f"{n} oracle"] for n in ("hindsight", "skill"))
        assert hindsight.reward >= skill.reward
        assert hindsight.run.value.mean() >= skill.run.value.mean()


def test_decomposing_makes_the_most_expensive_candidate_more_accurate(world, results):
    largest = results[world.levels[-1].name]
    assert largest["dearest"].run.value.mean() > largest["single sage"].run.value.mean() + 0.05


def test_the_generalist_is_refused_at_the_smallest_budget(world, results):
    sage = results[world.levels[0].name]["single sage"]
    assert sage.run.calls.sum() == sage.run.cost.sum() == sage.run.value.sum() == 0


def test_no_rule_spends_more_than_the_budget(world, results):
    for level in world.levels:
        for played in results[level.name].values():
            assert played.run.cost.max() <= level.budget_usd


def test_only_the_skill_oracle_always_asks_the_right_specialist(world, results):
    level = results[world.levels[1].name]
    assert right_specialist(world, level["skill oracle"].episodes) == 1
    assert 0.15 < right_specialist(world, level["random"].episodes) < 0.45
    assert right_specialist(world, level["cheapest"].episodes) == 0
    assert right_specialist(world, ()) == 0


def test_every_episode_of_a_rule_ends_with_an_answer_and_has_no_malformed_turn(results):
    for level in results.values():
        for played in level.values():
            assert {e.stop_reason for e in played.episodes} == {StopReason.ANSWERED}
            assert not any(turn.turn.problems for e in played.episodes for turn in e.turns)


def test_the_skill_oracle_asks_the_cheaper_twin(results, world):
    asked = Counter(
        o.model for e in results[world.levels[1].name]["skill oracle"].episodes for o in outcomes(e)
    )
    assert set(asked) == {"ledger", "abacus", "scribe"}


def test_asking_again_after_a_hedged_reply_is_more_accurate_and_more_expensive(results, world):
    for level in world.levels[1:]:
        once, again = (
            results[level.name][n].run for n in ("skill oracle", "skill oracle, asks again")
        )
        assert again.value.mean() > once.value.mean() + 0.02
        assert again.cost.mean() > once.cost.mean()


# --- one episode


def test_the_second_hop_contains_the_answer_to_the_first(world, two_hops):
    for question in two_hops:
        episode = run(world, question)
        first, second = outcomes(episode)
        assert first.query == question.metadata["hops"][0]
        expected = question.metadata["hops"][1].format(short_answer(first.response.text))
        assert second.query == expected
        assert episode.answer == short_answer(second.response.text)


def test_without_decomposition_the_whole_question_is_asked_once(world, two_hops):
    (outcome,) = outcomes(run(world, two_hops[0], decompose=False))
    assert outcome.query == two_hops[0].question


def test_after_a_refusal_the_next_most_expensive_candidate_is_asked(world, two_hops):
    models = [o.model for o in outcomes(run(world, two_hops[0], world.levels[0], most_expensive))]
    assert models == ["sage", "atlas", "sage", "atlas"]


def test_after_a_hedged_reply_the_hop_is_asked_again_once(world):
    def hedged(outcome):
        return outcome.response.text.startswith("not sure")

    repeated = 0
    for number, question in enumerate(world.questions(Split.TRAIN, 60)):
        once, again = (
            outcomes(run(world, question, rule=at_random, ask_again=flag, key=str(number)))
            for flag in (False, True)
        )
        assert len(once) == len(question.metadata["hops"])
        if hedged(again[0]):
            repeated += 1
            assert again[1].query == again[0].query
        if not any(hedged(outcome) for outcome in again):
            assert len(again) == len(once)
    assert repeated > 10


def test_random_choices_depend_on_the_key(world, two_hops):
    def models(key):
        return [
            [o.model for o in outcomes(run(world, q, rule=at_random, key=key))] for q in two_hops
        ]

    assert models("a") == models("a") != models("b")


def test_a_budget_of_zero_ends_with_the_answer_unknown(world, two_hops):
    episode = run(world, two_hops[0], Level(name="none", budget_usd=0.0), always("parrot"))
    assert (episode.answer, episode.spent_usd) == ("unknown", 0)


def test_a_question_without_hops_is_an_error(world):
    plain = Question(id="q", question="What?", answer="x", metric="em")
    with pytest.raises(ConfigError, match="'q' has no hops in its metadata"):
        RulePolicy(world, plain, at_random)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("the answer is bado kiru", "bado kiru"),
        ("not sure , maybe -3", "-3"),
        ("i do not understand the question", "unknown"),
    ],
)
def test_the_short_answer_is_what_follows_the_usual_words(reply, answer):
    assert short_answer(reply) == answer
