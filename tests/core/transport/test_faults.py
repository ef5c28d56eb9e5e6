"""Faults of servers and networks, each against a real server on this machine and through a whole episode.

Whatever the fault, the episode ends with an answer, the ledger has one row for each request, priced exactly, and the
server receives no more requests than configured (see `run_episode` in `conftest.py`). Broken replies are in
`test_reply_parsing.py`; queues, hedges and cancellation in `test_live_call.py`.
"""

import asyncio
import email.utils
import socket
import time
from collections.abc import Callable

import pytest

from router_r1.testing import LoopbackServer, Served, chat_reply, usage

NAME = "vendor/model:free"
QUERY = "What is 2+2?"
PROMPT = 7  # estimated tokens of the query: 12 characters / 4, and 4 for the message
INPUT, OUTPUT = 3.0, 15.0  # dollars per million tokens, as in conftest.py
GOOD = chat_reply("It is 4.", usage=usage(10, 5))
GOOD_USD = (10 * INPUT + 5 * OUTPUT) / 1_000_000
PROMPT_USD = PROMPT * INPUT / 1_000_000


@pytest.fixture
def pool_at(pool_at):
    """A pool of one model, whose name has a slash and a colon."""
    return lambda base_url, **limits: pool_at(base_url, NAME, **limits)


# --- rate limits and pauses


def scripted(replies: list[Served]) -> tuple[Callable[..., Served], list[float]]:
    """A handler that sends these replies in turn, repeating the last, and the times of the requests."""
    times: list[float] = []

    def handler(exchange) -> Served:
        times.append(time.monotonic())
        return replies[min(exchange.number, len(replies) - 1)]

    return handler, times


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"Retry-After": "0.3"}, 0.3),
        ({"retry-after-ms": "300"}, 0.3),
        ({"retry-after-ms": "300", "Retry-After": "60"}, 0.3),
        ({"retry-after-ms": "soon", "Retry-After": "0.3"}, 0.3),
    ],
)
async def test_a_429_is_retried_after_the_requested_time(header, seconds, pool_at, run_episode):
    handler, times = scripted([Served(status=429, headers=header), Served(GOOD)])
    with LoopbackServer(handler) as server:
        run = await run_episode(pool_at(server.base_url))
    assert run.rows == [
        (1, "first", "rate_limited", False, 0.0),
        (2, "retry", "ok", True, GOOD_USD),
    ]
    assert len(server.exchanges) == 2
    assert seconds <= times[1] - times[0] < seconds + 3


async def test_retry_after_may_be_a_date(pool_at, run_episode):
    due = int(time.time()) + 2
    soon = Served(status=429, headers={"Retry-After": email.utils.formatdate(due, usegmt=True)})
    handler, times = scripted([soon, Served(GOOD)])
    with LoopbackServer(handler) as server:
        run = await run_episode(pool_at(server.base_url))
    assert [row[2] for row in run.rows] == ["rate_limited", "ok"]
    assert times[1] + (time.time() - time.monotonic()) >= due - 0.1


@pytest.mark.parametrize(
    "value", ["soon", "", "inf", "nan", "-5", "Fri, 31 Dec 99999 23:59:59 GMT", "1 Jan 1990"]
)
async def test_an_invalid_retry_after_is_ignored(value, pool_at, run_episode):
    handler, _ = scripted([Served(status=429, headers={"Retry-After": value}), Served(GOOD)])
    with LoopbackServer(handler) as server:
        run = await run_episode(pool_at(server.base_url))
    assert [row[2] for row in run.rows] == ["rate_limited", "ok"]
    assert run.seconds < 3


async def test_a_pause_longer_than_the_deadline_fails_the_call_at_once(pool_at, run_episode):
    much = Served(status=429, headers={"Retry-After": "30"})
    with LoopbackServer(lambda _: much) as server:
        run = await run_episode(pool_at(server.base_url, max_attempts=5, deadline_s=3), rounds=2)
    # The second round fails because of the pause, without another request.
    assert len(server.exchanges) == 1
    assert run.rows == [(1, "first", "rate_limited", False, 0.0)]
    assert run.seconds < 3
    assert all('notice="rate_limited"' in text for text in run.observations)
    second = run.trace.turns[1].outcomes[0].response
    assert (second.attempts, second.cost_usd) == (0, 0.0)


