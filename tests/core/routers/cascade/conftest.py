"""Tables on which reading a reply pays: the length of the cheap model's reply gives away whether it is right."""

import random
from collections.abc import Callable

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

MODELS = {"small": 1.0, "middle": 3.0, "large": 20.0}


def table_of(seed: int, count: int = 300, samples: int = 1) -> OutcomeTable:
    """`small` is right about half of the questions, and then brief; the others are right more often and always brief.

    Half of the wrong replies of `small` are to questions on which nobody is right; a wrong answer is one of many.
    """
    source = random.Random(seed)
    questions, outcomes = [], []
    for number in range(count):
        question = Question(
            id=f"{seed}-{number}",
            question=f"What is number {number} of {source.randrange(10**6)}?",
            answer="right",
            metric="em",
            category=("odd", "even")[number % 2],
        )
        questions.append(question)
        easy, hopeless = source.random() < 0.5, source.random() < 0.3
        for name in MODELS:
            rate = {"small": float(easy), "middle": 0.7, "large": 0.95}[name]
            right = source.random() < rate and not (hopeless and not easy)
            for sample in range(samples):
                text = "right" if right else f"wrong {source.randrange(10**6)}"
                brief = right or name != "small"
                outcomes.append(
                    Outcome(
                        id=question.id,
                        model=name,
                        text=text if brief else "hm, " * 40 + text,
                        answer=text,
                        score=float(right),
                        input_tokens=100,
                        output_tokens=source.randrange(90, 110) if brief else 400,
                        sample=sample,
                        cost=MODELS[name] / 1000,
                    )
                )
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in MODELS.items()]
    return OutcomeTable(cards, questions, outcomes)


@pytest.fixture(scope="session")
def reply_table() -> Callable[..., OutcomeTable]:
    """`reply_table(seed, count=300, samples=1)` makes a table; equal arguments make equal tables."""
    return table_of
