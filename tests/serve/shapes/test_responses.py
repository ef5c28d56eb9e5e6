"""The Responses API, judged by OpenAI's own SDK as the client and by its types."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
IMAGE = "data:image/png;base64,iVBORw0KGgo="


def ask(openai: OpenAI, **request: Any) -> tuple[Response, list[Any]]:
    """The reply, asked for whole and streamed, which must be the same; and the events."""
    request = {"model": "auto", "input": "Hi", **request}
    whole = openai.responses.create(**request)
    Response.model_validate(whole.to_dict())
    with openai.responses.create(**request, stream=True) as stream:
        events = list(stream)
    for number, event in enumerate(events):
        EVENT.validate_python(event.to_dict())
        assert event.sequence_number == number
    assert events[-1].response.to_dict() == whole.to_dict()
    return whole, events


def test_a_text_has_the_events_in_the_prescribed_order(openai: OpenAI) -> None:
    reply, events = ask(openai, instructions="Be brief.")
    assert reply.output_text == "Hello, world!"
    names = [event.type for event in events if event.type != "response.output_text.delta"]
    assert names == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["Hel", "lo,", " wo", "rld", "!"]
    assert (reply.id, reply.status, reply.model) == ("resp_7", "completed", "routed")
    assert reply.instructions == "Be brief."


def test_usage_keeps_its_details(openai: OpenAI) -> None:
    usage = ask(openai)[0].usage
    assert usage is not None
    assert usage.to_dict() == {
        "input_tokens": 20,
        "input_tokens_details": {
            "cached_tokens": 5,
            "cache_write_tokens": 0,
            "orchestration_input_tokens": 70,
        },
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 3, "orchestration_output_tokens": 8},
        "total_tokens": 29,
        "cost_details": {"usd": 0.25},
    }


def test_reasoning_and_parallel_calls_whose_arguments_interleave(
    openai: OpenAI, gateway: Any, calls: list[dict[str, Any]]
) -> None:
    message = {"reasoning_content": "Two cities.", "content": "Looking.", "tool_calls": calls}
    gateway.script(message, "tool_calls")
    reply, events = ask(openai, tools=[WEATHER])
    thought, text, first, second = reply.output
    assert thought.content[0].text == "Two cities."
    assert text.content[0].text == "Looking."
    assert (first.call_id, first.name, first.arguments) == (
        "call_a",
        "weather",
        '{"city": "Zürich"}',
    )
    assert (second.call_id, second.status) == ("call_b", "completed")
    with openai.responses.stream(model="auto", input="Hi", tools=[WEATHER]) as stream:
        final = stream.get_final_response().output[2:]
    assert [item.arguments for item in final] == [first.arguments, second.arguments]
    for item in (first, second):
        deltas = [
            e.delta for e in events if e.type.endswith("arguments.delta") and e.item_id == item.id
        ]
        assert "".join(deltas) == item.arguments
    # One item after the other: no event of an item comes after its end.
    places = [e.output_index for e in events if hasattr(e, "output_index")]
    assert places == sorted(places)


def test_a_history_with_calls_results_images_and_files(openai: OpenAI, gateway: Any) -> None:
    history = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "Old question"}]},
        {"type": "reasoning", "id": "rs_0", "summary": [], "encrypted_content": "sealed"},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "old"}],
        },
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Old answer", "annotations": []}],
        },
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": IMAGE, "detail": "low"},
                {
                    "type": "input_file",
                    "filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,JVBERg==",
                },
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_2",
            "summary": [{"type": "summary_text", "text": "Ask the tool."}],
        },
        {"role": "assistant", "content": "One moment."},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "look", "arguments": '{"x": 1}'},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [
                {"type": "input_text", "text": "a cat"},
                {"type": "input_image", "image_url": "https://example.org/cat.png"},
            ],
        },
        {"type": "function_call_output", "call_id": "c2", "output": "a dog"},
    ]
    openai.responses.create(model="auto", input=history)
    assert gateway.chat["messages"] == [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "Old question"},
        {"role": "assistant", "content": "Old answer"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
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
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"x": 1}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "c2", "content": "a dog"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Attached to the result of c1:"},
                {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
            ],
        },
    ]


def test_settings_become_chat_fields_and_vendor_fields_pass(openai: OpenAI, gateway: Any) -> None:
    reply, _ = ask(
        openai,
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
        metadata={"run": "1"},
        parallel_tool_calls=False,
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        store=True,
        include=["reasoning.encrypted_content"],
        extra_body={"router_r1": {"budget": 1}, "stop": ["END"]},
    )
    function = {key: WEATHER[key] for key in ("name", "description", "parameters", "strict")}
    assert gateway.chat == {
        "model": "auto",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "reasoning_effort": "low",
        "verbosity": "low",
        "metadata": {"run": "1"},
        "parallel_tool_calls": False,
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "stream": True,
        "stream_options": {"include_usage": True},
        "router_r1": {"budget": 1},
        "stop": ["END"],
    }
    assert reply.to_dict()["store"] is False
    assert reply.metadata == {"run": "1"}
    assert (reply.max_output_tokens, reply.parallel_tool_calls) == (50, False)


class City(BaseModel):
    """A city."""

    name: str
    people: int


def test_a_json_schema_is_asked_for_and_parsed(openai: OpenAI, gateway: Any) -> None:
    gateway.script({"content": '{"name": "Bern", "people": 140000}'})
    parsed = openai.responses.parse(model="auto", input="Bern", text_format=City).output_parsed
    assert parsed == City(name="Bern", people=140000)
    wanted = gateway.chat["response_format"]
    assert wanted["type"] == "json_schema"
    assert wanted["json_schema"]["name"] == "City"
    assert wanted["json_schema"]["strict"] is True
    assert set(wanted["json_schema"]["schema"]["properties"]) == {"name", "people"}
    with openai.responses.stream(model="auto", input="Bern", text_format=City) as stream:
        assert stream.get_final_response().output_parsed == parsed


def test_a_refusal_is_a_part_of_the_message_after_its_text(openai: OpenAI, gateway: Any) -> None:
    gateway.script({"content": "Well, ", "refusal": "I will not."})
    reply, events = ask(openai)
    [message] = reply.output
    assert [part.type for part in message.content] == ["output_text", "refusal"]
    assert message.content[1].refusal == "I will not."
    refused = [e for e in events if e.type == "response.refusal.delta"]
    assert {e.content_index for e in refused} == {1}


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_a_reply_that_was_cut_is_incomplete(
    openai: OpenAI, gateway: Any, finish: str, reason: str
) -> None:
    gateway.script({"reasoning_content": "Hm.", "content": "Once upon"}, finish)
    reply, events = ask(openai)
    assert reply.status == "incomplete"
    assert reply.incomplete_details is not None
    assert reply.incomplete_details.reason == reason
    assert [item.status for item in reply.output] == ["completed", "incomplete"]
    assert events[-1].type == "response.incomplete"


def test_a_stream_that_breaks_ends_with_what_has_come_and_the_error(
    openai: OpenAI, gateway: Any
) -> None:
    gateway.breaks = True
    events = list(openai.responses.create(model="auto", input="Hi", stream=True))
    last = EVENT.validate_python(events[-1].to_dict())
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert last.response.error.code == "rate_limit_exceeded"
    assert last.response.output_text == "Hello, world!"
    assert last.response.output[0].status == "incomplete"
