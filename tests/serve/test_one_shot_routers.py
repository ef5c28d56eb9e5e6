"""One-shot routers as models of the gateway, fitted on a table when it starts; and the share of a worker."""

from pathlib import Path
from typing import Any

import openai
import pytest
from serving import LARGE, SMALL, Serve, agent_file

from router_r1 import config, routers
from router_r1.agent_file import load_agent
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.serve.answers.one_shot import OneShot
from router_r1.serve.settings import FittedRouter
from router_r1.serve.worker_share import take_share
from router_r1.testing.loopback_server import Exchange, Served, chat_reply, usage
from router_r1.token_prices import Price

MOONS, SUMS = "Which moon is wider than its planet?", "What is twelve plus thirty, times four?"


def write_table(folder: Path) -> None:
    """The small model is right about sums, the large one about moons."""
    cards = [ModelCard(name=name, price=Price(input=1, output=1)) for name in (SMALL, LARGE)]
    questions, outcomes = [], []
    for number in range(40):
        text, best = ((MOONS, LARGE), (SUMS, SMALL))[number % 2]
        questions.append(
            Question(id=f"q{number}", question=f"{text} ({number})", answer="a", metric="em")
        )
        outcomes += [
            Outcome(
                id=f"q{number}",
                model=card.name,
                text="a" if card.name == best else "b",
                score=float(card.name == best),
                input_tokens=10,
                output_tokens=10,
            )
            for card in cards
        ]
    OutcomeTable(cards, questions, outcomes).save(folder)


def test_a_saved_router_is_served_and_a_cascade_is_not(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    write_table(tmp_path / "table")
    routers.make("knn", k=5).fit(OutcomeTable.load(tmp_path / "table")).save(tmp_path / "saved")

    def handle(exchange: Exchange) -> Served:
        return Served(chat_reply(f"by {exchange.body['model']}", usage=usage(1, 1)))

    saved = {"knn": {"path": "saved", "worth_usd": 0.01}}
    with serve(handle, agent={"serve": {"routers": saved}}) as serving:
        reply = serving.client().chat.completions.create(
            model="router:knn", messages=[{"role": "user", "content": MOONS}]
        )
        assert reply.choices[0].message.content == f"by {LARGE}"
    spec = FittedRouter(kind="agreement_cascade", table="table", worth_usd=1)
    pool = load_agent(tmp_path / "agent.yaml").pool
    with pytest.raises(ConfigError, match="make it the agent's policy"):
        OneShot.fit("all", spec, pool, tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "knn"},
        {"table": "t"},
        {"path": "p", "kind": "knn"},
        {"path": "p", "kind": "knn", "table": "t"},
        {"path": "p", "settings": {"k": 1}},
    ],
)
def test_a_router_comes_from_one_place(fields) -> None:
    with pytest.raises(ConfigError, match="give either `path`, or `kind` and `table`"):
        config.validate(FittedRouter, {"worth_usd": 1, **fields}, "agent.yaml")


def test_a_router_chooses_the_candidate_that_answers(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    write_table(tmp_path / "table")

    def handle(exchange: Exchange) -> Served:
        return Served(chat_reply(f"by {exchange.body['model']}", usage=usage(1, 1)))

    routers = {"knn": {"kind": "knn", "table": "table", "worth_usd": 0.01, "settings": {"k": 5}}}
    with serve(handle, agent={"serve": {"routers": routers}}) as serving:
        client = serving.client()
        assert "router:knn" in [model.id for model in client.models.list()]
        for question, best in ((MOONS, LARGE), (SUMS, SMALL)):
            messages: Any = [{"role": "user", "content": question}]
            raw = client.chat.completions.with_raw_response.create(
                model="router:knn", messages=messages
            )
            assert raw.parse().choices[0].message.content == f"by {best}"
            assert raw.headers["x-router-r1-route"] == best
            dry: Any = client.post(
                "/route", cast_to=object, body={"model": "router:knn", "messages": messages}
            )
            assert dry["calls"][0]["model"] == best
            assert dry["predicted"][best]["score"] > 0.9
        # Only the large one reads images, whatever the text says.
        image: Any = [
            {"type": "text", "text": SUMS},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ]
        reply = client.chat.completions.create(
            model="router:knn", messages=[{"role": "user", "content": image}]
        )
        assert reply.choices[0].message.content == f"by {LARGE}"
        audio: Any = [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]
        with pytest.raises(openai.BadRequestError, match="needs audio"):
            client.chat.completions.create(
                model="router:knn", messages=[{"role": "user", "content": audio}]
            )


def test_workers_share_the_limits_of_a_candidate(tmp_path: Path) -> None:
    limits = {"max_concurrency": 10, "requests_per_minute": 90}
    path = agent_file(tmp_path, "http://127.0.0.1:9/v1", {"call_limits": limits})
    agent = load_agent(path)
    take_share(agent, 3)
    card = agent.pool.card(SMALL)
    assert (card.limits.max_concurrency, card.limits.requests_per_minute) == (3, 30)
    assert card.limits.tokens_per_minute is None
    whole = load_agent(path)
    take_share(whole, 1)
    assert whole.pool.card(SMALL).limits.max_concurrency == 10
