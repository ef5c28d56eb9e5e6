"""`eval --thoughts`: templates in front of every question, and never from a question of the run."""

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.model_cards import ModelCard
from router_r1.pool import ModelPool
from router_r1.routers.fusion.thought_templates import ThoughtTemplates
from router_r1.token_prices import Price
from router_r1.transport.simulated import SimulatedTransport
from router_r1_eval.run.ask import ask_all
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.single_model import single_model
from router_r1_eval.run.thoughts import Thoughts

pytest.importorskip("sklearn")


def ask(key: str, text: str) -> Question:
    return Question(id=key, question=text, answer="1", metric="em")


@pytest.fixture
def folder(tmp_path):
    known = [ask(f"k{n}", f"How many apples are in basket {n}?") for n in range(4)]
    outcomes = [
        Outcome(
            id=q.id,
            model="m",
            text="Count each row, then add the rows. It is 1 in all.",
            score=1.0,
            input_tokens=1,
            output_tokens=1,
        )
        for q in known
    ]
    cards = [ModelCard(name="m", price=Price(input=1, output=1))]
    ThoughtTemplates.extract(OutcomeTable(cards, known, outcomes)).save(tmp_path / "thoughts")
    return tmp_path / "thoughts"


async def test_a_model_reads_them_before_the_question_and_its_instruction(folder, tmp_path) -> None:
    read = []

    def reply(card, request) -> str:
        read.append(request.messages[-1]["content"])
        return "Answer: 1"

    cards = [ModelCard(name="m", price=Price(input=1, output=1))]
    pool = ModelPool(cards, transport=SimulatedTransport(reply))
    questions = [ask("new", "How many apples are in the cart?")]
    thoughts = Thoughts.load(folder, 2, pool.cards, questions)
    agents = {"m": single_model(pool, "m", tmp_path / "traces.jsonl")}
    assert await ask_all(
        agents, questions, [Job("m", "new", 0)], "Answer briefly.", thoughts=thoughts
    )
    (text,) = read
    assert text.endswith("How many apples are in the cart?\n\nAnswer briefly.")
    assert text.count("Count each row") == 2


def test_templates_from_a_question_of_the_run_are_refused(folder) -> None:
    cards = [ModelCard(name="m", price=Price(input=1, output=1))]
    for question in (ask("k1", "Another text?"), ask("x", "how many apples are in basket 1")):
        with pytest.raises(DataError, match="a template was made from"):
            Thoughts.load(folder, 2, cards, [question])


def test_the_narrowest_model_bounds_them(folder) -> None:
    question = ask("new", "How many apples are in the cart?")
    wide = ModelCard(name="w", price=Price(input=1, output=1), context_window=9000)
    narrow = ModelCard(
        name="n", price=Price(input=1, output=1), context_window=80, max_output_tokens=40
    )
    texts = [
        Thoughts.load(folder, 2, cards, [question])(question, question.question)
        for cards in ([wide], [wide, narrow])
    ]
    assert "Count each row" in texts[0]
    assert texts[1] == question.question
