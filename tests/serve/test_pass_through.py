"""A candidate by its name: nothing of a request or a reply is lost, added or changed."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import openai
import pytest
from serving import LARGE, QUESTION, SMALL, Serve

from router_r1.testing.loopback_server import Exchange, Served, chat_events, chat_reply, usage

# The nine shapes that gateways were seen to refuse or to change, and images.
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "tools": {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
    },
    "tool turn": {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "42"},
        ]
    },
    "json schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}
    },
    "developer role": {
        "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    },
    "new fields of OpenAI": {
        "max_completion_tokens": 9, "reasoning_effort": "low", "verbosity": "low", "store": False, "metadata": {"a": "b"},
        "service_tier": "flex", "prompt_cache_key": "k", "n": 2, "seed": 1, "logit_bias": {"5": -1},
    },
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "fields of vendors": {
        "top_k": 5, "min_p": 0.1, "chat_template_kwargs": {"enable_thinking": False}, "return_token_ids": True,
        "guided_choice": ["a"], "some_future_field": [1, {"deep": None}],
    },
    "long numbers": {"metadata": {"seed": 123456789012345678901234567890}, "seed": 2**63},
    "images": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "https://example.invalid/x.png", "detail": "high"}}]}]
    },
}  # fmt: skip


def body_of(shape: str, model: str = LARGE) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": QUESTION}], **SHAPES[shape]}


async def post(url: str, body: dict[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as reply:
        return reply.status, reply.headers, await reply.read()


@pytest.mark.parametrize("shape", SHAPES)
async def test_request_and_reply_pass_untouched(serve: Serve, shape: str) -> None:
    # Bytes that nobody would write twice in the same way.
    reply = b'{ "choices" : [{"message": {"content":"\\u00e9\\n", "odd": [1.50]}, "logprobs": {"content": []}}], "usage": {"prompt_tokens": 3, "completion_tokens": 4} ,"x":null}'
    with serve(lambda exchange: Served(reply)) as serving:
        body = body_of(shape)
        status, headers, got = await post(f"{serving.url}/v1/chat/completions", body)
        assert (status, got) == (200, reply)
        assert serving.upstream.exchanges[0].body == body
        receipt = serving.receipt(headers["X-Request-Id"])
        assert receipt["cost_usd"] == pytest.approx((3 * 10 + 4 * 20) / 1e6)
        assert receipt["route"] == [LARGE]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_stream_has_the_usage_event_only_if_it_was_asked_for(serve: Serve, wanted: bool) -> None:
    events = chat_events("one two three", usage=usage(3, 4))
    with serve(lambda exchange: Served(events=events)) as serving:
        options: Any = {"stream_options": {"include_usage": True}} if wanted else {}
        messages: Any = [{"role": "user", "content": QUESTION}]
        with serving.client().chat.completions.with_streaming_response.create(
            model=SMALL, messages=messages, stream=True, **options
        ) as raw:
            lines = [line for line in raw.iter_lines() if line]
            request_id = raw.headers["x-request-id"]
        data = [line.removeprefix("data: ") for line in lines]
        expected = [e if isinstance(e, str) else json.loads(json.dumps(e)) for e in events]
        got = [d if d == "[DONE]" else json.loads(d) for d in data]
        assert got == [e for e in expected if wanted or e == "[DONE]" or e["choices"]]
        assert serving.receipt(request_id)["completion"] == 4


def test_errors_of_the_endpoint_reach_the_client(serve: Serve) -> None:
    error = {
        "error": {
            "message": "top_k must be positive",
            "type": "invalid_request_error",
            "param": "top_k",
            "code": 7,
        }
    }
    with (
        serve(lambda exchange: Served(error, status=422)) as serving,
        pytest.raises(openai.UnprocessableEntityError) as caught,
    ):
        serving.client().chat.completions.create(
            model=SMALL, messages=[{"role": "user", "content": "hi"}], extra_body={"top_k": -1}
        )
    assert caught.value.body == error["error"]


def test_a_rate_limit_is_waited_for_and_a_dead_endpoint_is_tried_again(serve: Serve) -> None:
    replies = [
        Served({"error": {"message": "slow down"}}, status=429, headers={"retry-after-ms": "20"}),
        Served(b"", status=503),
        Served(chat_reply("at last", usage=usage(3, 4))),
    ]
    with serve(lambda exchange: replies[exchange.number]) as serving:
        raw = serving.client().chat.completions.with_raw_response.create(
            model=SMALL, messages=[{"role": "user", "content": "hi"}]
        )
        assert raw.parse().choices[0].message.content == "at last"
        hops = serving.receipt(raw.headers["x-request-id"])["hops"]
        assert [hop["outcome"] for hop in hops] == ["rate_limited", "server_error", "ok"]
        assert [hop["billed"] for hop in hops] == [False, False, True]
        assert [hop["cost_usd"] for hop in hops][:2] == [0.0, 0.0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_cancels_the_call(serve: Serve, stream: bool) -> None:
    def handle(exchange: Exchange) -> Served:
        if stream:
            return Served(events=chat_events("word " * 100), event_delay_s=0.1)
        return Served(chat_reply("late"), delay_s=10)

    with serve(handle) as serving:
        url = f"{serving.url}/v1/chat/completions"
        body = {**body_of("plain", SMALL), "stream": stream}
        with pytest.raises(TimeoutError):
            async with (
                asyncio.timeout(0.5),
                aiohttp.ClientSession() as session,
                session.post(url, json=body) as reply,
            ):
                await reply.read()
        until = time.monotonic() + 5
        while not serving.upstream.exchanges[0].cancelled:
            assert time.monotonic() < until, "the upstream call goes on"
            await asyncio.sleep(0.02)
        while serving.gateway.in_flight:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        (total,) = serving.receipts.totals(("asked",))
        assert (total.group, total.requests) == (SMALL, 1)


def test_silence_is_filled_with_comments(serve: Serve) -> None:
    def handle(exchange: Exchange) -> Served:
        return Served(events=chat_events("one two", usage=usage(1, 1)), event_delay_s=0.4)

    with (
        serve(handle, agent={"serve": {"heartbeat_s": 0.1}}) as serving,
        serving.client().chat.completions.with_streaming_response.create(
            model=SMALL, messages=[{"role": "user", "content": "hi"}], stream=True
        ) as raw,
    ):
        lines = list(raw.iter_lines())
    assert lines.count(": still working") >= 3
    data = [line for line in lines if line.startswith("data:")]
    assert data[-1] == "data: [DONE]"
    assert len(data) == 4


async def test_many_streams_at_once_are_never_mixed(serve: Serve) -> None:
    def handle(exchange: Exchange) -> Served:
        name = exchange.body["messages"][0]["content"]
        return Served(events=chat_events(f"{name} " * 20, usage=usage(1, 20)))

    async def one(session: aiohttp.ClientSession, url: str, name: str) -> None:
        body = {"model": SMALL, "stream": True, "messages": [{"role": "user", "content": name}]}
        async with session.post(url, json=body) as reply:
            text = (await reply.read()).decode()
        pieces = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        words = [p["choices"][0]["delta"].get("content") for p in pieces if p["choices"]]
        assert words == [f"{name} "] * 20 + [None]
        assert text.endswith("data: [DONE]\n\n")

    with serve(handle, call_limits={"max_concurrency": 500}) as serving:
        url = f"{serving.url}/v1/chat/completions"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(one(session, url, f"n{n}") for n in range(200)))
        assert serving.gateway.in_flight == 0
        (total,) = serving.receipts.totals(("asked",))
        assert (total.requests, total.completion_tokens) == (200, 4000)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"not json", 400, "the body is not JSON"),
        (b"[1]", 400, "expected a JSON object, got a list"),
        (b'{"model": 3}', 400, "expected the name of a model"),
        (b'{"model": "gpt-9"}', 404, "there is no 'gpt-9'; the models are router-r1, "),
        (b'{"model": "small", "messages": ' + b"[" * 80 + b"]" * 80 + b"}", 400, "nested over 64 levels"),
        (b'{"model": "router-r1", "messages": []}', 400, "at least one message"),
        (b'{"model": "router-r1", "messages": [{"role": "robot", "content": "hi"}]}', 400, r"messages[0].role"),
    ],
)  # fmt: skip
async def test_bad_requests_are_named(serve: Serve, body: bytes, status: int, message: str) -> None:
    with serve(lambda exchange: Served(chat_reply("x"))) as serving:
        url = f"{serving.url}/v1/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(url, data=body) as reply:
            assert reply.status == status
            error = (await reply.json())["error"]
        assert message in error["message"]
        assert serving.upstream.exchanges == []


def test_embeddings_pass_through(serve: Serve) -> None:
    vector = [0.25, -1.5]
    reply = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "model": "bge",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    with serve(lambda exchange: Served(reply)) as serving:
        raw = serving.client().embeddings.with_raw_response.create(
            model="vectors", input=["a moon"], encoding_format="float"
        )
        assert raw.parse().data[0].embedding == vector
        assert serving.upstream.exchanges[0].path.endswith("/embeddings")
        assert serving.upstream.exchanges[0].body["model"] == "bge"
        assert serving.receipt(raw.headers["x-request-id"])["cost_usd"] == pytest.approx(7e-6)
        with pytest.raises(openai.BadRequestError, match="those that do are: vectors"):
            serving.client().embeddings.create(model=SMALL, input="a")
        with pytest.raises(openai.BadRequestError, match="ask it at /v1/embeddings"):
            serving.client().chat.completions.create(
                model="vectors", messages=[{"role": "user", "content": "hi"}]
            )


@pytest.mark.parametrize("stream", [False, True])
def test_one_deadline_for_the_whole_request(serve: Serve, stream: bool) -> None:
    def handle(exchange: Exchange) -> Served:
        return Served(chat_reply("late"), delay_s=20)

    agent = {"serve": {"ceiling": {"timeout_s": 0.5}}}
    with serve(handle, agent=agent) as serving:
        for model in (SMALL, "router-r1"):
            began = time.monotonic()
            with pytest.raises(openai.APIError, match=r"no answer in the time|deadline"):
                chunks: Any = serving.client().chat.completions.create(
                    model=model, messages=[{"role": "user", "content": "hi"}], stream=stream
                )
                list(chunks)
            assert time.monotonic() - began < 5


async def test_an_upload_that_never_ends_is_broken_off(serve: Serve) -> None:
    with serve(
        lambda exchange: Served(chat_reply("x")), agent={"serve": {"ceiling": {"timeout_s": 0.5}}}
    ) as serving:
        host, _, port = serving.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\n"
        writer.write(head.encode() + b'{"model": ')
        async with asyncio.timeout(10):
            assert b" 504 " in await reader.readline()
        writer.close()
