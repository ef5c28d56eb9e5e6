"""Replies that are broken, unusual or streamed, each from a real server on this machine and through a whole episode."""

import gzip
import json
import math

import pytest

from router_r1 import Price
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import ModelPool
from router_r1.testing import LoopbackServer, Served, chat_events, chat_reply, usage
from router_r1.trace import read_traces

NAME = "vendor/model:free"
PROMPT = 7  # estimated tokens of the query: 12 characters / 4, and 4 for the message
INPUT, OUTPUT = 3.0, 15.0  # dollars per million tokens, as in conftest.py
GOOD = chat_reply("It is 4.", usage=usage(10, 5))
GOOD_USD = (10 * INPUT + 5 * OUTPUT) / 1_000_000
PROMPT_USD = PROMPT * INPUT / 1_000_000


@pytest.fixture
def pool_at(pool_at):
    """A pool of one model, whose name has a slash and a colon."""
    return lambda base_url, **limits: pool_at(base_url, NAME, **limits)


def estimated_usd(completion_characters: int) -> float:
    """Dollars of the query and a completion of this length, by estimate."""
    tokens = math.ceil(completion_characters / 4)
    return (PROMPT * INPUT + tokens * OUTPUT) / 1_000_000


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A response as bytes, with a true Content-Length unless `length` is given."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {length or len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# --- broken replies


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
    "truncated JSON": (http(JSON[:-30]), False, "malformed_reply", estimated_usd(len(JSON) - 30)),
    "an HTML page": (
        http(HTML, "Content-Type: text/html"),
        False,
        "malformed_reply",
        estimated_usd(len(HTML)),
    ),
    "an HTML page in no known character set": (
        http(HTML, "Content-Type: text/html; charset=klingon"),
        False,
        "malformed_reply",
        estimated_usd(len(HTML)),
    ),
    "JSON that is nested too deeply": (http(DEEP), False, "malformed_reply", estimated_usd(4000)),
    "JSON that is nested deeply, in an error": (
        http(b'{"error": ' + b"[" * 900 + b"]" * 900 + b"}"),
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "nothing": (http(b""), False, "malformed_reply", PROMPT_USD),
    "a list": (http(b"[]"), False, "malformed_reply", PROMPT_USD),
    "a number of 5000 digits": (http(b"1" * 5000), False, "malformed_reply", estimated_usd(4000)),
    "no choices": (http(b'{"choices": []}'), False, "malformed_reply", PROMPT_USD),
    "null choices": (http(b'{"choices": null}'), False, "malformed_reply", PROMPT_USD),
    "a choice that is not an object": (
        http(b'{"choices": ["?"]}'),
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "content that is not text": (
        http(b'{"choices": [{"message": {"content": [1]}}]}'),
        False,
        "malformed_reply",
        PROMPT_USD,
    ),
    "no message": (http(b'{"choices": [{}]}'), False, "empty_reply", PROMPT_USD),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_reply_is_retried_and_then_observed(
    fault, both_attempts, pool_at, raw_server, run_episode
):
    wire, reset, outcome, cost_usd = BROKEN[fault]
    async with raw_server(wire, reset=reset) as server:
        run = await run_episode(pool_at(server.base_url))
    assert run.rows == both_attempts(outcome, True, cost_usd)
    assert len(server.requests) == 2
    assert run.response.usage.estimated


# --- what servers say otherwise: kind of failure, requests, ledger rows; more in `test_error_reports.py` and others

REPORTED = {
    # name: (body with status 200, outcome, requests)
    "too fast": ({"error": {"code": 429, "message": "slow down"}}, "rate_limited", 2),
    "too fast, by name": ({"error": {"code": "rate_limit_exceeded"}}, "rate_limited", 2),
    "too fast, Gemini": (
        [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}],
        "rate_limited",
        2,
    ),
    "no quota": ({"error": {"code": "insufficient_quota", "message": "?"}}, "rate_limited", 1),
    "no credit": ({"error": {"message": "no credit left", "code": 402}}, "bad_request", 1),
    "no such model": ({"error": {"code": 404}, "choices": None}, "bad_request", 1),
    "bad key": ({"error": {"type": "authentication_error"}}, "unauthorized", 1),
    "overloaded": ({"type": "error", "error": {"type": "overloaded_error"}}, "server_error", 2),
    "down": ({"error": {"code": 503}, "choices": []}, "server_error", 2),
    "words only": ({"error": "worker died"}, "server_error", 2),
    "detail": ({"detail": "worker died"}, "server_error", 2),
    "too long": ({"error": {"message": "prompt is too long"}}, "context_overflow", 1),
    "refused": ({"error": {"code": "content_filter", "message": "?"}}, "content_filter", 1),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", REPORTED)
async def test_an_error_inside_status_200_is_a_failure_of_its_kind_and_not_billed(
    case, stream, run_against
):
    body, outcome, requests = REPORTED[case]
    served = Served(events=[json.dumps(body)]) if stream else Served(json.dumps(body).encode())
    if stream and case == "detail":
        served = Served(events=[body, "[DONE]"])
    run, server = await run_against(served, stream=stream)
    assert [row[2:] for row in run.rows] == [(outcome, False, 0.0)] * requests
    assert len(server.exchanges) == requests
    assert run.response.failure.detail.startswith("error ")


async def test_an_error_with_status_200_is_shown_with_its_message(run_against):
    run, _ = await run_against(Served({"error": {"message": "no credit left", "code": 402}}))
    assert run.response.failure.detail == "error 402 in the reply: no credit left"
    assert run.response.failure.status == 402


async def test_an_error_with_status_200_may_ask_for_a_pause(pool_at, run_episode):
    busy = Served({"error": {"code": 429}}, headers={"Retry-After": "0.5"})
    with LoopbackServer(lambda exchange: Served(GOOD) if exchange.number else busy) as server:
        run = await run_episode(pool_at(server.base_url))
    assert run.rows == [
        (1, "first", "rate_limited", False, 0.0),
        (2, "retry", "ok", True, GOOD_USD),
    ]
    assert run.seconds >= 0.5


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "finish", ["error", "network_error", "insufficient_system_resource", "abort"]
)
async def test_text_that_the_server_broke_off_is_no_answer_but_is_billed(
    finish, stream, both_attempts, run_against
):
    counts = usage(10, 5)
    served = (
        Served(events=chat_events("It is 4.", finish=finish, usage=counts))
        if stream
        else Served(chat_reply("It is 4.", finish=finish, usage=counts))
    )
    run, _ = await run_against(served, stream=stream)
    assert run.rows == both_attempts("server_error", True, GOOD_USD)
    assert "It is 4." not in run.observations[0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_an_answer(stream, run_against):
    message = {"content": None, "refusal": "I cannot say."}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage(10, 5)}
    events = [{"choices": [{"delta": message}]}, *chat_events("", usage=usage(10, 5))]
    run, _ = await run_against(Served(events=events) if stream else Served(body), stream=stream)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert "I cannot say." in run.observations[0]


@pytest.mark.parametrize("message", [{"reasoning_content": "Okay"}, {"tool_calls": [{"id": "1"}]}])
async def test_at_temperature_0_a_reply_of_thoughts_or_calls_is_asked_once(message, run_against):
    message = {"content": None} | message
    finish = "tool_calls" if "tool_calls" in message else "stop"
    body = {"choices": [{"message": message, "finish_reason": finish}], "usage": usage(10, 5)}
    run, _ = await run_against(Served(body))
    assert run.rows == [(1, "first", "empty_reply", True, GOOD_USD)]


@pytest.mark.parametrize("stream", [False, True])
async def test_cached_tokens_have_their_price_wherever_they_stand(stream):
    counts = {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_cache_hit_tokens": 900}
    events = chat_events("It is 4.", usage=counts)
    served = Served(events=events) if stream else Served(chat_reply("It is 4.", usage=counts))
    with LoopbackServer(lambda _: served) as server:
        price = Price(input=2, output=10, cached=0.2)
        card = ModelCard(name="a", endpoint="here", price=price, limits=CallLimits(stream=stream))
        async with ModelPool([card], {"here": Endpoint(base_url=server.base_url)}) as pool:
            response = await pool.ask("a", "What is 2+2?")
    assert response.cost_usd == pytest.approx(0.00048, rel=1e-12)


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_that_cannot_be_true_never_costs_more_than_the_request_allows(
    stream, run_against
):
    counts = usage(10, 199_999_000)
    events = chat_events("It is 4.", usage=counts)
    served = Served(events=events) if stream else Served(chat_reply("It is 4.", usage=counts))
    run, _ = await run_against(served, stream=stream)
    assert run.rows == [(1, "first", "ok", True, (10 * INPUT + 1024 * OUTPUT) / 1_000_000)]
    assert run.response.usage.estimated


async def test_signs_of_life_in_a_stream_are_ignored(run_against):
    events = ["[KEEPALIVE]", "", "null", *WHOLE[:-1], ": OPENROUTER PROCESSING", "[PING]", "[DONE]"]
    run, _ = await run_against(stream(events), stream=True)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]


@pytest.mark.parametrize(
    "ending", [["[DONE]"], [{"choices": [], "usage": usage(10, 5)}]], ids=["done", "usage"]
)
async def test_a_stream_without_a_finish_reason_may_be_whole(ending, run_against):
    run, _ = await run_against(stream([*UNFINISHED, *ending]), stream=True)
    assert [row[2] for row in run.rows] == ["ok"]
    assert run.response.text == WORDS


# --- empty answers


@pytest.mark.parametrize("text", ["", "  \n", None])
async def test_an_empty_answer_is_retried_and_every_attempt_is_billed(
    text, both_attempts, run_against
):
    run, server = await run_against(Served(chat_reply(text, usage=usage(10, 5))))
    assert run.rows == both_attempts("empty_reply", True, GOOD_USD)
    assert len(server.exchanges) == 2
    assert not run.response.usage.estimated


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_an_empty_answer_that_would_repeat_is_not_retried(finish, run_against):
    reply = chat_reply("", usage=usage(10, 5, reasoning=5), finish=finish)
    run, server = await run_against(Served(reply))
    assert run.rows == [(1, "first", "empty_reply", True, GOOD_USD)]
    assert len(server.exchanges) == 1


async def test_a_wrong_content_type_is_ignored_if_the_body_is_valid(run_against):
    run, _ = await run_against(Served(GOOD, content_type="text/html"))
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]


