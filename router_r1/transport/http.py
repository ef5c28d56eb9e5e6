"""One HTTP request to an OpenAI-compatible endpoint: what is sent, how the reply is read, what each fault is called.

`send` never raises for what a server or a network does; only cancellation passes through it. Reading is lenient:
replies are plain JSON here, not the SDK's models, since servers leave out fields and add their own.

Imports the SDK, and so only `client.py` imports this, when it makes its first connection.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import math
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import aiohttp
import httpx2
import openai

from router_r1.model_cards import CallLimits, Endpoint
from router_r1.pricing import Usage, estimate_tokens
from router_r1.transport.credentials import KEYS
from router_r1.transport.messages import Failure, FailureKind, Request, Response

RETRIABLE = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.MALFORMED_REPLY,
        FailureKind.EMPTY_REPLY,
        FailureKind.STREAM_CUT,
    }
)
MAX_REPLY_BYTES = 64 * 2**20
"""A longer reply is broken off and is a failure: a server that never stops must not fill the memory."""
_MAX_TOKENS = 10**9
"""A usage beyond this is no usage."""
_OVERFLOW_PHRASES = (
    "context length",
    "context_length",
    "context window",
    "maximum context",
    "too many tokens",
    "prompt is too long",
)
_NETWORK_ERRORS = (openai.OpenAIError, httpx2.RequestError, aiohttp.ClientError, OSError)
"""All that is raised because of what a server or a network did."""


@dataclass
class Received:
    """What has come of one answer so far; it outlives the request, so that nothing is lost when that breaks off."""

    request: Request
    pieces: list[str] = field(default_factory=list)
    usage: Usage | None = None
    finish: object = None
    """The finish reason. Once it is there the text is whole, whatever becomes of the connection."""
    model: object = None
    first_token_s: float | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    def estimate(self, text: str | None = None) -> Usage:
        """A guess at what was used: the prompt, and the text so far or the one given."""
        completion = estimate_tokens(self.text if text is None else text)
        return Usage(self.request.prompt_tokens_estimate, completion, estimated=True)

    @property
    def used(self) -> Usage:
        """What the server said was used; a guess where it said nothing, or said it before the answer was whole."""
        guess = self.estimate()
        if self.usage is None:
            return guess
        if self.finish is not None or self.usage.completion >= guess.completion:
            return self.usage
        return replace(self.usage, completion=guess.completion, estimated=True)


@dataclass
class Outcome:
    """What one request came to."""

    response: Response
    billed: bool = True
    retry_after_s: float | None = None
    retriable: bool = True

    @classmethod
    def failed(
        cls,
        kind: FailureKind,
        detail: str,
        *,
        usage: Usage | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
        retriable: bool | None = None,
    ) -> Outcome:
        """A failure; billed when it has a usage. `detail` is shortened and loses its keys here."""
        failure = Failure(kind, _one_line(detail), status)
        retriable = kind in RETRIABLE if retriable is None else retriable
        response = Response(failure=failure, usage=usage or Usage())
        return cls(response, usage is not None, retry_after_s, retriable)


def connect(endpoint: Endpoint, key: str | None) -> openai.AsyncOpenAI:
    """A client of an endpoint, for one event loop. It connects at its first request, and retries nothing."""
    if key is not None:
        KEYS.add(key)
    client = openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=key or "none",
        max_retries=0,
        # aiohttp underneath: its cost per call does not grow with the number of open connections. No redirects: each
        # would be one more request than was configured, to a server that was not.
        http_client=openai.DefaultAioHttpClient(
            follow_redirects=False, event_hooks={"response": [_limit_length]}
        ),
    )
    # The SDK also reads OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS. Those are meant for one provider,
    # this may be another's server, and only the configuration says what is sent.
    client.organization = client.project = client.admin_api_key = None
    client._custom_headers = dict(endpoint.headers)
    return client


async def send(
    client: openai.AsyncOpenAI,
    received: Received,
    limits: CallLimits,
    *,
    allowed_s: float,
    late: FailureKind,
) -> Outcome:
    """Carry out one request.

    Args:
        client: of the endpoint.
        received: the request, and where a streamed answer is collected.
        limits: streaming or not, and the time to connect.
        allowed_s: seconds the request may take.
        late: the kind of failure when it takes longer.
    """
    # Reading has no time-out but asyncio's, so that one clock decides. Connecting has less time than the whole, so that
    # it is known whether the request was ever on its way.
    timeout = _connecting_in(min(limits.connect_timeout_s, 0.9 * allowed_s))
    try:
        async with asyncio.timeout(allowed_s):
            if limits.stream:
                return await _stream(client, received, timeout)
            http = await _post(client, *_body(received.request), timeout)
            return _read_json(http, received)
    except _NETWORK_ERRORS as error:
        if received.finish is not None:
            return _answered_in_stream(received)
        return _network_failure(error, received, late, allowed_s)


async def fetch_json(
    client: openai.AsyncOpenAI, url: str, body: Mapping[str, Any], limits: CallLimits
) -> Any:
    """Post to a route and return its JSON.

    Raises:
        ConnectionError: the route does not exist, or did not answer with JSON in `attempt_timeout_s`.
    """
    seconds = limits.attempt_timeout_s
    timeout = _connecting_in(limits.connect_timeout_s)
    try:
        async with asyncio.timeout(seconds):
            return json.loads((await _post(client, url, body, timeout)).content)
    except (*_NETWORK_ERRORS, ValueError, RecursionError) as error:
        reason = f"no answer in {seconds:g} s" if _timed_out(error) else _one_line(str(error))
        raise ConnectionError(f"{url}: {reason}") from None


def _connecting_in(seconds: float) -> httpx2.Timeout:
    # `pool` is, in the aiohttp transport, the time to look up the host and to connect.
    return httpx2.Timeout(None, connect=seconds, pool=seconds)


async def _post(
    client: openai.AsyncOpenAI, path: str, body: Mapping[str, Any], timeout: httpx2.Timeout
) -> httpx2.Response:
    options: Any = {"timeout": timeout}
    return await client.post(path, cast_to=httpx2.Response, body=dict(body), options=options)


def _body(request: Request) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"model": request.model, **request.sampling}
    if request.messages:
        return "/chat/completions", body | {"messages": list(request.messages)}
    prompt = request.prompt
    return "/completions", body | {"prompt": list(prompt) if isinstance(prompt, tuple) else prompt}


# --- reading


def _read_json(http: httpx2.Response, received: Received) -> Outcome:
    try:
        data = json.loads(http.content)
    except (ValueError, RecursionError):
        content_type = http.headers.get("content-type") or "no content type"
        detail = f"expected JSON, got {content_type} of {len(http.content)} bytes"
        return _malformed(detail, received.estimate(http.text[:4000]))
    if not isinstance(data, dict):
        detail = f"expected a JSON object, got a {type(data).__name__}"
        return _malformed(detail, received.estimate())
    usage = _usage(data)
    choice = _first_choice(data)
    if choice is None:
        error = data.get("error")
        reason = error.get("message") if isinstance(error, dict) else error
        said = f": {reason}" if isinstance(reason, str) else ""
        return _malformed(f"no choices in the reply{said}", usage or received.estimate())
    if received.request.messages:
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else None
    else:
        text = choice.get("text")
    if text is not None and not isinstance(text, str):
        detail = f"expected text, got a {type(text).__name__}"
        return _malformed(detail, usage or received.estimate())
    logprobs = choice.get("logprobs")
    return _answered(
        (text or "") + _beyond_stop(text or "", choice),
        usage or received.estimate(text or ""),
        choice.get("finish_reason"),
        data.get("model"),
        token_ids=_token_ids(choice.get("token_ids")),
        logprobs=_logprobs(logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None),
    )


async def _stream(
    client: openai.AsyncOpenAI, received: Received, timeout: httpx2.Timeout
) -> Outcome:
    path, body = _body(received.request)
    options: Any = {"timeout": timeout}
    began = time.monotonic()
    stream = await client.post(
        path,
        cast_to=object,
        body=body | {"stream": True, "stream_options": {"include_usage": True}},
        options=options,
        stream=True,
        stream_cls=openai.AsyncStream[object],
    )
    async with stream:
        if "application/json" in stream.response.headers.get("content-type", ""):
            await stream.response.aread()
            return _read_json(stream.response, received)  # a server that does not stream
        try:
            async for event in stream:
                if not isinstance(event, dict):
                    detail = f"expected JSON objects in the stream, got a {type(event).__name__}"
                    return _malformed(detail, received.used)
                _read_event(event, received, time.monotonic() - began)
        except (ValueError, RecursionError):  # an event that is no JSON, or not even text
            if received.finish is None:
                detail = "an event of the stream is not JSON"
                return _malformed(detail, received.used)
    if received.finish is None:
        detail = "the stream ended before the answer did"
        return Outcome.failed(FailureKind.STREAM_CUT, detail, usage=received.used)
    return _answered_in_stream(received)


def _read_event(event: Mapping[str, Any], received: Received, elapsed_s: float) -> None:
    received.model = event.get("model") or received.model
    received.usage = _usage(event) or received.usage
    choice = _first_choice(event)
    if choice is None:
        return
    received.finish = choice.get("finish_reason") or received.finish
    delta = choice.get("delta")
    piece = delta.get("content") if isinstance(delta, dict) else choice.get("text")
    if isinstance(piece, str) and piece:
        if received.first_token_s is None:
            received.first_token_s = elapsed_s
        received.pieces.append(piece)


def _answered_in_stream(received: Received) -> Outcome:
    return _answered(
        received.text,
        received.used,
        received.finish,
        received.model,
        first_token_s=received.first_token_s,
    )


def _answered(
    text: str, usage: Usage, finish_reason: object, model: object, **extra: Any
) -> Outcome:
    finish = _from_outside(finish_reason) if isinstance(finish_reason, str) else None
    if not text.strip() and not extra.get("token_ids"):
        return Outcome.failed(
            FailureKind.EMPTY_REPLY,
            f"an empty answer (finish reason: {finish})",
            usage=usage,
            # Sampling again can not help when the limit was spent on hidden reasoning, or a filter said no.
            retriable=finish not in ("length", "content_filter"),
        )
    return Outcome(
        Response(
            text=_from_outside(text),
            usage=usage,
            finish_reason=finish,
            served_by=_from_outside(model) if isinstance(model, str) else None,
            **extra,
        )
    )


def _malformed(detail: str, usage: Usage) -> Outcome:
    """A reply that is no completion: paid for, as far as anyone can tell."""
    return Outcome.failed(FailureKind.MALFORMED_REPLY, detail, usage=usage)


def _usage(data: Mapping[str, Any]) -> Usage | None:
    usage = Usage.from_openai(data.get("usage"))
    return None if usage and max(usage.prompt, usage.completion) > _MAX_TOKENS else usage


def _first_choice(data: Mapping[str, Any]) -> dict[str, Any] | None:
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else None


def _beyond_stop(text: str, choice: Mapping[str, Any]) -> str:
    """What the last token holds after the stop string: vLLM cuts it off the text, and not off the token ids."""
    stop, logprobs = choice.get("stop_reason"), choice.get("logprobs")
    tokens = logprobs.get("tokens") if isinstance(logprobs, dict) else None
    last = tokens[-1] if isinstance(tokens, list) and tokens else None
    # It is known only where the stop string is in the text, and the tokens are in the reply.
    if not isinstance(stop, str) or not text.endswith(stop) or not isinstance(last, str):
        return ""
    inside = (n for n in range(len(last), 0, -1) if text.endswith(last[:n]))
    return last[next(inside, len(last)) :]


def _token_ids(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(type(v) is int for v in value):
        return None
    return tuple(value)


def _logprobs(value: object) -> tuple[float, ...] | None:
    """None unless every one is a finite number: a trace could not hold the others."""
    if not isinstance(value, list) or not all(
        type(v) in (int, float) and math.isfinite(v) for v in value
    ):
        return None
    return tuple(map(float, value))


def _from_outside(text: str) -> str:
    """Text that a server sent, fit to keep: without keys, and without halves of surrogate pairs."""
    if not text.isascii():
        # JSON can hold lone surrogates, which no file can; a pair that was split over two events is joined here.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return KEYS.hide(text)


def _one_line(text: str) -> str:
    """What a server or a library says about a failure: without keys, on one line, and not too long."""
    # Cut only after the keys are out: the first half of a key is a key to a reader who has the other half.
    return " ".join(KEYS.redact(_from_outside(text)).split())[:300]


# --- faults


def _network_failure(
    error: Exception, received: Received, late: FailureKind, allowed_s: float
) -> Outcome:
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error)
    # The libraries wrap each other's errors, and call a lost connection a time-out; what it was raised from tells.
    causes = _causes(error)
    detail = f"{type(causes[-1]).__name__}: {causes[-1]}"
    if _any(causes, aiohttp.ConnectionTimeoutError):
        return Outcome.failed(FailureKind.CONNECTION, "could not connect in time")
    if _any(causes, aiohttp.ClientConnectorError):
        return Outcome.failed(FailureKind.CONNECTION, f"could not connect: {detail}")
    usage = received.used
    if _timed_out(error):
        return Outcome.failed(late, f"no answer in {allowed_s:.3g} s", usage=usage)
    if _any(causes, httpx2.DecodingError, aiohttp.ClientResponseError):
        return Outcome.failed(FailureKind.MALFORMED_REPLY, detail, usage=usage)
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        # An error object inside a stream.
        return Outcome.failed(FailureKind.SERVER_ERROR, error.message, usage=usage)
    kind = FailureKind.STREAM_CUT if received.pieces else FailureKind.CONNECTION
    return Outcome.failed(kind, detail, usage=usage)


def _status_failure(error: openai.APIStatusError) -> Outcome:
    """An HTTP error, which nobody bills."""
    status, raw = error.status_code, error.response.text
    message = error.body.get("message") if isinstance(error.body, dict) else error.body
    said = message if isinstance(message, str) and message else raw
    if 300 <= status < 400:
        said = f"redirected to {error.response.headers.get('location')}; correct the base URL"
    if status in (408, 409, 425, 429):
        kind = FailureKind.RATE_LIMITED if status == 429 else FailureKind.SERVER_ERROR
    elif status >= 500:
        kind = FailureKind.SERVER_ERROR
    elif status in (401, 403):
        kind = FailureKind.UNAUTHORIZED
    elif any(phrase in raw[:4000].lower() for phrase in _OVERFLOW_PHRASES):
        kind = FailureKind.CONTEXT_OVERFLOW
    else:
        kind = FailureKind.BAD_REQUEST
    retry_after = retry_after_s(error.response.headers) if kind in RETRIABLE else None
    detail = f"HTTP {status}: {said}" if said.strip() else f"HTTP {status}"
    return Outcome.failed(kind, detail, status=status, retry_after_s=retry_after)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds, or an HTTP date); None when absent or unreadable."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    try:
        return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
    except (ValueError, OverflowError):  # a date that no calendar has
        return None


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, outermost first."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    return chain


def _any(errors: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(error, kinds) for error in errors)


def _timed_out(error: BaseException) -> bool:
    return isinstance(error, TimeoutError) or _any(_causes(error), aiohttp.ServerTimeoutError)


async def _limit_length(http: httpx2.Response) -> None:
    http.stream = _Limited(cast(httpx2.AsyncByteStream, http.stream))


class _Limited(httpx2.AsyncByteStream):
    """The body of a response, which raises once it is longer than any answer can be."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for chunk in self._stream:
            length += len(chunk)
            if length > MAX_REPLY_BYTES:
                raise httpx2.DecodingError(f"the reply is longer than {MAX_REPLY_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
