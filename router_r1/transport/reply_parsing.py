"""Parses replies: turns a JSON body, or the events of a stream, into an `AttemptResult`.

Replies are read as plain JSON and leniently, not through the SDK's models: servers leave out fields and add their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from router_r1.token_prices import Usage, estimate_tokens
from router_r1.transport.attempt_result import AttemptResult, clean_text
from router_r1.transport.json_body import read_json
from router_r1.transport.messages import FailureKind, Request, Response

if TYPE_CHECKING:
    import httpx2

_MAX_PLAUSIBLE_TOKENS = 10**9
"""A usage beyond this is ignored."""
_MAX_ESTIMATED_CHARACTERS = 4000
"""How much of an unreadable body is counted as tokens."""


@dataclass
class PartialReply:
    """What has arrived of one reply so far. It outlives the request, so that nothing is lost when that breaks off."""

    request: Request
    pieces: list[str] = field(default_factory=list)
    usage: Usage | None = None
    finish_reason: object = None
    """Once it is set, the text is complete, even if the connection breaks."""
    model: object = None
    ended: bool = False
    """Whether the stream said that it has ended."""
    first_token_s: float | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    @property
    def complete(self) -> bool:
        """Whether text and usage are known, though the stream may go on."""
        return self.finish_reason is not None and self.usage is not None

    def estimate_usage(self, text: str | None = None) -> Usage:
        """An estimate of the tokens used: the prompt, and `text` (by default the text so far)."""
        completion = estimate_tokens(self.text if text is None else text)
        return Usage(self.request.prompt_tokens_estimate, completion, estimated=True)

    @property
    def billable_usage(self) -> Usage:
        """The reported usage; an estimate if none was reported, or if more text arrived after the report."""
        estimate = self.estimate_usage()
        if self.usage is None:
            return estimate
        if self.finish_reason is not None or self.usage.completion >= estimate.completion:
            return self.usage
        return replace(self.usage, completion=estimate.completion, estimated=True)


def parse_json_reply(http: httpx2.Response, partial: PartialReply) -> AttemptResult:
    """Parse the JSON body of a reply with status 2xx."""
    try:
        data = read_json(http.content)
    except (ValueError, RecursionError):
        content_type = http.headers.get("content-type") or "no content type"
        detail = f"expected JSON, got {content_type} of {len(http.content)} bytes"
        return malformed(detail, partial.estimate_usage(http.text[:_MAX_ESTIMATED_CHARACTERS]))
    if not isinstance(data, dict):
        detail = f"expected a JSON object, got a {type(data).__name__}"
        return malformed(detail, partial.estimate_usage())
    usage = _usage(data)
    choice = _first_choice(data)
    if choice is None:
        error = data.get("error")
        message = error.get("message") if isinstance(error, dict) else error
        reason = f": {message}" if isinstance(message, str) else ""
        return malformed(f"no choices in the reply{reason}", usage or partial.estimate_usage())
    if partial.request.messages:
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else None
    else:
        text = choice.get("text")
    if text is not None and not isinstance(text, str):
        detail = f"expected text, got a {type(text).__name__}"
        return malformed(detail, usage or partial.estimate_usage())
    logprobs = choice.get("logprobs")
    return _answer(
        (text or "") + _text_after_stop(text or "", choice),
        usage or partial.estimate_usage(text or ""),
        choice.get("finish_reason"),
        data.get("model"),
        token_ids=_token_ids(choice.get("token_ids")),
        logprobs=_logprobs(logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None),
    )


def read_data(data: str, name: str | None, partial: PartialReply, elapsed_s: float) -> None:
    """Add one server-sent event, as text, to what has arrived."""
    if data.startswith("[DONE]"):
        partial.ended = True
        return
    event = read_json(data)
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")
    read_event(event, partial, elapsed_s)


def read_event(event: Mapping[str, Any], partial: PartialReply, elapsed_s: float) -> None:
    """Add one event of a stream to what has arrived.

    Args:
        event: the JSON object of the event.
        partial: the reply so far.
        elapsed_s: seconds since the request was sent.
    """
    partial.model = event.get("model") or partial.model
    partial.usage = _usage(event) or partial.usage
    choice = _first_choice(event)
    if choice is None:
        return
    partial.finish_reason = choice.get("finish_reason") or partial.finish_reason
    delta = choice.get("delta")
    piece = delta.get("content") if isinstance(delta, dict) else choice.get("text")
    if isinstance(piece, str) and piece:
        if partial.first_token_s is None:
            partial.first_token_s = elapsed_s
        partial.pieces.append(piece)


def finish_stream(partial: PartialReply) -> AttemptResult:
    """The result of a stream that has ended: an answer if its finish reason arrived, else a cut stream."""
    if partial.finish_reason is None:
        detail = "the stream ended before the answer did"
        return AttemptResult.failed(FailureKind.STREAM_CUT, detail, usage=partial.billable_usage)
    return _answer(
        partial.text,
        partial.billable_usage,
        partial.finish_reason,
        partial.model,
        first_token_s=partial.first_token_s,
    )


def malformed(detail: str, usage: Usage) -> AttemptResult:
    """The result of a reply that is not a completion; it counts as billed, since the provider may charge for it."""
    return AttemptResult.failed(FailureKind.MALFORMED_REPLY, detail, usage=usage)


def _answer(
    text: str, usage: Usage, finish_reason: object, model: object, **extra: Any
) -> AttemptResult:
    finish = clean_text(finish_reason) if isinstance(finish_reason, str) else None
    if not text.strip() and not extra.get("token_ids"):
        return AttemptResult.failed(
            FailureKind.EMPTY_REPLY,
            f"an empty answer (finish reason: {finish})",
            usage=usage,
            # A retry cannot help if hidden reasoning used up the limit, or a content filter refused.
            retriable=finish not in ("length", "content_filter"),
        )
    return AttemptResult(
        Response(
            text=clean_text(text),
            usage=usage,
            finish_reason=finish,
            served_by=clean_text(model) if isinstance(model, str) else None,
            **extra,
        )
    )


def _usage(data: Mapping[str, Any]) -> Usage | None:
    usage = Usage.from_openai(data.get("usage"))
    return None if usage and max(usage.prompt, usage.completion) > _MAX_PLAUSIBLE_TOKENS else usage


def _first_choice(data: Mapping[str, Any]) -> dict[str, Any] | None:
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else None


def _text_after_stop(text: str, choice: Mapping[str, Any]) -> str:
    """What the last token holds after the stop string: vLLM cuts it from the text, but not from the token ids."""
    stop, logprobs = choice.get("stop_reason"), choice.get("logprobs")
    tokens = logprobs.get("tokens") if isinstance(logprobs, dict) else None
    last = tokens[-1] if isinstance(tokens, list) and tokens else None
    # Known only if the text includes the stop string and the reply includes the tokens.
    if not isinstance(stop, str) or not text.endswith(stop) or not isinstance(last, str):
        return ""
    inside = (n for n in range(len(last), 0, -1) if text.endswith(last[:n]))
    return last[next(inside, len(last)) :]


def _token_ids(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(type(v) is int for v in value):
        return None
    return tuple(value)


def _logprobs(value: object) -> tuple[float, ...] | None:
    """None unless every value is a finite number, since a trace cannot hold any other."""
    if not isinstance(value, list) or not all(
        type(v) in (int, float) and math.isfinite(v) for v in value
    ):
        return None
    return tuple(map(float, value))
