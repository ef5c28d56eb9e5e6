"""What a message holds: text in parts, thoughts, refusals and calls of tools; whole, and as pieces of a stream."""

import json
from dataclasses import replace

import httpx2
import pytest

from router_r1 import Request
from router_r1.transport.attempt_result import AttemptResult
from router_r1.transport.messages import FailureKind
from router_r1.transport.reply_parsing import (
    PartialReply,
    finish_stream,
    parse_json_reply,
    read_data,
    read_finish_reason,
)

TEXT = {"type": "text", "text": "It is 4."}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Okay, 2+2"}]}
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


def request(temperature: float | None) -> Request:
    sampling = {} if temperature is None else {"temperature": temperature}
    return Request("m", ({"role": "user", "content": "What is 2+2?"},), sampling=sampling)


def of_body(
    message: dict, finish: str | None = "stop", temperature: float | None = 0.0
) -> AttemptResult:
    """The result of a reply that is one JSON body with this message."""
    body = {"choices": [{"message": message, "finish_reason": finish}]}
    return parse_json_reply(httpx2.Response(200, json=body), PartialReply(request(temperature)))


def of_stream(*events: object, temperature: float | None = 0.0) -> AttemptResult:
    """The result of a stream of these events: JSON data, text, or a name and either."""
    partial = PartialReply(request(temperature))
    for event in events:
        name, data = event if isinstance(event, tuple) else (None, event)
        read_data(data if isinstance(data, str) else json.dumps(data), name, partial, 0.1)
        if partial.ended:
            break
    return finish_stream(partial)


def delta(piece: dict, finish: str | None = None) -> dict:
    return {"choices": [{"delta": piece, "finish_reason": finish}]}


END = delta({}, "stop")
USAGE = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}


def outcome(result: AttemptResult) -> str:
    return result.response.failure.kind if result.response.failure else "ok"


# --- parts


@pytest.mark.parametrize(
    "content",
    [
        "It is 4.",
        [TEXT],
        [{"type": "text", "text": "It is "}, {"type": "text", "text": "4."}],
        ["It is ", "4."],
        ["It is ", {"type": "text", "text": "4."}],
        [[["It is "], "4."]],
        TEXT,
        [{"text": "It is 4."}],
        [{"type": "output_text", "text": "It is 4.", "annotations": []}],
        [{"type": "text", "text": {"value": "It is 4.", "annotations": []}}],
        [{"type": "message", "content": [TEXT]}],
        [THOUGHT, TEXT],
        [{"type": "thinking", "thinking": "Okay", "signature": "x"}, TEXT],
        [{"type": "redacted_thinking", "data": "x"}, TEXT],
        [{"type": "reasoning", "text": "Okay"}, TEXT],
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Okay"}]}, TEXT],
        [{"type": "reasoning.text", "text": "Okay"}, TEXT],
        [{"text": "Okay", "thought": True}, TEXT],
        [TEXT, {"type": "image_url", "image_url": {"url": "data:"}}],
        [TEXT, {"type": "tool_use", "name": "add", "input": {}}],
        [None, TEXT, "", {}],
    ],
    ids=lambda content: json.dumps(content)[:50],
)
def test_the_text_of_parts_is_the_answer(content) -> None:
    assert of_body({"role": "assistant", "content": content}).response.text == "It is 4."
    streamed = of_stream(delta({"role": "assistant"}), delta({"content": content}), END, "[DONE]")
    assert streamed.response.text == "It is 4."


def test_parts_may_come_one_by_one() -> None:
    pieces = [[THOUGHT], [{"type": "text", "text": "It "}], ["is "], "4", None, [{"text": "."}]]
    result = of_stream(*(delta({"content": piece}) for piece in pieces), END)
    assert result.response.text == "It is 4."
    assert result.response.usage.reasoning == 3


@pytest.mark.parametrize("content", [7, True, [1], [TEXT, 1.5], [{"text": 7}]])
def test_content_that_is_not_text_is_malformed(content) -> None:
    assert outcome(of_body({"content": content})) == FailureKind.MALFORMED_REPLY
    with pytest.raises(ValueError, match="expected text, got a"):
        of_stream(delta({"content": content}))


def test_deeply_nested_parts_are_malformed() -> None:
    content: object = "4"
    for _ in range(300):
        content = [content]
    assert outcome(of_body({"content": content})) == FailureKind.MALFORMED_REPLY


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_thoughts_are_not_part_of_the_text(field) -> None:
    assert of_body({"content": "4", field: "Okay, 2+2"}).response.text == "4"
    assert of_stream(delta({field: "Okay"}), delta({"content": "4"}), END).response.text == "4"


