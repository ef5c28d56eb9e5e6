"""Votes: which statements decide, and how they are counted."""

from collections.abc import Callable

import pytest

from router_r1 import Failure, FailureKind, Limits, Result, RouterAgent, testing
from router_r1.aggregation import tally

Ask = Callable[..., tuple[Result, testing.ScriptedPool]]
Routes = Callable[..., str]
Turns = Callable[..., list[str]]

LIE = "The answer is Sydney."


@pytest.mark.parametrize("aggregator", ["vote", "select", "synthesize"])
def test_agreement_on_an_intermediate_question_is_not_agreement_on_the_answer(
    routes_to: Routes, aggregator: str
) -> None:
    def a(query: str) -> str:
        return "The answer is 2,100,000." if "Paris" in query else "Paris"

    scripts: dict[str, testing.Script] = {"a": a, "b": "Paris", "c": "Paris"}
    louvre = routes_to("a", "b", "c").replace("Capital of Australia?", "Where is the Louvre?")
    people = '<think>t</think><route model="a">How many people live in Paris?</route>'
    turns = [louvre, people, "<think>t</think><answer>2100000</answer>"]
    pool = testing.ScriptedPool(scripts)
    policy = testing.ScriptedPolicy(turns)
    with RouterAgent(policy=policy, pool=pool, aggregator=aggregator) as agent:
        result = agent.ask("How many people live in the city of the Louvre?")
    assert result.answer is not None
    assert "2,100,000" in result.answer or "2100000" in result.answer


def test_a_candidate_that_is_asked_to_check_its_answer_keeps_its_vote(routes_to: Routes) -> None:
    def honest(query: str) -> str:
        return "yes" if "Is Canberra" in query else "Canberra"

    scripts: dict[str, testing.Script] = {"a": honest, "b": honest, "c": LIE}
    check = "Is Canberra the capital of Australia? Answer yes or no."
    turns = [
        routes_to("a", "b", "c"),
        routes_to("a", "b").replace("Capital of Australia?", check),
        "<think>t</think><answer>Canberra</answer>",
    ]
    pool = testing.ScriptedPool(scripts)
    with RouterAgent(policy=testing.ScriptedPolicy(turns), pool=pool, aggregator="vote") as agent:
        result = agent.ask("What is the capital of Australia?")
    assert result.answer == "Canberra"


RIVERS = "Which river is longer, the Nile or the Amazon?"


@pytest.mark.parametrize("aggregator", ["vote", "select"])
@pytest.mark.parametrize("at_once", [True, False])
def test_agreement_on_the_parts_of_a_comparison_is_not_agreement_on_the_answer(
    routes_to: Routes, aggregator: str, at_once: bool
) -> None:
    def length(query: str) -> str:
        return "6650 km" if "Nile" in query else "6400 km"

    nile = routes_to("a", "b", "c").replace("Capital of Australia?", "How long is the Nile?")
    amazon = nile.replace("Nile", "Amazon")
    turns = [nile + amazon.partition("</think>")[2]] if at_once else [nile, amazon]
    turns.append("<think>t</think><answer>The Nile</answer>")
    policy = testing.ScriptedPolicy(turns)
    limits = Limits(max_routes=6)
    pool = testing.ScriptedPool({"a": length, "b": length, "c": length})
    with RouterAgent(policy=policy, pool=pool, aggregator=aggregator, limits=limits) as agent:
        assert agent.ask(RIVERS).answer == "The Nile"


def test_the_question_itself_is_never_an_intermediate_step() -> None:
    question = "What is the capital of France?"
    asked = tuple(tally.Statement(m, question, "Paris", 1) for m in "abc")
    aside = tally.Statement("d", "What is the population there, in Paris?", "2.1 million", 2)
    assert tally.deciding(question, (*asked, aside), None) == asked


def test_a_question_of_only_function_words_is_like_itself() -> None:
    asked = tuple(tally.Statement(m, "What is this?", "A duck", 1) for m in "abc")
    assert tally.deciding("What is this?", asked, "a goose") == asked


def test_choice_letters_in_the_question_do_not_make_a_step() -> None:
    question = "Which is a fruit? A) apple B) brick"
    statements = (
        tally.Statement("a", question, "The answer is A.", 1),
        tally.Statement("b", question + " Explain.", "The answer is B.", 2),
    )
    assert tally.deciding(question, statements, None) == statements


def test_not_knowing_is_not_a_vote(ask: Ask, no_answer: Turns) -> None:
    scripts: dict[str, testing.Script] = {"a": "I don't know.", "b": "Unknown", "c": "Canberra"}
    result, _ = ask(scripts, "vote", turns=no_answer(*scripts))
    assert result.answer == "Canberra"


def test_failed_routes_are_not_statements(ask: Ask) -> None:
    scripts: dict[str, testing.Script] = {"a": Failure(FailureKind.TIMEOUT), "b": "Canberra"}
    result, _ = ask(scripts, "vote")
    assert result.trace.aggregation is not None
    assert [s.model for s in result.trace.aggregation.statements] == ["b"]


@pytest.mark.parametrize("name", ["vote", "select", "synthesize"])
def test_without_responses_the_policys_answer_stands(ask: Ask, name: str) -> None:
    turns = ["<think>t</think><answer>Canberra</answer>"]
    result, pool = ask({"a": LIE}, name, turns=turns)
    assert result.answer == "Canberra" and not pool.asked
