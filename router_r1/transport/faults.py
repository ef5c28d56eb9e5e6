"""Classifies faults: maps an HTTP error status or a network exception to a `FailureKind`."""

from __future__ import annotations

import aiohttp
import httpx2
import openai

from router_r1.transport.attempt_result import AttemptResult
from router_r1.transport.error_reports import classify_report, read_error
from router_r1.transport.messages import FailureKind
from router_r1.transport.reply_parsing import PartialReply, finish_stream
from router_r1.transport.retry_after import parse_retry_after

NETWORK_ERRORS = (openai.OpenAIError, httpx2.RequestError, aiohttp.ClientError, OSError)
"""All exceptions that a server or a network can cause."""


def classify_error(
    error: Exception,
    partial: PartialReply,
    timeout_kind: FailureKind,
    allowed_s: float,
    *,
    may_be_sent: bool,
) -> AttemptResult:
    """The result of a request that raised; what had arrived before, if that is a whole answer or an error report.

    Args:
        error: one of `NETWORK_ERRORS`.
        partial: what had arrived of the reply.
        timeout_kind: the kind of failure if the request ran out of time.
        allowed_s: seconds the request had, for the message.
        may_be_sent: the request had a connection. One that ran out of time without cannot be billed.
    """
    if isinstance(error, openai.APIStatusError):
        return _classify_status(error)
    if partial.ended or partial.finish_reason is not None:
        return finish_stream(partial)
    # The libraries wrap each other's errors, and report a lost connection as a time-out: look at the root cause.
    causes = _causes(error)
    detail = f"{type(causes[-1]).__name__}: {causes[-1]}"
    late = is_timeout(error)
    if _any(causes, aiohttp.ConnectionTimeoutError) or (late and not may_be_sent):
        return AttemptResult.failed(FailureKind.CONNECTION, "could not connect in time")
    if _any(causes, aiohttp.ClientConnectorError):
        return AttemptResult.failed(FailureKind.CONNECTION, f"could not connect: {detail}")
    usage = partial.billable_usage
    if late:
        return AttemptResult.failed(timeout_kind, f"no answer in {allowed_s:.3g} s", usage=usage)
    if _any(causes, httpx2.DecodingError, aiohttp.ClientResponseError):
        return AttemptResult.failed(FailureKind.MALFORMED_REPLY, detail, usage=usage)
    kind = FailureKind.STREAM_CUT if partial.content.text else FailureKind.CONNECTION
    return AttemptResult.failed(kind, detail, usage=usage)


def _classify_status(error: openai.APIStatusError) -> AttemptResult:
    """The result of an HTTP error; no provider bills those."""
    status, raw = error.status_code, error.response.text
    report = read_error(raw if error.body is None else error.body)
    message = error.body.get("message") if isinstance(error.body, dict) else error.body
    if isinstance(error.body, list):  # Gemini
        message = report.message
    reason = message if isinstance(message, str) and message else raw
    if 300 <= status < 400:
        reason = f"redirected to {error.response.headers.get('location')}; correct the base URL"
    kind, retriable = classify_report(report, status)
    detail = f"HTTP {status}: {reason}" if reason.strip() else f"HTTP {status}"
    return AttemptResult.failed(
        kind,
        detail,
        status=status,
        retry_after_s=parse_retry_after(error.response.headers) if retriable else None,
        retriable=retriable,
    )


def is_timeout(error: BaseException) -> bool:
    """Whether the request ran out of time, by asyncio's clock or by the HTTP library's."""
    return isinstance(error, TimeoutError) or _any(_causes(error), aiohttp.ServerTimeoutError)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and the errors it was raised from, outermost first."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    return chain


def _any(errors: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(error, kinds) for error in errors)
