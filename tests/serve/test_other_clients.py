"""The Responses API and Anthropic's Messages API, through their own clients; and clients with keys."""

from typing import Any

import anthropic
import openai
import pytest
from serving import LARGE, QUESTION, SMALL, Serve, route_then_adopt

from router_r1.serve.access.keys import KeyLimits, KeyStore
from router_r1.testing.loopback_server import Exchange, Served, chat_events, chat_reply, usage

ANSWER = "Arna is 612 km wide."


@pytest.mark.parametrize("model", ["router-r1", "router-r1:cheap", LARGE])
def test_responses(serve: Serve, model: str) -> None:
    with serve(route_then_adopt(chat_reply(ANSWER, usage=usage(30, 20)))) as serving:
        client = serving.client()
        whole = client.responses.create(model=model, input=QUESTION, instructions="Be brief.")
        assert whole.output_text == ANSWER
        assert whole.status == "completed"
        with client.responses.stream(model=model, input=QUESTION) as stream:
            events = list(stream)
            final = stream.get_final_response()
        assert final.output_text == ANSWER
        assert final.usage is not None
        assert whole.usage is not None
        assert final.usage.output_tokens == whole.usage.output_tokens
        if model != LARGE:
            told = [e for e in events if e.type == "response.reasoning_summary_text.delta" or e.type == "response.reasoning_text.delta"]  # fmt: skip
            assert f"Asking {LARGE}" in "".join(event.delta for event in told)
        with pytest.raises(openai.BadRequestError, match="previous_response_id"):
            client.responses.create(model=model, input="hi", previous_response_id="resp_1")


@pytest.mark.parametrize("model", ["router-r1", LARGE])
def test_messages(serve: Serve, model: str) -> None:
    with (
        serve(route_then_adopt(chat_reply(ANSWER, usage=usage(30, 20)))) as serving,
        anthropic.Anthropic(base_url=serving.url, api_key="none", max_retries=0) as client,
    ):
        asked: Any = {
            "model": model,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": QUESTION}],
        }
        whole = client.messages.create(**asked, system="Be brief.")
        assert whole.content[-1].type == "text"
        assert whole.content[-1].text == ANSWER
        assert whole.stop_reason == "end_turn"
        with client.messages.stream(**asked) as stream:
            final = stream.get_final_message()
        assert final.content[-1].type == "text"
        assert final.content[-1].text == ANSWER
        assert final.usage.output_tokens == whole.usage.output_tokens
        with pytest.raises(anthropic.NotFoundError, match="there is no 'gpt-9'"):
            client.messages.create(**asked | {"model": "gpt-9"})


def test_a_tool_call_reaches_anthropics_client(serve: Serve) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"at": "Oru"}'},
    }
    reply = chat_reply(None, usage=usage(30, 20), finish="tool_calls")
    reply["choices"][0]["message"]["tool_calls"] = [call]
    tool: Any = {
        "name": "look",
        "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
    }
    with (
        serve(route_then_adopt(reply)) as serving,
        anthropic.Anthropic(base_url=serving.url, api_key="none", max_retries=0) as client,
    ):
        message = client.messages.create(
            model="router-r1",
            max_tokens=100,
            messages=[{"role": "user", "content": QUESTION}],
            tools=[tool],
        )
        assert message.stop_reason == "tool_use"
        assert message.content[-1].type == "tool_use"
        assert (message.content[-1].name, message.content[-1].input) == ("look", {"at": "Oru"})


async def test_asynchronous_streams(serve: Serve) -> None:
    with serve(
        lambda exchange: Served(events=chat_events("one two", usage=usage(1, 2)))
    ) as serving:
        async with serving.async_client() as client:
            stream = await client.chat.completions.create(
                model=SMALL, messages=[{"role": "user", "content": "hi"}], stream=True
            )
            text = [c.choices[0].delta.content async for c in stream if c.choices]
    assert text == ["one ", "two ", None]


def with_keys(serve: Serve, tmp_path: Any, reply: Any, **limits: Any) -> tuple[Any, str]:
    store = KeyStore(tmp_path / "keys.db")
    secret = store.add("app", KeyLimits(**limits))
    store.close()
    return serve(lambda exchange: Served(reply), agent={"serve": {"keys": "keys.db"}}), secret


