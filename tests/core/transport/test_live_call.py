"""One live call when servers behave: queues, rate limits, retries, hedges and cancellation.

Against a real server on this machine. Faults of servers are in `test_faults.py`.
"""

import asyncio
import functools
import itertools
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest

from router_r1 import RouterAgent
from router_r1.ledger import Ledger, Role
from router_r1.pool import Account, ModelPool
from router_r1.rollout import CallStarted
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply, usage
from router_r1.trace import read_traces

QUERY = "What is 2+2?"
GOOD = chat_reply("It is 4.", usage=usage(10, 5))
GOOD_USD = (10 * 3.0 + 5 * 15.0) / 1_000_000
PROMPT_USD = (
    7 * 3.0 / 1_000_000
)  # estimated tokens of the query: 12 characters / 4, and 4 for the message
ROUTE = f'<think>?</think><route model="a">{QUERY}</route>'
ANSWER = "<think>!</think><answer>4</answer>"


@pytest.fixture
def pool_at(pool_at):
    """Pools with the default number of attempts."""
    return functools.partial(pool_at, max_attempts=3)


async def ask(pool: ModelPool):
    """One call of `a`: its response and its ledger rows (attempt, cause, outcome, billed, dollars)."""
    ledger = Ledger()
    response = await pool.ask("a", QUERY, Account(ledger))
    return response, [(e.attempt, e.cause, e.outcome, e.billed, e.cost_usd) for e in ledger]


# --- queues


async def test_a_candidate_never_exceeds_its_concurrency(pool_at):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.05)) as server:
        async with pool_at(server.base_url, max_concurrency=3) as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(20)))
    assert all(response.ok for response in responses)
    assert server.most_in_flight == 3
    assert len(server.exchanges) == 20


async def test_candidates_of_one_endpoint_share_its_concurrency(pool_at):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.05)) as server:
        limits = {"max_concurrency": 3}
        async with pool_at(
            server.base_url, "a", "b", endpoint={"max_concurrency": 4}, **limits
        ) as pool:
            calls = [pool.ask(name, f"{n}?") for n in range(10) for name in "ab"]
            assert all(response.ok for response in await asyncio.gather(*calls))
    assert server.most_in_flight == 4


async def test_queued_calls_run_in_order(pool_at):
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, max_concurrency=1) as pool:
            await asyncio.gather(*(pool.ask("a", f"{n}") for n in range(10)))
    queries = [exchange.body["messages"][-1]["content"] for exchange in server.exchanges]
    assert queries == [str(n) for n in range(10)]


async def test_a_waiting_candidate_does_not_block_the_others_of_its_endpoint(pool_at, wait_until):
    def handler(exchange) -> Served:
        if exchange.number == 0:
            return Served(status=429, headers={"Retry-After": "1.5"})
        return Served(GOOD)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, "a", "b", endpoint={"max_concurrency": 1}) as pool:
            slow = asyncio.ensure_future(pool.ask("a", QUERY))
            await wait_until(lambda: len(server.exchanges) == 1)
            began = time.monotonic()
            assert (await pool.ask("b", QUERY)).ok
            assert time.monotonic() - began < 1.0
            assert not slow.done()
            assert (await slow).ok


async def test_time_spent_in_a_queue_does_not_count_against_the_deadline(pool_at):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.3)) as server:
        limits = {"max_concurrency": 5, "deadline_s": 1.2}
        async with pool_at(server.base_url, endpoint={"max_concurrency": 1}, **limits) as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(5)))
    assert all(response.ok for response in responses)


async def test_requests_over_the_rate_limit_wait_instead_of_failing(pool_at):
    # 60 per minute: six at once, a tenth of a minute's, and then one per second. The deadline is shorter than the wait,
    # but does not run while the call waits.
    limits = {"requests_per_minute": 60, "deadline_s": 0.8, "attempt_timeout_s": 0.8}
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, **limits) as pool:
            began = time.monotonic()
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(8)))
            seconds = time.monotonic() - began
    assert all(response.ok for response in responses)
    assert 1.5 < seconds < 10


async def test_tokens_over_the_rate_limit_wait_instead_of_failing(pool_at):
    # Each takes 1024 tokens for the answer and 5 for the prompt: 2050 fit at once, the other 8 drain in 0.23 seconds.
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, tokens_per_minute=2050) as pool:
            began = time.monotonic()
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(2)))
            seconds = time.monotonic() - began
    assert all(response.ok for response in responses)
    assert 0.15 < seconds < 5


async def test_a_request_larger_than_a_minutes_tokens_is_still_sent(pool_at):
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, tokens_per_minute=10) as pool:
            assert (await pool.ask("a", QUERY)).ok