def test_the_same_thoughts_under_two_names_are_paid_for_once() -> None:
    message = {"content": "4", "reasoning": "x" * 40, "reasoning_content": "x" * 40}
    assert of_body(message).response.usage.reasoning == 10


# --- refusals


@pytest.mark.parametrize("finish", ["stop", "content_filter", "refusal", None])
@pytest.mark.parametrize("content", [None, "", []])
def test_a_refusal_is_the_text(content, finish) -> None:
    result = of_body({"content": content, "refusal": "I can't help with that."}, finish)
    assert (outcome(result), result.response.text) == ("ok", "I can't help with that.")


def test_a_refusal_may_be_a_part_or_come_in_pieces() -> None:
    part = [{"type": "refusal", "refusal": "I can't."}]
    assert of_body({"content": part}).response.text == "I can't."
    pieces = [delta({"content": None, "refusal": piece}) for piece in ("I ", "can't", ".")]
    assert of_stream(*pieces, END, "[DONE]").response.text == "I can't."


def test_text_beside_a_refusal_is_the_text() -> None:
    assert of_body({"content": "It is 4.", "refusal": None}).response.text == "It is 4."
    assert of_body({"content": "It is 4.", "refusal": "?"}).response.text == "It is 4."


# --- no text: asked again only if that may help

OWN_DOING = [
    {"content": None, "reasoning_content": "Okay, 2+2"},
    {"content": "", "reasoning": "Okay, 2+2"},
    {"content": [THOUGHT]},
    {"content": None, "tool_calls": [CALL]},
    {"content": None, "function_call": {"name": "add", "arguments": "{}"}},
]


@pytest.mark.parametrize("message", OWN_DOING)
def test_what_the_model_does_at_temperature_0_it_would_do_again(message) -> None:
    for result in (of_body(message), of_stream(delta(message), END)):
        assert (outcome(result), result.retriable) == (FailureKind.EMPTY_REPLY, False)
        assert result.billed


@pytest.mark.parametrize("temperature", [0.7, 1.0, None])
@pytest.mark.parametrize("message", OWN_DOING)
def test_another_sample_may_have_text(message, temperature) -> None:
    for result in (
        of_body(message, temperature=temperature),
        of_stream(delta(message), END, temperature=temperature),
    ):
        assert (outcome(result), result.retriable) == (FailureKind.EMPTY_REPLY, True)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_reply_with_nothing_in_it_may_be_a_fault_of_the_server(temperature) -> None:
    assert of_body({"content": None}, temperature=temperature).retriable
    assert of_stream(END, temperature=temperature).retriable


STOPPED = [
    ({"finish_reason": "stop"}, 2, "ok"),  # llama.cpp, OpenAI: tokens were generated
    ({"finish_reason": "stop", "stop_reason": "<information"}, 0, "ok"),  # vLLM
    ({"finish_reason": "stop", "matched_stop": "<information"}, 0, "ok"),  # SGLang
    ({"finish_reason": {"type": "stop", "matched": "<information"}}, 0, "ok"),  # SGLang
    ({"finish_reason": "stop", "matched_stop": 151645}, 0, FailureKind.EMPTY_REPLY),
    ({"finish_reason": "length"}, 2, FailureKind.EMPTY_REPLY),
]


@pytest.mark.parametrize(("ending", "tokens", "expected"), STOPPED)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_reply_that_ended_at_once_at_a_stop_string_is_an_answer(
    ending, tokens, expected, streamed
) -> None:
    used = {"prompt_tokens": 10, "completion_tokens": tokens}
    asked = replace(request(0.0), sampling={"temperature": 0.0, "stop": ["<information"]})
    for with_stops, wanted in ((asked, expected), (request(0.0), FailureKind.EMPTY_REPLY)):
        partial = PartialReply(with_stops)
        if streamed:
            for event in ({"choices": [{"delta": {}, **ending}]}, {"choices": [], "usage": used}):
                read_data(json.dumps(event), None, partial, 0.1)
            result = finish_stream(partial)
        else:
            body = {"choices": [{"message": {"content": ""}, **ending}], "usage": used}
            result = parse_json_reply(httpx2.Response(200, json=body), partial)
        assert outcome(result) == wanted


@pytest.mark.parametrize("finish", ["length", "MAX_TOKENS", "content_filter", "SAFETY", "refusal"])
def test_a_limit_or_a_filter_would_end_it_again(finish) -> None:
    result = of_body({"content": ""}, finish, temperature=1.0)
    assert (outcome(result), result.retriable) == (FailureKind.EMPTY_REPLY, False)


