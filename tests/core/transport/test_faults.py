"""What servers and networks do wrong, each against a real server on this machine and through a whole episode.

For every fault the episode ends with an answer, the ledger has one row for each request, priced to the digit, and the
server saw no more requests than were configured. Queues, hedges and cancellation are in `test_client.py`.
"""

import asyncio
import email.utils
import gzip
import json
import math
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from router_r1 import Price, RouterAgent
from router_r1.ledger import Role
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import ModelPool
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_events, chat_reply, usage
from router_r1.trace import Trace, read_traces

NAME = "vendor/model:free"
QUERY = "What is 2+2?"
PROMPT = 7  # tokens of the query by estimate: 12 characters / 4, and 4 for the message
INPUT, OUTPUT = 3.0, 15.0  # dollars per million tokens
GOOD = chat_reply("It is 4.", usage=usage(10, 5))
GOOD_USD = (10 * INPUT + 5 * OUTPUT) / 1_000_000
PROMPT_USD = PROMPT * INPUT / 1_000_000


@dataclass
class Asked:
    """One episode that routed to the candidate so many times, and answered."""

    rows: list[tuple[int, str, str, bool, float | None]]
    """Of the ledger: attempt, cause, outcome, billed, dollars."""
    observations: list[str]
    trace: Trace
    seconds: float


def pool_at(base_url: str, **limits) -> ModelPool:
    quick = {
        "max_attempts": 2,
        "attempt_timeout_s": 5,
        "deadline_s": 10,
        "backoff_base_s": 0.01,
        "backoff_max_s": 0.01,
    }
    card = ModelCard(
        name=NAME,
        endpoint="server",
        price=Price(input=INPUT, output=OUTPUT),
        limits=CallLimits(**(quick | limits)),
    )
    return ModelPool([card], {"server": Endpoint(base_url=base_url)})


async def ask(pool: ModelPool, *, rounds: int = 1, traces=None) -> Asked:
    """Run an episode, and check what holds whatever the fault."""
    route = f'<think>?</think><route model="{NAME}">{QUERY}</route>'
    policy = ScriptedPolicy([*[route] * rounds, "<think>!</think><answer>4</answer>"])
    agent = RouterAgent(policy=policy, pool=pool, max_rounds=rounds, traces=traces)
    began = time.monotonic()
    result = await agent.aask("What is two and two?")
    seconds = time.monotonic() - began
    await agent.aclose()

    assert (result.stop_reason, result.answer, result.rounds) == ("answered", "4", rounds)
    candidate = [row for row in result.ledger if row.role is Role.CANDIDATE]
    responses = [turn.outcomes[0].response for turn in result.trace.turns[:rounds]]
    assert len(candidate) == sum(response.attempts for response in responses)
    for response in responses:
        if response.ok:
            assert response.failure is None and response.text
        else:
            assert response.failure.detail and "\n" not in response.failure.detail
    assert result.cost_usd == math.fsum(row.cost_usd for row in candidate)
    assert sum(response.cost_usd for response in responses) == pytest.approx(result.cost_usd)
    read_back = Trace.from_json(result.trace.to_json())
    assert (read_back.turns, read_back.ledger) == (result.trace.turns, result.trace.ledger)
    assert read_back.replay().turns == result.trace.turns
    return Asked(
        [(row.attempt, row.cause, row.outcome, row.billed, row.cost_usd) for row in candidate],
        [turn.observation for turn in result.trace.turns[:rounds]],
        result.trace,
        seconds,
    )


async def ask_server(served: Served, **limits) -> tuple[Asked, LoopbackServer]:
    with LoopbackServer(lambda _: served) as server:
        return await ask(pool_at(server.base_url, **limits)), server


def response_of(asked: Asked):
    return asked.trace.turns[0].outcomes[0].response


def twice(outcome: str, billed: bool, cost_usd: float):
    """Rows of a first attempt and a retry that met the same fault."""
    return [
        (1, "first", outcome, billed, cost_usd),
        (2, "retry", outcome, billed, cost_usd),
    ]


def estimate(completion_characters: int) -> float:
    tokens = math.ceil(completion_characters / 4)
    return (PROMPT * INPUT + tokens * OUTPUT) / 1_000_000