async def test_a_call_cancelled_in_the_queue_is_neither_sent_nor_booked(pool_at, wait_until):
    with LoopbackServer(lambda e: Served(GOOD, delay_s=0.3)) as server:
        async with pool_at(server.base_url, max_concurrency=1) as pool:
            first = asyncio.ensure_future(ask(pool))
            await wait_until(lambda: len(server.exchanges) == 1)
            ledger = Ledger()
            second = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            await asyncio.sleep(0.05)
            second.cancel()
            assert isinstance(
                (await asyncio.gather(second, return_exceptions=True))[0], BaseException
            )
            assert (await first)[0].ok
            assert (await pool.ask("a", QUERY)).ok  # the slot is free again
    assert len(ledger) == 0
    assert len(server.exchanges) == 2


# --- retries


@pytest.mark.parametrize("attempts", [1, 3])
async def test_only_one_layer_retries(attempts, pool_at):
    # The SDK obeys `x-should-retry` if its own retries are on.
    error = Served(status=500, headers={"x-should-retry": "true", "retry-after-ms": "1"})
    with LoopbackServer(lambda _: error) as server:
        async with pool_at(server.base_url, max_attempts=attempts) as pool:
            response, rows = await ask(pool)
    assert len(server.exchanges) == len(rows) == response.attempts == attempts
    assert {e.headers["x-stainless-retry-count"] for e in server.exchanges} == {"0"}


async def test_backoff_is_random_and_bounded(pool_at):
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
    # At most 0.02 + 0.04 + 0.08 + 3 x 0.1 seconds of back-off, and the time of the requests.
    assert sum(waits) < 0.44 + 2.0
    assert len({round(wait, 4) for wait in waits}) > 1


# --- hedges


def slow_first(seconds: float = 5.0, then: Served | None = None) -> Callable[..., Served]:
    return lambda e: Served(GOOD, delay_s=seconds) if e.number == 0 else then or Served(GOOD)


async def test_a_hedge_that_answers_first_wins_and_the_first_attempt_is_cancelled_and_booked(
    pool_at, wait_until
):
    with LoopbackServer(slow_first()) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            began = time.monotonic()
            response, rows = await ask(pool)
            assert time.monotonic() - began < 3
        assert await wait_until(lambda: server.exchanges[0].cancelled)
    assert response.ok
    assert sorted(rows) == [
        (1, "first", "cancelled", True, PROMPT_USD),
        (2, "hedge", "ok", True, GOOD_USD),
    ]
    assert response.cost_usd == PROMPT_USD + GOOD_USD
    assert response.attempts == len(server.exchanges) == 2


async def test_a_hedge_that_loses_is_cancelled_and_booked(pool_at, wait_until):
    def handler(exchange) -> Served:
        return Served(GOOD, delay_s=0.4 if exchange.number == 0 else 5)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            response, rows = await ask(pool)
        assert await wait_until(lambda: server.exchanges[1].cancelled)
    assert response.ok
    assert sorted(rows) == [
        (1, "first", "ok", True, GOOD_USD),
        (2, "hedge", "cancelled", True, PROMPT_USD),
    ]


async def test_a_quick_answer_is_not_hedged(pool_at):
    with LoopbackServer(lambda _: Served(GOOD)) as server:
        async with pool_at(server.base_url, hedge_after_s=2) as pool:
            _, rows = await ask(pool)
    assert rows == [(1, "first", "ok", True, GOOD_USD)]
    assert len(server.exchanges) == 1


async def test_a_failing_hedge_does_not_end_the_first_attempt(pool_at):
    with LoopbackServer(slow_first(0.5, Served(status=500))) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            response, rows = await ask(pool)
    assert response.ok
    assert sorted(rows) == [
        (1, "first", "ok", True, GOOD_USD),
        (2, "hedge", "server_error", False, 0.0),
    ]


async def test_a_failing_first_attempt_does_not_end_the_hedge(pool_at):
    def handler(exchange) -> Served:
        return (
            Served(status=500, delay_s=0.3) if exchange.number == 0 else Served(GOOD, delay_s=0.5)
        )

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, hedge_after_s=0.1) as pool:
            response, rows = await ask(pool)
    assert response.ok
    assert [row[:3] for row in sorted(rows)] == [(1, "first", "server_error"), (2, "hedge", "ok")]


@pytest.mark.parametrize(("attempts", "causes"), [(2, "first hedge"), (3, "first hedge retry")])
async def test_a_hedge_counts_as_an_attempt(attempts, causes, pool_at):
    with LoopbackServer(lambda _: Served(status=500, delay_s=0.2)) as server:
        async with pool_at(server.base_url, hedge_after_s=0.05, max_attempts=attempts) as pool:
            response, rows = await ask(pool)
    assert [row[1].value for row in sorted(rows)] == causes.split()
    assert len(server.exchanges) == response.attempts == attempts


async def test_a_call_of_one_attempt_is_never_hedged(pool_at):
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
async def test_a_hedge_respects_the_limits(endpoint, limits, pool_at):
    with LoopbackServer(slow_first(0.4)) as server:
        pool = pool_at(server.base_url, endpoint=endpoint, hedge_after_s=0.05, **limits)
        async with pool:
            response, rows = await ask(pool)
    assert response.ok
    assert rows == [(1, "first", "ok", True, GOOD_USD)]
    assert server.most_in_flight == 1