async def test_a_pause_is_capped_at_one_hour(pool_at, run_episode):
    with LoopbackServer(lambda _: Served(status=429, headers={"Retry-After": "1e12"})) as server:
        run = await run_episode(pool_at(server.base_url), rounds=2)
    second = run.trace.turns[1].outcomes[0].response
    assert second.failure.detail == f"{NAME} asked for a pause of 3600 s, longer than the deadline"


async def test_429s_do_not_open_the_circuit(pool_at, run_episode):
    with LoopbackServer(lambda _: Served(status=429)) as server:
        run = await run_episode(pool_at(server.base_url, breaker_failures=1), rounds=3)
    assert [row[2] for row in run.rows] == ["rate_limited"] * 6
    assert len(server.exchanges) == 6


async def test_a_503_may_ask_for_a_pause(pool_at, run_episode):
    busy = Served(status=503, headers={"Retry-After": "0.5"})
    handler, times = scripted([busy, Served(GOOD)])
    with LoopbackServer(handler) as server:
        run = await run_episode(pool_at(server.base_url))
    assert [row[2] for row in run.rows] == ["server_error", "ok"]
    assert times[1] - times[0] >= 0.5


# --- server errors and the circuit breaker


async def test_a_500_is_retried(pool_at, run_episode):
    handler, _ = scripted([Served(status=500), Served(GOOD)])
    with LoopbackServer(handler) as server:
        run = await run_episode(pool_at(server.base_url))
    assert run.rows == [
        (1, "first", "server_error", False, 0.0),
        (2, "retry", "ok", True, GOOD_USD),
    ]
    assert "It is 4." in run.observations[0]


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529, 599])
async def test_transient_errors_are_retried_up_to_max_attempts(status, run_against):
    run, server = await run_against(Served(status=status), max_attempts=3, breaker_failures=9)
    assert len(server.exchanges) == 3
    assert [row[2:] for row in run.rows] == [("server_error", False, 0.0)] * 3
    assert run.response.failure.status == status
    assert f"No reply: {NAME} failed with a server error." in run.observations[0]


async def test_the_circuit_opens_and_a_probe_after_the_cool_down_closes_it(pool_at, run_episode):
    broken = True

    def handler(_) -> Served:
        return Served(status=500) if broken else Served(GOOD)

    with LoopbackServer(handler) as server:
        pool = pool_at(server.base_url, breaker_failures=3, breaker_cooldown_s=0.5)
        first = await run_episode(pool, rounds=4)
        # Two failures in the first round and one in the second open the circuit; no further request is sent.
        assert [row[2] for row in first.rows] == ["server_error"] * 3
        assert [row[0] for row in first.rows] == [1, 2, 1]
        assert len(server.exchanges) == 3
        assert [("circuit_open" in text) for text in first.observations] == [
            False,
            False,
            True,
            True,
        ]
        assert "failed too often of late and is not called for a while" in first.observations[3]
        assert first.trace.turns[2].outcomes[0].response.attempts == 0

        await asyncio.sleep(0.6)
        second = await run_episode(pool)
        # One probe without a retry: it fails, and the circuit is open again.
        assert [row[2] for row in second.rows] == ["server_error"]
        assert len(server.exchanges) == 4

        broken = False
        await asyncio.sleep(0.6)
        third = await run_episode(pool, rounds=3)
        assert [row[2] for row in third.rows] == ["ok"] * 3


async def test_nonconsecutive_failures_do_not_open_the_circuit(pool_at, run_episode):
    handler, _ = scripted([Served(status=500), Served(GOOD)] * 5)
    with LoopbackServer(handler) as server:
        run = await run_episode(pool_at(server.base_url, breaker_failures=2), rounds=5)
    assert [row[2] for row in run.rows] == ["server_error", "ok"] * 5


async def test_queued_calls_are_not_sent_once_the_circuit_is_open(pool_at):
    with LoopbackServer(lambda _: Served(status=500)) as server:
        pool = pool_at(server.base_url, max_attempts=1, max_concurrency=1, breaker_failures=2)
        responses = await asyncio.gather(*(pool.ask(NAME, f"{QUERY} {n}") for n in range(10)))
        await pool.aclose()
    assert len(server.exchanges) == 2
    assert [r.failure.kind for r in responses] == ["server_error"] * 2 + ["circuit_open"] * 8