async def test_a_long_answer_is_stored_in_full_and_truncated_in_the_observation(run_against):
    text = "word " * 1_000_000
    run, _ = await run_against(Served(chat_reply(text, usage=usage(10, 5))))
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert run.response.text == text
    assert len(run.observations[0]) < 3000


@pytest.mark.parametrize("status", ["200 OK", "500 Oops"])
async def test_an_endless_reply_is_broken_off(status, pool_at, raw_server, run_episode):
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n".encode()
    async with raw_server(head, endless=b" " * 2**20) as server:
        run = await run_episode(pool_at(server.base_url, max_attempts=1, attempt_timeout_s=60))
    assert run.rows == [(1, "first", "malformed_reply", True, PROMPT_USD)]
    assert run.response.failure.detail.endswith("the reply is longer than 67108864 bytes")


async def test_lone_surrogates_are_replaced_before_text_is_stored(tmp_path, pool_at, run_episode):
    # JSON can spell a lone surrogate; a trace file cannot.
    traces = tmp_path / "traces.jsonl"
    body = json.dumps(chat_reply("4 \ud83d\ude00 \ud83d", usage=usage(10, 5), model="m\ud800"))
    with LoopbackServer(lambda _: Served(body.encode())) as server:
        run = await run_episode(pool_at(server.base_url), traces=traces)
    assert run.response.text == "4 \N{GRINNING FACE} \N{REPLACEMENT CHARACTER}"
    assert [trace.turns for trace in read_traces(traces)] == [run.trace.turns]


