"""`OpenAIPolicy` against a real server on this machine: chat and native mode, stop strings, token ids, failures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from router_r1 import OpenAIPolicy, Price, Result, RouterAgent, StopReason
from router_r1.episode import Origin
from router_r1.errors import ConfigError
from router_r1.ledger import Role
from router_r1.model_cards import CallLimits
from router_r1.testing import (
    Exchange,
    LoopbackServer,
    ScriptedPool,
    Served,
    chat_events,
    chat_reply,
    usage,
)

ROUTE = '<think>Who knows?</think><route model="a">2+2</route>'
ANSWER = "<think>Fine.</think><answer>4</answer>"
FAST = CallLimits(attempt_timeout_s=5, backoff_base_s=0.01, max_attempts=2)


def ask(policy: OpenAIPolicy, max_routes: int = 4) -> Result:
    from router_r1 import Limits

    pool = ScriptedPool({"a": "It is 4."})
    with RouterAgent(policy=policy, pool=pool, limits=Limits(max_routes=max_routes)) as agent:
        return agent.ask("What is 2+2?")


def chat_server(*turns: str, finish: str = "stop") -> LoopbackServer:
    def handle(exchange: Exchange) -> Served:
        number = sum(m["role"] == "assistant" for m in exchange.body["messages"])
        return Served(chat_reply(turns[number], usage=usage(100, 10), finish=finish))

    return LoopbackServer(handle)


# --- chat


def test_the_prompt_alone_makes_a_hosted_model_a_policy() -> None:
    with chat_server(ROUTE, ANSWER) as server:
        policy = OpenAIPolicy(server.base_url, "big/model:free", price=Price(input=1, output=10))
        result = ask(policy)
    assert result.answer == "4" and result.rounds == 1
    first, second = (exchange.body for exchange in server.exchanges)
    assert first["model"] == "big/model:free"
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "user"]
    assert second["messages"][-1]["content"].startswith('<information model="a"')
    assert first["stop"] == ["</answer>", "<information"]
    assert first["max_tokens"] == 1024
    assert result.ledger.cost_usd(Role.POLICY) == pytest.approx(2 * (100 * 1 + 10 * 10) / 1e6)


def test_a_stop_tag_that_the_server_cut_off_is_restored() -> None:
    cut = ROUTE.removesuffix("</route>"), ANSWER.removesuffix("</answer>")
    with chat_server(*cut) as server:
        result = ask(OpenAIPolicy(server.base_url, "m"), max_routes=1)
    assert server.exchanges[0].body["stop"] == [
        "</route>",
        "</search>",
        "</answer>",
        "<information",
    ]
    assert result.answer == "4"
    assert result.trace.turns[0].turn.text == ROUTE


def test_a_turn_cut_at_the_token_limit_is_not_repaired() -> None:
    cut = ROUTE.removesuffix("</route>")
    with chat_server(cut, *[ANSWER] * 3, finish="length") as server:
        result = ask(OpenAIPolicy(server.base_url, "m"), max_routes=1)
    assert [p.kind.value for p in result.trace.turns[0].turn.problems] == ["unclosed_tag"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_that_begins_with_a_stop_string_is_corrected_and_not_asked_for_again(
    stream: bool,
) -> None:
    """The stop string is not in the reply, which is then empty after a few tokens."""

    def handle(exchange: Exchange) -> Served:
        corrected = any("not carried out" in m["content"] for m in exchange.body["messages"])
        text = ANSWER if corrected else ""
        if exchange.body.get("stream"):
            return Served(events=chat_events(text, usage=usage(100, 2)))
        return Served(chat_reply(text, usage=usage(100, 2)))

    limits = FAST.model_copy(update={"stream": stream})
    with LoopbackServer(handle) as server:
        policy = OpenAIPolicy(server.base_url, "m", limits=limits, price=Price(input=1, output=1))
        result = ask(policy)
    assert result.answer == "4" and len(server.exchanges) == 2
    first = result.trace.turns[0]
    assert [problem.kind.value for problem in first.turn.problems] == ["empty_turn"]
    assert "the turn was empty" in first.observation and first.tokens == 2
    assert result.ledger.cost_usd(Role.POLICY) == pytest.approx(2 * 102 / 1e6)


def test_text_after_a_route_is_dropped_if_the_model_does_not_stop() -> None:
    runaway = ROUTE + '\n<information model="a">It is 5.</information>' + ANSWER
    with chat_server(runaway, ANSWER) as server:
        result = ask(OpenAIPolicy(server.base_url, "m", send_stop=False))
    assert "stop" not in server.exchanges[0].body
    assert result.trace.turns[0].turn.text.rstrip() == ROUTE
    assert "It is 4." in result.trace.turns[0].observation


def test_sampling_and_vendor_fields_are_sent_unchanged() -> None:
    with chat_server(ANSWER) as server:
        policy = OpenAIPolicy(
            server.base_url,
            "m",
            temperature=None,
            top_p=0.9,
            seed=7,
            extra={"reasoning_effort": "low"},
            headers={"X-Title": "router"},
            token_limit_field="max_completion_tokens",
        )
        ask(policy)
    body = server.exchanges[0].body
    assert "temperature" not in body and "max_tokens" not in body
    assert (body["top_p"], body["seed"], body["reasoning_effort"]) == (0.9, 7, "low")
    assert body["max_completion_tokens"] == 1024
    assert server.exchanges[0].headers["x-title"] == "router"


def test_a_policy_that_fails_ends_the_episode_with_a_reason() -> None:
    handler: Callable[[Exchange], Served] = lambda _: Served({"error": "down"}, status=500)  # noqa: E731
    with LoopbackServer(handler) as server:
        result = ask(
            OpenAIPolicy(server.base_url, "m", limits=FAST, price=Price(input=1, output=1))
        )
    assert result.stop_reason is StopReason.POLICY_FAILED and result.answer is None
    assert "server_error" in result.trace.stop_detail
    assert len(server.exchanges) == 2
    assert [entry.role for entry in result.ledger] == [Role.POLICY, Role.POLICY]
    assert result.cost_usd == 0


def test_a_missing_key_is_named_before_anything_starts() -> None:
    policy = OpenAIPolicy("http://127.0.0.1:1/v1", "m", "NO_SUCH_VARIABLE_HERE")
    with pytest.raises(ConfigError, match="NO_SUCH_VARIABLE_HERE is not set"):
        RouterAgent(policy=policy, pool=ScriptedPool({"a": "4"}))


@pytest.mark.parametrize(
    "url", ["localhost:8000", "https://user:secret@host/v1", "https://h/v1?key=x"]
)
def test_an_invalid_base_url_or_one_with_a_key_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        OpenAIPolicy(url, "m")
    assert "base_url" in str(error.value)


# --- native: a server whose tokens are characters


def ids(text: str) -> list[int]:
    return [ord(character) for character in text]


def text_of(token_ids: list[int]) -> str:
    return "".join(map(chr, token_ids))


def native_server(
    turns: list[str], *, returns_ids: bool = True, tokenizes: bool = True, beyond: str = ""
) -> LoopbackServer:
    """A server like vLLM: `/tokenize` encodes, `/v1/completions` takes and returns ids and includes the stop string.

    `beyond` is text of a turn's last token after the stop string; it is in the ids, but not in the text.
    """

    def handle(exchange: Exchange) -> Served:
        body: dict[str, Any] = exchange.body
        if exchange.path == "/tokenize":
            if not tokenizes:
                return Served({"error": "no such route"}, status=404)
            if "messages" in body:
                assert body["add_generation_prompt"] is True
                rendered = "".join(f"[{m['role']}]{m['content']}" for m in body["messages"])
                return Served({"tokens": ids(rendered + "[assistant]")})
            assert body["add_special_tokens"] is False
            return Served({"tokens": ids(body["prompt"])})
        number = sum(e.path == "/v1/completions" for e in server.exchanges) - 1
        text = turns[number]
        choice: dict[str, Any] = {"index": 0, "text": text, "finish_reason": "stop"}
        if returns_ids and body.get("return_token_ids"):
            tokens = [*text[:-1], text[-1] + beyond]
            choice["token_ids"] = ids(text + beyond)
            choice["logprobs"] = {"token_logprobs": [-0.5] * len(tokens), "tokens": tokens}
            choice["stop_reason"] = next((s for s in body["stop"] if text.endswith(s)), None)
        return Served({"model": "m", "choices": [choice], "usage": usage(1, len(text))})

    server = LoopbackServer(handle)
    return server


def completions(server: LoopbackServer) -> list[dict[str, Any]]:
    return [e.body for e in server.exchanges if e.path == "/v1/completions"]


def test_native_mode_sends_the_generated_ids_and_never_encodes_the_policys_text() -> None:
    with native_server([ROUTE, ANSWER]) as server:
        result = ask(OpenAIPolicy(server.base_url, "m", mode="native"), max_routes=1)
    assert result.answer == "4"
    first, second = completions(server)
    assert first["stop"] == ["</route>", "</search>", "</answer>", "<information"]
    assert first["include_stop_str_in_output"] is True and first["return_token_ids"] is True
    observation = result.trace.turns[0].observation
    assert text_of(second["prompt"]) == text_of(first["prompt"]) + ROUTE + f"\n{observation}\n"
    record = result.trace.turns[0]
    assert record.token_ids == tuple(ids(ROUTE))
    assert record.logprobs == tuple([-0.5] * len(ROUTE))
    encoded = [e.body.get("prompt") for e in server.exchanges if e.path == "/tokenize"]
    assert ROUTE not in encoded


def test_an_information_block_that_the_policy_began_is_not_started_twice() -> None:
    with native_server([ROUTE + "\n<information", ANSWER]) as server:
        result = ask(OpenAIPolicy(server.base_url, "m", mode="native"), max_routes=4)
    assert result.answer == "4"
    prompt = text_of(completions(server)[1]["prompt"])
    assert prompt.count("<information model=") == 1 and "<information<" not in prompt
    segments = result.trace.replay().segments
    assert segments[0].overhang == "<information"
    assert "".join(s.text for s in segments if s.origin is Origin.POLICY).count("<information") == 0


def test_text_of_the_last_token_after_the_stop_string_is_not_repeated() -> None:
    with native_server([ROUTE, ANSWER], beyond="\n") as server:
        result = ask(OpenAIPolicy(server.base_url, "m", mode="native"), max_routes=1)
    assert result.answer == "4"
    record = result.trace.turns[0]
    assert record.turn.text == ROUTE and record.overhang == "\n"
    first, second = (text_of(body["prompt"]) for body in completions(server))
    assert second == f"{first}{ROUTE}\n{record.observation}\n"


def test_turns_without_ids_are_encoded_from_their_text() -> None:
    with native_server([ROUTE, ANSWER], returns_ids=False) as server:
        result = ask(OpenAIPolicy(server.base_url, "m", mode="native"), max_routes=1)
    assert result.answer == "4" and result.trace.turns[0].token_ids is None
    assert ROUTE in text_of(completions(server)[1]["prompt"])


def test_a_server_that_does_not_encode_needs_a_prompt_template() -> None:
    with native_server([ROUTE, ANSWER], tokenizes=False) as server:
        result = ask(OpenAIPolicy(server.base_url, "m", mode="native"), max_routes=1)
        assert result.stop_reason is StopReason.POLICY_FAILED
        assert "prompt_template" in result.trace.stop_detail
        assert not completions(server)
        del server.exchanges[:]

        policy = OpenAIPolicy(
            server.base_url,
            "m",
            mode="native",
            prompt_template=lambda messages: messages[-1]["content"] + "\nA: ",
        )
        result = ask(policy, max_routes=1)
    assert result.answer == "4"
    first, second = (body["prompt"] for body in completions(server))
    assert first.startswith("Question: What is 2+2?") and first.endswith("\nA: ")
    assert second.startswith(first + ROUTE + "\n<information")


@pytest.mark.parametrize("mode", ["chat", "native"])
def test_policy_and_pool_are_recorded_and_replayed_without_a_network(
    mode: Literal["chat", "native"], tmp_path: Path
) -> None:
    store = tmp_path / "calls.sqlite"
    pool = ScriptedPool({"a": "It is 4."})
    price = Price(input=1, output=10)
    turns = [ROUTE, ANSWER]
    with chat_server(*turns) if mode == "chat" else native_server(turns) as server:
        live = OpenAIPolicy(server.base_url, "m", mode=mode, price=price)
        with RouterAgent(policy=live.recording(store), pool=pool.recording(store)) as agent:
            recorded = agent.ask("What is 2+2?")
    # A replay needs neither the server, which is gone, nor the key, which is not set.
    offline = OpenAIPolicy("http://127.0.0.1:1/v1", "m", "NO_SUCH_KEY", mode=mode, price=price)
    with RouterAgent(policy=offline.replaying(store), pool=pool.replaying(store)) as agent:
        replayed = agent.ask("What is 2+2?")
    assert replayed.answer == recorded.answer == "4"
    assert replayed.cost_usd == recorded.cost_usd > 0
    assert [t.turn for t in replayed.trace.turns] == [t.turn for t in recorded.trace.turns]
    assert [t.token_ids for t in replayed.trace.turns] == [
        t.token_ids for t in recorded.trace.turns
    ]
    assert {entry.source for entry in replayed.ledger} == {"replay"}
    assert replayed.ledger.billed_usd == 0
    assert len(pool.asked) == 1
