"""No way of cutting a reply into chunks changes it; the SDKs put the events together. What is no reply is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai._types import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router_r1.serve.shapes import messages, responses
from router_r1.serve.shapes.errors import BadReplyError
from router_r1.serve.shapes.events import Event, encode
from router_r1.serve.shapes.messages_stream import MessagesStream
from router_r1.serve.shapes.responses_stream import ResponsesStream

RESPONSES_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
MESSAGES_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
objects = st.dictionaries(
    texts,
    st.none() | st.integers(-(2**60), 2**60) | texts | st.lists(texts, max_size=2),
    max_size=3,
)


@st.composite
def cut_replies(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A chat reply and the same in chunks, where the pieces of parallel calls mix."""
    message: dict[str, Any] = {"role": "assistant"}
    deltas: list[dict[str, Any]] = []
    for field in ("reasoning_content", "content", "refusal"):
        message[field] = draw(texts) if draw(st.booleans()) else None
        deltas += [{field: piece} for piece in draw(cuts(message[field] or ""))]
    pieces = []
    message["tool_calls"] = []
    for index in range(draw(st.integers(0, 3))):
        arguments = json.dumps(draw(objects), ensure_ascii=draw(st.booleans()))
        if draw(st.integers(0, 4)) == 0:
            arguments = arguments[: draw(st.integers(0, len(arguments)))]
        function = {"name": "f", "arguments": arguments}
        call = {"id": f"call_{index}", "type": "function", "function": function}
        message["tool_calls"].append(call)
        deltas.append(
            {"tool_calls": [{**call, "index": index, "function": {"name": "f", "arguments": ""}}]}
        )
        pieces += [(index, number, piece) for number, piece in enumerate(draw(cuts(arguments)))]
    # Any order that keeps each call's own pieces in theirs.
    order = draw(st.permutations([index for index, _, _ in pieces]))
    queues = {index: [piece for at, _, piece in pieces if at == index] for index in set(order)}
    for index in order:
        function = {"arguments": queues[index].pop(0)}
        deltas.append({"tool_calls": [{"index": index, "function": function}]})
    finish = draw(st.sampled_from(("stop", "length", "content_filter", "tool_calls")))
    head = {"id": "chatcmpl-7", "model": "routed", "created": 5}
    usage = {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "cost_details": {"usd": 1.0},
    }
    choice = {"index": 0, "message": message, "finish_reason": finish}
    extra = {"router_r1": {"asked": 2}}
    reply = {**head, "object": "chat.completion", "choices": [choice], "usage": usage, **extra}
    chunks = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({**head, "choices": [], "usage": usage, **extra})
    return reply, chunks


@st.composite
def cuts(draw: st.DrawFn, text: str) -> list[str]:
    """A text in pieces; some may be empty."""
    at = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def run(stream: ResponsesStream | MessagesStream, chunks: list[dict[str, Any]]) -> list[Event]:
    """All events of a stream, as they are after they went over the wire."""
    events = stream.begin()
    for chunk in chunks:
        events += stream.feed(chunk)
    events += stream.finish()
    assert stream.finish() == stream.fail({"message": "late"}) == []
    sent = [encode(event).decode().removesuffix("\n\n").split("\ndata: ") for event in events]
    return [Event(name.removeprefix("event: "), json.loads(data)) for name, data in sent]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(cut_replies())
