"""What the gateway cannot do is refused with an error that each SDK raises as its own, and that names the field."""

from __future__ import annotations

from typing import Any

import anthropic as anthropic_sdk
import openai as openai_sdk
import pytest
from anthropic import Anthropic
from openai import OpenAI


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("previous_response_id", {"previous_response_id": "resp_1"}),
        ("conversation", {"conversation": "conv_1"}),
        ("background", {"background": True}),
        ("truncation", {"truncation": "auto"}),
        ("include.0", {"include": ["message.output_text.logprobs"]}),
        ("tools.0.type", {"tools": [{"type": "web_search"}]}),
        ("tool_choice.type", {"tool_choice": {"type": "file_search"}}),
        ("input.0", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        (
            "input.0.type",
            {"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]},
        ),
        (
            "input.0.content.0.file_id",
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_image", "file_id": "f", "detail": "auto"}],
                    }
                ]
            },
        ),
        (
            "input.1.encrypted_content",
            {
                "input": [
                    {"role": "user", "content": "Hi"},
                    {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"},
                ]
            },
        ),
        (
            "input.0.call_id",
            {"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]},
        ),
        ("input", {"input": []}),
        ("max_output_tokens", {"max_output_tokens": 0}),
        ("text.format.schema", {"text": {"format": {"type": "json_schema", "name": "a"}}}),
        (
            "max_completion_tokens",
            {"max_output_tokens": 5, "extra_body": {"max_completion_tokens": 6}},
        ),
    ],
)
def test_responses_refuses_what_cannot_be_done_by_its_field(
    openai: OpenAI, field: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(openai_sdk.BadRequestError) as caught:
        openai.responses.create(**{"model": "auto", "input": "Hi", **request_})
    assert caught.value.param == field
    assert caught.value.type == "invalid_request_error"


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("tools.0.type", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        ("container", {"container": "c"}),
        ("mcp_servers", {"extra_body": {"mcp_servers": [{"name": "m"}]}}),
        (
            "messages.1",
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        ),
        ("messages", {"messages": []}),
        ("messages.0.role", {"messages": [{"role": "tool", "content": "a"}]}),
        (
            "messages.0.content.0.source.type",
            user({"type": "image", "source": {"type": "file", "file_id": "f"}}),
        ),
        (
            "messages.0.content.0.tool_use_id",
            user({"type": "tool_result", "tool_use_id": "t", "content": ""}),
        ),
        (
            "messages.1.content.0",
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "redacted_thinking", "data": "x"},
                            {"type": "tool_use", "id": "t", "name": "n", "input": {}},
                        ],
                    },
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]},
                ]
            },
        ),
        ("max_tokens", {"max_tokens": 0}),
        ("speed", {"speed": "fast"}),
        ("thinking.budget_tokens", {"thinking": {"type": "enabled", "budget_tokens": 5}}),
        (
            "context_management.edits.0",
            {"extra_body": {"context_management": {"edits": [{"type": "clear_tool_uses_1"}]}}},
        ),
    ],
)
def test_messages_refuses_what_cannot_be_done_by_its_field(
    anthropic: Anthropic, field: str, request_: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {
        "model": "auto",
        "max_tokens": 5,
        **user({"type": "text", "text": "Hi"}),
    }
    with pytest.raises(anthropic_sdk.BadRequestError) as caught:
        anthropic.messages.create(**{**asked, **request_})
    error = caught.value.body["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(f"{field}: ")
