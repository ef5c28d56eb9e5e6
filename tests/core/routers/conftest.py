"""A table with a planted structure, which every router must find."""

import random

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

TOPICS = {
    "law": ("court judge contract statute appeal tort", (0.9, 0.2)),
    "maths": ("triangle integral prime matrix vector sum", (0.2, 0.9)),
}


def table_of(seed: int, count: int = 120, *, labels: bool = True) -> OutcomeTable:
    """Two topics with disjoint words. `lawyer` is good at one and cheap, `solver` at the other and expensive."""
    source = random.Random(seed)
    asked, outcomes = [], []
    for number in range(count):
        topic = ("law", "maths")[number % 2]
        words, rates = TOPICS[topic]
        text = f"About {' and '.join(source.sample(words.split(), 3))}: what of number {number}?"
        question = Question(
            id=f"{seed}-{number}",
            question=text,
            answer="1",
            metric="math",
            category=topic if labels else None,
        )
        asked.append(question)
        for name, rate in zip(("lawyer", "solver"), rates, strict=True):
            outcomes.append(
                Outcome(
                    id=question.id,
                    model=name,
                    text="1",
                    score=float(source.random() < rate),
                    input_tokens=100,
                    output_tokens=100,
                )
            )
    cards = [
        ModelCard(name=n, price=Price(input=p, output=p))
        for n, p in (("lawyer", 1), ("solver", 10))
    ]
    return OutcomeTable(cards, asked, outcomes)


@pytest.fixture(scope="session")
def topic_table():
    """`topic_table(seed, count=120, labels=True)` makes a table; equal arguments make equal tables."""
    return table_of