# --- finish reasons

MEANING = {
    "stop": "stop STOP Stop end_turn stop_sequence eos eos_token COMPLETE completed done pause_turn "
    "FINISH_REASON_STOP FinishReason.STOP stop_token eos_found",
    "length": "length max_tokens MAX_TOKENS model_length max_output_tokens ERROR_LIMIT max_length "
    "token_limit model_context_window_exceeded max_tokens_reached",
    "tool_calls": "tool_calls tool_use function_call TOOL_CALL",
    "refusal": "refusal",
    "content_filter": "content_filter SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII sensitive "
    "ERROR_TOXIC guardrail_intervened content_filtered safety_block output_moderation",
    "error": "error ERROR network_error insufficient_system_resource abort aborted cancelled canceled "
    "OTHER MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL LANGUAGE model_error server_error failed "
    "timeout timed_out interrupted disconnected upstream_error service_unavailable preempted",
}
REASONS = [(reason, meaning) for meaning, names in MEANING.items() for reason in names.split()]


@pytest.mark.parametrize(("reason", "meaning"), REASONS)
def test_every_dialect_of_a_finish_reason_has_one_of_six_meanings(reason, meaning) -> None:
    assert read_finish_reason(reason) == meaning


@pytest.mark.parametrize("reason", [None, "", 1, "weird", {"type": "stop"}])
def test_an_unknown_finish_reason_has_no_meaning(reason) -> None:
    assert read_finish_reason(reason) is None


@pytest.mark.parametrize(("reason", "meaning"), [*REASONS, ("weird", None), (None, None)])
def test_text_is_an_answer_unless_the_server_broke_it_off(reason, meaning) -> None:
    for result in (
        of_body({"content": "It is"}, reason),
        of_stream(delta({"content": "It is"}), delta({}, reason), USAGE, "[DONE]"),
    ):
        response = result.response
        assert result.billed
        if meaning == "error":
            own = reason in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL")
            kind = FailureKind.EMPTY_REPLY if own else FailureKind.SERVER_ERROR
            assert (outcome(result), response.text, result.retriable) == (kind, "", not own)
        else:
            assert (outcome(result), response.text) == ("ok", "It is")
            assert response.finish_reason == meaning


def test_an_answer_that_broke_off_before_any_text_is_not_billed() -> None:
    for result in (of_body({"content": ""}, "error"), of_stream(delta({}, "abort"), "[DONE]")):
        assert (outcome(result), result.billed) == (FailureKind.SERVER_ERROR, False)


def test_the_reason_of_the_provider_counts_where_the_gateway_gives_none() -> None:
    choice = {"message": {"content": "It"}, "finish_reason": None, "native_finish_reason": "abort"}
    partial = PartialReply(request(0.0))
    result = parse_json_reply(httpx2.Response(200, json={"choices": [choice]}), partial)
    assert outcome(result) == FailureKind.SERVER_ERROR
    choice["finish_reason"] = {"type": "length", "length": 10}
    partial = PartialReply(request(0.0))
    result = parse_json_reply(httpx2.Response(200, json={"choices": [choice]}), partial)
    assert result.response.finish_reason == "length"


# --- the message elsewhere


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": "4"}, "delta": {"role": "assistant", "content": ""}},
        {"delta": {"content": "4"}},
        {"text": "4"},
        {"message": None, "text": "4"},
    ],
)
def test_the_message_of_a_body_may_stand_elsewhere(choice) -> None:
    partial = PartialReply(request(0.0))
    result = parse_json_reply(httpx2.Response(200, json={"choices": [choice]}), partial)
    assert result.response.text == "4"


def test_the_message_of_a_stream_may_stand_elsewhere() -> None:
    whole = {"choices": [{"message": {"content": "It is 4."}, "finish_reason": "stop"}]}
    assert of_stream(whole).response.text == "It is 4."
    repeated = [
        {"choices": [{"delta": {"content": word}, "message": {"content": "It is 4."[:end]}}]}
        for word, end in (("It ", 3), ("is ", 6), ("4.", 8))
    ]
    repeated.append(
        {"choices": [{"delta": {}, "message": {"content": "It is 4."}, "finish_reason": "stop"}]}
    )
    assert of_stream(*repeated).response.text == "It is 4."


# --- signs of life, and the end of a stream

