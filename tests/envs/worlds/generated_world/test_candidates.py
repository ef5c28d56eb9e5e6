"""The candidates of the generated world: how often each is right in fact, how it hedges, and what its card hides."""

from collections import Counter

import pytest

from router_r1_envs.worlds.generated_world.candidates import CANDIDATES
from router_r1_envs.worlds.generated_world.relations import Skill

SPECIALISTS = [c for c in CANDIDATES if c.skill]
GENERALIST = next(c for c in CANDIDATES if c.general)
SINGLE_SKILLS = (Skill.FACTS, Skill.ARITHMETIC, Skill.SPELLING)


def accuracy(world, name, queries):
    """The share of right answers."""
    return sum(world.answer(name, query)[1] for query in queries) / len(queries)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda c: c.name)
@pytest.mark.parametrize("skill", list(Skill))
def test_a_candidate_is_right_as_often_as_stated(world, queries, candidate, skill):
    # Four standard errors of 600 draws are at most 0.08.
    expected = pytest.approx(candidate.accuracy(skill), abs=0.08)
    assert accuracy(world, candidate.name, queries[skill]) == expected


@pytest.mark.parametrize("candidate", SPECIALISTS, ids=lambda c: c.name)
def test_a_specialist_beats_the_generalist_on_its_own_skill_only(world, queries, candidate):
    for skill in SINGLE_SKILLS:
        own = accuracy(world, candidate.name, queries[skill])
        general = accuracy(world, GENERALIST.name, queries[skill])
        assert (own > general + 0.04) if skill is candidate.skill else (own < general - 0.4)


def test_the_generalist_is_good_at_every_single_step(world, queries):
    assert all(accuracy(world, GENERALIST.name, queries[skill]) > 0.7 for skill in SINGLE_SKILLS)


def test_one_specialist_has_a_cheaper_twin_that_is_as_accurate(world, queries):
    by_skill = Counter(c.skill for c in SPECIALISTS)
    ((skill, count),) = [(s, n) for s, n in by_skill.items() if n > 1]
    expensive, cheap = sorted((c for c in SPECIALISTS if c.skill is skill), key=lambda c: -c.price)
    assert count == 2 and cheap.price <= expensive.price / 2
    found = [accuracy(world, c.name, queries[skill]) for c in (expensive, cheap)]
    assert found[0] == pytest.approx(found[1], abs=0.06)


def test_the_bluffer_is_the_cheapest_mostly_wrong_and_never_hedges(world, queries):
    (bluffer,) = [c for c in CANDIDATES if not c.hedges]
    assert bluffer.price == min(c.price for c in CANDIDATES)
    for texts in queries.values():
        assert accuracy(world, bluffer.name, texts) < 0.3
        replies = [world.answer(bluffer.name, query)[0] for query in texts]
        assert all(text.startswith("the answer is ") for text in replies)


@pytest.mark.parametrize("candidate", [c for c in CANDIDATES if c.hedges], ids=lambda c: c.name)
def test_a_hedged_answer_is_mostly_wrong(world, queries, candidate):
    answers = [world.answer(candidate.name, q) for texts in queries.values() for q in texts]
    hedged = [right for text, right in answers if text.startswith("not sure , maybe ")]
    assert len(hedged) > 100
    assert sum(hedged) / len(hedged) < 0.25 < sum(right for _, right in answers) / len(answers)


def test_every_candidate_is_mostly_wrong_on_undecomposed_questions(world, queries):
    texts = queries[Skill.SEVERAL]
    assert all(accuracy(world, c.name, texts) < 0.4 for c in CANDIDATES)
    assert all(accuracy(world, c.name, texts) < 0.1 for c in CANDIDATES if c is not GENERALIST)


def test_a_card_does_not_state_the_skill(world):
    for candidate, card in zip(CANDIDATES, world.cards, strict=True):
        assert card.name == candidate.name and card.price.output == candidate.price
        assert str(candidate.skill) not in card.model_dump_json()
