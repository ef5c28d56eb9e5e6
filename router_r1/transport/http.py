"""One HTTP request to an OpenAI-compatible endpoint, through the openai SDK.

`send` never raises for what a server or a network does; only cancellation passes through it. `connections.py` makes the
client, `bounded_body.py` bounds and decompresses bodies, `event_stream.py` finds the events of a stream,
`refused_parameters.py` knows refused parameters, `reply_parsing.py` reads replies, `faults.py` classifies faults, and
`live_call.py` has the retries and limits.

Whether a reply is one JSON object or a stream is seen from its first byte: some servers stream unasked, and some answer
with JSON to a request for a stream.

Importing this module imports the SDK, so the core imports it when it makes its first connection.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import openai

from router_r1.model_cards import CallLimits
from router_r1.transport import refused_parameters
from router_r1.transport.attempt_result import AttemptResult, clean_message
from router_r1.transport.connections import forget_connection, may_be_sent
from router_r1.transport.event_stream import EventReader
from router_r1.transport.faults import NETWORK_ERRORS, classify_error, is_timeout
from router_r1.transport.json_body import MAX_REPLY_BYTES, read_json
from router_r1.transport.loop_sharing import Turns, in_turns
from router_r1.transport.messages import FailureKind, Request
from router_r1.transport.refused_parameters import Change, Dialect
from router_r1.transport.reply_parsing import (
    PartialReply,
    finish_stream,
    malformed,
    parse_json_reply,
    read_data,
)

USAGE_GRACE_S = 2.0
"""Seconds to wait for the usage after the finish reason; it comes in an event of its own."""
END_GRACE_S = 0.25
"""Seconds to wait for the end of the body once nothing more is needed from it: a connection can be kept only then."""
_STREAM_BEGINS = (b"data:", b"event:", b"id:", b"retry:", b":")
_JSON_BEGINS = (b"{", b"[")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_BEGINNING = len(_BYTE_ORDER_MARK + b"event:")
_MAY_BE_REFUSAL = (FailureKind.BAD_REQUEST, FailureKind.SERVER_ERROR)


async def send(
    client: openai.AsyncOpenAI,
    partial: PartialReply,
    limits: CallLimits,
    dialect: Dialect,
    *,
    allowed_s: float,
    timeout_kind: FailureKind,
) -> AttemptResult:
    """Carry out one request; once more for each parameter that the endpoint refuses.

    Args:
        client: client of the endpoint.
        partial: the request; a streamed answer is collected in it.
        limits: whether to stream, and the time to connect.
        dialect: the parameters that the endpoint is known to refuse.
        allowed_s: seconds the request may take.
        timeout_kind: the kind of failure if it takes longer.
    """
    # asyncio's time-out is the only one for reading, so that one clock decides.
    timeout = _connect_timeout(limits.connect_timeout_s)
    forget_connection()
    path, wanted = _path_and_body(partial.request)
    streamed = limits.stream or partial.request.on_text is not None
    if (
        streamed and "tools" not in wanted
    ):  # tool calls come in one piece, to be passed on as they are
        wanted |= {"stream": True, "stream_options": {"include_usage": True}}
    model = partial.request.model
    learned: tuple[Change, ...] = ()
    try:
        async with asyncio.timeout(allowed_s):
            while True:
                body, notes = refused_parameters.apply(wanted, dialect.changes(model) + learned)
                try:
                    result = await _exchange(client, path, body, partial, timeout)
                    error = result.response.failure.detail if result.response.failure else ""
                except openai.APIStatusError as status_error:
                    result = classify_error(
                        status_error, partial, timeout_kind, allowed_s, may_be_sent=True
                    )
                    error = status_error.response.text
                new = tuple(
                    change
                    for change in _refused(result, body, error)
                    if not {change.parameter, change.instead} & {c.parameter for c in learned}
                )
                if not new:
                    break
                learned += new
                partial.restart()
    except NETWORK_ERRORS as error:
        return classify_error(error, partial, timeout_kind, allowed_s, may_be_sent=may_be_sent())
    if result.response.ok:
        dialect.learn(model, learned)
        result.response = replace(result.response, changed=tuple(map(clean_message, notes)))
    return result


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
        async with asyncio.timeout(seconds), _post(client, url, body, timeout) as http:
            content = await _whole(b"", http.aiter_bytes())
            return await in_turns(lambda: read_json(content), content)
    except (*NETWORK_ERRORS, ValueError, RecursionError) as error:
        reason = f"no answer in {seconds:g} s" if is_timeout(error) else clean_message(str(error))
        raise ConnectionError(f"{url}: {reason}") from None


def _refused(result: AttemptResult, body: Mapping[str, Any], error: str) -> tuple[Change, ...]:
    failure = result.response.failure
    if failure is None or failure.kind not in _MAY_BE_REFUSAL:
        return ()
    return refused_parameters.refused(body, error)


async def _exchange(
    client: openai.AsyncOpenAI,
    path: str,
    body: Mapping[str, Any],
    partial: PartialReply,
    timeout: httpx2.Timeout,
) -> AttemptResult:
    """Send one request and read the reply, whatever its form."""
    began = time.monotonic()
    async with _post(client, path, body, timeout) as http:
        pieces = http.aiter_bytes()
        start = await _first_bytes(pieces)
        if start.startswith(_STREAM_BEGINS) or (
            body.get("stream") and not start.startswith(_JSON_BEGINS)
        ):
            return await _read_events(start, pieces, partial, began)
        return await _read_body(http, await _whole(start, pieces), partial)


async def _first_bytes(pieces: AsyncIterator[bytes]) -> bytes:
    """The beginning of a body, long enough to see what it is; without the space that servers send to keep a connection
    alive, and without a byte order mark."""
    start = b""
    async for piece in pieces:
        start = (start + piece).lstrip(b" \t\r\n")
        if len(start) >= _LONGEST_BEGINNING:
            break
    return start.removeprefix(_BYTE_ORDER_MARK)


async def _whole(start: bytes, pieces: AsyncIterator[bytes]) -> bytes:
    body = bytearray(start)
    async for piece in pieces:
        body += piece
        if len(body) > MAX_REPLY_BYTES:
            raise httpx2.DecodingError(f"the reply is longer than {MAX_REPLY_BYTES} bytes")
    return bytes(body)


async def _read_body(http: httpx2.Response, content: bytes, partial: PartialReply) -> AttemptResult:
    """Read a reply that is one JSON object, or one JSON object a line."""
    lines = content.split(b"\n", 2)
    if len(lines) > 1 and lines[1].startswith(b"{") and lines[0].strip().endswith(b"}"):
        return await _read_events(content, _nothing(), partial, time.monotonic())
    whole = httpx2.Response(http.status_code, headers=http.headers, content=content)
    return await in_turns(lambda: parse_json_reply(whole, partial), content)


async def _read_events(
    start: bytes, pieces: AsyncIterator[bytes], partial: PartialReply, began: float
) -> AttemptResult:
    """Read a stream until it ends, or until nothing more is needed from it."""
    reader = EventReader()
    turns = Turns()
    told = 0  # pieces of the text that were passed on
    on_text = partial.request.on_text
    if on_text is not None:
        on_text(None)
    loop = asyncio.get_running_loop()

    async def read(piece: bytes | None) -> None:
        nonlocal told
        for event in reader.finish() if piece is None else reader.feed(piece):
            if partial.ended:
                return
            elapsed = time.monotonic() - began
            name = event.name or None
            add = functools.partial(read_data, event.data, name, partial, elapsed)
            await in_turns(add, event.data)
            await turns.pause()
            if on_text is not None and (new := partial.content.text[told:]):
                told += len(new)
                on_text("".join(new))
            if partial.content.length > MAX_REPLY_BYTES:
                raise httpx2.DecodingError(f"the text is longer than {MAX_REPLY_BYTES} characters")

    try:
        async with asyncio.timeout(None) as patience:
            await read(start)
            async for piece in pieces:
                await read(piece)
                if partial.ended or partial.complete:
                    wait = END_GRACE_S
                elif partial.finish_reason is not None:
                    wait = USAGE_GRACE_S
                else:
                    continue
                until = loop.time() + wait
                patience.reschedule(min(until, patience.when() or until))
            await read(None)
    except TimeoutError:
        if not patience.expired():
            raise
    except (ValueError, RecursionError):
        if partial.finish_reason is None:
            detail = "an event of the stream is not a JSON object"
            return malformed(detail, partial.billable_usage)
    return await in_turns(lambda: finish_stream(partial), partial.text)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""  # makes this an iterator


@asynccontextmanager
async def _post(
    client: openai.AsyncOpenAI, path: str, body: Mapping[str, Any], timeout: httpx2.Timeout
) -> AsyncIterator[httpx2.Response]:
    """The response to a request, its body not yet read."""
    options: Any = {"timeout": timeout}
    stream = await client.post(
        path,
        cast_to=object,
        body=dict(body),
        options=options,
        stream=True,
        stream_cls=openai.AsyncStream[object],
    )
    async with stream:
        yield stream.response


def _path_and_body(request: Request) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"model": request.model, **request.sampling}
    if request.messages:
        return "/chat/completions", body | {"messages": list(request.messages)}
    prompt = request.prompt
    return "/completions", body | {"prompt": list(prompt) if isinstance(prompt, tuple) else prompt}


def _connect_timeout(seconds: float) -> httpx2.Timeout:
    # In the aiohttp transport, `pool` is the time to look up the host and to connect.
    return httpx2.Timeout(None, connect=seconds, pool=seconds)
