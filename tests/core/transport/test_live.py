"""The live transport: event loops and threads, what goes over the wire, and the `/tokenize` route.

Against a real server on this machine. Queues, retries, hedges and cancellation are in `test_live_call.py`, faults of
servers in `test_faults.py`, keys in `test_credentials.py`.
"""

import asyncio
import re
import threading

import pytest

from router_r1 import Price, Request, RouterAgent
from router_r1.errors import ConfigError
from router_r1.ledger import Ledger
from router_r1.model_cards import Endpoint, ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply, usage
from router_r1.transport.live import LiveTransport

QUERY = "What is 2+2?"
GOOD = chat_reply("It is 4.", usage=usage(10, 5))
GOOD_USD = (10 * 3.0 + 5 * 15.0) / 1_000_000
PRICE = Price(input=3.0, output=15.0)
ROUTE = f'<think>?</think><route model="a">{QUERY}</route>'
ANSWER = "<think>!</think><answer>4</answer>"


# --- event loops and threads


def test_one_transport_serves_several_event_loops_one_after_the_other():
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        transport = LiveTransport({"server": Endpoint(base_url=server.base_url)})
        card = ModelCard(name="a", endpoint="server", price=PRICE)
        pool = ModelPool(
            [card], {"server": Endpoint(base_url=server.base_url)}, transport=transport
        )

        async def once() -> bool:
            responses = await asyncio.gather(*(pool.ask("a", QUERY) for _ in range(5)))
            await pool.aclose()
            return all(response.ok for response in responses)

        assert [asyncio.run(once()) for _ in range(3)] == [True] * 3
    assert len(server.exchanges) == 15


def test_one_transport_serves_several_event_loops_at_once(pool_at):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.1)) as server:
        pool = pool_at(server.base_url)
        together = threading.Barrier(3)
        answers: list[str] = []

        async def several() -> None:
            together.wait(5)
            for response in await asyncio.gather(*(pool.ask("a", QUERY) for _ in range(10))):
                answers.append(response.text)
            await pool.aclose()

        threads = [threading.Thread(target=asyncio.run, args=(several(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert answers == ["It is 4."] * 30


async def test_threads_and_a_running_loop_may_ask_at_once(pool_at):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.05)) as server:
        agent = RouterAgent(policy=ScriptedPolicy([ROUTE, ANSWER]), pool=pool_at(server.base_url))
        results = await asyncio.gather(
            asyncio.to_thread(agent.ask, "one?"),
            asyncio.to_thread(agent.ask, "two?"),
            agent.aask("three?"),
        )
        assert agent.ask("four, inside a running loop, as in a notebook?").answer == "4"
        await agent.pool.aclose()
        await asyncio.to_thread(agent.close)
    assert [(r.answer, r.cost_usd) for r in results] == [("4", GOOD_USD)] * 3
    assert len(server.exchanges) == 4


# --- what goes over the wire


async def test_only_what_is_configured_is_sent(monkeypatch, pool_at):
    # The SDK reads these by default; they belong to one provider and must not reach another server.
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this-server")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-not-for-this-server")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-not-for-this-server")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-not-for-this-server")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/not-this-server")
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS",
        "Authorization: Bearer not-for-this-server\nX-A: not-for-this-server",
    )
    monkeypatch.setenv("SERVER_KEY", "the-key-of-this-server")
    options = {"api_key_env": "SERVER_KEY", "headers": {"X-Title": "router"}}
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, endpoint=options) as pool:
            assert (await pool.ask("a", QUERY)).ok
        async with pool_at(server.base_url) as pool:
            assert (await pool.ask("a", QUERY)).ok
    with_key, without_key = (exchange.headers for exchange in server.exchanges)
    assert with_key["authorization"] == "Bearer the-key-of-this-server"
    assert with_key["x-title"] == "router"
    assert without_key["authorization"] == "Bearer none"
    assert "not-for-this-server" not in f"{with_key}{without_key}"


async def test_a_request_body_has_only_the_configured_fields(pool_at):
    options = {"token_limit_field": "max_completion_tokens"}
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, endpoint=options) as pool:
            response = await pool.ask("a", QUERY)
    assert server.exchanges[0].body == {
        "model": "a",
        "messages": [{"role": "user", "content": QUERY}],
        "temperature": 0.0,
        "max_completion_tokens": 1024,
    }
    assert (response.text, response.finish_reason, response.served_by) == (
        "It is 4.",
        "stop",
        "loopback",
    )
    assert response.usage.prompt == 10
    assert response.latency_s > 0
    assert response.first_token_s is None


async def test_a_candidate_without_an_endpoint_cannot_be_called():
    pool = ModelPool([ModelCard(name="a", price=PRICE)])
    with pytest.raises(ConfigError, match="'a' has no endpoint"):
        await pool.ask("a", QUERY)
    with pytest.raises(ConfigError, match="'a' has no endpoint"):
        RouterAgent(policy=ScriptedPolicy([ANSWER]), pool=pool)


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (Served(status=404), "404"),
        (Served(b"<html>", content_type="text/html"), "Expecting value"),
        (Served(b'{"tokens": [1', content_type="application/json"), "Expecting"),
        (Served(b"[" * 100_000), "recursion"),
        (Served({"tokens": [1]}, delay_s=30), "no answer in 1 s"),
        (Served({"tokens": ["one"]}), "expected a list of token ids"),
        (Served([1, 2]), "expected a list of token ids"),
    ],
)
async def test_a_server_without_a_tokenize_route_is_a_failure(served, reason, pool_at):
    ledger = Ledger()
    with LoopbackServer(lambda _: served) as server:
        pool = pool_at(server.base_url, attempt_timeout_s=1.0)
        request = Request("a", prompt="text", encode=True)
        response = await pool.call("a", request, Account(ledger))
        await pool.aclose()
    assert response.failure is not None and response.token_ids is None
    assert re.search(f"/tokenize: .*{reason}", response.failure.detail)
    assert len(ledger) == 0 and response.cost_usd == 0
    assert [exchange.path for exchange in server.exchanges] == ["/tokenize"]
