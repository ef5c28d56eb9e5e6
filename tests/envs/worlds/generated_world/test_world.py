"""The generated world as a world: its questions, their splits, replies and their cost, levels and prompts."""

import asyncio
import itertools
from collections import Counter

import pytest

from router_r1 import Ledger
from router_r1.data.splits import Split
from router_r1.episode import StopReason
from router_r1.errors import ConfigError
from router_r1.pool import Account
from router_r1.protocol import Route, render_turn
from router_r1.rollout import roll_out
from router_r1.testing import ScriptedPolicy
from router_r1_envs.worlds.base import start
from router_r1_envs.worlds.generated_world.candidates import CANDIDATES
from router_r1_envs.worlds.generated_world.relations import Skill
from router_r1_envs.worlds.generated_world.settings import GeneratedWorldConfig
from router_r1_envs.worlds.generated_world.world import GeneratedWorld

GENERALIST = next(c for c in CANDIDATES if c.general)


@pytest.fixture(scope="module")
def splits(world):
    """Several hundred to several thousand questions of every split."""
    sizes = {Split.TRAIN: 4000, Split.VALIDATION: 300, Split.TEST: 2000}
    return {split: world.questions(split, size) for split, size in sizes.items()}


def ask(world, name, *queries):
    """Responses of one candidate, through the world's pool."""

    async def ask_all():
        pool = world.pool(world.questions(Split.TEST, 1)[0])
        return [await pool.ask(name, query, Account(Ledger())) for query in queries]

    return asyncio.run(ask_all())


def steps(world, question):
    """The sub-queries of a question with the first answer filled in, and the last answer."""
    answer, asked = "", []
    for hop in question.metadata["hops"]:
        asked.append(hop.format(answer))
        answer = world.knowledge.solve(asked[-1]).answer
    return asked, answer


def subject(query):
    """The name or the sum that a sub-query is about."""
    words = [word for word in query.split() if word != "born"]
    if words[0] == "compute":
        return " ".join(words[1:])
    person = {"birth", "born", "teacher", "taught"} & set(query.split())
    return " ".join(words[-2:] if person else words[-1:])


# --- questions


def test_half_of_the_questions_have_two_hops_and_the_others_use_each_skill_equally_often(splits):
    count = Counter(q.category for q in splits[Split.TRAIN])
    assert count["two hops"] / 4000 == pytest.approx(0.5, abs=0.05)
    for skill in (Skill.FACTS, Skill.ARITHMETIC, Skill.SPELLING):
        assert count[str(skill)] / 4000 == pytest.approx(1 / 6, abs=0.05)


def test_the_undecomposed_question_has_the_same_answer_as_its_steps(world, splits):
    for question in splits[Split.TEST]:
        asked, answer = steps(world, question)
        assert answer == question.answer
        whole = world.knowledge.solve(question.question)
        assert whole.answer == answer
        assert (whole.skill is Skill.SEVERAL) == (len(asked) == 2)


def test_a_smaller_limit_gives_a_prefix_and_another_seed_gives_other_questions(world):
    again = GeneratedWorld()
    assert again.questions(Split.TEST, 50) == world.questions(Split.TEST, 80)[:50]
    other = GeneratedWorld(GeneratedWorldConfig(seed=1))
    assert {q.id for q in other.questions(Split.TEST, 50)}.isdisjoint(
        q.id for q in world.questions(Split.TEST, 50)
    )


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(Split, 2)))
def test_two_splits_share_no_id_text_sub_query_or_subject(world, splits, one, other):
    def contents(split):
        asked = [query for q in splits[split] for query in steps(world, q)[0]]
        return {
            "ids": {q.id for q in splits[split]},
            "texts": {q.question for q in splits[split]},
            "sub-queries": set(asked),
            "subjects": {subject(query) for query in asked},
        }

    ours, theirs = contents(one), contents(other)
    assert {what: ours[what] & theirs[what] for what in ours} == {what: set() for what in ours}


def test_no_question_occurs_twice_in_a_split(splits):
    for questions in splits.values():
        assert len({q.question for q in questions}) == len({q.id for q in questions})
        assert len({q.id for q in questions}) == len(questions)


# --- replies


