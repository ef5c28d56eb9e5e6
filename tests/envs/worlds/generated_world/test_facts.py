"""Facts of the generated world: which queries have an answer, which answer, and what a wrong one looks like."""

import itertools

import pytest

from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.generated_world.facts import Knowledge
from router_r1_envs.worlds.generated_world.relations import Skill


def test_facts_depend_on_the_seed_and_the_name_only():
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
def test_arithmetic_and_spelling_queries_are_solved(query, skill, answer):
    solution = Knowledge().solve(query)
    assert (solution.skill, solution.answer) == (skill, answer)


@pytest.mark.parametrize(
    "query",
    ["", "hello", "compute", "compute 1 / 2", "compute x + 1", "reverse bado", "who taught bado",
     "what is the capital of bado kiru", "compute the capital of bado + 1",
     "reverse the birth year of bado kiru"],
)  # fmt: skip
def test_a_query_that_does_not_parse_has_no_answer(query):
    assert Knowledge().solve(query) is None
    assert Knowledge().skill(query) is Skill.SEVERAL


def test_a_wrong_answer_is_wrong_and_of_the_right_kind(world, queries):
    for query in itertools.chain(*queries.values()):
        solution = world.knowledge.solve(query)
        guess = world.knowledge.wrong(solution, seeded_random("wrong", query))
        assert guess != solution.answer
        assert guess.lstrip("-").isdigit() == (solution.kind == "number")
        assert len(guess.split()) == (2 if solution.kind == "person" else 1)
