"""An outcome table that uses every field."""

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price


@pytest.fixture
def full_table() -> OutcomeTable:
    """A table with every field present in one place and missing in another."""
    cards = [ModelCard(name=name, price=Price(input=1, output=1)) for name in ("a", "b: b/b")]
    base = {"question": "Österreich?\n\u2028", "metric": "em"}
    nested = {"pages": [1, 2.5, None], "by": {"name": "x", "empty": {}, "null": None}, "n": 2**70}
    questions = [
        Question(id="q1", answer="Wien", **base),
        Question(id="q2", answer=("B", "blue"), category="colours", choices=("red", ""), **base),
        Question(id="q3", answer=("one",), choices=(), metadata=nested, **base),
        Question(id="q4", answer='["no list"]', category="", metadata={"a": "b"}, **base),
    ]
    common = {"score": 0.1 + 0.2, "input_tokens": 0, "output_tokens": 2**40}
    outcomes = [
        Outcome(id="q1", model="a", text="", **common),
        Outcome(id="q1", model="a", text="It is B.", answer=None, sample=1, cost=0.0, **common),
        Outcome(id="q2", model="b: b/b", text="B", answer="B", cost=1e-9, **common),
        Outcome(id="q3", model="b: b/b", text="The answer is 7.", estimated=True, **common),
    ]
    return OutcomeTable(cards, questions, outcomes)