async def test_a_compressed_reply_is_read(run_against):
    body = gzip.compress(JSON)
    run, _ = await run_against(Served(body, headers={"Content-Encoding": "gzip"}))
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]


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
async def test_missing_or_impossible_usage_is_estimated_and_marked(case, run_against):
    run, _ = await run_against(Served(chat_reply("It is 4.", usage=NO_USAGE[case])))
    assert run.rows == [(1, "first", "ok", True, estimated_usd(len("It is 4.")))]
    assert run.response.usage.estimated


async def test_contradictory_usage_is_clamped_and_marked(run_against):
    reply = chat_reply("It is 4.", usage=usage(10, 5, cached=1000, reasoning=1000))
    run, _ = await run_against(Served(reply))
    used = run.response.usage
    assert (used.prompt, used.cached, used.completion, used.reasoning) == (10, 10, 5, 5)
    assert used.estimated
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]


# --- streams


def stream(events, **options) -> Served:
    return Served(events=events, **options)


WORDS = "It is 4. "  # as `chat_events` sends it: every word with a space

WHOLE = chat_events("It is 4.", usage=usage(10, 5))

UNFINISHED = chat_events("It is 4.", finish=None)


async def test_a_streamed_answer_is_assembled(run_against):
    run, server = await run_against(stream(WHOLE), stream=True)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    response = run.response
    assert response.text == WORDS
    assert response.first_token_s is not None
    assert server.exchanges[0].body["stream_options"] == {"include_usage": True}


