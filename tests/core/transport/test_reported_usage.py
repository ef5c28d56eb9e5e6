"""The usage of a reply: found wherever a provider puts it, and believed only as far as it can be true."""

import json
import logging
import time

import httpx2
import pytest

from router_r1 import Price, Request, Usage
from router_r1.token_prices import cost_usd
from router_r1.transport.reply_parsing import (
    PartialReply,
    finish_stream,
    parse_json_reply,
    read_data,
)

PRICE = Price(input=2, output=10, cached=0.2)
TEXT = "It is four, as I said before. Yes."  # 34 characters: 9 tokens by estimate
PROMPT = 7  # estimated tokens of the query
ESTIMATE = Usage(PROMPT, 9, estimated=True)
BEDROCK = "amazon-bedrock-invocationMetrics"


def request(**sampling) -> Request:
    sampling = {"temperature": 0.0, "max_tokens": 1024} | sampling
    sampling = {key: value for key, value in sampling.items() if value is not None}
    return Request("m", ({"role": "user", "content": "What is 2+2?"},), sampling=sampling)


def of_body(reply: dict, **sampling) -> Usage:
    """The usage of a reply that is one JSON body."""
    partial = PartialReply(request(**sampling))
    return parse_json_reply(httpx2.Response(200, json=reply), partial).response.usage


def of_events(*events: dict, **sampling) -> Usage:
    """The usage of a reply that is a stream of these events."""
    partial = PartialReply(request(**sampling))
    for event in events:
        read_data(json.dumps(event), None, partial, 0.1)
    read_data("[DONE]", None, partial, 0.1)
    return finish_stream(partial).response.usage


