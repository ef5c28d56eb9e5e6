"""Sends an opaque body to the endpoint of one model, and books what it cost.

For requests that name their model: the body goes as it came, and so does the reply. The limits, the circuit breaker and
the keys are those of `transport/`, shared with the calls of the agent. It has its own client, bare aiohttp, because the
SDK costs over a millisecond of CPU a call and reads replies instead of passing them on.

A request is sent again (rate limit, server error, no connection) only as long as nothing of a reply was passed on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import multidict
import yarl

from router_r1.ledger import Cause
from router_r1.model_cards import EmbedderCard, ModelCard
from router_r1.pool import Account
from router_r1.serve.api_error import ApiError
from router_r1.serve.wire.bodies import encoded
from router_r1.token_prices import Usage, estimate_tokens
from router_r1.transport.attempt_result import clean_message
from router_r1.transport.bounded_body import MAX_BODY_BYTES
from router_r1.transport.live import LiveTransport
from router_r1.transport.live_call import MAX_PAUSE_S
from router_r1.transport.messages import Attempt, FailureKind
from router_r1.transport.retry_after import parse_retry_after

log = logging.getLogger("router_r1.serve")

_AGAIN = frozenset({408, 429, 500, 502, 503, 504, 529})
"""Statuses after which another attempt may succeed."""
_MOST_TOKENS = 10**8
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
_KEPT_HEADERS = ("content-type", "retry-after", "retry-after-ms")


@dataclass
class Upstream:
    """One attempt that has a reply: status and headers are there, the body comes."""

    status: int
    headers: dict[str, str]
    http: aiohttp.ClientResponse
    booking: Booking

    async def body(self) -> bytes:
        """The whole body. Raises `ApiError` if it breaks off or never ends."""
        pieces: list[bytes] = []
        length = 0
        async for piece in self.pieces():
            length += len(piece)
            if length > MAX_BODY_BYTES:
                raise _broken(
                    f"the reply of {self.booking.card.name} is longer than {MAX_BODY_BYTES} bytes"
                )
            pieces.append(piece)
        return b"".join(pieces)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `ApiError` if it breaks off."""
        try:
            async for piece in self.http.content.iter_any():
                self.booking.received += len(piece)
                yield piece
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.booking.outcome = FailureKind.STREAM_CUT.value
            raise _broken(f"{self.booking.card.name} broke off: {type(error).__name__}") from error


