"""Parameters that servers refuse: asked once more without them, unbilled, and remembered."""

import json
import logging
import re

import pytest

from router_r1 import Ledger, Price
from router_r1.model_cards import CallLimits, Endpoint, ModelCard, Sampling
from router_r1.pool import Account, ModelPool
from router_r1.testing import Exchange, LoopbackServer, Served, chat_events, chat_reply, usage
from router_r1.transport.refused_parameters import SYSTEM_ROLE, apply, refused

BODY = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}],
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.0,
    "top_p": 1.0,
    "seed": 1,
    "stop": ["</answer>"],
    "max_tokens": 100,
}


def openai_error(message: str, **fields: object) -> str:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", **fields}})


def forbidden(name: str) -> dict:
    return {
        "type": "extra_forbidden",
        "loc": ["body", name],
        "msg": "Extra inputs are not permitted",
    }


MAX_TOKENS = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)
TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0.0 with this model. "
    "Only the default (1) value is supported."
)
REFUSALS: dict[str, tuple[str, set[str]]] = {
    # who says it: (the body of the error, the parameters it refuses)
    "OpenAI: max_tokens": (
        openai_error(MAX_TOKENS, param="max_tokens", code="unsupported_parameter"),
        {"max_tokens"},
    ),
    "OpenAI: temperature": (
        openai_error(TEMPERATURE, param="temperature", code="unsupported_value"),
        {"temperature"},
    ),
    "OpenAI: stop": (
        openai_error("Unsupported parameter: 'stop' is not supported with this model."),
        {"stop"},
    ),
    "OpenAI: system": (
        openai_error(
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            param="messages[0].role",
            code="unsupported_value",
        ),
        {"system role"},
    ),
    "Azure": (
        openai_error("Unrecognized request argument supplied: stream_options"),
        {"stream_options"},
    ),
    "OpenAI: unknown": (openai_error("Unknown parameter: 'seed'."), {"seed"}),
    "Mistral": (json.dumps({"detail": [forbidden("stream_options")]}), {"stream_options"}),
    "Mistral, quoted by a proxy": (
        json.dumps({"object": "error", "message": json.dumps({"detail": [forbidden("seed")]})}),
        {"seed"},
    ),
    "two at once": (
        json.dumps({"detail": [forbidden("stream_options"), forbidden("seed")]}),
        {"stream_options", "seed"},
    ),
    "Gemini": (
        json.dumps(
            [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": '
            'Cannot find field.\nInvalid JSON payload received. Unknown name "stop": Cannot find field.'}}]
        ),
        {"seed", "stop"},
    ),
    "xAI": (
        json.dumps({"code": "invalid-argument", "error": "Argument not supported on this model: stop"}),
        {"stop"},
    ),
    "Claude: temperature": (
        openai_error("`temperature` is deprecated for this model."),
        {"temperature"},
    ),
    "Claude: of two": (
        openai_error("`temperature` and `top_p` cannot both be specified for this model."),
        {"top_p"},
    ),
    "Kimi": (openai_error("invalid temperature: only 1 is allowed for this model"), {"temperature"}),
    "OpenRouter, quoting": (
        json.dumps({"error": {"message": "Provider returned error", "code": 400,
                              "metadata": {"raw": openai_error(MAX_TOKENS)}}}),
        {"max_tokens"},
    ),
    "Groq": (openai_error("property 'top_p' is unsupported"), {"top_p"}),
    "Python": ("TypeError: create() got an unexpected keyword argument 'stream_options'", {"stream_options"}),
    "plain": ("stream_options is not supported", {"stream_options"}),
    "not implemented": ("Parameter `stop` is not implemented", {"stop"}),
    "vLLM: Gemma": (
        json.dumps({"object": "error", "message": "System role not supported", "code": 400}),
        {"system role"},
    ),
    "TGI": ("Template error: invalid operation: System role not supported", {"system role"}),
    "Google: Gemma": (
        openai_error("Developer instruction is not enabled for models/gemma-3-27b-it"),
        {"system role"},
    ),
    "Mistral's template": (
        "Conversation roles must alternate user/assistant/user/assistant/...",
        {"system role"},
    ),
    "Mixtral's template": ("Only user and assistant roles are supported!", {"system role"}),
    "a system message": ("This model does not support system messages.", {"system role"}),
    # Errors that name a parameter and do not refuse it, or refuse what was not sent.
    "too large": (openai_error("max_tokens is too large: 100. This model supports at most 64."), set()),
    "out of range": (openai_error("temperature must be between 0 and 2"), set()),
    "another parameter": (openai_error("Unsupported parameter: 'top_k'"), set()),
    "part of a name": (openai_error("Unknown parameter: 'stop_words', 'top_p2', 'non-stop'"), set()),
    "a model": (openai_error("The model `m` does not exist", code="model_not_found"), set()),
    "nothing": ("", set()),
    "a missing field": (
        json.dumps({"detail": [{"type": "missing", "loc": ["body", "x"], "input": BODY}]}),
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_the_refused_parameter_is_read_from_the_error(case):
    error, parameters = REFUSALS[case]
    assert {change.parameter for change in refused(BODY, error)} == parameters


@pytest.mark.parametrize(
    "unit", ["a", "stop ", "not ", "\\", "only x ", "role: ", "{", "unknown. "]
)
def test_a_long_error_is_read_quickly(unit):
    refused(BODY, unit * (100_000 // len(unit)))


def test_a_parameter_that_was_not_sent_is_not_refused():
    assert (
        refused({"model": "m", "messages": []}, "stop, seed and system role are unsupported") == ()
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["s:A", "u:B"], ["u:A\n\nB"]),
        (["s:A", "s:B", "u:C"], ["u:A\n\nB\n\nC"]),
        (["s:A", "u:B", "a:C", "u:D"], ["u:A\n\nB", "a:C", "u:D"]),
        (["u:A", "a:B", "s:C", "u:D"], ["u:A", "a:B", "u:C\n\nD"]),
        (["u:A", "s:B"], ["u:A", "u:B"]),
    ],
)
def test_system_messages_become_part_of_the_users(before, after):
    roles = {"s": "system", "u": "user", "a": "assistant"}

    def messages(short: list[str]) -> list[dict]:
        return [{"role": roles[each[0]], "content": each[2:]} for each in short]

    body, notes = apply({"messages": messages(before)}, (SYSTEM_ROLE,))
    assert body == {"messages": messages(after)}
    assert len(notes) == 1


# --- against a server


def pool_of(server: LoopbackServer, *names: str, stream: bool = False, **sampling) -> ModelPool:
    limits = CallLimits(max_attempts=1, stream=stream)
    cards = [
        ModelCard(name=name, endpoint="server", price=Price(input=3.0, output=15.0), limits=limits,
                  system_prompt="Be brief.", sampling=Sampling(**sampling))
        for name in names or ("a",)
    ]  # fmt: skip
    return ModelPool(cards, {"server": Endpoint(base_url=server.base_url)})


def refusing(*parameters: str, status: int = 400):
    """A server that refuses these parameters, one after the other."""

    def handler(exchange: Exchange) -> Served:
        sent = set(exchange.body)
        if any(message["role"] == "system" for message in exchange.body["messages"]):
            sent.add("system role")
        for name in parameters:
            if name in sent:
                return Served({"error": {"message": f"{name} is not supported"}}, status)
        if exchange.body.get("stream"):
            return Served(events=chat_events("4", usage=usage(10, 5)))
        return Served(chat_reply("4", usage=usage(10, 5)))

    return handler


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize(
    "parameters",
    [
        ["stream_options"],
        ["max_tokens"],
        ["temperature"],
        ["seed", "top_p", "temperature"],
        ["system role"],
        ["system role", "max_tokens", "stream_options", "temperature", "seed", "top_p"],
    ],
    ids=", ".join,
)
async def test_a_refused_parameter_is_left_out_unbilled_and_remembered(parameters, status, caplog):
    caplog.set_level(logging.INFO, logger="router_r1")
    with LoopbackServer(refusing(*parameters, status=status)) as server:
        async with pool_of(server, stream=True, top_p=1.0, seed=1) as pool:
            ledger = Ledger()
            first = await pool.ask("a", "2+2?", Account(ledger))
            asked = len(server.exchanges)
            second = await pool.ask("a", "3+3?", Account(ledger))
    assert first.ok and second.ok
    assert asked == 1 + len(parameters)
    assert len(server.exchanges) == asked + 1
    assert [(row.outcome, row.billed, row.cost_usd) for row in ledger] == [
        ("ok", True, 1.05e-4)
    ] * 2
    assert set(first.changed) == set(second.changed)
    assert {line.split(":")[0] for line in first.changed} == set(parameters)
    logged = [r.getMessage() for r in caplog.records if "refused a parameter" in r.getMessage()]
    assert len(logged) == len(parameters)
    limit = "max_completion_tokens" if "max_tokens" in parameters else "max_tokens"
    assert server.exchanges[-1].body[limit] == 1024
    assert re.search("3.3", server.exchanges[-1].body["messages"][-1]["content"])


async def test_a_lost_temperature_is_a_warning(caplog):
    with LoopbackServer(refusing("temperature")) as server:
        async with pool_of(server) as pool:
            response = await pool.ask("a", "2+2?")
            await pool.ask("a", "3+3?")
    assert response.changed == ("temperature: not sent (answers vary: decoding is not greedy)",)
    assert [r.levelname for r in caplog.records if "refused" in r.getMessage()] == ["WARNING"]


async def test_stream_options_are_remembered_for_the_endpoint_and_the_rest_for_the_model():
    with LoopbackServer(refusing("stream_options", "temperature")) as server:
        async with pool_of(server, "a", "b", stream=True) as pool:
            assert (await pool.ask("a", "?")).ok
            assert len(server.exchanges) == 3
            assert (await pool.ask("b", "?")).ok
    assert ["stream_options" in e.body for e in server.exchanges] == [
        True,
        False,
        False,
        False,
        False,
    ]


async def test_a_server_that_refuses_both_limits_is_not_asked_without_one():
    with LoopbackServer(refusing("max_tokens", "max_completion_tokens")) as server:
        async with pool_of(server) as pool:
            response = await pool.ask("a", "?")
    assert response.failure.kind == "bad_request"
    assert len(server.exchanges) == 2


async def test_a_wrong_guess_is_not_remembered():
    error = Served({"error": {"message": "unknown parameter foo; known: temperature"}}, 400)
    with LoopbackServer(lambda _: error) as server:
        async with pool_of(server) as pool:
            assert (await pool.ask("a", "?")).failure.kind == "bad_request"
            await pool.ask("a", "?")
    assert ["temperature" in e.body for e in server.exchanges] == [True, False] * 2


async def test_other_refusals_are_asked_once():
    with LoopbackServer(lambda _: Served({"error": {"message": "no such model"}}, 404)) as server:
        async with pool_of(server) as pool:
            assert (await pool.ask("a", "?")).failure.kind == "bad_request"
    assert len(server.exchanges) == 1