def reply(text: str | None = TEXT, *, choice: dict | None = None, **fields) -> dict:
    """A good reply with these fields beside its choices, and in its first choice."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"message": message, "finish_reason": "stop"} | (choice or {})]} | fields


def delta(
    text: str | None, finish: str | None = None, *, choice: dict | None = None, **fields
) -> dict:
    """An event with a piece of text."""
    piece = {"delta": {"content": text}, "finish_reason": finish}
    return {"choices": [piece | (choice or {})]} | fields


# --- cached tokens: 900 of 1,000, and 10 out, cost $0.00048 at 2 / 10 / 0.2 dollars a million

COUNTS = {"prompt_tokens": 1000, "completion_tokens": 10}
CACHED = {
    "OpenAI": {"usage": COUNTS | {"prompt_tokens_details": {"cached_tokens": 900}}},
    "DeepSeek": {
        "usage": COUNTS | {"prompt_cache_hit_tokens": 900, "prompt_cache_miss_tokens": 100}
    },
    "DeepSeek, details null": {
        "usage": COUNTS | {"prompt_tokens_details": None, "prompt_cache_hit_tokens": 900}
    },
    "Moonshot": {"usage": COUNTS | {"cached_tokens": 900}},
    "Moonshot, details with null": {
        "usage": COUNTS | {"prompt_tokens_details": {"cached_tokens": None}, "cached_tokens": 900}
    },
    "details with 0 beside the true count": {
        "usage": COUNTS | {"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 900}
    },
    "LiteLLM": {"usage": COUNTS | {"cache_read_input_tokens": 900, "total_tokens": 1010}},
    "vLLM": {"usage": COUNTS | {"num_cached_tokens": 900}},
    "Responses API": {
        "usage": {
            "input_tokens": 1000,
            "output_tokens": 10,
            "input_tokens_details": {"cached_tokens": 900},
        }
    },
    "Anthropic, which counts the cache beside the input": {
        "usage": {"input_tokens": 60, "output_tokens": 10}
        | {"cache_read_input_tokens": 900, "cache_creation_input_tokens": 40}
    },
    "Anthropic's names, with a total that includes the cache": {
        "usage": {"input_tokens": 1000, "output_tokens": 10}
        | {"cache_read_input_tokens": 900, "total_tokens": 1010}
    },
    "Gemini": {
        "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 4}
        | {"thoughtsTokenCount": 6, "totalTokenCount": 1010, "cachedContentTokenCount": 900}
    },
    "Gemini, without a total": {
        "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 4}
        | {"thoughtsTokenCount": 6, "cachedContentTokenCount": 900}
    },
    "Gemini's client": {
        "usage_metadata": {"prompt_token_count": 1000, "candidates_token_count": 10}
        | {"cached_content_token_count": 900}
    },
    "Bedrock": {
        BEDROCK: {"inputTokenCount": 100, "outputTokenCount": 10, "cacheReadInputTokenCount": 900}
    },
    "Groq": {"x_groq": {"id": "1", "usage": COUNTS | {"cached_tokens": 900}}},
    "llama.cpp": {"timings": {"prompt_n": 100, "cache_n": 900, "predicted_n": 10}},
    "a count above the prompt beside the true one": {
        "usage": COUNTS | {"cached_tokens": 900, "cache_read_input_tokens": 0}
    },
}


@pytest.mark.parametrize("provider", CACHED)
def test_cached_tokens_are_found_in_a_body_and_in_a_stream(provider) -> None:
    fields = CACHED[provider]
    for usage in (
        of_body(reply(**fields)),
        of_events(delta(TEXT, "stop"), {"choices": []} | fields),
        of_events(delta(TEXT), delta("", "stop", **fields)),
    ):
        assert (usage.prompt, usage.cached, usage.completion) == (1000, 900, 10)
        assert not usage.estimated
        assert cost_usd(usage, PRICE) == pytest.approx(0.00048, rel=1e-12)


def test_usage_in_a_choice_is_found_in_a_body_and_in_a_stream() -> None:
    choice = {"usage": COUNTS | {"cached_tokens": 900}}
    expected = Usage(1000, 10, 900)
    assert of_body(reply(choice=choice)) == expected
    assert of_events(delta(TEXT), delta(None, "stop", choice=choice)) == expected


# --- usage elsewhere, and under other names


@pytest.mark.parametrize(
    "fields",
    [
        {"usage": {"prompt_tokens": 100, "completion_tokens": 20}},
        {"usage": {"input_tokens": 100, "output_tokens": 20}},
        {"usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120}},
        {"usage": None, "x_groq": {"usage": {"prompt_tokens": 100, "completion_tokens": 20}}},
        {BEDROCK: {"inputTokenCount": 100, "outputTokenCount": 20, "invocationLatency": 5}},
        {"usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20}},
        {"prompt_eval_count": 100, "eval_count": 20, "done": True},
        {"tokens_evaluated": 100, "tokens_predicted": 20},
        {"timings": {"prompt_n": 100, "predicted_n": 20, "predicted_ms": 5.5}},
        {"meta": {"billed_units": {"input_tokens": 100, "output_tokens": 20}}},
        {"meta": {"tokens": {"input_tokens": 100, "output_tokens": 20}}},
        {"meta": {"usage": {"prompt_tokens": 100, "completion_tokens": 20}}},
        {"usage": {"tokens": {"input_tokens": 100, "output_tokens": 20}}},
        # zeros in the usual place, and the counts elsewhere
        {
            "usage": {"prompt_tokens": 0, "completion_tokens": 0},
            "x_groq": {"usage": {"prompt_tokens": 100, "completion_tokens": 20}},
        },
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_usage_is_found_wherever_it_stands(fields) -> None:
    expected = Usage(100, 20)
    assert of_body(reply(**fields)) == expected
    assert of_events(delta(TEXT, "stop"), {"choices": []} | fields) == expected
    assert of_events(delta(TEXT, **fields), delta("", "stop")) == expected


def test_usage_that_is_repeated_in_every_event_counts_once() -> None:
    counting_up = [delta(word, usage={"prompt_tokens": 10, "completion_tokens": n}) for n, word in
                   enumerate(["It ", "is ", "4."], 1)]  # fmt: skip
    assert of_events(*counting_up, delta("", "stop")) == Usage(10, 3)
    zeros = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    assert of_events(*counting_up, delta("", "stop"), zeros) == Usage(10, 3)
    assert of_events(
        zeros, *counting_up, delta("", "stop"), {"choices": [], "usage": None}
    ) == Usage(10, 3)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # inside the completion (OpenAI, DeepSeek)
        (
            {"prompt_tokens": 10, "completion_tokens": 900, "total_tokens": 910}
            | {"completion_tokens_details": {"reasoning_tokens": 890}},
            Usage(10, 900, reasoning=890),
        ),
        # only in the total (xAI)
        (
            {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135}
            | {"completion_tokens_details": {"reasoning_tokens": 94}},
            Usage(32, 103, reasoning=94),
        ),
        ({"input_tokens": 10, "output_tokens": 30} | {"output_tokens_details": {"reasoning_tokens": 20}},
         Usage(10, 30, reasoning=20)),
        ({"prompt_tokens": 10, "completion_tokens": 30, "reasoning_tokens": 20},
         Usage(10, 30, reasoning=20)),
        # a total and nothing else: the prompt is estimated
        ({"total_tokens": 27}, Usage(PROMPT, 20, estimated=True)),
    ],
)  # fmt: skip
def test_reasoning_is_part_of_the_completion_and_counted_once(usage, expected) -> None:
    assert of_body(reply(usage=usage)) == expected


# --- usage that cannot be true


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, ESTIMATE),
        ({"prompt_tokens": 10, "completion_tokens": 0}, Usage(10, 9, estimated=True)),
        ({"prompt_tokens": 0, "completion_tokens": 8}, Usage(PROMPT, 8, estimated=True)),
        ({"prompt_tokens": -1, "completion_tokens": 5}, ESTIMATE),
        ({"prompt_tokens": 10, "completion_tokens": -5}, ESTIMATE),
        ({"prompt_tokens": 10.5, "completion_tokens": 5}, ESTIMATE),
        ({"prompt_tokens": "10", "completion_tokens": "5"}, ESTIMATE),
        ({"prompt_tokens": True, "completion_tokens": True}, ESTIMATE),
        ({"prompt_tokens": [10], "completion_tokens": {"n": 5}}, ESTIMATE),
        ({"prompt_tokens": 10}, ESTIMATE),
        ({}, ESTIMATE),
        ([], ESTIMATE),
        ("10", ESTIMATE),
        # far more read than was sent: nothing of it is believed
        ({"prompt_tokens": 1_000_000, "completion_tokens": 5}, ESTIMATE),
        ({"prompt_tokens": 10**400, "completion_tokens": 5}, ESTIMATE),
        ({"total_tokens": 10**9}, Usage(PROMPT, 1024, estimated=True)),
        # far more written than the limit of the request allows: cut to the limit
        ({"prompt_tokens": 10, "completion_tokens": 5000}, Usage(10, 1024, estimated=True)),
        ({"prompt_tokens": 10, "completion_tokens": 299_999_000}, Usage(10, 1024, estimated=True)),
        (
            {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 10**9},
            Usage(10, 1024, reasoning=1024, estimated=True),
        ),
    ],
)
def test_usage_that_cannot_be_true_is_estimated_or_cut_and_marked(usage, expected) -> None:
    assert of_body(reply(usage=usage)) == expected
    assert of_events(delta(TEXT, "stop"), {"choices": [], "usage": usage}) == expected
    assert 0 < cost_usd(expected, PRICE) < 0.02


def test_not_a_number_is_no_count() -> None:
    for word in ("NaN", "Infinity", "-Infinity", "1e400"):
        body = json.dumps(reply(usage="?")).replace(
            '"?"', f'{{"prompt_tokens": {word}, "completion_tokens": 5}}'
        )
        partial = PartialReply(request())
        result = parse_json_reply(httpx2.Response(200, content=body.encode()), partial)
        assert result.response.usage == ESTIMATE


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "max_new_tokens"])
def test_hidden_reasoning_may_use_up_the_limit_of_the_request(field) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 4000}
    sampling = {"max_tokens": None} | {field: 4000}
    assert of_body(reply(usage=usage), **sampling) == Usage(10, 4000)
    assert of_body(reply(usage=usage), **sampling | {field: 100}) == Usage(10, 100, estimated=True)


def test_without_a_limit_the_longest_completion_of_any_model_is_the_bound() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 100_000}
    assert of_body(reply(usage=usage), max_tokens=None) == Usage(10, 100_000)
    usage["completion_tokens"] = 10**8
    assert of_body(reply(usage=usage), max_tokens=None) == Usage(10, 131_072, estimated=True)


def test_text_that_arrived_is_paid_for_even_beyond_the_limit() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3000}
    assert of_body(reply("word " * 3000, usage=usage)) == Usage(10, 3000)
    usage["completion_tokens"] = 10**6
    assert of_body(reply("word " * 3000, usage=usage)) == Usage(10, 3750, estimated=True)


def test_thoughts_that_arrived_are_paid_for_too() -> None:
    message = {"content": "4", "reasoning_content": "hmm " * 2000}
    usage = {"prompt_tokens": 10, "completion_tokens": 2001}
    assert of_body({"choices": [{"message": message}], "usage": usage}) == Usage(10, 2001)
    estimated = of_body({"choices": [{"message": message}]})
    assert estimated == Usage(PROMPT, 2001, reasoning=2000, estimated=True)


def test_servers_may_add_to_a_prompt() -> None:
    usage = {"prompt_tokens": 9000, "completion_tokens": 5}
    assert of_body(reply(usage=usage)) == Usage(9000, 5)


def test_what_was_cut_is_logged(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        of_body(reply(usage={"prompt_tokens": 10, "completion_tokens": 10**6}))
        of_body(reply(usage={"prompt_tokens": 10**6, "completion_tokens": 5}))
        of_body(reply(usage={"prompt_tokens": 10, "completion_tokens": 5}))
    assert [record.getMessage() for record in caplog.records] == [
        "m: the reply reports 1000000 completion tokens, more than the 1024 that can have been "
        "written; counted as 1024",
        "m: the reply reports 1000000 prompt tokens, more than the 16396 that can have been read; "
        "its usage is estimated",
    ]


def test_long_streams_are_collected_in_linear_time() -> None:
    partial = PartialReply(request())
    thought = json.dumps({"choices": [{"delta": {"reasoning_content": "x" * 40}}]})
    began = time.monotonic()
    for _ in range(20_000):
        read_data(thought, None, partial, 0.1)
    assert finish_stream(partial).response.usage.reasoning == 200_000
    assert time.monotonic() - began < 20
