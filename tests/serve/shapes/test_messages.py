"""The Messages API, judged by Anthropic's own SDK as the client and by its types."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic import Anthropic, APIStatusError
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import BaseModel, TypeAdapter

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "Weather of a city.", "input_schema": SCHEMA}
PIXEL = "iVBORw0KGgo="


def ask(anthropic: Anthropic, **request: Any) -> tuple[Message, list[Any]]:
    """The reply, asked for whole and streamed, which must be the same; and the events."""
    request = {
        "model": "auto",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hi"}],
        **request,
    }
    whole = anthropic.messages.create(**request)
    Message.model_validate(whole.to_dict())
    with anthropic.messages.create(**request, stream=True) as raw:
        events = list(raw)
    for event in events:
        EVENT.validate_python(event.to_dict())
    with anthropic.messages.stream(**request) as stream:
        streamed = stream.get_final_message().to_dict()
    expected = whole.to_dict()
    # The SDK accumulates the usage that it knows; the rest is in the event.
    assert events[-2].usage.to_dict() == expected["usage"]
    extra = ("input_tokens_details", "cost_details")
    expected["usage"] = {k: v for k, v in whole.usage.to_dict().items() if k not in extra}
    assert streamed == expected
    return whole, events


def test_a_text_has_the_events_in_the_prescribed_order(anthropic: Anthropic, gateway: Any) -> None:
    reply, events = ask(anthropic, system="Be brief.")
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 5,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]  # and a ping, which the SDK hides
    assert reply.content[0].text == "Hello, world!"
    assert (reply.id, reply.model, reply.stop_reason) == ("msg_7", "routed", "end_turn")
    assert gateway.chat["messages"][0] == {"role": "system", "content": "Be brief."}


def test_usage_counts_as_anthropic_does_and_keeps_details(anthropic: Anthropic) -> None:
    assert ask(anthropic)[0].usage.to_dict() == {
        "input_tokens": 15,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "input_tokens_details": {"orchestration_input_tokens": 70},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 3, "orchestration_output_tokens": 8},
        "cost_details": {"usd": 0.25},
    }


def test_thinking_and_parallel_calls_whose_arguments_interleave(
    anthropic: Anthropic, gateway: Any, calls: list[dict[str, Any]]
) -> None:
    message = {"reasoning_content": "Two cities.", "content": "Looking.", "tool_calls": calls}
    gateway.script(message, "tool_calls")
    reply, events = ask(anthropic, tools=[WEATHER])
    thought, text, first, second = reply.content
    assert (thought.thinking, thought.signature) == ("Two cities.", "")
    assert text.text == "Looking."
    assert (first.id, first.name, first.input) == ("call_a", "weather", {"city": "Zürich"})
    assert second.input == {"city": "Oslo", "unit": "°C"}
    assert reply.stop_reason == "tool_use"
    places = [event.index for event in events if hasattr(event, "index")]
    assert places == sorted(places)
    reply, _ = ask(anthropic, thinking={"type": "adaptive", "display": "omitted"})
    assert reply.content[0].thinking == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        (" null", {}),
        ('["a"]', {"INVALID_JSON": '["a"]'}),
        ('{"city": "Os', {}),
        ('{"city": "Oslo", "n', {"city": "Oslo"}),
    ],
)
def test_arguments_that_are_no_whole_object(
    anthropic: Anthropic, gateway: Any, arguments: str, expected: dict[str, Any]
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    gateway.script({"content": None, "tool_calls": [call]}, "length")
    reply, _ = ask(anthropic)
    assert reply.content[0].input == expected
    assert reply.stop_reason == "max_tokens"


def test_a_history_with_calls_results_images_and_documents(
    anthropic: Anthropic, gateway: Any
) -> None:
    image = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    cached = {"type": "ephemeral"}
    history = [
        {"role": "user", "content": "Old question"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "old", "signature": ""},
                {"type": "redacted_thinking", "data": "sealed"},
                {"type": "text", "text": "Old answer"},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?", "cache_control": cached},
                {"type": "image", "source": image},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                {"type": "document", "source": pdf, "title": "a.pdf"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Ask the tool.", "signature": ""},
                {"type": "text", "text": "One moment."},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"x": "é"}},
                {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {"type": "text", "text": "a cat"},
                        {"type": "image", "source": image},
                    ],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "t2",
                    "content": "no light",
                    "is_error": True,
                },
                {"type": "text", "text": "Hurry."},
            ],
        },
    ]
    system = [{"type": "text", "text": "A", "cache_control": cached}, {"type": "text", "text": "B"}]
    anthropic.messages.create(model="auto", max_tokens=9, messages=history, system=system)
    url = f"data:image/png;base64,{PIXEL}"
    assert gateway.chat["messages"] == [
        {
            "role": "system",
            "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
        },
        {"role": "user", "content": "Old question"},
        {"role": "assistant", "content": "Old answer"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,JVBERg==",
                    },
                },
            ],
        },
        {
            "role": "assistant",
            "reasoning_content": "Ask the tool.",
            "content": "One moment.",
            "tool_calls": [
                {
                    "id": "t1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"x": "é"}'},
                },
                {"id": "t2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: no light"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Attached to the result of t1:"},
                {"type": "image_url", "image_url": {"url": url}},
            ],
        },
        {"role": "user", "content": "Hurry."},
    ]


def test_settings_become_chat_fields_and_vendor_fields_pass(
    anthropic: Anthropic, gateway: Any
) -> None:
    ask(
        anthropic,
        stop_sequences=["END"],
        metadata={"user_id": "u-1"},
        thinking={"type": "enabled", "budget_tokens": 5000},
        tools=[{**WEATHER, "strict": True, "cache_control": {"type": "ephemeral"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        service_tier="standard_only",
        speed="standard",
        extra_body={"top_k": 7, "temperature": 0.5, "top_p": 0.9, "router_r1": {"budget": 1}},
    )
    function = {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": SCHEMA,
        "strict": True,
    }
    assert gateway.chat == {
        "model": "auto",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 50,
        "stop": ["END"],
        "user": "u-1",
        "reasoning_effort": "medium",
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "service_tier": "default",
        "stream": True,
        "stream_options": {"include_usage": True},
        "top_k": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "router_r1": {"budget": 1},
    }


class City(BaseModel):
    """A city."""

    name: str
    people: int


def test_a_json_schema_is_asked_for_and_parsed(anthropic: Anthropic, gateway: Any) -> None:
    gateway.script({"content": '{"name": "Bern", "people": 140000}'})
    asked: dict[str, Any] = {
        "model": "auto",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Bern"}],
        "output_format": City,
    }
    assert anthropic.messages.parse(**asked).parsed_output == City(name="Bern", people=140000)
    wanted = gateway.chat["response_format"]
    assert wanted["type"] == "json_schema"
    assert set(wanted["json_schema"]["schema"]["properties"]) == {"name", "people"}
    with anthropic.messages.stream(**asked) as stream:
        assert stream.get_final_message().parsed_output == City(name="Bern", people=140000)


def test_a_refusal_is_text_with_its_stop_reason(anthropic: Anthropic, gateway: Any) -> None:
    gateway.script({"content": None, "refusal": "I will not."})
    reply, _ = ask(anthropic)
    assert reply.content[0].text == "I will not."
    assert reply.stop_reason == "refusal"
    assert reply.stop_details is not None
    assert reply.stop_details.explanation == "I will not."


def test_the_stop_sequence_is_named_where_the_endpoint_says_it(
    anthropic: Anthropic, gateway: Any
) -> None:
    for choice in (gateway.reply["choices"][0], gateway.chunks[-2]["choices"][0]):
        choice["stop_reason"] = "END"
    reply, _ = ask(anthropic, stop_sequences=["END"])
    assert (reply.stop_reason, reply.stop_sequence) == ("stop_sequence", "END")


def test_a_stream_that_breaks_ends_with_the_error(anthropic: Anthropic, gateway: Any) -> None:
    gateway.breaks = True
    heard = []
    with pytest.raises(APIStatusError) as caught:
        for event in anthropic.messages.create(
            model="auto", max_tokens=5, messages=[{"role": "user", "content": "Hi"}], stream=True
        ):
            heard.append(event)
    assert (
        "".join(e.delta.text for e in heard if e.type == "content_block_delta") == "Hello, world!"
    )
    assert caught.value.body["error"] == {
        "type": "rate_limit_error",
        "message": "too many requests upstream",
    }