# --- time-outs


async def test_a_hanging_server_hits_the_attempt_timeout(
    both_attempts, pool_at, run_episode, wait_until
):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        run = await run_episode(pool_at(server.base_url, attempt_timeout_s=0.5))
        assert all([await wait_until(lambda e=e: e.cancelled) for e in server.exchanges])
    # The prompt was sent and may be billed; no answer arrived.
    assert run.rows == both_attempts("timeout", True, PROMPT_USD)
    assert len(server.exchanges) == 2
    assert run.seconds < 5
    assert run.response.usage.estimated
    assert run.response.failure.detail == "no answer in 0.5 s"


async def test_the_deadline_of_the_call_ends_its_attempts(run_against):
    limits = {
        "max_attempts": 50,
        "attempt_timeout_s": 0.4,
        "deadline_s": 1.0,
        "breaker_failures": 99,
    }
    run, server = await run_against(Served(GOOD, delay_s=30), **limits)
    assert 2 <= len(server.exchanges) <= 3
    assert len(run.rows) == len(server.exchanges)
    assert {row[2] for row in run.rows} <= {"timeout", "deadline"}
    assert {row[3:] for row in run.rows} == {(True, PROMPT_USD)}
    assert run.seconds < 5


async def test_a_deadline_within_an_attempt_counts_towards_the_circuit_breaker(
    pool_at, run_episode
):
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        pool = pool_at(server.base_url, deadline_s=0.3, breaker_failures=2)
        run = await run_episode(pool, rounds=3)
    assert [row[2:] for row in run.rows] == [("deadline", True, PROMPT_USD)] * 2
    assert "circuit_open" in run.observations[2]


# --- connections


async def test_a_refused_connection_is_reported_as_such_and_costs_nothing(
    both_attempts, pool_at, run_episode
):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but not listening
        port = unused.getsockname()[1]
        run = await run_episode(pool_at(f"http://127.0.0.1:{port}/v1"))
    assert run.rows == both_attempts("connection", False, 0.0)
    detail = run.response.failure.detail
    assert detail.startswith("could not connect: ConnectionRefusedError")
    assert "time" not in detail
    assert f"No reply: {NAME} could not be reached." in run.observations[0]


@pytest.mark.parametrize("limits", [{"connect_timeout_s": 0.3}, {"attempt_timeout_s": 0.3}])
async def test_a_connection_that_is_never_accepted_is_not_billed(
    limits, both_attempts, pool_at, run_episode
):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # fill the connection queue, so that the next one hangs
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        await asyncio.sleep(0.1)
        # A busy machine: when the loop goes on, the time to connect and the time for the attempt have both run out.
        asyncio.get_running_loop().call_later(0.2, time.sleep, 0.3)
        run = await run_episode(pool_at(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", **limits))
        for filler in fillers:
            filler.close()
    assert run.rows == both_attempts("connection", False, 0.0)
    assert run.response.failure.detail == "could not connect in time"


# --- refused requests

REFUSED = {
    400: ({"error": {"message": "bad request"}}, "bad_request"),
    401: ({"error": {"message": "no such key"}}, "unauthorized"),
    402: ({"error": {"message": "no credit"}}, "bad_request"),
    403: ({"error": {"message": "not for you"}}, "unauthorized"),
    404: ({"error": {"message": "no such model"}}, "bad_request"),
    413: ({"detail": "too large"}, "bad_request"),
    422: ({"message": "what is this"}, "bad_request"),
}


@pytest.mark.parametrize("status", REFUSED)
async def test_a_refused_request_is_not_retried_and_costs_nothing(status, run_against):
    body, outcome = REFUSED[status]
    run, server = await run_against(Served(body, status=status), max_attempts=5)
    assert run.rows == [(1, "first", outcome, False, 0.0)]
    assert len(server.exchanges) == 1
    assert run.response.failure.status == status


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "This model's maximum context length is 4096 tokens."}},
        {"error": {"message": "too long", "code": "context_length_exceeded"}},
        {"error": "prompt is too long: 9000 tokens"},
        {"object": "error", "message": "Input exceeds the context window."},
    ],
)
async def test_a_query_that_is_too_long_is_a_context_overflow(body, run_against):
    run, server = await run_against(Served(body, status=400))
    assert run.rows == [(1, "first", "context_overflow", False, 0.0)]
    assert len(server.exchanges) == 1
    assert f"No reply: {NAME} found the query too long." in run.observations[0]


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize(
    "message",
    [
        "the request exceeds the available context size, try increasing it",
        "The input token count (5) exceeds the maximum number of tokens allowed (4).",
        "This model's maximum prompt length is 4 but the request contains 5 tokens.",
        "Input is too long for requested model.",
    ],
)
async def test_a_query_that_is_too_long_is_sent_once_whatever_the_status(
    message, status, run_against
):
    run, server = await run_against(Served({"error": {"message": message}}, status=status))
    assert run.rows == [(1, "first", "context_overflow", False, 0.0)]
    assert len(server.exchanges) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"code": "insufficient_quota", "type": "insufficient_quota", "message": "?"},
        {"message": "You exceeded your current quota, please check your plan and billing details."},
        {"message": "Your credit balance is too low"},
    ],
)
async def test_a_429_for_want_of_quota_is_sent_once(error, run_against):
    run, server = await run_against(Served({"error": error}, status=429), max_attempts=3)
    assert run.rows == [(1, "first", "rate_limited", False, 0.0)]
    assert len(server.exchanges) == 1