async def test_hedges_under_load_respect_the_limits(pool_at):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=0.2)) as server:
        async with pool_at(server.base_url, hedge_after_s=0.05, max_concurrency=4) as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(10)))
    assert all(response.ok for response in responses)
    assert server.most_in_flight == 4
    # The last two calls run alone, so there is room for a hedge of each.
    assert 10 <= len(server.exchanges) == sum(response.attempts for response in responses) <= 12


# --- cancellation


async def test_a_cancelled_call_is_cancelled_at_the_server_and_booked(pool_at, wait_until):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        async with pool_at(server.base_url) as pool:
            ledger = Ledger()
            call = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            assert await wait_until(lambda: len(server.exchanges) == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert await wait_until(lambda: server.exchanges[0].cancelled)
    (row,) = ledger
    assert (row.outcome, row.billed, row.cost_usd) == ("cancelled", True, PROMPT_USD)
    assert row.usage.estimated


async def test_both_sides_of_a_hedge_are_cancelled(pool_at, wait_until):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        async with pool_at(server.base_url, hedge_after_s=0.05) as pool:
            ledger = Ledger()
            call = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            assert await wait_until(lambda: len(server.exchanges) == 2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert await wait_until(lambda: all(e.cancelled for e in server.exchanges))
    assert sorted((row.cause, row.outcome) for row in ledger) == [
        ("first", "cancelled"),
        ("hedge", "cancelled"),
    ]


async def test_a_cancelled_stream_is_booked_with_the_text_received(pool_at, wait_until):
    words = [{"choices": [{"index": 0, "delta": {"content": "word "}}]}] * 100
    with LoopbackServer(lambda _: Served(events=words, event_delay_s=0.02)) as server:
        async with pool_at(server.base_url, stream=True) as pool:
            ledger = Ledger()
            call = asyncio.ensure_future(pool.ask("a", QUERY, Account(ledger)))
            assert await wait_until(lambda: len(server.exchanges) == 1)
            await asyncio.sleep(0.5)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert await wait_until(lambda: server.exchanges[0].cancelled)
    (row,) = ledger
    assert row.outcome == "cancelled"
    assert 0 < row.usage.completion < 125  # 100 words of 5 characters


async def test_a_cancelled_question_leaves_a_trace(tmp_path, pool_at, wait_until):
    traces = tmp_path / "traces.jsonl"
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        pool = pool_at(server.base_url, "a", "b")
        both = f'<think>?</think><route model="a">{QUERY}</route><route model="b">{QUERY}</route>'
        agent = RouterAgent(policy=ScriptedPolicy([both, ANSWER]), pool=pool, traces=traces)
        question = asyncio.ensure_future(agent.aask("2+2?"))
        assert await wait_until(lambda: len(server.exchanges) == 2)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        await agent.aclose()
        assert await wait_until(lambda: all(e.cancelled for e in server.exchanges))
    (trace,) = read_traces(traces)
    assert trace.stop_reason == "cancelled"
    rows = [row for row in trace.ledger if row.role is Role.CANDIDATE]
    assert sorted((row.model, row.outcome, row.cost_usd) for row in rows) == [
        ("a", "cancelled", PROMPT_USD),
        ("b", "cancelled", PROMPT_USD),
    ]
    assert trace.cost_usd == PROMPT_USD * 2


@pytest.mark.parametrize("how", ["break", "aclose"])
async def test_leaving_a_stream_early_cancels_the_calls(tmp_path, how, pool_at, wait_until):
    traces = tmp_path / "traces.jsonl"
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        pool = pool_at(server.base_url)
        agent = RouterAgent(policy=ScriptedPolicy([ROUTE, ANSWER]), pool=pool, traces=traces)
        if how == "aclose":
            async with aclosing(agent.astream("2+2?")) as events:
                async for event in events:
                    if isinstance(event, CallStarted):
                        await wait_until(lambda: len(server.exchanges) == 1)
                        break
        else:
            async for event in agent.astream("2+2?"):
                if isinstance(event, CallStarted):
                    await wait_until(lambda: len(server.exchanges) == 1)
                    break
        assert await wait_until(lambda: server.exchanges[0].cancelled)
        assert await wait_until(lambda: traces.stat().st_size > 0)
        await agent.aclose()
    (trace,) = read_traces(traces)
    assert trace.stop_reason == "cancelled"


async def test_a_question_that_times_out_cancels_its_calls_and_keeps_their_cost(
    pool_at, wait_until
):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        policy = ScriptedPolicy([ROUTE, ANSWER])
        agent = RouterAgent(policy=policy, pool=pool_at(server.base_url), timeout_s=1.0)
        result = await agent.aask("2+2?")
        await agent.aclose()
        assert await wait_until(lambda: server.exchanges[0].cancelled)
    assert (result.stop_reason, result.answer, result.cost_usd) == ("deadline", None, PROMPT_USD)
