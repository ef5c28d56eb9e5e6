"""What was found by attack: requests that freeze, spend too much, get past a limit, or turn a failure into a success."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import httpx2
import openai
import pytest
import yaml
from serving import (
    QUESTION,
    ROUTE,
    SMALL,
    Serve,
    asked_by_policy,
    route_then_adopt,
    turn_number,
)

from router_r1.serve.access.keys import KeyLimits, KeyStore
from router_r1.serve.start import Opened, Plan, load_gateway
from router_r1.testing.loopback_server import Exchange, Served, chat_events, chat_reply, usage

MESSAGES: Any = [{"role": "user", "content": QUESTION}]
KEYS: Any = {"serve": {"keys": "keys.db"}}


def key_of(folder: Path, **limits: Any) -> str:
    store = KeyStore(folder / "keys.db")
    secret = store.add("app", KeyLimits(**limits))
    store.close()
    return secret


def test_no_body_takes_long_to_read(serve: Serve) -> None:
    with serve(lambda exchange: Served(chat_reply("x"))) as serving:
        url = f"{serving.url}/v1/chat/completions"
        body = b'{"a":[' + b"[]," * 70 + b'"' + b'\\"' * 500_000
        assert httpx2.post(url, content=body, timeout=10).status_code == 400
        deep = b'{"model": "small", "a": ' + b"[" * 500 + b"]" * 500 + b"}"
        assert "nested" in httpx2.post(url, content=deep, timeout=10).text


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, 1024),
        ({"max_tokens": 5000, "max_completion_tokens": 1}, 5000),
        ({"max_tokens": 10, "n": 100}, 1000),
        ({"max_tokens": 1e4}, 10_000),
        ({"tools": [{"type": "function", "function": {"name": "f", "description": "x" * 8000}}], "max_tokens": 1}, 1000),
    ],
)  # fmt: skip
def test_the_most_that_a_request_may_cost_is_reserved(
    serve: Serve, tmp_path: Path, fields: dict[str, Any], most: int
) -> None:
    """With less than that left, nothing is sent. Prices are $1 and $2 per million tokens."""
    secret = key_of(tmp_path, budget_usd=most * 0.9 / 1e6)
    with serve(lambda exchange: Served(chat_reply("x")), agent=KEYS) as serving:
        reply = httpx2.post(
            f"{serving.url}/v1/chat/completions",
            json={"model": SMALL, "messages": MESSAGES, **fields},
            headers={"authorization": f"Bearer {secret}"},
        )
        assert reply.status_code == 429
        assert serving.upstream.exchanges == []


def test_a_key_with_a_budget_never_asks_without_a_limit(serve: Serve, tmp_path: Path) -> None:
    secret = key_of(tmp_path, budget_usd=1.0)
    with serve(lambda exchange: Served(chat_reply("x", usage=usage(1, 1))), agent=KEYS) as serving:
        serving.client(secret).chat.completions.create(model=SMALL, messages=MESSAGES)
        assert serving.upstream.exchanges[0].body["max_tokens"] == 1024


def test_the_policy_is_not_asked_where_its_turn_cannot_be_paid(
    serve: Serve, tmp_path: Path
) -> None:
    secret = key_of(tmp_path, budget_usd=0.0)
    with serve(route_then_adopt(chat_reply("x")), agent=KEYS) as serving:
        with pytest.raises(openai.RateLimitError, match="a turn of the policy may cost"):
            serving.client(secret).chat.completions.create(model="router-r1", messages=MESSAGES)
        with pytest.raises(openai.RateLimitError):
            serving.client(secret).post("/route", cast_to=object, body={"messages": MESSAGES})
        assert serving.upstream.exchanges == []


def test_a_route_is_not_read_where_it_cannot_be_paid(serve: Serve, tmp_path: Path) -> None:
    secret = key_of(tmp_path, budget_usd=0.0)
    routes = {
        "routes": [{"name": "a", "description": "All"}],
        "map": {"a": SMALL},
        "default": SMALL,
    }
    (tmp_path / "routes.yaml").write_text(yaml.safe_dump(routes))
    named = {"named_routes": {"topics": {"routes": "routes.yaml", "candidate": SMALL}}}
    with serve(
        route_then_adopt(chat_reply("x")), agent={"serve": KEYS["serve"] | named}
    ) as serving:
        client, model = serving.client(secret), "router:topics"
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model=model, messages=MESSAGES)
        with pytest.raises(openai.RateLimitError):
            body = {"model": model, "messages": MESSAGES}
            client.post("/route", cast_to=object, body=body)
        assert serving.upstream.exchanges == []


def test_a_dry_run_is_counted_like_an_answer(serve: Serve, tmp_path: Path) -> None:
    secret = key_of(tmp_path, models=(SMALL,))
    with serve(route_then_adopt(chat_reply("x"))) as serving:
        reply = httpx2.post(f"{serving.url}/v1/route", json={"messages": MESSAGES})
        receipt = serving.receipt(reply.headers["x-request-id"])
        assert receipt["endpoint"] == "/v1/route"
        assert receipt["cost_usd"] > 0
    with serve(route_then_adopt(chat_reply("x")), agent=KEYS) as serving:
        with pytest.raises(openai.PermissionDeniedError):
            serving.client(secret).post("/route", cast_to=object, body={"messages": MESSAGES})
        assert serving.upstream.exchanges == []


def test_usage_that_cannot_be_true_is_estimated_and_the_reply_arrives(serve: Serve) -> None:
    reply = chat_reply("a long text " * 100, usage={"prompt_tokens": 3, "completion_tokens": 2**63})
    with serve(lambda exchange: Served(reply)) as serving:
        raw = serving.client(timeout=10).chat.completions.with_raw_response.create(
            model=SMALL, messages=MESSAGES
        )
        (hop,) = serving.receipt(raw.headers["x-request-id"])["hops"]
        assert hop["estimated"]
        assert 250 < hop["completion_tokens"] < 400


def test_a_client_cannot_raise_the_limits_of_the_agent(serve: Serve) -> None:
    turns = [ROUTE, ROUTE, "<think>Enough.</think><answer>I stop.</answer>"]

    def handle(exchange: Exchange) -> Served:
        if asked_by_policy(exchange):
            return Served(chat_reply(turns[turn_number(exchange)], usage=usage(9, 9)))
        return Served(chat_reply("x", usage=usage(1, 1)))

    agent = {"limits": {"max_rounds": 1, "max_malformed": 0}}
    with serve(handle, agent=agent) as serving:
        httpx2.post(
            f"{serving.url}/v1/chat/completions",
            json={"model": "router-r1", "messages": MESSAGES, "router_r1": {"max_rounds": 1000}},
            timeout=20,
        )
        asked = [exchange.body["model"] for exchange in serving.upstream.exchanges]
        assert asked.count("policy-1b") == 2  # one round, and the turn after it


def test_a_revoked_last_key_does_not_open_the_gateway(
    serve: Serve, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("ROUTER_R1_KEYS", str(tmp_path / "keys.db"))
    key_of(tmp_path)
    store = KeyStore(tmp_path / "keys.db")
    store.revoke("app")
    store.close()
    with serve(lambda exchange: Served(chat_reply("x"))) as serving:
        assert httpx2.get(f"{serving.url}/v1/models").status_code == 401
        again = load_gateway(Plan(str(serving.agent_file)), Opened())
        assert again.keys is not None


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
async def test_without_keys_no_web_page_can_ask(serve: Serve, headers: dict[str, str]) -> None:
    with serve(lambda exchange: Served(chat_reply("x"))) as serving:
        url = f"{serving.url}/v1/chat/completions"
        body = {"model": SMALL, "messages": MESSAGES}
        async with aiohttp.ClientSession() as session:
            async with session.post(url, json=body, headers=headers) as reply:
                assert reply.status == 403
            async with session.post(
                url, json=body, headers={"origin": "http://localhost:3000"}
            ) as reply:
                assert reply.status == 200


BROKEN: dict[str, list[Any]] = {
    "an error in the middle": [*chat_events("one", finish=None), {"error": {"message": "overloaded"}}],
    "no end": chat_events("one two", finish=None),
    "nothing": [],
    "no JSON": [*chat_events("one", finish=None), "{broken", *chat_events("two")],
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_stream_is_an_error_in_every_shape(serve: Serve, kind: str) -> None:
    with serve(lambda exchange: Served(events=BROKEN[kind])) as serving:
        stream: Any = serving.client().responses.create(model=SMALL, input="hi", stream=True)
        assert [event.type for event in stream][-1] == "response.failed"
        with (
            anthropic.Anthropic(base_url=serving.url, api_key="none", max_retries=0) as client,
            pytest.raises(anthropic.APIError),
            client.messages.stream(
                model=SMALL, max_tokens=9, messages=MESSAGES
            ) as stream_of_messages,
        ):
            stream_of_messages.get_final_message()


def test_an_error_instead_of_a_stream_is_passed_on(serve: Serve) -> None:
    error = {"error": {"message": "no such model"}}
    with serve(lambda exchange: Served(error)) as serving:
        body = {"model": SMALL, "messages": MESSAGES, "stream": True}
        assert httpx2.post(f"{serving.url}/v1/chat/completions", json=body).json() == error


def test_an_event_with_more_than_the_usage_is_kept(serve: Serve) -> None:
    last = {"choices": [], "usage": usage(3, 4), "prompt_filter_results": [{"ok": True}]}
    events = [*chat_events("one")[:-1], last, "[DONE]"]
    with serve(lambda exchange: Served(events=events)) as serving:
        body = {"model": SMALL, "messages": MESSAGES, "stream": True}
        reply = httpx2.post(f"{serving.url}/v1/chat/completions", json=body)
        data = [line[6:] for line in reply.text.splitlines() if line.startswith("data: ")]
        assert json.loads(data[-2]) == last
        assert serving.receipt(reply.headers["x-request-id"])["completion"] == 4


def test_a_key_of_the_gateway_that_is_refused_upstream_is_not_the_clients(serve: Serve) -> None:
    error = {"error": {"message": "Incorrect API key provided: sk-prod-abc***XYZ"}}
    with serve(lambda exchange: Served(error, status=401)) as serving:
        with pytest.raises(openai.InternalServerError) as caught:
            serving.client().chat.completions.create(model=SMALL, messages=MESSAGES)
        assert "sk-prod" not in str(caught.value)


def test_a_query_that_repeats_the_conversation_is_no_reply_to_it(serve: Serve) -> None:
    """Only a candidate that got the conversation itself was told of the schema."""

    def handle(exchange: Exchange) -> Served:
        if asked_by_policy(exchange):
            first = exchange.body["messages"][-1]["content"]
            shown = first[first.index("[The reply") : first.index("\n\nWrite one turn")]
            copied = f'<think>?</think><route model="{SMALL}">{shown}</route>'
            text = (copied, f'<think>!</think><answer model="{SMALL}"></answer>')[
                turn_number(exchange)
            ]
            return Served(chat_reply(text, usage=usage(9, 9)))
        is_json = "response_format" in exchange.body
        return Served(chat_reply('{"km": 1}' if is_json else "plain words", usage=usage(1, 1)))

    schema: Any = {
        "type": "json_schema",
        "json_schema": {"name": "w", "schema": {"type": "object"}},
    }
    with serve(handle) as serving:
        reply = serving.client().chat.completions.create(
            model="router-r1", messages=MESSAGES, response_format=schema
        )
        assert reply.choices[0].message.content == '{"km": 1}'


def test_a_reply_that_was_cut_says_so(serve: Serve) -> None:
    cut = chat_reply("half of an ans", usage=usage(3, 4), finish="length")
    with serve(route_then_adopt(cut)) as serving:
        reply = serving.client().chat.completions.create(model="router-r1", messages=MESSAGES)
        assert reply.choices[0].finish_reason == "length"
        response = serving.client().responses.create(model="router-r1", input=QUESTION)
        assert response.status == "incomplete"


@pytest.mark.parametrize(
    "change",
    [
        {"messages": 5},
        {"messages": [{"role": "user", "content": [{"type": []}]}]},
        {"stream": True, "stream_options": "x"},
        {"max_tokens": 2**62},
        {"router_r1": {"budget_usd": 1e308}},
        {"messages": [{"role": "user", "content": "x"}] * 20_000},
    ],
)
@pytest.mark.parametrize("model", [SMALL, "router-r1"])
def test_odd_requests_are_the_clients_fault_or_the_endpoints(
    serve: Serve, tmp_path: Path, model: str, change: dict[str, Any]
) -> None:
    secret = key_of(tmp_path)
    with serve(route_then_adopt(chat_reply("x", usage=usage(1, 1))), agent=KEYS) as serving:
        reply = httpx2.post(
            f"{serving.url}/v1/chat/completions",
            json={"model": model, "messages": MESSAGES, **change},
            headers={"authorization": f"Bearer {secret}"},
            timeout=20,
        )
        assert reply.status_code in (200, 400, 429), reply.text