def test_a_response_is_the_same_however_it_is_cut(
    cut: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    reply, chunks = cut
    body = {"model": "auto", "input": "Hi"}
    whole = responses.from_chat(reply, body)
    Response.model_validate(whole)
    events = run(ResponsesStream(body, chat_id="chatcmpl-7", created=5), chunks)
    assert events[-1].data["response"] == whole
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    said: dict[tuple[int, int | None], str] = {}
    for number, event in enumerate(events):
        state.handle_event(RESPONSES_EVENT.validate_python(event.data))
        assert (event.data["sequence_number"], event.data["type"]) == (number, event.name)
        if "delta" in event.data:
            place = (event.data["output_index"], event.data.get("content_index"))
            said[place] = said.get(place, "") + event.data["delta"]
    assert {place: text for place, text in contents(whole).items() if text} == said


def contents(response: Mapping[str, Any]) -> dict[tuple[int, int | None], str]:
    """The texts of a response by output index and content index."""
    found: dict[tuple[int, int | None], str] = {}
    for place, item in enumerate(response["output"]):
        if item["type"] == "function_call":
            found[place, None] = item["arguments"]
        for index, part in enumerate(item.get("content", ())):
            found[place, index] = part.get("text", part.get("refusal"))
    return found


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(cut_replies())
def test_a_message_is_the_same_however_it_is_cut(
    cut: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    reply, chunks = cut
    body = {"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    whole = messages.from_chat(reply, body)
    snapshot, buffers, open_block = None, {}, None
    events = run(MessagesStream(body, chat_id="chatcmpl-7", model="routed"), chunks)
    assert [event.name for event in events[:2]] == ["message_start", "ping"]
    for name, data in events:
        assert data["type"] == name
        if name == "ping":
            continue
        event = MESSAGES_EVENT.validate_python(data)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
        if name == "content_block_start":
            assert open_block is None
            open_block = data["index"]
        elif name.startswith("content_block"):
            assert data["index"] == open_block
            open_block = None if name == "content_block_stop" else open_block
    assert snapshot is not None
    assert events[-2].data["usage"] == whole["usage"]
    assert events[-2].data["router_r1"] == whole.pop("router_r1")
    del whole["usage"]["cost_details"]  # of which the SDK does not know
    assert snapshot.to_dict() == whole


@pytest.mark.parametrize(
    "message",
    [
        {"content": ["parts"]},
        {"content": None, "tool_calls": "one"},
        {"content": None, "tool_calls": [{"type": "custom", "custom": {"name": "a"}}]},
        {"content": None, "tool_calls": [{"function": {"arguments": "{}"}}]},
        {"content": None, "function_call": {"name": "a", "arguments": "{}"}},
    ],
)
def test_a_reply_that_is_no_chat_completion_is_named(message: dict[str, Any]) -> None:
    reply = {"choices": [{"message": message, "finish_reason": "stop"}]}
    for shape in (responses, messages):
        with pytest.raises(BadReplyError, match="the model's reply"):
            shape.from_chat(reply, {})


def test_calls_of_endpoints_that_number_them_badly() -> None:
    """Without an index, with one index for all, with an id and a name in every chunk, or without any id."""
    a, b = {"name": "f", "arguments": '{"a": 1}'}, {"name": "g", "arguments": "{}"}
    ways = [
        [{"id": "1", "function": a}, {"id": "2", "function": b}],
        [{"index": 0, "id": "1", "function": a}, {"index": 0, "id": "2", "function": b}],
        [
            {"index": 0, "id": "1", "function": {"name": "f"}},
            {"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a": '}},
            {"index": 1, "id": "2", "function": b},
            {"index": 0, "id": "1", "function": {"name": "f", "arguments": "1}"}},
        ],
        [{"index": 0, "function": a}, {"index": 1, "function": b}],
    ]
    for calls in ways:
        stream = ResponsesStream({"model": "auto"})
        for call in calls:
            stream.feed({"choices": [{"delta": {"tool_calls": [call]}}]})
        output = stream.finish()[-1].data["response"]["output"]
        assert [(item["name"], item["arguments"]) for item in output] == [
            ("f", '{"a": 1}'),
            ("g", "{}"),
        ]
        assert len({item["call_id"] for item in output}) == 2


def test_text_amid_a_call_comes_after_it() -> None:
    """Neither shape lets two parts of a reply run at once, and nothing is lost."""
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a": '}}
    rest = {"index": 0, "function": {"arguments": "1}"}}
    deltas = [
        {"content": "x"},
        {"tool_calls": [call]},
        {"content": "y"},
        {"tool_calls": [rest]},
        {"content": "z"},
    ]
    body = {"model": "auto"}
    for stream in (MessagesStream(body), ResponsesStream(body)):
        events = run(stream, [{"choices": [{"delta": delta}]} for delta in deltas])
        said = [
            event.data["delta"]
            for event in events
            if event.name.endswith("delta") and "stop_reason" not in str(event.data)
        ]
        texts = [d if isinstance(d, str) else d.get("text", d.get("partial_json")) for d in said]
        assert texts == ["x", '{"a": ', "1}", "yz"]


def test_half_of_a_surrogate_pair_is_sent_as_the_escape_that_it_was() -> None:
    sent = encode(Event("ping", {"text": "\ud800 é\n"}))
    assert sent == 'event: ping\ndata: {"text":"\\ud800 é\\n"}\n\n'.encode()
    assert json.loads(sent.partition(b"data: ")[2]) == {"text": "\ud800 é\n"}