# --- a server that breaks the protocol below HTTP


@dataclass
class RawServer:
    base_url: str
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def raw_server(
    reply: bytes, *, reset: bool = False, endless: bytes = b""
) -> AsyncIterator[RawServer]:
    """Answers every request with these very bytes, then closes (or resets) the connection, or sends without end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            server.requests.append(head + await reader.readexactly(length))
            writer.write(reply)
            await writer.drain()
            while endless:
                writer.write(endless)
                await writer.drain()
            if reset:
                await asyncio.sleep(0.05)  # let the bytes leave before the reset
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server = RawServer(f"http://127.0.0.1:{port}/v1")
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {length or len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# --- slow down


def when_asked(replies: list[Served]) -> tuple[Callable[..., Served], list[float]]:
    """A handler that goes through replies, and the times at which it was asked."""
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
async def test_a_429_is_tried_again_after_the_time_it_asks_for(header, seconds):
    handler, times = when_asked([Served(status=429, headers=header), Served(GOOD)])
    with LoopbackServer(handler) as server:
        asked = await ask(pool_at(server.base_url))
    assert asked.rows == [
        (1, "first", "rate_limited", False, 0.0),
        (2, "retry", "ok", True, GOOD_USD),
    ]
    assert len(server.exchanges) == 2
    assert seconds <= times[1] - times[0] < seconds + 3


async def test_retry_after_may_be_a_date():
    soon = Served(
        status=429, headers={"Retry-After": email.utils.formatdate(time.time() + 2, usegmt=True)}
    )
    handler, times = when_asked([soon, Served(GOOD)])
    with LoopbackServer(handler) as server:
        asked = await ask(pool_at(server.base_url))
    assert [row[2] for row in asked.rows] == ["rate_limited", "ok"]
    assert 0.9 < times[1] - times[0] < 5  # the date has whole seconds


@pytest.mark.parametrize(
    "value", ["soon", "", "inf", "nan", "-5", "Fri, 31 Dec 99999 23:59:59 GMT", "1 Jan 1990"]
)
async def test_a_retry_after_that_makes_no_sense_is_passed_over(value):
    handler, _ = when_asked([Served(status=429, headers={"Retry-After": value}), Served(GOOD)])
    with LoopbackServer(handler) as server:
        asked = await ask(pool_at(server.base_url))
    assert [row[2] for row in asked.rows] == ["rate_limited", "ok"]
    assert asked.seconds < 3


async def test_a_pause_longer_than_the_deadline_is_not_waited_for():
    much = Served(status=429, headers={"Retry-After": "30"})
    with LoopbackServer(lambda _: much) as server:
        asked = await ask(pool_at(server.base_url, max_attempts=5, deadline_s=3), rounds=2)
    # The second round is told of the pause without another request.
    assert len(server.exchanges) == 1
    assert asked.rows == [(1, "first", "rate_limited", False, 0.0)]
    assert asked.seconds < 3
    assert all('notice="rate_limited"' in seen for seen in asked.observations)
    second = asked.trace.turns[1].outcomes[0].response
    assert (second.attempts, second.cost_usd) == (0, 0.0)


async def test_a_pause_is_at_most_an_hour_whatever_was_asked_for():
    with LoopbackServer(lambda _: Served(status=429, headers={"Retry-After": "1e12"})) as server:
        asked = await ask(pool_at(server.base_url), rounds=2)
    second = asked.trace.turns[1].outcomes[0].response
    assert second.failure.detail == f"{NAME} asked for a pause of 3600 s, longer than the deadline"


async def test_429s_do_not_open_the_circuit():
    with LoopbackServer(lambda _: Served(status=429)) as server:
        asked = await ask(pool_at(server.base_url, breaker_failures=1), rounds=3)
    assert [row[2] for row in asked.rows] == ["rate_limited"] * 6
    assert len(server.exchanges) == 6


async def test_a_503_may_ask_for_a_pause_too():
    busy = Served(status=503, headers={"Retry-After": "0.5"})
    handler, times = when_asked([busy, Served(GOOD)])
    with LoopbackServer(handler) as server:
        asked = await ask(pool_at(server.base_url))
    assert [row[2] for row in asked.rows] == ["server_error", "ok"]
    assert times[1] - times[0] >= 0.5


# --- server errors and the circuit breaker


async def test_a_500_is_tried_again():
    handler, _ = when_asked([Served(status=500), Served(GOOD)])
    with LoopbackServer(handler) as server:
        asked = await ask(pool_at(server.base_url))
    assert asked.rows == [
        (1, "first", "server_error", False, 0.0),
        (2, "retry", "ok", True, GOOD_USD),
    ]
    assert "It is 4." in asked.observations[0]


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529, 599])
async def test_errors_that_may_pass_are_tried_as_often_as_configured(status):
    asked, server = await ask_server(Served(status=status), max_attempts=3, breaker_failures=9)
    assert len(server.exchanges) == 3
    assert [row[2:] for row in asked.rows] == [("server_error", False, 0.0)] * 3
    assert response_of(asked).failure.status == status
    assert f"No reply: {NAME} failed with a server error." in asked.observations[0]


async def test_the_circuit_opens_and_a_probe_after_the_cool_down_closes_it():
    broken = True

    def handler(_) -> Served:
        return Served(status=500) if broken else Served(GOOD)

    with LoopbackServer(handler) as server:
        pool = pool_at(server.base_url, breaker_failures=3, breaker_cooldown_s=0.5)
        first = await ask(pool, rounds=4)
        # Two requests, then the third failure in a row; after that, nothing reaches the server.
        assert [row[2] for row in first.rows] == ["server_error"] * 3
        assert [row[0] for row in first.rows] == [1, 2, 1]
        assert len(server.exchanges) == 3
        assert [("circuit_open" in seen) for seen in first.observations] == [
            False,
            False,
            True,
            True,
        ]
        assert "failed too often of late and is not called for a while" in first.observations[3]
        assert first.trace.turns[2].outcomes[0].response.attempts == 0

        await asyncio.sleep(0.6)
        second = await ask(pool)
        # One probe, and no retry of it: it failed, and the circuit is open again.
        assert [row[2] for row in second.rows] == ["server_error"]
        assert len(server.exchanges) == 4

        broken = False
        await asyncio.sleep(0.6)
        third = await ask(pool, rounds=3)
        assert [row[2] for row in third.rows] == ["ok"] * 3


async def test_failures_that_are_not_in_a_row_do_not_open_the_circuit():
    handler, _ = when_asked([Served(status=500), Served(GOOD)] * 5)
    with LoopbackServer(handler) as server:
        asked = await ask(pool_at(server.base_url, breaker_failures=2), rounds=5)
    assert [row[2] for row in asked.rows] == ["server_error", "ok"] * 5


async def test_calls_that_wait_when_the_circuit_opens_are_not_sent():
    with LoopbackServer(lambda _: Served(status=500)) as server:
        pool = pool_at(server.base_url, max_attempts=1, max_concurrency=1, breaker_failures=2)
        responses = await asyncio.gather(*(pool.ask(NAME, f"{QUERY} {n}") for n in range(10)))
        await pool.aclose()
    assert len(server.exchanges) == 2
    assert [r.failure.kind for r in responses] == ["server_error"] * 2 + ["circuit_open"] * 8


# --- too slow


async def test_a_server_that_hangs_runs_into_the_attempt_time_out():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        asked = await ask(pool_at(server.base_url, attempt_timeout_s=0.5))
        assert all([await within_seconds(lambda e=e: e.cancelled) for e in server.exchanges])
    # The prompt was sent, so it may be billed; nothing is known to have come back.
    assert asked.rows == twice("timeout", True, PROMPT_USD)
    assert len(server.exchanges) == 2
    assert asked.seconds < 5
    assert response_of(asked).usage.estimated
    assert response_of(asked).failure.detail == "no answer in 0.5 s"


async def test_attempts_end_with_the_deadline_of_the_call():
    limits = {
        "max_attempts": 50,
        "attempt_timeout_s": 0.4,
        "deadline_s": 1.0,
        "breaker_failures": 99,
    }
    asked, server = await ask_server(Served(GOOD, delay_s=30), **limits)
    assert 2 <= len(server.exchanges) <= 3
    assert len(asked.rows) == len(server.exchanges)
    assert {row[2] for row in asked.rows} <= {"timeout", "deadline"}
    assert {row[3:] for row in asked.rows} == {(True, PROMPT_USD)}
    assert asked.seconds < 5


async def test_a_deadline_shorter_than_an_attempt_counts_as_a_failure_of_the_server():
    with LoopbackServer(lambda _: Served(GOOD, delay_s=30)) as server:
        pool = pool_at(server.base_url, deadline_s=0.3, breaker_failures=2)
        asked = await ask(pool, rounds=3)
    assert [row[2:] for row in asked.rows] == [("deadline", True, PROMPT_USD)] * 2
    assert "circuit_open" in asked.observations[2]


async def within_seconds(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        await asyncio.sleep(0.01)
    return condition()


# --- no connection


async def test_a_refused_connection_is_said_to_be_one_and_costs_nothing():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = unused.getsockname()[1]
        asked = await ask(pool_at(f"http://127.0.0.1:{port}/v1"))
    assert asked.rows == twice("connection", False, 0.0)
    detail = response_of(asked).failure.detail
    assert detail.startswith("could not connect: ConnectionRefusedError")
    assert "time" not in detail
    assert f"No reply: {NAME} could not be reached." in asked.observations[0]


@pytest.mark.parametrize("limits", [{"connect_timeout_s": 0.3}, {"attempt_timeout_s": 0.3}])
async def test_a_connection_that_is_never_accepted_is_not_billed(limits):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # fill the queue of connections: the next one hangs
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        await asyncio.sleep(0.1)
        asked = await ask(pool_at(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", **limits))
        for filler in fillers:
            filler.close()
    assert asked.rows == twice("connection", False, 0.0)
    assert response_of(asked).failure.detail == "could not connect in time"


# --- replies that are none


def cut_short(body: bytes, keep: int) -> bytes:
    return http(body[:keep], "Content-Type: application/json", length=len(body))


JSON = json.dumps(GOOD).encode()
HTML = b"<html><body>Bad gateway</body></html>"
DEEP = b"[" * 100_000
BROKEN = {
    # name: (bytes on the wire, reset afterwards, outcome, dollars)
    "closed before the reply": (b"", False, "connection", PROMPT_USD),
    "reset before the reply": (b"", True, "connection", PROMPT_USD),
    "closed in the headers": (b"HTTP/1.1 200 OK\r\nContent-", False, "connection", PROMPT_USD),
    "closed in the body": (cut_short(JSON, 40), False, "connection", PROMPT_USD),
    "reset in the body": (cut_short(JSON, 40), True, "connection", PROMPT_USD),
    "not HTTP": (b"220 mail.example.org ESMTP\r\n\r\n", False, "malformed_reply", PROMPT_USD),
    "a header without end": (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "bad chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n",
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "bad compression": (
        http(b"nonsense", "Content-Encoding: gzip"),
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "truncated JSON": (http(JSON[:-30]), False, "malformed_reply", estimate(len(JSON) - 30)),
    "an HTML page": (
        http(HTML, "Content-Type: text/html"),
        False,
        "malformed_reply",
        estimate(len(HTML)),
    ),
    "an HTML page in no known character set": (
        http(HTML, "Content-Type: text/html; charset=klingon"),
        False,
        "malformed_reply",
        estimate(len(HTML)),
    ),
    "JSON that is nested too deeply": (http(DEEP), False, "malformed_reply", estimate(4000)),
    "JSON that is nested deeply, in an error": (
        http(b'{"error": ' + b"[" * 900 + b"]" * 900 + b"}"),
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "nothing": (http(b""), False, "malformed_reply", PROMPT_USD),
    "a list": (http(b"[]"), False, "malformed_reply", PROMPT_USD),
    "a number of 5000 digits": (http(b"1" * 5000), False, "malformed_reply", estimate(4000)),
    "no choices": (http(b'{"choices": []}'), False, "malformed_reply", PROMPT_USD),
    "null choices": (http(b'{"choices": null}'), False, "malformed_reply", PROMPT_USD),
    "a choice that is none": (http(b'{"choices": ["?"]}'), False, "malformed_reply", PROMPT_USD),
    "content that is no text": (
        http(b'{"choices": [{"message": {"content": [1]}}]}'),
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "no message": (http(b'{"choices": [{}]}'), False, "empty_reply", PROMPT_USD),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_reply_is_tried_again_and_then_observed(fault):
    wire, reset, outcome, cost_usd = BROKEN[fault]
    async with raw_server(wire, reset=reset) as server:
        asked = await ask(pool_at(server.base_url))
    assert asked.rows == twice(outcome, True, cost_usd)
    assert len(server.requests) == 2
    assert response_of(asked).usage.estimated


async def test_an_error_object_with_status_200_is_a_failure_that_says_what_it_said():
    body = {"error": {"message": "no credit left", "code": 402}}
    asked, server = await ask_server(Served(body))
    assert asked.rows == twice("malformed_reply", True, PROMPT_USD)
    assert len(server.exchanges) == 2
    assert response_of(asked).failure.detail == "no choices in the reply: no credit left"


@pytest.mark.parametrize("text", ["", "  \n", None])
async def test_an_empty_answer_is_tried_again_and_each_is_paid_for(text):
    asked, server = await ask_server(Served(chat_reply(text, usage=usage(10, 5))))
    assert asked.rows == twice("empty_reply", True, GOOD_USD)
    assert len(server.exchanges) == 2
    assert not response_of(asked).usage.estimated


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_an_empty_answer_that_would_be_empty_again_is_not_tried_again(finish):
    reply = chat_reply("", usage=usage(10, 5, reasoning=5), finish=finish)
    asked, server = await ask_server(Served(reply))
    assert asked.rows == [(1, "first", "empty_reply", True, GOOD_USD)]
    assert len(server.exchanges) == 1


async def test_a_content_type_that_is_wrong_does_not_matter_when_the_content_is_right():
    asked, _ = await ask_server(Served(GOOD, content_type="text/html"))
    assert asked.rows == [(1, "first", "ok", True, GOOD_USD)]


async def test_a_long_answer_is_kept_whole_and_shown_cut():
    text = "word " * 2_000_000
    asked, _ = await ask_server(Served(chat_reply(text, usage=usage(10, 5))))
    assert asked.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert response_of(asked).text == text
    assert len(asked.observations[0]) < 3000


@pytest.mark.parametrize("status", ["200 OK", "500 Oops"])
async def test_a_reply_without_end_is_broken_off(status):
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n".encode()
    async with raw_server(head, endless=b" " * 2**20) as server:
        asked = await ask(pool_at(server.base_url, max_attempts=1, attempt_timeout_s=60))
    assert asked.rows == [(1, "first", "malformed_reply", True, PROMPT_USD)]
    assert response_of(asked).failure.detail.endswith("the reply is longer than 67108864 bytes")


async def test_text_that_no_file_can_hold_is_made_fit_to_keep(tmp_path):
    # JSON can spell half a surrogate pair; a trace can not.
    traces = tmp_path / "traces.jsonl"
    body = json.dumps(chat_reply("4 \ud83d\ude00 \ud83d", usage=usage(10, 5), model="m\ud800"))
    with LoopbackServer(lambda _: Served(body.encode())) as server:
        asked = await ask(pool_at(server.base_url), traces=traces)
    assert response_of(asked).text == "4 \N{GRINNING FACE} \N{REPLACEMENT CHARACTER}"
    assert [trace.turns for trace in read_traces(traces)] == [asked.trace.turns]


async def test_a_compressed_reply_is_read():
    body = gzip.compress(JSON)
    asked, _ = await ask_server(Served(body, headers={"Content-Encoding": "gzip"}))
    assert asked.rows == [(1, "first", "ok", True, GOOD_USD)]


# --- requests that are refused


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
async def test_a_refused_request_is_not_tried_again_and_costs_nothing(status):
    body, outcome = REFUSED[status]
    asked, server = await ask_server(Served(body, status=status), max_attempts=5)
    assert asked.rows == [(1, "first", outcome, False, 0.0)]
    assert len(server.exchanges) == 1
    assert response_of(asked).failure.status == status


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "This model's maximum context length is 4096 tokens."}},
        {"error": {"message": "too long", "code": "context_length_exceeded"}},
        {"error": "prompt is too long: 9000 tokens"},
        {"object": "error", "message": "Input exceeds the context window."},
    ],
)
async def test_a_query_that_is_too_long_is_told_apart(body):
    asked, server = await ask_server(Served(body, status=400))
    assert asked.rows == [(1, "first", "context_overflow", False, 0.0)]
    assert len(server.exchanges) == 1
    assert f"No reply: {NAME} found the query too long." in asked.observations[0]


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
async def test_a_failure_says_once_what_the_server_said(served, detail):
    asked, _ = await ask_server(served)
    assert response_of(asked).failure.detail == detail


async def test_a_redirect_is_not_followed():
    # It would be one more request than was configured, with the key, to a server that was not.
    with LoopbackServer(lambda _: Served(GOOD)) as elsewhere:
        moved = Served(status=308, headers={"Location": f"{elsewhere.base_url}/chat/completions"})
        asked, server = await ask_server(moved)
    assert asked.rows == [(1, "first", "bad_request", False, 0.0)]
    assert (len(server.exchanges), len(elsewhere.exchanges)) == (1, 0)
    assert "redirected to http://127.0.0.1" in response_of(asked).failure.detail


async def test_the_name_of_a_model_reaches_the_server_as_it_is():
    asked, server = await ask_server(Served(chat_reply("4", usage=usage(10, 5), model=NAME)))
    assert [exchange.body["model"] for exchange in server.exchanges] == [NAME]
    assert server.exchanges[0].path == "/v1/chat/completions"
    assert response_of(asked).served_by == NAME
    assert f'<information model="{NAME}"' in asked.observations[0]


# --- usage


NO_USAGE = {
    "none": None,
    "no counts": {},
    "null": {"prompt_tokens": None, "completion_tokens": None},
    "half": {"prompt_tokens": 10},
    "text": {"prompt_tokens": "10", "completion_tokens": "5"},
    "fractions": {"prompt_tokens": 10.5, "completion_tokens": 5.5},
    "negative": {"prompt_tokens": -10, "completion_tokens": 5},
    "truth values": {"prompt_tokens": True, "completion_tokens": True},
    "more than a number can be": {"prompt_tokens": 10**400, "completion_tokens": 5},
    "more than a model can read": {"prompt_tokens": 10**12, "completion_tokens": 5},
}


@pytest.mark.parametrize("case", NO_USAGE)
async def test_usage_that_is_missing_or_can_not_be_is_estimated_and_marked(case):
    asked, _ = await ask_server(Served(chat_reply("It is 4.", usage=NO_USAGE[case])))
    assert asked.rows == [(1, "first", "ok", True, estimate(len("It is 4.")))]
    assert response_of(asked).usage.estimated


async def test_usage_that_contradicts_itself_is_bounded_and_marked():
    reply = chat_reply("It is 4.", usage=usage(10, 5, cached=1000, reasoning=1000))
    asked, _ = await ask_server(Served(reply))
    used = response_of(asked).usage
    assert (used.prompt, used.cached, used.completion, used.reasoning) == (10, 10, 5, 5)
    assert used.estimated
    assert asked.rows == [(1, "first", "ok", True, GOOD_USD)]


# --- streams


def stream(events, **options) -> Served:
    return Served(events=events, **options)


WORDS = "It is 4. "  # what `chat_events` makes of it: a word and a space each
WHOLE = chat_events("It is 4.", usage=usage(10, 5))
UNFINISHED = chat_events("It is 4.", finish=None)


async def test_a_streamed_answer_is_put_together():
    asked, server = await ask_server(stream(WHOLE), stream=True)
    assert asked.rows == [(1, "first", "ok", True, GOOD_USD)]
    response = response_of(asked)
    assert response.text == WORDS
    assert response.first_token_s is not None
    assert server.exchanges[0].body["stream_options"] == {"include_usage": True}


async def test_a_stream_without_usage_is_estimated():
    asked, _ = await ask_server(stream(chat_events("It is 4.")), stream=True)
    assert asked.rows == [(1, "first", "ok", True, estimate(len(WORDS)))]
    assert response_of(asked).usage.estimated


async def test_a_stream_that_is_cut_short_is_no_answer():
    asked, server = await ask_server(stream(UNFINISHED), stream=True)
    assert asked.rows == twice("stream_cut", True, estimate(len(WORDS)))
    assert len(server.exchanges) == 2
    assert f"{NAME} broke off in the middle of its answer" in asked.observations[0]


async def test_usage_given_before_a_stream_was_cut_short_counts_where_it_says_more():
    begun = {"choices": [], "usage": usage(100, 1)}
    asked, _ = await ask_server(stream([begun, *UNFINISHED]), stream=True)
    # 100 tokens of prompt, as the server said; 9 characters of text, more than the one token it had counted.
    cost_usd = (100 * INPUT + 3 * OUTPUT) / 1_000_000
    assert asked.rows == twice("stream_cut", True, cost_usd)


def event_stream(*events: bytes, ending: bytes = b"") -> bytes:
    body = b"".join(b"data: " + event + b"\n\n" for event in events) + ending
    return http(body, "Content-Type: text/event-stream", length=len(body) + 1000)


PIECES = [json.dumps(event).encode() for event in UNFINISHED]


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_lost_in_a_stream_is_no_answer(reset):
    async with raw_server(event_stream(*PIECES), reset=reset) as server:
        asked = await ask(pool_at(server.base_url, stream=True))
    assert asked.rows == twice("stream_cut", True, estimate(len(WORDS)))


async def test_a_connection_lost_after_the_answer_was_whole_loses_nothing():
    end = b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    async with raw_server(event_stream(*PIECES, end)) as server:
        asked = await ask(pool_at(server.base_url, stream=True))
    assert asked.rows == [(1, "first", "ok", True, estimate(len(WORDS)))]
    assert response_of(asked).text == WORDS


async def test_a_connection_kept_open_after_the_end_of_a_stream_does_not_hold_up_the_answer():
    end = [json.dumps(event).encode() for event in WHOLE[len(PIECES) : -1]]
    events = b"".join(b"data: " + event + b"\n\n" for event in [*PIECES, *end, b"[DONE]"])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with raw_server(head + events, endless=b": still here\n\n") as server:
        asked = await ask(pool_at(server.base_url, stream=True))
    assert asked.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert asked.seconds < 4


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (b'{"error": {"message": "worker died"}}', "server_error"),
        (b'{"error": "worker died"}', "server_error"),
        (b"{not JSON", "malformed_reply"),
        (b"\xff\xfe", "malformed_reply"),
        (b"[1]", "malformed_reply"),
        (DEEP, "malformed_reply"),
    ],
)
async def test_an_event_that_does_not_belong_in_a_stream_ends_it(event, outcome):
    async with raw_server(event_stream(*PIECES, event)) as server:
        asked = await ask(pool_at(server.base_url, stream=True))
    assert asked.rows == twice(outcome, True, estimate(len(WORDS)))
    assert len(server.requests) == 2


async def test_a_stream_that_stops_moving_runs_into_the_time_out():
    served = stream([*UNFINISHED, *[{"choices": []}] * 50], event_delay_s=0.05)
    asked, server = await ask_server(served, stream=True, attempt_timeout_s=0.7)
    assert asked.rows == twice("timeout", True, estimate(len(WORDS)))
    assert len(server.exchanges) == 2


async def test_a_server_that_does_not_stream_is_read_all_the_same():
    asked, _ = await ask_server(Served(GOOD), stream=True)
    assert asked.rows == [(1, "first", "ok", True, GOOD_USD)]


async def test_an_http_error_in_place_of_a_stream_is_an_http_error():
    body = {"error": {"message": "out of memory"}}
    asked, _ = await ask_server(Served(body, status=500), stream=True)
    assert asked.rows == twice("server_error", False, 0.0)
    assert response_of(asked).failure.detail == "HTTP 500: out of memory"


async def test_a_page_in_place_of_a_stream_is_no_answer():
    asked, _ = await ask_server(Served(HTML, content_type="text/html"), stream=True)
    assert asked.rows == twice("stream_cut", True, PROMPT_USD)