def test_a_reply_is_a_function_of_name_and_query(world, queries):
    asked = [texts[0] for texts in queries.values()]
    for candidate in CANDIDATES:
        first = ask(world, candidate.name, *asked)
        again = ask(GeneratedWorld(), candidate.name, *reversed(asked))[::-1]
        replies = [(r.text, r.usage, r.cost_usd) for r in first]
        assert replies == [(r.text, r.usage, r.cost_usd) for r in again]
    texts = {c.name: tuple(r.text for r in ask(world, c.name, *asked)) for c in CANDIDATES}
    assert len(set(texts.values())) > 1


def test_no_candidate_understands_nonsense_and_each_bills_for_it(world):
    for candidate in CANDIDATES:
        (response,) = ask(world, candidate.name, "flub the glorp")
        assert response.text == "i do not understand the question"
        assert response.cost_usd > 0


def test_an_unknown_candidate_is_an_error(world):
    with pytest.raises(ConfigError, match="no candidate 'nobody'; it has sage, abacus"):
        world.candidate("nobody")


def test_no_reply_costs_more_than_its_quote(world, queries):
    for card in world.cards:
        asked = [query for texts in queries.values() for query in texts[:40]]
        for query, response in zip(asked, ask(world, card.name, *asked), strict=True):
            assert 0 < response.cost_usd <= card.quote(query)


@pytest.mark.parametrize("skill", [Skill.FACTS, Skill.ARITHMETIC, Skill.SPELLING])
def test_a_specialist_of_each_skill_costs_about_a_tenth_of_the_generalist_or_less(
    world, queries, skill
):
    cheapest = min((c for c in CANDIDATES if c.skill is skill), key=lambda c: c.price)
    assert cheapest.price <= GENERALIST.price / 10
    specialist_usd, generalist_usd = (
        sum(r.cost_usd for r in ask(world, name, *queries[skill][:50]))
        for name in (cheapest.name, GENERALIST.name)
    )
    assert specialist_usd < 0.12 * generalist_usd


# --- levels


def play_whole(world, level, name):
    """An episode at a level that asks one candidate the whole first question."""
    (question,) = world.questions(Split.TRAIN, 1)
    turns = [render_turn("?", [Route(name, question.question)]), render_turn("!", answer="x")]
    episode = start(world, question, level)
    asyncio.run(roll_out(episode, ScriptedPolicy(turns), world.pool(question), Ledger()))
    assert episode.stop_reason is StopReason.ANSWERED
    return episode


def test_the_smallest_budget_refuses_the_generalist_only(world):
    smallest, *others = world.levels
    for candidate in CANDIDATES:
        (outcome,) = play_whole(world, smallest, candidate.name).turns[0].outcomes
        assert (outcome.response is None) == (candidate is GENERALIST)
    for level in others:
        (outcome,) = play_whole(world, level, GENERALIST.name).turns[0].outcomes
        assert outcome.response is not None


def test_the_reference_cost_is_about_two_calls_of_the_most_expensive_candidate(world):
    twice = 2 * play_whole(world, world.levels[-1], GENERALIST.name).spent_usd
    assert world.reference_usd == pytest.approx(twice, rel=0.3)


# --- settings


def test_the_compact_prompt_states_budget_and_question_and_the_full_one_the_candidates_too():
    compact, full = (
        GeneratedWorld(GeneratedWorldConfig(prompt=name)) for name in ("compact", "full")
    )
    (question,) = compact.questions(Split.TRAIN, 1)
    (message,) = start(compact, question, compact.levels[0]).opening
    assert message["content"] == f"budget $0.0006; {question.question}"
    system, _ = start(full, question, full.levels[0]).opening
    assert all(c.description in system["content"] for c in CANDIDATES)
    assert compact.limits.max_routes == 1 < full.limits.max_routes


def test_another_seed_gives_other_facts_and_other_mistakes(world, queries):
    other = GeneratedWorld(GeneratedWorldConfig(seed=1))
    texts = queries[Skill.FACTS][:100]
    assert [world.knowledge.solve(q) for q in texts] != [other.knowledge.solve(q) for q in texts]
    texts = queries[Skill.ARITHMETIC]
    assert [world.answer("sage", q) for q in texts] != [other.answer("sage", q) for q in texts]
