"""One HTTP request to an OpenAI-compatible endpoint, through the openai SDK.

`send` never raises for what a server or a network does; only cancellation passes through it. `reply_parsing.py` reads
replies, `faults.py` classifies faults, and `live_call.py` has the retries and limits.

Importing this module imports the SDK, so the core imports it when it makes its first connection.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import httpx2
import openai

from router_r1.model_cards import CallLimits, Endpoint
from router_r1.transport.attempt_result import AttemptResult, clean_message
from router_r1.transport.credentials import KEYS
from router_r1.transport.faults import NETWORK_ERRORS, classify_error, is_timeout
from router_r1.transport.messages import FailureKind, Request
from router_r1.transport.reply_parsing import (
    PartialReply,
    finish_stream,
    malformed,
    parse_json_reply,
    read_data,
)

MAX_REPLY_BYTES = 64 * 2**20
"""A longer reply is broken off and counts as malformed: a server that never stops must not fill the memory."""


def connect(endpoint: Endpoint, key: str | None) -> openai.AsyncOpenAI:
    """A client of an endpoint, for one event loop. It connects at its first request, and never retries."""
    if key is not None:
        KEYS.add(key)
    client = openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=key or "none",
        max_retries=0,
        # aiohttp underneath, because its cost per call does not grow with the number of open connections. No
        # redirects: each would be a request beyond the configured number, to a server that was not configured.
        http_client=openai.DefaultAioHttpClient(
            follow_redirects=False, event_hooks={"response": [_limit_length]}
        ),
    )
    # The SDK also reads OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS. Those are meant for one provider,
    # while this may be another's server: send only what the configuration says.
    client.organization = client.project = client.admin_api_key = None
    client._custom_headers = dict(endpoint.headers)
    return client


async def send(
    client: openai.AsyncOpenAI,
    partial: PartialReply,
    limits: CallLimits,
    *,
    allowed_s: float,
    timeout_kind: FailureKind,
) -> AttemptResult:
    """Carry out one request.

    Args:
        client: client of the endpoint.
        partial: the request; a streamed answer is collected in it.
        limits: whether to stream, and the time to connect.
        allowed_s: seconds the request may take.
        timeout_kind: the kind of failure if it takes longer.
    """
    # asyncio's time-out is the only one for reading, so that one clock decides. Connecting gets less than the whole
    # time, so that it is known whether the request was sent at all.
    timeout = _connect_timeout(min(limits.connect_timeout_s, 0.9 * allowed_s))
    try:
        async with asyncio.timeout(allowed_s):
            if limits.stream:
                return await _stream(client, partial, timeout)
            http = await _post(client, *_path_and_body(partial.request), timeout)
            return parse_json_reply(http, partial)
    except NETWORK_ERRORS as error:
        return classify_error(error, partial, timeout_kind, allowed_s)


async def fetch_json(
    client: openai.AsyncOpenAI, url: str, body: Mapping[str, Any], limits: CallLimits
) -> Any:
    """Post to a route outside the OpenAI API and return its JSON.

    Args:
        client: client of the endpoint.
        url: the route, with scheme and host.
        body: sent as JSON.
        limits: the time to connect and to answer.

    Raises:
        ConnectionError: the route does not exist, or did not answer with JSON in `attempt_timeout_s`.
    """
    seconds = limits.attempt_timeout_s
    timeout = _connect_timeout(limits.connect_timeout_s)
    try:
        async with asyncio.timeout(seconds):
            return json.loads((await _post(client, url, body, timeout)).content)
    except (*NETWORK_ERRORS, ValueError, RecursionError) as error:
        reason = f"no answer in {seconds:g} s" if is_timeout(error) else clean_message(str(error))
        raise ConnectionError(f"{url}: {reason}") from None


async def _stream(
    client: openai.AsyncOpenAI, partial: PartialReply, timeout: httpx2.Timeout
) -> AttemptResult:
    path, body = _path_and_body(partial.request)
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
            return parse_json_reply(stream.response, partial)  # a server that does not stream
        try:
            # Not the SDK's parsed events: it hides the mark of the end, and stops at a sign of life.
            async for event in stream._iter_events():
                read_data(event.data, event.event, partial, time.monotonic() - began)
                if partial.ended:
                    break
        except (ValueError, RecursionError):  # the event is not JSON, or not even text
            if partial.finish_reason is None:
                detail = "an event of the stream is not a JSON object"
                return malformed(detail, partial.billable_usage)
    return finish_stream(partial)


async def _post(
    client: openai.AsyncOpenAI, path: str, body: Mapping[str, Any], timeout: httpx2.Timeout
) -> httpx2.Response:
    options: Any = {"timeout": timeout}
    return await client.post(path, cast_to=httpx2.Response, body=dict(body), options=options)


def _path_and_body(request: Request) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"model": request.model, **request.sampling}
    if request.messages:
        return "/chat/completions", body | {"messages": list(request.messages)}
    prompt = request.prompt
    return "/completions", body | {"prompt": list(prompt) if isinstance(prompt, tuple) else prompt}


def _connect_timeout(seconds: float) -> httpx2.Timeout:
    # In the aiohttp transport, `pool` is the time to look up the host and to connect.
    return httpx2.Timeout(None, connect=seconds, pool=seconds)


async def _limit_length(http: httpx2.Response) -> None:
    http.stream = _LimitedStream(cast(httpx2.AsyncByteStream, http.stream))


class _LimitedStream(httpx2.AsyncByteStream):
    """The body of a response; raises `DecodingError` after `MAX_REPLY_BYTES`."""

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
