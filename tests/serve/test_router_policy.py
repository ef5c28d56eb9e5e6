"""A fitted cascade as the agent of the gateway: it asks, reads and asks again for a client that knows nothing of it."""

from pathlib import Path
from typing import Any

import pytest
from serving import LARGE, QUESTION, SMALL, Serve

from router_r1 import routers
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.testing.loopback_server import Exchange, Served, chat_reply, usage
from router_r1.token_prices import Price

BRIEF, LONG = "The answer is 42.", "Hm, let me think. " * 30


def save_cascade(folder: Path) -> None:
    """The small model's long replies are wrong; the large model is always right, and ten times as expensive."""
    cards = [ModelCard(name=name, price=Price(input=1, output=1)) for name in (SMALL, LARGE)]
    questions, outcomes = [], []
    for number in range(60):
        question = Question(
            id=f"q{number}", question=f"{QUESTION} ({number})", answer="42", metric="em"
        )
        questions.append(question)
        for name, right in ((SMALL, number % 2 == 0), (LARGE, True)):
            outcomes.append(
                Outcome(
                    id=question.id,
                    model=name,
                    text=BRIEF if right else LONG,
                    score=float(right),
                    input_tokens=10,
                    output_tokens=6 if right else 150,
                    cost=0.001 if name == SMALL else 0.01,
                )
            )
    table = OutcomeTable(cards, questions, outcomes)
    routers.make("frugalgpt", trees=20, folds=2).fit(table).save(folder)


def test_a_saved_cascade_answers_behind_the_gateway(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    save_cascade(tmp_path / "cascade")

    def handle(exchange: Exchange) -> Served:
        easy = "easy" in exchange.body["messages"][-1]["content"]
        small = exchange.body["model"] == SMALL
        text = LONG if small and not easy else f"{BRIEF} says {exchange.body['model']}"
        return Served(chat_reply(text, usage=usage(10, 150 if text == LONG else 6)))

    agent: dict[str, Any] = {
        "policy": {"kind": "router", "path": str(tmp_path / "cascade")},
        "limits": {"worth_usd": 0.05},
    }
    with serve(handle, agent=agent) as serving:
        client = serving.client()
        for question, last, calls in (
            (f"{QUESTION} An easy one.", SMALL, [SMALL]),
            (QUESTION, LARGE, [SMALL, LARGE]),
        ):
            before = len(serving.upstream.exchanges)
            reply = client.chat.completions.create(
                model="router-r1", messages=[{"role": "user", "content": question}]
            )
            assert reply.choices[0].message.content == f"{BRIEF} says {last}"
            asked = [e.body["model"] for e in serving.upstream.exchanges[before:]]
            assert asked == calls