def test_who_has_no_key_gets_nothing(serve: Serve, tmp_path: Any) -> None:
    gateway, secret = with_keys(serve, tmp_path, chat_reply("x", usage=usage(1, 1)))
    messages: Any = [{"role": "user", "content": "hi"}]
    with gateway as serving:
        for client in (serving.client("rr1-wrong"), serving.client(secret[:-1])):
            with pytest.raises(openai.AuthenticationError):
                client.chat.completions.create(model=SMALL, messages=messages)
            with pytest.raises(openai.AuthenticationError):
                client.models.list()
        assert serving.upstream.exchanges == []
        raw = serving.client(secret).chat.completions.with_raw_response.create(
            model=SMALL, messages=messages
        )
        receipt = serving.receipt(raw.headers["x-request-id"])
        assert receipt["key"] == "app"
        assert secret not in str(receipt)


def test_rates_budgets_and_models_of_a_key(serve: Serve, tmp_path: Any) -> None:
    # A reply costs 1,024 tokens at $2 per million at most, and 500 of them really.
    reply = chat_reply("x", usage=usage(0, 500))
    gateway, secret = with_keys(
        serve, tmp_path, reply, requests_per_minute=4, budget_usd=0.0045, models=[SMALL]
    )
    messages: Any = [{"role": "user", "content": "hi"}]
    with gateway as serving:
        client = serving.client(secret)
        assert [model.id for model in client.models.list()] == [SMALL]
        with pytest.raises(openai.PermissionDeniedError, match=f"may ask for {SMALL}"):
            client.chat.completions.create(model=LARGE, messages=messages)
        for _ in range(3):
            client.chat.completions.create(model=SMALL, messages=messages)
        # $0.003 of $0.0045 is spent, and a reply may cost $0.002.
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model=SMALL, messages=messages)
        assert caught.value.type == "insufficient_quota"
        client.chat.completions.create(model=SMALL, messages=messages, max_tokens=500)
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model=SMALL, messages=messages, max_tokens=10)
        assert caught.value.type == "rate_limit_error"
        assert 1 <= int(caught.value.response.headers["retry-after"]) <= 15
        assert len(serving.upstream.exchanges) == 4


def test_the_agent_never_spends_more_than_its_key_has(serve: Serve, tmp_path: Any) -> None:
    store = KeyStore(tmp_path / "keys.db")
    secret = store.add("app", KeyLimits(budget_usd=0.03))
    store.close()

    def handle(exchange: Exchange) -> Served:
        if exchange.body["model"] == LARGE:
            return Served(chat_reply(ANSWER, usage=usage(30, 1000)))
        last = exchange.body["messages"][-1]["content"]
        text = (
            f'<think>Enough.</think><answer model="{LARGE}"></answer>'
            if ANSWER in last
            else "<think>Too expensive.</think><answer>I cannot pay for that.</answer>"
            if "may cost" in last
            else f'<think>Ask.</think><route model="{LARGE}">question</route>'
        )
        return Served(chat_reply(text, usage=usage(10, 10)))

    with serve(handle, agent={"serve": {"keys": "keys.db"}}) as serving:
        messages: Any = [{"role": "user", "content": QUESTION}]
        create = serving.client(secret).chat.completions.create
        answers = [
            create(model="router-r1", messages=messages).choices[0].message.content for _ in "12"
        ]
        assert answers == [ANSWER, "I cannot pay for that."]
        (total,) = serving.receipts.totals(("key",))
        assert total.cost_usd <= 0.03


def test_names_levels_and_a_dry_run(serve: Serve) -> None:
    with serve(route_then_adopt(chat_reply(ANSWER, usage=usage(30, 20)))) as serving:
        client = serving.client()
        names = [model.id for model in client.models.list()]
        assert names[0] == "router-r1"
        assert names[1].startswith("router-r1@")
        assert {"router-r1:cheap", "router-r1:balanced", "router-r1:best", SMALL, LARGE} <= set(
            names
        )
        client.chat.completions.create(
            model="router-r1:cheap", messages=[{"role": "user", "content": QUESTION}]
        )
        assert (
            "A right answer is worth $"
            in serving.upstream.exchanges[0].body["messages"][0]["content"]
        )
        assert client.models.retrieve(LARGE).id == LARGE
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-9")
        before = len(serving.upstream.exchanges)
        dry: Any = client.post(
            "/route",
            cast_to=object,
            body={"model": "router-r1", "messages": [{"role": "user", "content": QUESTION}]},
        )
        assert [call["model"] for call in dry["calls"]] == [LARGE]
        assert dry["calls"][0]["most_usd"] == pytest.approx(1024 * 20 / 1e6, rel=0.05)
        assert dry["why"] == "I ask the large one."
        asked = [exchange.body["model"] for exchange in serving.upstream.exchanges[before:]]
        assert asked == ["policy-1b"]
