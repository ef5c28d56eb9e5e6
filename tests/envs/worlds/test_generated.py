"""The generated world: its facts and questions, what is hidden about candidates, what an answer costs, and its splits."""

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
from router_r1_envs.worlds.generated_world.facts import Knowledge, Skill, draw
from router_r1_envs.worlds.generated_world.world import (
    CANDIDATES,
    GeneratedWorld,
    GeneratedWorldConfig,
)

SPECIALISTS = [c for c in CANDIDATES if c.skill]
SAGE = next(c for c in CANDIDATES if c.general)
SINGLE_SKILLS = (Skill.FACTS, Skill.ARITHMETIC, Skill.SPELLING)


@pytest.fixture(scope="module")
def world():
    return GeneratedWorld()


@pytest.fixture(scope="module")
def splits(world):
    """Some thousand questions of every split."""
    sizes = {Split.TRAIN: 4000, Split.VALIDATION: 300, Split.TEST: 2000}
    return {split: world.questions(split, size) for split, size in sizes.items()}


@pytest.fixture(scope="module")
def queries(world):
    """600 sub-queries for each single skill, and as many undecomposed questions."""
    found = {skill: [] for skill in Skill}
    for number in range(2400):
        puzzle = world.knowledge.puzzle(draw("test", number), lambda key: True, hops=1)
        found[puzzle.skills[0]].append(puzzle.text)
    for number in range(600):
        puzzle = world.knowledge.puzzle(draw("test", number), lambda key: True, hops=2)
        found[Skill.SEVERAL].append(puzzle.text)
    return {skill: texts[:600] for skill, texts in found.items()}


def ask(world, name, *queries):
    """Responses of one candidate, through the pool."""

    async def all_of_them():
        pool = world.pool(None)
        return [await pool.ask(name, query, Account(Ledger())) for query in queries]

    return asyncio.run(all_of_them())


def accuracy(world, name, queries):
    return sum(world.answer(name, query)[1] for query in queries) / len(queries)


def steps(world, question):
    """The sub-queries of a question with its first answer filled in, and the last answer."""
    answer, asked = "", []
    for hop in question.metadata["hops"]:
        asked.append(hop.format(answer))
        answer = world.knowledge.solve(asked[-1]).answer
    return asked, answer


def subject(query):
    """What a sub-query is about: a bare name, or a sum."""
    words = [word for word in query.split() if word != "born"]
    if words[0] == "compute":
        return " ".join(words[1:])
    person = {"birth", "born", "teacher", "taught"} & set(query.split())
    return " ".join(words[-2:] if person else words[-1:])


# --- facts


def test_facts_depend_on_the_seed_and_the_name_alone():
    one, same, other = Knowledge(0), Knowledge(0), Knowledge(1)
    query = "what is the capital of bodaki"
    assert one.solve(query) == same.solve(query) != other.solve(query)
    assert one.solve(query).skill is Skill.FACTS


@pytest.mark.parametrize(
    ("query", "skill", "answer"),
    [
        ("compute 12 * 3", "arithmetic", "36"),
        ("Compute  12 - 30 ?", "arithmetic", "-18"),
        ("reverse the word bado", "spelling", "odab"),
        ("spell backwards the word bado?", "spelling", "odab"),
        ("what is the last letter of the word bado", "spelling", "o"),
    ],
)
def test_sums_and_spelling_are_solved(query, skill, answer):
    solved = Knowledge().solve(query)
    assert (solved.skill, solved.answer) == (skill, answer)


@pytest.mark.parametrize(
    "query",
    ["", "hello", "compute", "compute 1 / 2", "compute x + 1", "reverse bado", "who taught bado",
     "what is the capital of bado kiru", "compute the capital of bado + 1",
     "reverse the birth year of bado kiru"],
)  # fmt: skip
def test_what_makes_no_sense_has_no_answer(query):
    assert Knowledge().solve(query) is None


def test_two_hops_at_once_have_the_answer_that_two_steps_have(world, splits):
    for question in splits[Split.TEST]:
        asked, answer = steps(world, question)
        assert answer == question.answer
        whole = world.knowledge.solve(question.question)
        assert whole.answer == answer
        assert (whole.skill is Skill.SEVERAL) == (len(asked) == 2)


def test_a_wrong_answer_is_of_the_right_kind_and_wrong(world, queries):
    for query in itertools.chain(*queries.values()):
        solved = world.knowledge.solve(query)
        guess = world.knowledge.wrong(solved, draw("wrong", query))
        assert guess != solved.answer
        assert guess.lstrip("-").isdigit() == (solved.kind == "number")
        assert len(guess.split()) == (2 if solved.kind == "person" else 1)


