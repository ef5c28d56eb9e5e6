"""The live client when servers behave: queues, rates, hedges, event loops, cancellation, and what goes over the wire.

Against a real server on this machine. What servers do wrong is in `test_faults.py`, keys are in `test_keys.py`.
"""

import asyncio
import itertools
import re
import threading
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest

from router_r1 import Price, Request, RouterAgent
from router_r1.errors import ConfigError
from router_r1.ledger import Ledger, Role
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.rollout import CallStarted
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply, usage
from router_r1.trace import read_traces
from router_r1.transport.live import LiveTransport

QUERY = "What is 2+2?"
GOOD = chat_reply("It is 4.", usage=usage(10, 5))
GOOD_USD = (10 * 3.0 + 5 * 15.0) / 1_000_000
PROMPT_USD = 7 * 3.0 / 1_000_000  # the query by estimate: 12 characters / 4, and 4 for the message
PRICE = Price(input=3.0, output=15.0)
ROUTE = f'<think>?</think><route model="a">{QUERY}</route>'
ANSWER = "<think>!</think><answer>4</answer>"


def pool_at(base_url: str, *names: str, endpoint: dict | None = None, **limits) -> ModelPool:
    quick = {"attempt_timeout_s": 5, "deadline_s": 10, "backoff_base_s": 0.01}
    cards = [
        ModelCard(name=name, endpoint="server", price=PRICE, limits=CallLimits(**(quick | limits)))
        for name in names or ("a",)
    ]
    return ModelPool(cards, {"server": Endpoint(base_url=base_url, **(endpoint or {}))})


async def asked(pool: ModelPool, name: str = "a", query: str = QUERY):
    """One call: its response and its rows (attempt, cause, outcome, billed, dollars)."""
    ledger = Ledger()
    response = await pool.ask(name, query, Account(ledger))
    return response, [(e.attempt, e.cause, e.outcome, e.billed, e.cost_usd) for e in ledger]


async def soon(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        await asyncio.sleep(0.01)
    return condition()


# --- queues


async def test_a_candidate_is_never_called_more_often_at_once_than_configured():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.05)) as server:
        async with pool_at(server.base_url, max_concurrency=3) as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(20)))
    assert all(response.ok for response in responses)
    assert server.most_in_flight == 3
    assert len(server.exchanges) == 20


async def test_candidates_of_one_endpoint_share_its_limit():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.05)) as server:
        limits = {"max_concurrency": 3}
        async with pool_at(
            server.base_url, "a", "b", endpoint={"max_concurrency": 4}, **limits
        ) as pool:
            calls = [pool.ask(name, f"{n}?") for n in range(10) for name in "ab"]
            assert all(response.ok for response in await asyncio.gather(*calls))
    assert server.most_in_flight == 4


async def test_calls_are_carried_out_in_order():
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, max_concurrency=1) as pool:
            await asyncio.gather(*(pool.ask("a", f"{n}") for n in range(10)))
    queries = [exchange.body["messages"][-1]["content"] for exchange in server.exchanges]
    assert queries == [str(n) for n in range(10)]


async def test_a_candidate_that_waits_does_not_hold_up_the_others_of_its_endpoint():
    def handler(exchange) -> Served:
        if exchange.number == 0:
            return Served(status=429, headers={"Retry-After": "1.5"})
        return Served(GOOD)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, "a", "b", endpoint={"max_concurrency": 1}) as pool:
            slow = asyncio.ensure_future(pool.ask("a", QUERY))
            await soon(lambda: len(server.exchanges) == 1)
            began = time.monotonic()
            assert (await pool.ask("b", QUERY)).ok
            assert time.monotonic() - began < 1.0
            assert not slow.done()
            assert (await slow).ok


async def test_time_spent_in_a_queue_does_not_count_against_the_deadline():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.3)) as server:
        limits = {"max_concurrency": 5, "deadline_s": 1.2}
        async with pool_at(server.base_url, endpoint={"max_concurrency": 1}, **limits) as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(5)))
    assert all(response.ok for response in responses)


