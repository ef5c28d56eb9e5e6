"""Parses replies: turns a JSON body, or the events of a stream, into an `AttemptResult`.

Replies are read as plain JSON and leniently, not through the SDK's models: servers leave out fields and add their own.
What they say differently is in `dialects/`; errors are read by `error_reports.py`, messages by `message_content.py`,
token counts by `reported_usage.py`. A body and a stream take the same path: both are collected in a `PartialReply`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from router_r1.token_prices import Usage, estimate_tokens, value_at
from router_r1.transport.attempt_result import AttemptResult, clean_text
from router_r1.transport.dialects import reply_forms as dialect
from router_r1.transport.dialects.reply_forms import Finish
from router_r1.transport.error_reports import (
    ErrorReport,
    classify_report,
    find_error,
    read_error,
)
from router_r1.transport.generated_tokens import (
    read_logprobs,
    read_stop_string,
    read_token_ids,
    text_after_stop,
)
from router_r1.transport.json_body import read_json
from router_r1.transport.message_content import MessageContent
from router_r1.transport.messages import FailureKind, Request, Response
from router_r1.transport.reported_usage import believe, find_usage, tokens
from router_r1.transport.retry_after import parse_retry_after

if TYPE_CHECKING:
    import httpx2

_MAX_ESTIMATED_CHARACTERS = 4000
"""How much of an unreadable body is counted as tokens."""
_WORDS = re.compile(r":|\[?[A-Za-z][A-Za-z _.-]{0,63}\]?$")
"""Data of an event that is a comment or words, and no JSON."""


@dataclass
class PartialReply:
    """What has arrived of one reply so far. It outlives the request, so that nothing is lost when that breaks off."""

    request: Request
    content: MessageContent = field(default_factory=MessageContent)
    message: Mapping[str, Any] | None = None
    """The message of a reply that was not streamed, if it calls tools and the request had some."""
    usage: Usage | None = None
    """The largest report of the usage so far: some servers repeat it, counting up, and some end with zeros."""
    usage_was_last: bool = False
    """Whether nothing of the message came after the usage."""
    finish_reason: object = None
    """Once it is set, the text is complete, even if the connection breaks."""
    stop_string: str | None = None
    """The stop string that ended the reply, if the server names it."""
    model: object = None
    token_ids: tuple[int, ...] | None = None
    first_token_s: float | None = None
    error: ErrorReport | None = None
    """The error that ended the reply."""
    retry_after_s: float | None = None
    ended: bool = False
    """Nothing more is needed from the stream: it said that it is done, or reported an error."""

    @property
    def text(self) -> str:
        """The text so far; a refusal is the text if there is no other."""
        return "".join(self.content.text) or "".join(self.content.refusal)

    @property
    def complete(self) -> bool:
        """Whether text and usage are known, though the stream may go on."""
        return self.finish_reason is not None and self.usage is not None

    @property
    def generated(self) -> bool:
        """Whether the model wrote anything, as far as is known."""
        counted = self.usage is not None and self.usage.completion > 0
        return self.content.length > 0 or bool(self.token_ids) or counted

    def restart(self) -> None:
        """Forget what arrived, to send the request again."""
        vars(self).update(vars(PartialReply(self.request)))

    def estimate_usage(self, text: str | None = None) -> Usage:
        """An estimate of the tokens used: the prompt, `text` (by default the text so far), thoughts and calls."""
        written = estimate_tokens(self.text if text is None else text)
        thoughts = estimate_tokens("".join(self.content.thoughts))
        completion = written + thoughts + estimate_tokens("".join(self.content.calls))
        prompt = self.request.prompt_tokens_estimate
        return Usage(prompt, completion, reasoning=thoughts, estimated=True)

    @property
    def billable_usage(self) -> Usage:
        """The reported usage as far as it can be true; an estimate if there is none, or if more arrived after it."""
        estimate = self.estimate_usage()
        if self.usage is None:
            return estimate
        written = sum(len(part.encode("utf-8", "surrogatepass")) for part in self.content.pieces())
        arrived = max(written, len(self.token_ids or ()))
        usage = believe(self.usage, estimate, self.request, arrived)
        whole = self.finish_reason is not None or (self.ended and self.error is None)
        if whole or usage.completion >= estimate.completion:
            return usage
        return replace(usage, completion=estimate.completion, estimated=True)


def parse_json_reply(http: httpx2.Response, partial: PartialReply) -> AttemptResult:
    """Parse the JSON body of a reply with status 2xx."""
    try:
        data = read_json(http.content)
    except (ValueError, RecursionError):
        content_type = http.headers.get("content-type") or "no content type"
        detail = f"expected JSON, got {content_type} of {len(http.content)} bytes"
        return malformed(detail, partial.estimate_usage(http.text[:_MAX_ESTIMATED_CHARACTERS]))
    data = _unwrap(data)
    if not isinstance(data, dict):
        detail = f"expected a JSON object, got a {type(data).__name__}"
        return malformed(detail, partial.estimate_usage())
    partial.ended = True
    partial.retry_after_s = parse_retry_after(http.headers)
    choice = _first_choice(data)
    try:
        _read(data, partial, None)
    except ValueError as error:
        return malformed(str(error), partial.billable_usage)
    if partial.error is not None:
        return _reported_failure(partial.error, partial)
    if choice is None:
        return malformed("no choices in the reply", partial.billable_usage)
    if rest := text_after_stop(partial.text, choice):
        partial.content.text.append(rest)
    partial.token_ids = read_token_ids(choice.get("token_ids"))
    return _answer(partial, read_logprobs(value_at(choice, ("logprobs", "token_logprobs"))))


def read_data(data: str, name: str | None, partial: PartialReply, elapsed_s: float) -> None:
    """Add one server-sent event, as text, to what has arrived. Signs of life are ignored.

    Args:
        data: the data of the event.
        name: the name of the event, if it has one.
        partial: the reply so far.
        elapsed_s: seconds since the request was sent.

    Raises:
        ValueError: the data is not a JSON object, or its content is not text.
        RecursionError: the data is nested too deeply.
    """
    data, name = data.strip(), (name or "").strip().lower()
    if data[:6].upper() == "[DONE]":
        partial.ended = True
    elif name == "error" and not data.startswith(("{", "[")):
        _note_error(read_error(data), partial)
    elif data and name not in dialect.SIGNS_OF_LIFE and not _WORDS.match(data):
        event = _unwrap(read_json(data))
        if not event:
            return
        if not isinstance(event, dict):
            raise ValueError(f"expected a JSON object, got a {type(event).__name__}")
        if name == "error" and not event.get("choices"):
            _note_error(read_error(event), partial)
        read_event(event, partial, elapsed_s)


def read_event(event: Mapping[str, Any], partial: PartialReply, elapsed_s: float) -> None:
    """Add one event of a stream to what has arrived.

    Args:
        event: the JSON object of the event.
        partial: the reply so far.
        elapsed_s: seconds since the request was sent.

    Raises:
        ValueError: the content of the event is not text.
    """
    _read(event, partial, elapsed_s)


def finish_stream(partial: PartialReply) -> AttemptResult:
    """The result of a stream that has ended.

    An error that was reported is a failure. An answer is whole if its finish reason arrived, or the mark of the end, or
    the usage after the last piece of text; otherwise the stream was cut.
    """
    if partial.error is not None:
        return _reported_failure(partial.error, partial)
    whole = partial.finish_reason is not None or partial.ended
    if not whole and not (partial.usage_was_last and partial.text):
        detail = "the stream ended before the answer did"
        return AttemptResult.failed(FailureKind.STREAM_CUT, detail, usage=partial.billable_usage)
    return _answer(partial)


def malformed(detail: str, usage: Usage) -> AttemptResult:
    """The result of a reply that is not a completion; it counts as billed, since the provider may charge for it."""
    return AttemptResult.failed(FailureKind.MALFORMED_REPLY, detail, usage=usage)


def read_finish_reason(reason: object) -> Finish | None:
    """What a finish reason means; None if there is none, or it is unknown."""
    if not isinstance(reason, str) or not reason:
        return None
    name = _finish_name(reason)
    if name in dialect.FINISH_REASONS:
        return dialect.FINISH_REASONS[name]
    return next((finish for word, finish in dialect.FINISH_WORDS if word in name), None)


def _finish_name(reason: str) -> str:
    return reason.strip().lower().replace("-", "_").replace(" ", "_").removeprefix("finish_reason_")


def _read(data: Mapping[str, Any], partial: PartialReply, elapsed_s: float | None) -> None:
    """Add a whole reply (`elapsed_s` is None) or one event to what has arrived."""
    choice = _first_choice(data)
    error = find_error(data, choice, alone=elapsed_s is None)
    if error is not None:
        _note_error(error, partial)
    usage = find_usage(data, partial.request)
    if usage is not None and (partial.usage is None or tokens(usage) >= tokens(partial.usage)):
        partial.usage = usage
    partial.model = data.get("model") or partial.model
    before, had_text = partial.content.length, bool(partial.content.text)
    if choice is not None:
        reason = choice.get("finish_reason") or choice.get("native_finish_reason")
        reason = reason.get("type") if isinstance(reason, dict) else reason  # SGLang
        partial.finish_reason = reason or partial.finish_reason
        partial.stop_string = read_stop_string(choice) or partial.stop_string
        message = _message(choice, partial, streamed=elapsed_s is not None)
        if (
            elapsed_s is None
            and message.get("tool_calls")
            and partial.request.sampling.get("tools")
        ):
            partial.message = message
        partial.content.add(message)
        if partial.content.text and not had_text:
            partial.first_token_s = elapsed_s
    wrote = partial.content.length > before
    partial.usage_was_last = not wrote and (usage is not None or partial.usage_was_last)


def _message(
    choice: Mapping[str, Any], partial: PartialReply, *, streamed: bool
) -> Mapping[str, Any]:
    """The message of a choice, wherever it stands."""
    message, delta = choice.get("message"), choice.get("delta")
    text = {"content": choice["text"]} if choice.get("text") is not None else None
    if streamed and partial.content.text:
        message = None  # Perplexity repeats the whole message in every event
    if not partial.request.messages:
        found = (text, message, delta)
    else:
        found = (delta, text, message) if streamed else (message, delta, text)
    return next((each for each in found if isinstance(each, dict) and each), {})


def _note_error(error: ErrorReport, partial: PartialReply) -> None:
    """The first error ends the reply, unless the answer was whole before."""
    if partial.finish_reason is None and partial.error is None:
        partial.error, partial.ended = error, True


def _reported_failure(error: ErrorReport, partial: PartialReply) -> AttemptResult:
    """The failure that a server reported inside HTTP 200. It is billed only if the model had written something."""
    kind, retriable = classify_report(error)
    status = "" if error.status is None else f" {error.status}"
    return AttemptResult.failed(
        kind,
        f"error{status} in the reply: {error.message}",
        usage=partial.billable_usage if partial.generated else None,
        status=error.status,
        retry_after_s=partial.retry_after_s if retriable else None,
        retriable=retriable,
    )


def _answer(partial: PartialReply, logprobs: tuple[float, ...] | None = None) -> AttemptResult:
    text, usage = partial.text, partial.billable_usage
    finish = read_finish_reason(partial.finish_reason)
    said = clean_text(partial.finish_reason) if isinstance(partial.finish_reason, str) else None
    random = partial.request.sampling.get("temperature") != 0
    if finish is Finish.ERROR:
        if _finish_name(str(said)) in dialect.MODELS_OWN_ERRORS:
            detail = f"no answer (finish reason: {said})"
            return AttemptResult.failed(
                FailureKind.EMPTY_REPLY, detail, usage=usage, retriable=random
            )
        return AttemptResult.failed(
            FailureKind.SERVER_ERROR,
            f"the server broke off (finish reason: {said})",
            usage=usage if partial.generated else None,
        )
    stopped = finish is Finish.STOP and _at_a_stop_string(partial)
    if not text.strip() and not partial.token_ids and not stopped and partial.message is None:
        # The limit, a filter and a refusal would end it again; and at temperature 0 the model would do the same again,
        # while a reply with nothing in it at all may be a fault of the server.
        content = partial.content
        own = content.thoughts or content.calls or usage.reasoning or finish is Finish.TOOL_CALLS
        final = finish in (Finish.LENGTH, Finish.CONTENT_FILTER, Finish.REFUSAL)
        return AttemptResult.failed(
            FailureKind.EMPTY_REPLY,
            f"an empty answer (finish reason: {said})",
            usage=usage,
            retriable=not final and (random or not own),
        )
    if finish is Finish.CONTENT_FILTER and not partial.content.text:
        finish = Finish.REFUSAL
    return AttemptResult(
        Response(
            text=clean_text(text),
            usage=usage,
            finish_reason=None if finish is None else finish.value,
            served_by=clean_text(partial.model) if isinstance(partial.model, str) else None,
            first_token_s=partial.first_token_s,
            token_ids=partial.token_ids,
            logprobs=logprobs,
            message=None if partial.message is None else dict(partial.message),
        )
    )


def _at_a_stop_string(partial: PartialReply) -> bool:
    """Whether a reply that ended by itself, and that was to end at stop strings, may have begun with one.

    Servers leave the stop string out of the text, and few say which it was; but then tokens were generated. Such a
    reply is empty because the model wrote nothing else: asking again is no remedy.
    """
    stops = partial.request.sampling.get("stop")
    generated = partial.usage is not None and partial.usage.completion > 0
    return bool(stops) and (generated or partial.stop_string is not None)


def _unwrap(data: object) -> object:
    """The object in a list of one: Gemini sends errors so."""
    return data[0] if isinstance(data, list) and len(data) == 1 and data[0] else data


def _first_choice(data: Mapping[str, Any]) -> dict[str, Any] | None:
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else None