# --- questions


def test_half_of_the_questions_have_two_hops_and_skills_are_mixed(splits):
    count = Counter(q.category for q in splits[Split.TRAIN])
    assert count["two hops"] / 4000 == pytest.approx(0.5, abs=0.05)
    for skill in SINGLE_SKILLS:
        assert count[str(skill)] / 4000 == pytest.approx(1 / 6, abs=0.05)


def test_the_first_questions_are_always_the_same(world):
    again = GeneratedWorld()
    assert again.questions(Split.TEST, 50) == world.questions(Split.TEST, 80)[:50]
    other = GeneratedWorld(GeneratedWorldConfig(seed=1))
    assert {q.id for q in other.questions(Split.TEST, 50)}.isdisjoint(
        q.id for q in world.questions(Split.TEST, 50)
    )


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(Split, 2)))
def test_splits_share_no_id_no_text_no_sub_query_and_nothing_the_steps_are_about(
    world, splits, one, other
):
    def seen(split):
        asked = [query for q in splits[split] for query in steps(world, q)[0]]
        return {
            "ids": {q.id for q in splits[split]},
            "texts": {q.question for q in splits[split]},
            "sub-queries": set(asked),
            "subjects": {subject(query) for query in asked},
        }

    ours, theirs = seen(one), seen(other)
    assert {what: ours[what] & theirs[what] for what in ours} == {what: set() for what in ours}


def test_no_question_is_there_twice_in_a_split(splits):
    for questions in splits.values():
        assert len({q.question for q in questions}) == len({q.id for q in questions})
        assert len({q.id for q in questions}) == len(questions)


# --- candidates


def test_a_reply_is_a_function_of_name_and_query(world, queries):
    asked = [texts[0] for texts in queries.values()]
    for candidate in CANDIDATES:
        first = ask(world, candidate.name, *asked)
        again = ask(GeneratedWorld(), candidate.name, *reversed(asked))[::-1]
        told = [(r.text, r.usage, r.cost_usd) for r in first]
        assert told == [(r.text, r.usage, r.cost_usd) for r in again]
    texts = {c.name: tuple(r.text for r in ask(world, c.name, *asked)) for c in CANDIDATES}
    assert len(set(texts.values())) > 1


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda c: c.name)
@pytest.mark.parametrize("skill", list(Skill))
def test_candidates_are_right_as_often_as_stated(world, queries, candidate, skill):
    stated = world.accuracy(candidate, skill)
    # Four standard errors of 600 draws are at most 0.08.
    assert accuracy(world, candidate.name, queries[skill]) == pytest.approx(stated, abs=0.08)


@pytest.mark.parametrize("candidate", SPECIALISTS, ids=lambda c: c.name)
def test_specialists_beat_the_dear_generalist_on_their_own_skill_alone(world, queries, candidate):
    for skill in SINGLE_SKILLS:
        own = accuracy(world, candidate.name, queries[skill])
        general = accuracy(world, SAGE.name, queries[skill])
        assert (own > general + 0.04) if skill is candidate.skill else (own < general - 0.4)


def test_the_generalist_is_good_at_every_single_step(world, queries):
    assert all(accuracy(world, SAGE.name, queries[skill]) > 0.7 for skill in SINGLE_SKILLS)


def test_for_each_skill_somebody_costs_at_most_a_tenth_of_the_generalist(world, queries):
    for skill in SINGLE_SKILLS:
        cheapest = min((c for c in SPECIALISTS if c.skill is skill), key=lambda c: c.price)
        assert cheapest.price <= SAGE.price / 10
        ours, dear = (
            sum(r.cost_usd for r in ask(world, name, *queries[skill][:50]))
            for name in (cheapest.name, SAGE.name)
        )
        assert ours < 0.12 * dear


def test_one_specialist_has_a_twin_that_is_as_good_and_cheaper(world, queries):
    by_skill = Counter(c.skill for c in SPECIALISTS)
    ((skill, count),) = [(s, n) for s, n in by_skill.items() if n > 1]
    dear, cheap = sorted((c for c in SPECIALISTS if c.skill is skill), key=lambda c: -c.price)
    assert count == 2 and cheap.price <= dear.price / 2
    found = [accuracy(world, c.name, queries[skill]) for c in (dear, cheap)]
    assert found[0] == pytest.approx(found[1], abs=0.06)