async def test_requests_over_the_rate_wait_and_do_not_fail():
    # 60 a minute: six at once, a tenth of a minute's, and then one a second. The deadline is shorter than the wait, and
    # does not run while the call waits.
    limits = {"requests_per_minute": 60, "deadline_s": 0.8, "attempt_timeout_s": 0.8}
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, **limits) as pool:
            began = time.monotonic()
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(8)))
            seconds = time.monotonic() - began
    assert all(response.ok for response in responses)
    assert 1.5 < seconds < 10


async def test_tokens_over_the_rate_wait_and_do_not_fail():
    # Each takes 1024 tokens for the answer and 5 for the prompt; 2050 fit at once, the 8 more drain in 0.23 seconds.
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, tokens_per_minute=2050) as pool:
            began = time.monotonic()
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(2)))
            seconds = time.monotonic() - began
    assert all(response.ok for response in responses)
    assert 0.15 < seconds < 5


async def test_a_request_larger_than_a_minute_of_tokens_is_carried_out_all_the_same():
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, tokens_per_minute=10) as pool:
            assert (await pool.ask("a", QUERY)).ok


async def test_a_call_cancelled_in_the_queue_is_not_sent_and_not_booked():
    with LoopbackServer(lambda e: Served(GOOD, delay_s=0.3)) as server:
        async with pool_at(server.base_url, max_concurrency=1) as pool:
            first = asyncio.ensure_future(asked(pool))
            await soon(lambda: len(server.exchanges) == 1)
            ledger = Ledger()
            second = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            await asyncio.sleep(0.05)
            second.cancel()
            assert isinstance(
                (await asyncio.gather(second, return_exceptions=True))[0], BaseException
            )
            assert (await first)[0].ok
            assert (await pool.ask("a", QUERY)).ok  # the place in the queue is free again
    assert len(ledger) == 0
    assert len(server.exchanges) == 2


# --- retries


@pytest.mark.parametrize("attempts", [1, 3])
async def test_there_is_one_retry_layer(attempts):
    # `x-should-retry` is what the SDK would follow, if it retried.
    error = Served(status=500, headers={"x-should-retry": "true", "retry-after-ms": "1"})
    with LoopbackServer(lambda _: error) as server:
        async with pool_at(server.base_url, max_attempts=attempts) as pool:
            response, rows = await asked(pool)
    assert len(server.exchanges) == len(rows) == response.attempts == attempts
    assert {e.headers["x-stainless-retry-count"] for e in server.exchanges} == {"0"}


async def test_waits_between_attempts_are_random_and_grow():
    times: list[float] = []

    def handler(_) -> Served:
        times.append(time.monotonic())
        return Served(status=500)

    limits = {
        "max_attempts": 7,
        "breaker_failures": 99,
        "backoff_base_s": 0.02,
        "backoff_max_s": 0.1,
    }
    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, **limits) as pool:
            await pool.ask("a", QUERY)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(waits) == 6
    # At most 0.02 + 0.04 + 0.08 + 3 x 0.1 seconds, and the time of the requests.
    assert sum(waits) < 0.44 + 2.0
    assert len({round(wait, 4) for wait in waits}) > 1


# --- hedges


def slow_first(seconds: float = 5.0, then: Served | None = None) -> Callable[..., Served]:
    return lambda e: Served(GOOD, delay_s=seconds) if e.number == 0 else then or Served(GOOD)


async def test_a_hedge_that_answers_first_wins_and_the_loser_is_cancelled_and_booked():
    with LoopbackServer(slow_first()) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            began = time.monotonic()
            response, rows = await asked(pool)
            assert time.monotonic() - began < 3
        assert await soon(lambda: server.exchanges[0].cancelled)
    assert response.ok
    assert sorted(rows) == [
        (1, "first", "cancelled", True, PROMPT_USD),
        (2, "hedge", "ok", True, GOOD_USD),
    ]
    assert response.cost_usd == PROMPT_USD + GOOD_USD
    assert response.attempts == len(server.exchanges) == 2