async def test_a_stream_without_usage_is_estimated(run_against):
    run, _ = await run_against(stream(chat_events("It is 4.")), stream=True)
    assert run.rows == [(1, "first", "ok", True, estimated_usd(len(WORDS)))]
    assert run.response.usage.estimated


async def test_a_truncated_stream_is_a_failure(both_attempts, run_against):
    run, server = await run_against(stream(UNFINISHED), stream=True)
    assert run.rows == both_attempts("stream_cut", True, estimated_usd(len(WORDS)))
    assert len(server.exchanges) == 2
    assert f"{NAME} broke off in the middle of its answer" in run.observations[0]


async def test_usage_reported_before_a_stream_broke_off_counts_where_it_is_larger(
    both_attempts, run_against
):
    begun = {"choices": [], "usage": usage(100, 1)}
    run, _ = await run_against(stream([begun, *UNFINISHED]), stream=True)
    # 100 prompt tokens, as the server reported; the 9 characters of text are more than the 1 token it had counted.
    cost_usd = (100 * INPUT + 3 * OUTPUT) / 1_000_000
    assert run.rows == both_attempts("stream_cut", True, cost_usd)


def event_stream(*events: bytes, ending: bytes = b"") -> bytes:
    body = b"".join(b"data: " + event + b"\n\n" for event in events) + ending
    return http(body, "Content-Type: text/event-stream", length=len(body) + 1000)


PIECES = [json.dumps(event).encode() for event in UNFINISHED]


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_lost_during_a_stream_is_a_failure(
    reset, both_attempts, pool_at, raw_server, run_episode
):
    async with raw_server(event_stream(*PIECES), reset=reset) as server:
        run = await run_episode(pool_at(server.base_url, stream=True))
    assert run.rows == both_attempts("stream_cut", True, estimated_usd(len(WORDS)))


async def test_a_connection_lost_after_the_finish_reason_loses_nothing(
    pool_at, raw_server, run_episode
):
    end = b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    async with raw_server(event_stream(*PIECES, end)) as server:
        run = await run_episode(pool_at(server.base_url, stream=True))
    assert run.rows == [(1, "first", "ok", True, estimated_usd(len(WORDS)))]
    assert run.response.text == WORDS


async def test_a_connection_kept_open_after_the_end_of_a_stream_does_not_delay_the_answer(
    pool_at, raw_server, run_episode
):
    end = [json.dumps(event).encode() for event in WHOLE[len(PIECES) : -1]]
    events = b"".join(b"data: " + event + b"\n\n" for event in [*PIECES, *end, b"[DONE]"])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with raw_server(head + events, endless=b": still here\n\n") as server:
        run = await run_episode(pool_at(server.base_url, stream=True))
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert run.seconds < 4


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
async def test_an_invalid_event_ends_the_stream(
    event, outcome, both_attempts, pool_at, raw_server, run_episode
):
    async with raw_server(event_stream(*PIECES, event)) as server:
        run = await run_episode(pool_at(server.base_url, stream=True))
    assert run.rows == both_attempts(outcome, True, estimated_usd(len(WORDS)))
    assert len(server.requests) == 2


async def test_a_stalled_stream_hits_the_timeout(both_attempts, run_against):
    served = stream([*UNFINISHED, *[{"choices": []}] * 50], event_delay_s=0.05)
    run, server = await run_against(served, stream=True, attempt_timeout_s=0.7)
    assert run.rows == both_attempts("timeout", True, estimated_usd(len(WORDS)))
    assert len(server.exchanges) == 2


async def test_a_json_reply_to_a_streaming_request_is_read(run_against):
    run, _ = await run_against(Served(GOOD), stream=True)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]


async def test_an_http_error_instead_of_a_stream_is_an_http_error(both_attempts, run_against):
    body = {"error": {"message": "out of memory"}}
    run, _ = await run_against(Served(body, status=500), stream=True)
    assert run.rows == both_attempts("server_error", False, 0.0)
    assert run.response.failure.detail == "HTTP 500: out of memory"


async def test_an_html_page_instead_of_a_stream_is_a_failure(both_attempts, run_against):
    run, _ = await run_against(Served(HTML, content_type="text/html"), stream=True)
    assert run.rows == both_attempts("stream_cut", True, PROMPT_USD)