HELLO = [delta({"content": "It is "}), delta({"content": "4."})]
SIGNS_OF_LIFE = [
    *("[KEEPALIVE]", "[PING]", "", "   ", "null", "{}", '""', "keepalive", "ping", "OK"),
    *(": OPENROUTER PROCESSING", "OPENROUTER PROCESSING", '{"type": "ping"}'),
    *(("keepalive", ""), ("keepalive", "{}"), ("ping", '{"type": "ping"}'), ("heartbeat", "1")),
]


@pytest.mark.parametrize("sign", SIGNS_OF_LIFE)
def test_signs_of_life_are_ignored_and_the_usage_is_kept(sign) -> None:
    first, second = HELLO
    result = of_stream(sign, first, sign, second, sign, END, sign, USAGE, sign, "[DONE]")
    assert result.response.text == "It is 4."
    assert (result.response.usage.prompt, result.response.usage.completion) == (10, 5)
    assert not result.response.usage.estimated


@pytest.mark.parametrize(
    ("ending", "outcome_"),
    [
        ([END, "[DONE]"], "ok"),
        ([END], "ok"),
        (["[DONE]"], "ok"),
        (["[DONE] "], "ok"),
        ([USAGE], "ok"),
        ([USAGE, "[KEEPALIVE]"], "ok"),
        ([delta({}), USAGE, delta({})], "ok"),
        ([{"choices": [{"delta": {"content": "", "role": "assistant"}}], **USAGE}], "ok"),
        ([], "stream_cut"),
        (["[KEEPALIVE]"], "stream_cut"),
        ([delta({"content": " So"})], "stream_cut"),
        ([USAGE, delta({"content": " So"})], "stream_cut"),
        ([{"choices": [], "usage": None}], "stream_cut"),
        ([delta({}, "")], "stream_cut"),
    ],
)
def test_an_answer_is_whole_if_its_end_or_its_usage_arrived(ending, outcome_) -> None:
    assert outcome(of_stream(*HELLO, *ending)) == outcome_


def test_a_stream_without_any_text_is_no_answer() -> None:
    assert outcome(of_stream("[DONE]")) == FailureKind.EMPTY_REPLY
    assert outcome(of_stream()) == FailureKind.STREAM_CUT
    assert outcome(of_stream(USAGE)) == FailureKind.STREAM_CUT


@pytest.mark.parametrize(
    "data", ["{not JSON", "[1]", "[1, 2]", "7", "<html>", '"text"', "[" * 100_000]
)
def test_an_event_that_is_no_object_is_malformed(data) -> None:
    with pytest.raises((ValueError, RecursionError)):
        of_stream(data)


# --- errors in a stream


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"error": {"code": 429, "message": "slow down"}}, FailureKind.RATE_LIMITED),
        ({"error": {"code": 429}, "choices": []}, FailureKind.RATE_LIMITED),
        ([{"error": {"code": 503, "message": "busy"}}], FailureKind.SERVER_ERROR),
        (("error", {"message": "slow down", "code": 429}), FailureKind.RATE_LIMITED),
        (("error", {"message": "worker died"}), FailureKind.SERVER_ERROR),
        (("error", "upstream timeout"), FailureKind.SERVER_ERROR),
        (("error", ""), FailureKind.SERVER_ERROR),
        (
            ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
            FailureKind.SERVER_ERROR,
        ),
        (
            {"error": {"message": "prompt is too long", "code": 400}},
            FailureKind.CONTEXT_OVERFLOW,
        ),
        (
            {"choices": [{"error": {"code": 429, "message": "x"}, "finish_reason": "error"}]},
            FailureKind.RATE_LIMITED,
        ),
    ],
)
def test_an_error_in_a_stream_is_billed_only_after_text(event, kind) -> None:
    first = of_stream(event, *HELLO, END, "[DONE]")
    assert (outcome(first), first.billed, first.response.usage.prompt) == (kind, False, 0)
    later = of_stream(*HELLO, event)
    assert (outcome(later), later.billed, later.response.text) == (kind, True, "")
    assert later.response.usage.estimated and later.response.usage.completion == 2


def test_an_error_after_the_answer_loses_nothing() -> None:
    result = of_stream(*HELLO, END, {"error": {"message": "worker died"}}, "[DONE]")
    assert result.response.text == "It is 4."


def test_a_request_that_is_sent_again_starts_afresh() -> None:
    partial = PartialReply(request(0.0))
    read_data('{"error": {"code": 400, "message": "stream_options"}}', None, partial, 0.1)
    partial.restart()
    assert partial == PartialReply(request(0.0))
