"""A conversation stays with the model whose provider has it in its cache, as far as that saves something."""

from typing import Any

import pytest
from serving import LARGE, SMALL, Serve, asked_by_policy

from router_r1.testing.loopback_server import Exchange, Served, chat_reply, usage

LONG = "Tell me more about the moons of this planet. " * 400


def turns(first: str, *later: str) -> list[dict[str, Any]]:
    """A conversation: what the user said, and a reply between."""
    said: list[dict[str, Any]] = [{"role": "user", "content": first}]
    for text in later:
        said += [{"role": "assistant", "content": "Gladly."}, {"role": "user", "content": text}]
    return said


def test_the_policy_is_told_what_asking_the_same_model_again_saves(serve: Serve) -> None:
    def handle(exchange: Exchange) -> Served:
        if asked_by_policy(exchange):
            asks = exchange.body["messages"][-1]["content"]
            route = f'<think>Ask.</think><route model="{LARGE}">question</route>'
            adopt = f'<think>Good.</think><answer model="{LARGE}"></answer>'
            return Served(
                chat_reply(adopt if "Gladly, again." in asks else route, usage=usage(9, 9))
            )
        return Served(chat_reply("Gladly, again.", usage=usage(9, 9)))

    with serve(handle, price={"input": 10, "output": 20, "cached": 1}) as serving:
        create = serving.client().chat.completions.create
        create(model="router-r1", messages=turns(LONG))
        first = serving.upstream.exchanges[0].body["messages"][-1]["content"]
        assert "gave the last reply" not in first
        before = len(serving.upstream.exchanges)
        create(model="router-r1", messages=turns(LONG, "And the rings?"))
        told = serving.upstream.exchanges[before].body["messages"][-1]["content"]
        assert f"[{LARGE} gave the last reply; to ask it again saves $0.0" in told
        forwarded = next(e for e in serving.upstream.exchanges[before:] if e.body["model"] == LARGE)
        assert "saves" not in str(forwarded.body["messages"])
        before = len(serving.upstream.exchanges)
        create(model="router-r1", messages=turns(LONG[1:], "And the rings?"))
        other = serving.upstream.exchanges[before].body["messages"][-1]["content"]
        assert "gave the last reply" not in other


def test_a_router_counts_the_saving_as_a_lower_cost() -> None:
    pytest.importorskip("sklearn")
    import numpy as np

    from router_r1.conversation import Conversation
    from router_r1.model_cards import ModelCard
    from router_r1.routers.base import Router
    from router_r1.serve.answers.one_shot import OneShot
    from router_r1.serve.sessions import Kept
    from router_r1.testing.scripted import ScriptedPool
    from router_r1.token_prices import Price

    class Constant(Router):
        """Predicts the same for every question: the large one is better by .1 and costs $0.02 more."""

        name = "constant"

        def _learn(self, data: Any) -> Any:
            return {}

        def _predict(self, questions: Any) -> Any:
            return np.array([[0.6, 0.7]])

    router = Constant()
    router.models = (SMALL, LARGE)
    router.learned = {"mean_cost": np.array([0.01, 0.03])}
    price = Price(input=1, output=1)
    cards = [ModelCard(name=name, price=price) for name in (SMALL, LARGE)]
    pool = ScriptedPool({SMALL: "x", LARGE: "x"}, cards=cards)
    router_at = OneShot(router, pool, 0.1, "constant")
    conversation = Conversation.read(turns("hi", "again"))
    assert router_at.choose(conversation).model == SMALL
    assert router_at.choose(conversation, Kept(LARGE, 0.005)).model == SMALL
    assert router_at.choose(conversation, Kept(LARGE, 0.015)).model == LARGE
