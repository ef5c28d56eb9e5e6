"""Candidates that stand in for real ones, so that a prompt can be measured without waiting for candidates.

Three candidates of different price, size and skill. One that is asked something sensible replies in a sentence with the
gold answer of the question, or, as often as its skill says, with the gold answer of another question of the same
metric; which of the two depends on the seed, the question, the candidate and the number of the sample, not on the order
of calls. One that is asked something else says that it does not understand.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from router_r1 import ModelCard, ModelPool, Price
from router_r1.data.questions import Question
from router_r1.model_cards import ModelSpec
from router_r1.transport.messages import Request
from router_r1.transport.simulated import SimulatedTransport

from .sense import Sense

CARDS = (
    ModelCard(
        name="swift-3b",
        description="Small and fast. Simple facts and short sums.",
        price=Price(input=0.02, output=0.05),
        max_output_tokens=500,
        parameters_billions=3,
    ),
    ModelCard(
        name="coder-32b",
        description="Writes programs and solves mathematics.",
        price=Price(input=0.2, output=0.4),
        max_output_tokens=1000,
        parameters_billions=32,
    ),
    ModelCard(
        name="scholar-400b",
        description="Large and slow. Science, law, history and hard reasoning.",
        price=Price(input=2.5, output=10),
        max_output_tokens=1000,
        parameters_billions=400,
    ),
)
SKILLS = {"swift-3b": 0.6, "coder-32b": 0.8, "scholar-400b": 0.9}
"""How often a candidate is right."""


def stand_in_pool(
    question: Question, others: Sequence[Question], sense: Sense, seed: int
) -> ModelPool:
    """The pool of one episode.

    Args:
        question: the question of the episode.
        others: questions whose gold answers serve as wrong ones.
        sense: tells whether a query asks something.
        seed: of the draw.
    """
    wrong = [each for each in others if each.metric == question.metric and each.id != question.id]

    def reply(card: ModelSpec, request: Request) -> str:
        query = request.messages[-1]["content"]
        if not sense.of_query(query):
            return "I do not understand what is asked. Please state the question."
        source = random.Random(f"{seed} {question.id} {card.name} {request.sample_index}")
        right = source.random() < SKILLS[card.name] or not wrong
        return _sentence(question if right else source.choice(wrong))

    return ModelPool(CARDS, transport=SimulatedTransport(reply))


def _sentence(question: Question) -> str:
    """The gold answer of a question as a model would give it."""
    answer = question.answers[0]
    if question.metric == "code":
        return f"Here is the function:\n```python\n{question.question}\n{answer}\n```"
    if question.choices and len(answer) == 1:
        return f"The answer is ({answer}) {question.choices[ord(answer) - ord('A')]}."
    return f"The answer is {answer}."