def test_the_bluffer_is_cheapest_mostly_wrong_and_never_unsure(world, queries):
    (bluffer,) = [c for c in CANDIDATES if not c.hedges]
    assert bluffer.price == min(c.price for c in CANDIDATES)
    for texts in queries.values():
        assert accuracy(world, bluffer.name, texts) < 0.3
        said = [world.answer(bluffer.name, query)[0] for query in texts]
        assert all(text.startswith("the answer is ") for text in said)


@pytest.mark.parametrize("candidate", [c for c in CANDIDATES if c.hedges], ids=lambda c: c.name)
def test_a_hedged_answer_is_mostly_wrong(world, queries, candidate):
    every = [world.answer(candidate.name, q) for texts in queries.values() for q in texts]
    hedged = [right for text, right in every if text.startswith("not sure , maybe ")]
    assert len(hedged) > 100
    assert sum(hedged) / len(hedged) < 0.25 < sum(right for _, right in every) / len(every)


def test_undecomposed_questions_are_mostly_answered_wrong_by_everybody(world, queries):
    texts = queries[Skill.SEVERAL]
    assert all(accuracy(world, c.name, texts) < 0.4 for c in CANDIDATES)
    assert all(accuracy(world, c.name, texts) < 0.1 for c in CANDIDATES if c is not SAGE)


def test_nobody_understands_nonsense(world):
    for candidate in CANDIDATES:
        (response,) = ask(world, candidate.name, "flub the glorp")
        assert response.text == "i do not understand the question"
        assert response.cost_usd > 0


def test_cards_say_nothing_of_what_is_hidden(world):
    for candidate, card in zip(CANDIDATES, world.cards, strict=True):
        assert card.name == candidate.name and card.price.output == candidate.price
        assert str(candidate.skill) not in card.model_dump_json()


def test_an_unknown_candidate_is_an_error(world):
    with pytest.raises(ConfigError, match="no candidate 'nobody'; it has sage, abacus"):
        world.candidate("nobody")


# --- money


def test_no_reply_costs_more_than_its_quote(world, queries):
    for card in world.cards:
        asked = [query for texts in queries.values() for query in texts[:40]]
        for query, response in zip(asked, ask(world, card.name, *asked), strict=True):
            assert 0 < response.cost_usd <= card.quote(query)


def played(world, level, name):
    """One episode at a level: the first question, asked whole of one candidate."""
    (question,) = world.questions(Split.TRAIN, 1)
    turns = [render_turn("?", [Route(name, question.question)]), render_turn("!", answer="x")]
    episode = start(world, question, level)
    asyncio.run(roll_out(episode, ScriptedPolicy(turns), world.pool(question), Ledger()))
    assert episode.stop_reason is StopReason.ANSWERED
    return episode


def test_the_smallest_budget_refuses_the_generalist_and_nobody_else(world):
    smallest, *others = world.levels
    for candidate in CANDIDATES:
        (outcome,) = played(world, smallest, candidate.name).turns[0].outcomes
        assert (outcome.response is None) == (candidate is SAGE)
    for level in others:
        (outcome,) = played(world, level, SAGE.name).turns[0].outcomes
        assert outcome.response is not None


def test_the_reference_is_about_two_calls_of_the_dearest(world):
    twice = 2 * played(world, world.levels[-1], SAGE.name).spent_usd
    assert world.reference_usd == pytest.approx(twice, rel=0.3)


# --- settings


def test_prompts_compact_or_full():
    compact, full = (
        GeneratedWorld(GeneratedWorldConfig(prompt=name)) for name in ("compact", "full")
    )
    (question,) = compact.questions(Split.TRAIN, 1)
    (message,) = start(compact, question, compact.levels[0]).opening
    assert message["content"] == f"budget $0.0006; {question.question}"
    system, _ = start(full, question, full.levels[0]).opening
    assert all(c.description in system["content"] for c in CANDIDATES)
    assert compact.limits.max_routes == 1 < full.limits.max_routes


def test_another_seed_is_another_world(world, queries):
    other = GeneratedWorld(GeneratedWorldConfig(seed=1))
    texts = queries[Skill.FACTS][:100]
    assert [world.knowledge.solve(q) for q in texts] != [other.knowledge.solve(q) for q in texts]
    texts = queries[Skill.ARITHMETIC]
    assert [world.answer("sage", q) for q in texts] != [other.answer("sage", q) for q in texts]