async def test_a_429_for_being_too_fast_is_sent_again(both_attempts, run_against):
    error = {
        "message": "Rate limit reached. Please try again in 20ms.",
        "code": "rate_limit_exceeded",
    }
    run, _ = await run_against(Served({"error": error}, status=429))
    assert run.rows == both_attempts("rate_limited", False, 0.0)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "content_filter", "message": "The prompt triggered a content filter"}),
        (403, {"code": 403, "message": "x requires moderation. Your input was flagged"}),
    ],
)
async def test_a_refused_prompt_is_sent_once_and_said_to_be_refused(status, error, run_against):
    run, _ = await run_against(Served({"error": error}, status=status))
    assert run.rows == [(1, "first", "content_filter", False, 0.0)]
    assert f"{NAME} was stopped by its provider's content filter." in run.observations[0]


@pytest.mark.parametrize(
    ("served", "detail"),
    [
        (Served({"error": {"message": "out of memory"}}, 500), "HTTP 500: out of memory"),
        (Served({"error": "out of memory"}, 500), "HTTP 500: out of memory"),
        (Served({"message": "out of memory"}, 500), "HTTP 500: out of memory"),
        (
            Served(b"out of\r\n  memory\n", 500, content_type="text/plain"),
            "HTTP 500: out of memory",
        ),
        (Served(b'{"detail":"out of memory"}', 500), 'HTTP 500: {"detail":"out of memory"}'),
        (Served(b"", 500), "HTTP 500"),
        (Served(b"[" * 100_000, 500), "HTTP 500: " + "[" * 290),
    ],
)
async def test_a_failure_contains_the_servers_message_once(served, detail, run_against):
    run, _ = await run_against(served)
    assert run.response.failure.detail == detail


async def test_a_redirect_is_not_followed(run_against):
    # Following it would send the key to a server that is not configured, in one request too many.
    with LoopbackServer(lambda _: Served(GOOD)) as elsewhere:
        moved = Served(status=308, headers={"Location": f"{elsewhere.base_url}/chat/completions"})
        run, server = await run_against(moved)
    assert run.rows == [(1, "first", "bad_request", False, 0.0)]
    assert (len(server.exchanges), len(elsewhere.exchanges)) == (1, 0)
    assert "redirected to http://127.0.0.1" in run.response.failure.detail


async def test_the_model_name_reaches_the_server_unchanged(run_against):
    run, server = await run_against(Served(chat_reply("4", usage=usage(10, 5), model=NAME)))
    assert [exchange.body["model"] for exchange in server.exchanges] == [NAME]
    assert server.exchanges[0].path == "/v1/chat/completions"
    assert run.response.served_by == NAME
    assert f'<information model="{NAME}"' in run.observations[0]
