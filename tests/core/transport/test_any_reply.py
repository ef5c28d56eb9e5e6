"""Whatever a server sends: a reply is read without an exception, as an answer or a failure, with a usage that can be true."""

import json
from typing import Any

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1 import Request
from router_r1.transport.attempt_result import AttemptResult
from router_r1.transport.dialects import errors, usage
from router_r1.transport.dialects.reply_forms import FINISH_REASONS
from router_r1.transport.reply_parsing import (
    PartialReply,
    finish_stream,
    parse_json_reply,
    read_data,
)

MANY = settings(max_examples=200, deadline=None)
LIMIT = 100
REQUEST = Request(
    "m", ({"role": "user", "content": "2+2?"},), sampling={"temperature": 0.0, "max_tokens": LIMIT}
)

KEYS = sorted(
    {str(step) for place in (*usage.PLACES, *usage.CACHED, *usage.REASONING) for step in place}
    | {*usage.PROMPT, *usage.COMPLETION, *usage.TOTAL, *errors.CODE_KEYS, *errors.MESSAGE_KEYS}
    | {"choices", "message", "delta", "content", "text", "refusal", "reasoning_content", "error"}
    | {
        "tool_calls",
        "finish_reason",
        "errors",
        "base_resp",
        "data",
        "thought",
        "model",
        "token_ids",
    }
)
WORDS = st.sampled_from(
    [
        "",
        "4",
        "stop",
        "error",
        "text",
        "thinking",
        "rate limit",
        "insufficient_quota",
        "[",
        '{"a": 1}',
        *FINISH_REASONS,
        *errors.STATUS_OF_CODE,
        *errors.OVERFLOW_WORDINGS,
    ]
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2000)
    | st.integers()
    | st.floats()
    | WORDS
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
choices = st.fixed_dictionaries(
    {"choices": st.lists(st.dictionaries(st.sampled_from(KEYS), anything, max_size=4), max_size=2)},
    optional={"usage": anything, "error": anything, "model": anything},
)


def check(result: AttemptResult, sent: object) -> None:
    """What holds for every result."""
    response = result.response
    assert response.ok or (response.failure.detail and not response.text)
    assert response.usage.prompt <= 10_000 + usage.ADDED_PROMPT
    assert response.usage.completion <= LIMIT + len(json.dumps(sent)) + 1100
    if not result.billed:
        assert response.usage.prompt == response.usage.completion == 0


@MANY
@given(choices | anything)
def test_any_body_is_an_answer_or_a_failure(body: Any) -> None:
    partial = PartialReply(REQUEST)
    content = json.dumps(body).encode()
    check(parse_json_reply(httpx2.Response(200, content=content), partial), body)


@MANY
@given(
    st.lists(choices | anything | WORDS, max_size=4), st.sampled_from([None, "error", "ping", ""])
)
def test_any_stream_is_an_answer_or_a_failure(events: list[Any], name: str | None) -> None:
    partial = PartialReply(REQUEST)
    for event in events:
        try:
            read_data(event if isinstance(event, str) else json.dumps(event), name, partial, 0.1)
        except ValueError:
            break
    check(finish_stream(partial), events)
