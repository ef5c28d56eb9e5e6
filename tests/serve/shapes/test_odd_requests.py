"""Any change of a request is translated or refused by the name of its field; nothing else is raised."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.serve.shapes import messages, responses
from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError

RESPONSES = {
    "model": "auto",
    "instructions": "a",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {
            "role": "user",
            "content": [{"type": "input_image", "image_url": "https://a", "detail": "low"}],
        },
        {
            "role": "user",
            "content": [{"type": "input_file", "file_data": "data:", "filename": "a"}],
        },
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "a"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "a"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "a"}],
        },
    ],
    "tools": [
        {"type": "function", "name": "f", "parameters": {}, "strict": True, "description": "a"}
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}],
    },
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "a", "schema": {}}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 5,
    "temperature": 1.0,
    "metadata": {"a": "b"},
    "include": ["reasoning.encrypted_content"],
    "stream": True,
    "stream_options": {"include_obfuscation": False},
}
MESSAGES = {
    "model": "auto",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "a"}],
    "messages": [
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "url", "url": "https://a"}}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "a", "signature": ""},
                {"type": "text", "text": "a"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "is_error": True,
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": "a"},
                        }
                    ],
                },
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "a"},
                },
            ],
        },
    ],
    "tools": [{"name": "f", "input_schema": {}, "description": "a", "strict": True}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "metadata": {"user_id": "a"},
    "stop_sequences": ["a"],
    "context_management": {"edits": [{"type": "clear_thinking_1"}]},
    "service_tier": "auto",
    "stream": True,
}
WORDS = (
    "",
    "text",
    "user",
    "assistant",
    "function",
    "message",
    "reasoning",
    "input_text",
    "auto",
    "c",
)
odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("type", "role", "content", "text", "name")), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside a JSON value."""
    keys = (
        list(value)
        if isinstance(value, dict)
        else list(range(len(value)) if isinstance(value, list) else ())
    )
    found = [(*at, key) for key in keys]
    for key in keys:
        found += places(value[key], (*at, key))
    return found


@pytest.mark.parametrize(("shape", "good"), [(responses, RESPONSES), (messages, MESSAGES)])
def test_the_examples_are_translated(shape: Any, good: dict[str, Any]) -> None:
    before = copy.deepcopy(good)
    chat = shape.to_chat(good)
    assert chat["messages"][0]["role"] == "system"
    assert good == before


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(data=st.data())
@pytest.mark.parametrize(("shape", "good"), [(responses, RESPONSES), (messages, MESSAGES)])
def test_an_odd_request_is_translated_or_refused_by_name(
    shape: Any, good: dict[str, Any], data: st.DataObject
) -> None:
    body: Any = copy.deepcopy(good)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(places(body)))
        target = body
        for key in above:
            target = target[key]
        if data.draw(st.booleans()) and isinstance(target, dict):
            del target[last]
        else:
            target[last] = data.draw(odd)
        if not body:
            break
    try:
        chat = shape.to_chat(body)
    except (InvalidRequestError, UnsupportedFieldError) as error:
        assert error.field.split(".")[0] in {*good, *body}
    else:
        json.dumps(chat)
        assert all(message["role"] for message in chat["messages"])
