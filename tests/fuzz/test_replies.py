"""Whatever a server sends is an answer or a failure: bodies and event streams, valid, odd and broken."""

import json
import math
from typing import Any

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.ledger import Cause
from router_r1.transport.attempt_result import AttemptResult
from router_r1.transport.messages import Attempt, FailureKind, Request
from router_r1.transport.record_store import Record
from router_r1.transport.reply_parsing import (
    PartialReply,
    finish_stream,
    malformed,
    parse_json_reply,
    read_event,
)

fuzz = settings.get_profile("fuzz")
REQUEST = Request("m", ({"role": "user", "content": "What is 2+2?"},), sampling={"max_tokens": 50})
TOKEN_PROMPT = Request("m", prompt=(1, 2, 3))

# --- what servers send

any_text = st.text(st.characters(categories=None), max_size=12)  # also halves of surrogate pairs
counts = st.one_of(
    st.integers(0, 2000), st.integers(), st.floats(), st.booleans(), st.none(), st.just("12"),
    st.sampled_from([10**400, -1, 1e308]),
)  # fmt: skip
junk: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), counts, any_text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What is usual, or now and then anything else."""
    return st.one_of(strategy, strategy, strategy, junk)


def fields(**kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these fields."""
    return st.fixed_dictionaries({}, optional={name: maybe(kind) for name, kind in kinds.items()})


usages = fields(
    prompt_tokens=counts,
    completion_tokens=counts,
    total_tokens=counts,
    cached_tokens=counts,
    prompt_cache_hit_tokens=counts,
    prompt_tokens_details=fields(cached_tokens=counts),
    completion_tokens_details=fields(reasoning_tokens=counts),
)
errors = fields(
    message=any_text,
    code=st.one_of(st.sampled_from([400, 402, 404, 429, 500, "429", "insufficient_quota"]), counts),
    type=any_text,
    metadata=junk,
)
parts = st.lists(fields(type=st.sampled_from(["text", "reasoning", "image_url"]), text=any_text))
messages = fields(
    role=st.just("assistant"),
    content=st.one_of(any_text, st.none(), parts, st.lists(any_text, max_size=2)),
    refusal=any_text,
    reasoning_content=any_text,
    tool_calls=st.lists(junk, max_size=1),
)
finishes = st.sampled_from(
    ["stop", "length", "content_filter", "tool_calls", "error", "network_error", "eos", "STOP"]
)
choices = fields(
    index=st.just(0),
    message=messages,
    delta=messages,
    text=any_text,
    finish_reason=finishes,
    stop_reason=any_text,
    error=errors,
    usage=usages,
    token_ids=st.lists(counts, max_size=3),
    logprobs=fields(token_logprobs=st.lists(counts, max_size=3), tokens=st.lists(any_text)),
)
bodies = fields(
    id=any_text,
    model=any_text,
    choices=st.lists(choices, max_size=2),
    usage=usages,
    error=st.one_of(errors, any_text),
    x_groq=fields(usage=usages),
    cached_tokens=counts,
    object=st.just("chat.completion"),
)
requests = st.sampled_from([REQUEST, TOKEN_PROMPT])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A body as bytes: whole, cut, with a byte changed, or anything."""
    body = bytearray(json.dumps(draw(maybe(bodies))).encode())
    how = draw(st.sampled_from(["whole", "cut", "changed", "anything", "deep"]))
    if how == "cut":
        return bytes(body[: draw(st.integers(0, len(body)))])
    if how == "changed":
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    if how == "deep":
        return draw(st.sampled_from([b"[", b'{"choices":'])) * 20_000
    return draw(st.binary(max_size=40)) if how == "anything" else bytes(body)


# --- what must hold


def check(result: AttemptResult) -> None:
    response, usage = result.response, result.response.usage
    if response.failure is not None:
        assert isinstance(response.failure.kind, FailureKind)
        response.failure.detail.encode()
        assert len(response.failure.detail) < 1000
    else:
        assert response.text.strip() or response.token_ids
    for text in (response.text, response.finish_reason or "", response.served_by or ""):
        text.encode()  # no half of a surrogate pair
    for count in (usage.prompt, usage.completion, usage.cached, usage.reasoning):
        assert isinstance(count, int) and 0 <= count < 2**53
    assert usage.cached <= usage.prompt and usage.reasoning <= usage.completion
    assert all(map(math.isfinite, response.logprobs or ()))
    attempt = Attempt(1, Cause.FIRST, "ok", usage, True, "live", 0.0, 0.0)
    record = Record(response, (attempt,), 0.0)
    assert Record.from_json(record.to_json()) == record


@fuzz
@given(damaged(), requests)
def test_any_body_is_an_answer_or_a_failure(body: bytes, request: Request) -> None:
    reply = httpx2.Response(200, content=body, headers={"content-type": "application/json"})
    check(parse_json_reply(reply, PartialReply(request)))


@fuzz
@given(st.lists(bodies, max_size=5), requests)
def test_any_stream_is_an_answer_or_a_failure(
    events: list[dict[str, Any]], request: Request
) -> None:
    partial = PartialReply(request)
    for number, event in enumerate(events):
        try:
            read_event(json.loads(json.dumps(event)), partial, float(number))
        except ValueError as error:  # an event that is none; the client ends the stream there
            check(malformed(str(error), partial.billable_usage))
            return
    check(finish_stream(partial))