async def test_a_hedge_that_loses_is_cancelled_and_booked():
    def handler(exchange) -> Served:
        return Served(GOOD, delay_s=0.4 if exchange.number == 0 else 5)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            response, rows = await asked(pool)
        assert await soon(lambda: server.exchanges[1].cancelled)
    assert response.ok
    assert sorted(rows) == [
        (1, "first", "ok", True, GOOD_USD),
        (2, "hedge", "cancelled", True, PROMPT_USD),
    ]


async def test_a_quick_answer_needs_no_hedge():
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, hedge_after_s=2) as pool:
            _, rows = await asked(pool)
    assert rows == [(1, "first", "ok", True, GOOD_USD)]
    assert len(server.exchanges) == 1


async def test_a_hedge_that_fails_does_not_take_the_first_attempt_with_it():
    with LoopbackServer(slow_first(0.5, Served(status=500))) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            response, rows = await asked(pool)
    assert response.ok
    assert sorted(rows) == [
        (1, "first", "ok", True, GOOD_USD),
        (2, "hedge", "server_error", False, 0.0),
    ]


async def test_a_first_attempt_that_fails_leaves_the_hedge_its_chance():
    def handler(exchange) -> Served:
        return (
            Served(status=500, delay_s=0.3) if exchange.number == 0 else Served(GOOD, delay_s=0.5)
        )

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            response, rows = await asked(pool)
    assert response.ok
    assert [row[:3] for row in sorted(rows)] == [(1, "first", "server_error"), (2, "hedge", "ok")]


@pytest.mark.parametrize(("attempts", "causes"), [(2, "first hedge"), (3, "first hedge retry")])
async def test_a_hedge_counts_as_an_attempt(attempts, causes):
    with LoopbackServer(lambda _: Served(status=500, delay_s=0.2)) as server:
        async with pool_at(server.base_url, hedge_after_s=0.05, max_attempts=attempts) as pool:
            response, rows = await asked(pool)
    assert [row[1].value for row in sorted(rows)] == causes.split()
    assert len(server.exchanges) == response.attempts == attempts


async def test_there_is_no_hedge_when_one_attempt_is_all():
    with LoopbackServer(slow_first(0.3)) as server:
        async with pool_at(server.base_url, hedge_after_s=0.05, max_attempts=1) as pool:
            assert (await pool.ask("a", QUERY)).ok
    assert len(server.exchanges) == 1


@pytest.mark.parametrize(
    ("endpoint", "limits"),
    [
        ({}, {"max_concurrency": 1}),
        ({"max_concurrency": 1}, {}),
        ({}, {"requests_per_minute": 1}),
        ({}, {"tokens_per_minute": 1500}),
    ],
)
async def test_a_hedge_keeps_to_the_limits(endpoint, limits):
    with LoopbackServer(slow_first(0.4)) as server:
        pool = pool_at(server.base_url, endpoint=endpoint, hedge_after_s=0.05, **limits)
        async with pool:
            response, rows = await asked(pool)
    assert response.ok
    assert rows == [(1, "first", "ok", True, GOOD_USD)]
    assert server.most_in_flight == 1


async def test_hedges_under_load_keep_to_the_limits():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.2)) as server:
        async with pool_at(server.base_url, hedge_after_s=0.05, max_concurrency=4) as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(10)))
    assert all(response.ok for response in responses)
    assert server.most_in_flight == 4
    # The last two calls run alone, so there is room for a hedge of each.
    assert 10 <= len(server.exchanges) == sum(response.attempts for response in responses) <= 12


# --- cancellation