@dataclass
class Booking:
    """What one call costs. Every attempt that ended is a row in the ledger, the last one when the call ends."""

    card: ModelCard | EmbedderCard
    account: Account
    prompt_tokens: int
    """Estimated tokens of the request, for a reply that reports none."""
    call_id: str
    attempt: int = 0
    usage: Usage | None = None
    """What the reply reported."""
    received: int = 0
    """Bytes of the reply so far."""
    outcome: str = "ok"
    was_sent: bool = False
    """Whether the body of the attempt was written: what was not sent is not billed."""
    _began: float = 0.0
    _clock: float = 0.0

    def begin(self) -> None:
        """Note that an attempt is sent."""
        self.attempt += 1
        self.usage, self.received, self.outcome, self.was_sent = None, 0, "ok", False
        self._began, self._clock = time.time(), time.monotonic()

    def end(self, outcome: str, *, billed: bool) -> None:
        """Book the attempt."""
        usage = self.usage
        if usage is None:
            # Events are mostly frame, about 50 bytes a token; what a broken reply held is at most that.
            usage = (
                Usage(self.prompt_tokens, self.received // 50, estimated=True)
                if billed
                else Usage()
            )
        self.account.book(
            self.card.name,
            self.call_id,
            Attempt(
                self.attempt,
                Cause.FIRST if self.attempt == 1 else Cause.RETRY,
                outcome,
                usage,
                billed,
                "live",
                self._began,
                time.monotonic() - self._clock,
            ),
            self.card.price,
        )


@dataclass(frozen=True)
class _Target:
    url: yarl.URL
    headers: multidict.CIMultiDict[str]
    timeout: aiohttp.ClientTimeout


class _Body(aiohttp.BytesPayload):
    """A body that notes when it is written."""

    def __init__(self, value: bytes, booking: Booking) -> None:
        super().__init__(value, content_type="application/json")
        self._booking = booking

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        self._booking.was_sent = True
        await super().write_with_length(writer, content_length)


class UpstreamClient:
    """Sends bodies to endpoints; one for each event loop. Close it."""

    def __init__(self, transport: LiveTransport) -> None:
        """
        Args:
            transport: whose limits, breakers and keys hold.
        """
        self._transport = transport
        self._session: aiohttp.ClientSession | None = None
        self._targets: dict[tuple[str, str], _Target] = {}
        self._jitter = random.Random()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def post(
        self,
        card: ModelCard | EmbedderCard,
        path: str,
        body: Mapping[str, Any],
        account: Account,
        *,
        prompt_tokens: int,
    ) -> AsyncIterator[Upstream]:
        """Send a body, and send it again while that may help; the caller reads the reply inside the block.

        Args:
            card: the model.
            path: after the base URL, e.g. `/chat/completions`.
            body: what to send; its `model` is replaced by the id that the endpoint knows.
            account: where the attempts are booked.
            prompt_tokens: estimated tokens of the request.

        Raises:
            ApiError: nobody could be reached, or the model is not called for a while.
        """
        limiter, _ = self._transport.gate(card)
        target = self._target(card, path)
        payload = encoded({**body, "model": card.model_id})
        booking = Booking(card, account, prompt_tokens, account.episode_id)
        async with limiter.call_slot():
            until = time.monotonic() + card.limits.deadline_s
            while True:
                until += await limiter.wait_for_rate(prompt_tokens + card.max_output_tokens)
                if pause := limiter.pause_left:
                    if time.monotonic() + pause >= until:
                        raise _unavailable(card, f"asked for a pause of {pause:.0f} s", pause)
                    await asyncio.sleep(pause)
                async with limiter.endpoint_slot() as waited:
                    until += waited
                    sent = await self._try(booking, target, payload, until)
                    if not isinstance(sent, float):
                        async with self._reading(booking, sent) as reply:
                            yield reply
                        return
                await asyncio.sleep(sent)

    async def _try(
        self, booking: Booking, target: _Target, payload: bytes, until: float
    ) -> aiohttp.ClientResponse | float:
        """One attempt: its reply, or the seconds to wait before the next one. Raises `ApiError` if there is none."""
        card = booking.card
        limiter, breaker = self._transport.gate(card)
        if not breaker.allow():
            raise _unavailable(card, "failed too often of late", card.limits.breaker_cooldown_s)
        booking.begin()
        try:
            body = _Body(payload, booking)
            http = await self._send(target, body, card.limits.attempt_timeout_s)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            breaker.record_failure()
            was_late = isinstance(error, TimeoutError) and booking.was_sent
            kind = FailureKind.TIMEOUT if was_late else FailureKind.CONNECTION
            booking.end(kind.value, billed=was_late)
            wait = self._backoff(card, booking.attempt)
            if self._may_retry(booking, wait, until):
                return wait
            log.warning("%s: %s", card.name, clean_message(f"{type(error).__name__}: {error}"))
            late = "did not answer in time" if was_late else "could not be reached"
            raise _broken(f"{card.name} {late}") from error
        except asyncio.CancelledError:
            booking.end(FailureKind.CANCELLED.value, billed=booking.was_sent)
            raise
        if http.status < 300:
            return http
        if http.status >= 500:
            breaker.record_failure()
        if http.status < 400:
            http.release()
            booking.end(FailureKind.BAD_REQUEST.value, billed=False)
            raise _broken(f"{card.name} is redirected; correct its base URL")
        asked = parse_retry_after(http.headers)
        if asked is not None and http.status == 429:
            limiter.pause(min(asked, MAX_PAUSE_S))
        wait = self._backoff(card, booking.attempt) if asked is None else asked
        if http.status not in _AGAIN or not self._may_retry(booking, wait, until):
            return http
        http.release()
        booking.end(_outcome(http.status), billed=False)
        return wait

    @asynccontextmanager
    async def _reading(
        self, booking: Booking, http: aiohttp.ClientResponse
    ) -> AsyncIterator[Upstream]:
        """A reply while it is read; booked when that has ended, however it ended."""
        _, breaker = self._transport.gate(booking.card)
        kept = {name: http.headers[name] for name in _KEPT_HEADERS if name in http.headers}
        try:
            yield Upstream(http.status, kept, http, booking)
            if http.status < 500:
                breaker.record_success()
        except (asyncio.CancelledError, GeneratorExit):
            booking.outcome = FailureKind.CANCELLED.value
            raise
        finally:
            http.release()
            is_reply = http.status < 400
            booking.end(booking.outcome if is_reply else _outcome(http.status), billed=is_reply)

    @staticmethod
    def _may_retry(booking: Booking, wait: float, until: float) -> bool:
        has_attempt = booking.attempt < booking.card.limits.max_attempts
        return has_attempt and time.monotonic() + wait < until

    async def _send(
        self, target: _Target, body: _Body, first_byte_s: float
    ) -> aiohttp.ClientResponse:
        """Post, and wait for the status; the body must follow within the deadline of the whole request."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),  # no cookie of one client reaches another
                timeout=_NO_TIMEOUT,
            )
        async with asyncio.timeout(first_byte_s):
            return await self._session.post(
                target.url,
                data=body,
                headers=target.headers,
                allow_redirects=False,
                timeout=target.timeout,
            )

    def _target(self, card: ModelCard | EmbedderCard, path: str) -> _Target:
        """Where requests to a model go; made once, since keys and cards do not change."""
        found = self._targets.get((card.name, path))
        if found is None:
            endpoint, key = self._transport.address(card)
            headers = {"content-type": "application/json", "accept-encoding": "identity"}
            headers |= endpoint.headers
            if key is not None:
                headers["authorization"] = f"Bearer {key}"
            found = self._targets[card.name, path] = _Target(
                yarl.URL(endpoint.base_url.rstrip("/") + path),
                multidict.CIMultiDict(headers),
                aiohttp.ClientTimeout(total=None, sock_connect=card.limits.connect_timeout_s),
            )
        return found

    def _backoff(self, card: ModelCard | EmbedderCard, attempt: int) -> float:
        ceiling = min(
            card.limits.backoff_max_s, card.limits.backoff_base_s * 2.0 ** min(attempt - 1, 30)
        )
        return self._jitter.uniform(0.0, ceiling)


def _outcome(status: int) -> str:
    if status == 429:
        return FailureKind.RATE_LIMITED.value
    if status in (401, 403):
        return FailureKind.UNAUTHORIZED.value
    return (FailureKind.SERVER_ERROR if status >= 500 else FailureKind.BAD_REQUEST).value


def _broken(message: str) -> ApiError:
    return ApiError(502, message, kind="upstream_error", code="upstream_failed")


def _unavailable(card: ModelCard | EmbedderCard, reason: str, wait_s: float) -> ApiError:
    return ApiError(
        503,
        f"{card.name} {reason} and is not called now",
        kind="upstream_error",
        code="model_unavailable",
        retry_after_s=wait_s,
    )


def usage_in(data: object) -> Usage | None:
    """The usage in a reply or in an event of a stream, of chats, completions and embeddings."""
    raw = data.get("usage") if isinstance(data, dict) else None
    if isinstance(raw, dict) and "completion_tokens" not in raw and "prompt_tokens" in raw:
        raw = {**raw, "completion_tokens": 0}  # embeddings
    usage = Usage.from_openai(raw)
    if usage is not None and max(usage.prompt, usage.completion) > _MOST_TOKENS:
        return None  # nobody reads or writes as much
    return usage


def estimated_usage(prompt_tokens: int, data: Mapping[str, Any] | None, body: bytes) -> Usage:
    """The usage of a whole reply that reports none: by its texts, or by its bytes if it is no completion.

    Args:
        prompt_tokens: estimated tokens of the request.
        data: the reply; None if it is no JSON object.
        body: its bytes.
    """
    choices = (data or {}).get("choices")
    texts = [
        json.dumps(choice.get("message") or choice.get("text"), ensure_ascii=False)
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
    ]
    written = estimate_tokens("".join(texts)) if texts else len(body) // 4
    return Usage(prompt_tokens, written, estimated=True)
