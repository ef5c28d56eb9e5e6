"""One live call: attempts until there is an answer, a reason to give up, or no attempt left.

This is the only retry layer; the SDK below runs with `max_retries=0`. Every call takes these steps, in this order:

    queue          a concurrency slot of the model, held until the call ends
    rate           requests and tokens per minute, and any `Retry-After` the endpoint sent; waits, never fails
    endpoint       a concurrency slot of the endpoint, held while a request is out: a model that waits does not keep
                   the other models of its endpoint from being called
    breaker        a model that kept failing is not called until it has cooled down
    attempt        one request with its own time-out, within the deadline of the call; hedged if configured, when a
                   slot and the rates allow a second request at that moment
    back-off       `Retry-After`, or exponential with full jitter
                   (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)

An attempt counts as billed if it was answered, or if it broke off after the request was sent (time-out, reset,
cancellation, unreadable body), because the provider may have charged for it; tokens that the server did not report, or
that cannot be true, are estimated and marked so. Not billed are failed connections, HTTP errors, and errors inside HTTP
200 before which the model had written nothing. A request that is sent again without a refused parameter, or on a new
connection because the kept one had died, is part of the same attempt.

Server errors, connection failures, time-outs and broken streams open the circuit. A 429 does not: an endpoint that
asks for fewer requests is not down.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from router_r1.ledger import Cause
from router_r1.model_cards import ModelSpec
from router_r1.token_prices import Usage
from router_r1.transport.attempt_result import AttemptResult
from router_r1.transport.circuit_breaker import CircuitBreaker
from router_r1.transport.messages import Attempt, Failure, FailureKind, OnAttempt, Request, Response
from router_r1.transport.rate_limiter import RateLimiter
from router_r1.transport.refused_parameters import Dialect
from router_r1.transport.reply_parsing import PartialReply

if TYPE_CHECKING:
    import openai

log = logging.getLogger("router_r1.transport.live_call")

BREAKER_FAILURES = frozenset(
    {
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.DEADLINE,
        FailureKind.STREAM_CUT,
    }
)
"""Failures that count towards opening the circuit."""
MAX_PAUSE_S = 3600.0
"""The longest pause that one `Retry-After` can impose on later calls."""


@dataclass
class LiveCall:
    """One call to one model; `run` it once."""

    card: ModelSpec
    request: Request
    client: openai.AsyncOpenAI
    limiter: RateLimiter
    breaker: CircuitBreaker
    dialect: Dialect
    on_attempt: OnAttempt
    jitter: random.Random
    sent: int = 0
    """Requests sent so far."""
    usage: Usage = Usage()
    """Tokens of the attempts so far."""
    deadline: float = 0.0
    """Time on the monotonic clock; set when the call leaves the queue."""

    async def run(self) -> Response:
        """Carry out the call; never raises for a failure of the model or the network."""
        began = time.monotonic()
        async with self.limiter.call_slot():
            self.deadline = time.monotonic() + self.card.limits.deadline_s
            response = await self._retry_until_answered()
        return replace(
            response,
            usage=self.usage,
            attempts=self.sent,
            latency_s=time.monotonic() - began,
        )

    async def _retry_until_answered(self) -> Response:
        limits = self.card.limits
        last: Response | None = None
        for number in range(1, limits.max_attempts + 1):
            result = await self._try_once(number)
            if isinstance(result, Response):
                return last or result
            last = result.response
            if last.failure is None:
                return last
            wait = self._backoff(result, number)
            if result.retry_after_s is not None:
                self.limiter.pause(min(result.retry_after_s, MAX_PAUSE_S))
            out_of_time = time.monotonic() + wait >= self.deadline
            if not result.retriable or self.sent >= limits.max_attempts or out_of_time:
                return last
            log.info(
                "%s: %s in attempt %d of %d; retrying in %.2f s",
                self.card.name,
                last.failure.kind.value,
                self.sent,
                limits.max_attempts,
                wait,
            )
            await asyncio.sleep(wait)
        assert last is not None, "max_attempts is at least 1"
        return last

    async def _try_once(self, number: int) -> AttemptResult | Response:
        """One attempt, hedged if configured; or a response that says why nothing was sent."""
        limits = self.card.limits
        tokens = self.request.prompt_tokens_estimate + self.card.max_output_tokens
        if self.breaker.is_open:
            return self._circuit_open()
        # Waiting in a queue does not count against the deadline; waiting because the endpoint asked for it does.
        self.deadline += await self.limiter.wait_for_rate(tokens)
        while True:
            if (refusal := await self._wait_for_pause()) is not None:
                return refusal
            async with self.limiter.endpoint_slot() as waited:
                self.deadline += waited
                if self.limiter.pause_left:
                    continue  # the endpoint asked for it while this call waited for its slot
                if time.monotonic() >= self.deadline:
                    detail = f"no answer in {limits.deadline_s:g} s"
                    return Response(failure=Failure(FailureKind.DEADLINE, detail))
                if not self.breaker.allow():
                    return self._circuit_open()
                hedged = limits.max_attempts > 1 and limits.hedge_after_s is not None
                # Of two attempts at once, only one could tell its text.
                if number == 1 and hedged and self.request.on_text is None:
                    assert limits.hedge_after_s is not None
                    return await self._hedged_attempt(limits.hedge_after_s, tokens)
                return await self._attempt(Cause.FIRST if number == 1 else Cause.RETRY)

    def _circuit_open(self) -> Response:
        detail = f"{self.card.name} failed too often recently; it is called again after a cool-down"
        return Response(failure=Failure(FailureKind.CIRCUIT_OPEN, detail))

    async def _wait_for_pause(self) -> Response | None:
        """Wait while the endpoint has asked for a pause; a failure if the pause outlasts the deadline."""
        while pause := self.limiter.pause_left:
            if time.monotonic() + pause >= self.deadline:
                detail = (
                    f"{self.card.name} asked for a pause of {pause:.0f} s, longer than the deadline"
                )
                return Response(failure=Failure(FailureKind.RATE_LIMITED, detail))
            await asyncio.sleep(pause)
        return None

    def _backoff(self, result: AttemptResult, number: int) -> float:
        """Seconds to wait after attempt `number`."""
        if result.retry_after_s is not None:
            return result.retry_after_s
        limits = self.card.limits
        ceiling = min(limits.backoff_max_s, limits.backoff_base_s * 2.0 ** min(number - 1, 30))
        return self.jitter.uniform(0.0, ceiling)

    async def _hedged_attempt(self, after_s: float, tokens: int) -> AttemptResult:
        """The first attempt, and a second beside it if the first is slow; the first answer wins."""
        async with AsyncExitStack() as slots:
            tasks = [asyncio.ensure_future(self._attempt(Cause.FIRST))]
            try:
                done, _ = await asyncio.wait(tasks, timeout=after_s)
                if not done and await slots.enter_async_context(self.limiter.hedge_slot(tokens)):
                    tasks.append(asyncio.ensure_future(self._attempt(Cause.HEDGE)))
                best: AttemptResult | None = None
                pending = set(tasks)
                while pending and (best is None or not best.response.ok):
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        if best is None or (task.result().response.ok and not best.response.ok):
                            best = task.result()
                assert best is not None, "at least one task was waited for"
                return best
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, cause: Cause) -> AttemptResult:
        """Send one request and report it, however it ends."""
        from router_r1.transport import http

        self.sent += 1
        number, started_at, clock = self.sent, time.time(), time.monotonic()
        limits = self.card.limits
        left = self.deadline - clock
        partial = PartialReply(self.request)
        result: AttemptResult | None = None
        try:
            result = await http.send(
                self.client,
                partial,
                limits,
                self.dialect,
                allowed_s=min(limits.attempt_timeout_s, left),
                timeout_kind=FailureKind.TIMEOUT
                if limits.attempt_timeout_s <= left
                else FailureKind.DEADLINE,
            )
            return result
        finally:
            if result is None:
                # Cancelled; the request had probably been sent.
                usage, outcome, billed = partial.billable_usage, FailureKind.CANCELLED.value, True
            else:
                usage, billed = result.response.usage, result.billed
                failure = result.response.failure
                outcome = failure.kind.value if failure else "ok"
                if failure is not None and failure.kind in BREAKER_FAILURES:
                    self.breaker.record_failure()
                else:
                    self.breaker.record_success()
            self.usage += usage
            latency = time.monotonic() - clock
            self.on_attempt(
                Attempt(number, cause, outcome, usage, billed, "live", started_at, latency)
            )