async def test_a_cancelled_call_is_cancelled_upstream_and_booked():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        async with pool_at(server.base_url) as pool:
            ledger = Ledger()
            call = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            assert await soon(lambda: len(server.exchanges) == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert await soon(lambda: server.exchanges[0].cancelled)
    (row,) = ledger
    assert (row.outcome, row.billed, row.cost_usd) == ("cancelled", True, PROMPT_USD)
    assert row.usage.estimated


async def test_both_sides_of_a_hedge_are_cancelled():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        async with pool_at(server.base_url, hedge_after_s=0.05) as pool:
            ledger = Ledger()
            call = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            assert await soon(lambda: len(server.exchanges) == 2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert await soon(lambda: all(e.cancelled for e in server.exchanges))
    assert sorted((row.cause, row.outcome) for row in ledger) == [
        ("first", "cancelled"),
        ("hedge", "cancelled"),
    ]


async def test_a_cancelled_stream_is_booked_with_the_text_that_had_come():
    words = [{"choices": [{"index": 0, "delta": {"content": "word "}}]}] * 100
    with LoopbackServer(lambda _: Served(events=words, event_delay_s=0.02)) as server:
        async with pool_at(server.base_url, stream=True) as pool:
            ledger = Ledger()
            call = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            assert await soon(lambda: len(server.exchanges) == 1)
            await asyncio.sleep(0.5)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert await soon(lambda: server.exchanges[0].cancelled)
    (row,) = ledger
    assert row.outcome == "cancelled"
    assert 0 < row.usage.completion < 125  # 100 words of 5 characters


async def test_a_cancelled_question_leaves_a_trace(tmp_path):
    traces = tmp_path / "traces.jsonl"
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        pool = pool_at(server.base_url, "a", "b")
        both = f'<think>?</think><route model="a">{QUERY}</route><route model="b">{QUERY}</route>'
        agent = RouterAgent(policy=ScriptedPolicy([both, ANSWER]), pool=pool, traces=traces)
        question = asyncio.ensure_future(agent.aask("2+2?"))
        assert await soon(lambda: len(server.exchanges) == 2)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        await agent.aclose()
        assert await soon(lambda: all(e.cancelled for e in server.exchanges))
    (trace,) = read_traces(traces)
    assert trace.stop_reason == "cancelled"
    rows = [row for row in trace.ledger if row.role is Role.CANDIDATE]
    assert sorted((row.model, row.outcome, row.cost_usd) for row in rows) == [
        ("a", "cancelled", PROMPT_USD),
        ("b", "cancelled", PROMPT_USD),
    ]
    assert trace.cost_usd == PROMPT_USD * 2


@pytest.mark.parametrize("how", ["break", "aclose"])
async def test_leaving_a_stream_early_cancels_the_calls(tmp_path, how):
    traces = tmp_path / "traces.jsonl"
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        pool = pool_at(server.base_url)
        agent = RouterAgent(policy=ScriptedPolicy([ROUTE, ANSWER]), pool=pool, traces=traces)
        if how == "aclose":
            async with aclosing(agent.astream("2+2?")) as events:
                async for event in events:
                    if isinstance(event, CallStarted):
                        await soon(lambda: len(server.exchanges) == 1)
                        break
        else:
            async for event in agent.astream("2+2?"):
                if isinstance(event, CallStarted):
                    await soon(lambda: len(server.exchanges) == 1)
                    break
        assert await soon(lambda: server.exchanges[0].cancelled)
        assert await soon(lambda: traces.stat().st_size > 0)
        await agent.aclose()
    (trace,) = read_traces(traces)
    assert trace.stop_reason == "cancelled"


async def test_a_question_that_runs_out_of_time_cancels_its_calls_and_keeps_its_bill():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        policy = ScriptedPolicy([ROUTE, ANSWER])
        agent = RouterAgent(policy=policy, pool=pool_at(server.base_url), timeout_s=1.0)
        result = await agent.aask("2+2?")
        await agent.aclose()
        assert await soon(lambda: server.exchanges[0].cancelled)
    assert (result.stop_reason, result.answer, result.cost_usd) == ("deadline", None, PROMPT_USD)


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


def test_one_transport_serves_several_event_loops_at_once():
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


async def test_asking_from_a_thread_while_a_loop_runs_elsewhere():
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


async def test_only_what_is_configured_is_sent(monkeypatch):
    # The SDK reads these by itself; they belong to one provider and would go to every server.
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


async def test_the_body_of_a_request():
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


async def test_a_candidate_without_an_endpoint_can_not_be_called():
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
async def test_a_server_that_does_not_encode_is_a_failure(served, reason):
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
