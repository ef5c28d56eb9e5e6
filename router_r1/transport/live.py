"""The live transport: OpenAI-compatible endpoints over HTTP, for candidates, policies and aggregators alike.

This is the one retry layer; the SDK below runs with `max_retries=0`. For every call, in this order:

    queue          a concurrency slot of the candidate, held until the call ends
    rate           requests and tokens per minute, and any `Retry-After` the endpoint sent; waits, never fails
    endpoint       a concurrency slot of the endpoint, held while a request is out: a candidate that waits does not
                   keep the others of its endpoint from being called
    breaker        a candidate that kept failing is not called until it has cooled down
    attempt        one request under its own time-out, inside the call's deadline; optionally hedged, when a slot
                   and the rate have room for a second request at that moment
    back-off       `Retry-After`, or exponential with full jitter

What counts as billed: an answer, and everything that broke off after the request was on its way (time-out, reset,
cancelled, unreadable body), because the provider may have charged for it; then tokens are estimated and say so. HTTP
errors and connections that never came about are not billed.

A 429 never opens the circuit: an endpoint that says "slower" is not down. Only server errors, connection failures,
time-outs and broken streams do.

Not covered: the HTTP request itself (`http.py`), what a call costs (`pool.call_and_book`), keeping answers
(`record.py`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from router_r1.errors import ConfigError
from router_r1.ledger import Cause
from router_r1.model_cards import Endpoint, ModelSpec
from router_r1.pricing import Usage
from router_r1.transport.circuit_breaker import Breaker
from router_r1.transport.credentials import read_key
from router_r1.transport.messages import Attempt, Failure, FailureKind, OnAttempt, Request, Response
from router_r1.transport.rate_limits import Gate

if TYPE_CHECKING:
    import openai

    from router_r1.transport.http import Outcome

log = logging.getLogger("router_r1.transport.live")

FEEDS_BREAKER = frozenset(
    {
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.DEADLINE,
        FailureKind.STREAM_CUT,
    }
)
MAX_PAUSE_S = 3600.0
"""The longest pause that one `Retry-After` can impose on later calls."""


@dataclass
class _LoopState:
    """What belongs to one event loop: connections and queues can not be shared between loops."""

    clients: dict[str, openai.AsyncOpenAI] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    endpoint_slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)


class LiveTransport:
    """Calls candidates at their endpoints. Safe to use from several event loops; one client for each."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        *,
        source: str = "pool",
        section: str = "endpoints.",
        env: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            endpoints: servers by name.
            source: what to call the configuration in error messages.
            section: where in it the endpoints are.
            env: where keys are looked up, at the time of the first call; `os.environ` by default.
        """
        self._endpoints = dict(endpoints)
        self._source = source
        self._section = section
        self._env = os.environ if env is None else env
        self._loops: dict[asyncio.AbstractEventLoop, _LoopState] = {}
        self._breakers: dict[str, Breaker] = {}
        self._jitter = random.Random()

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Raise `ConfigError` for a candidate without an endpoint, or whose key is not set."""
        for card in cards:
            name, endpoint = self._endpoint(card)
            self._key(name, endpoint)

    def _endpoint(self, card: ModelSpec) -> tuple[str, Endpoint]:
        name = card.endpoint
        if name is None or name not in self._endpoints:
            raise ConfigError(
                f"{self._source}: candidate {card.name!r} has no endpoint and can not be called; "
                f"name one, or replay or simulate this pool"
            )
        return name, self._endpoints[name]

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Carry out one request with everything the module docstring lists."""
        name, endpoint = self._endpoint(card)
        state, client = self._connected(name, endpoint)
        if request.encode:
            return await self._encode(client, card, endpoint.base_url, request)
        if card.name not in state.gates:
            if endpoint.max_concurrency and name not in state.endpoint_slots:
                state.endpoint_slots[name] = asyncio.Semaphore(endpoint.max_concurrency)
            state.gates[card.name] = Gate(card.limits, state.endpoint_slots.get(name))
        if card.name not in self._breakers:
            limits = card.limits
            self._breakers[card.name] = Breaker(limits.breaker_failures, limits.breaker_cooldown_s)
        call = _Call(
            card=card,
            request=request,
            client=client,
            gate=state.gates[card.name],
            breaker=self._breakers[card.name],
            on_attempt=on_attempt,
            jitter=self._jitter,
        )
        return await call.run()

    def _connected(self, name: str, endpoint: Endpoint) -> tuple[_LoopState, openai.AsyncOpenAI]:
        """The running loop's state, and its client of an endpoint."""
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            # Loops that ended without aclose(), as asyncio.run() does: nobody can use their connections any more.
            # Other threads may be doing the same, or adding their own.
            for ended in [each for each in list(self._loops) if each.is_closed()]:
                self._loops.pop(ended, None)
        state = self._loops.setdefault(loop, _LoopState())
        if name not in state.clients:
            state.clients[name] = self._connect(name, endpoint)
        return state, state.clients[name]

    def _connect(self, name: str, endpoint: Endpoint) -> openai.AsyncOpenAI:
        from router_r1.transport import http

        return http.connect(endpoint, self._key(name, endpoint))

    def _key(self, name: str, endpoint: Endpoint) -> str | None:
        return read_key(endpoint, f"{self._source}: {self._section}{name}", self._env)

    async def _encode(
        self, client: openai.AsyncOpenAI, card: ModelSpec, base_url: str, request: Request
    ) -> Response:
        """Token ids from the server's `/tokenize`, a route of vLLM and others beside the OpenAI ones; asked once."""
        from router_r1.transport import http

        text: dict[str, Any] = (
            {"messages": list(request.messages), "add_generation_prompt": True}
            if request.messages
            else {"prompt": request.prompt, "add_special_tokens": False}
        )
        url = base_url.removesuffix("/v1") + "/tokenize"
        try:
            answer = await http.fetch_json(
                client, url, {"model": request.model} | text, card.limits
            )
        except ConnectionError as error:
            return Response(failure=Failure(FailureKind.CONNECTION, str(error)))
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
            detail = f"{url}: expected a list of token ids"
            return Response(failure=Failure(FailureKind.MALFORMED_REPLY, detail))
        return Response(token_ids=tuple(tokens))

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        state = self._loops.pop(asyncio.get_running_loop(), None)
        for client in state.clients.values() if state else ():
            await client.close()


@dataclass
class _Call:
    """One call: attempts until there is an answer, a reason to give up, or no attempt left."""

    card: ModelSpec
    request: Request
    client: openai.AsyncOpenAI
    gate: Gate
    breaker: Breaker
    on_attempt: OnAttempt
    jitter: random.Random
    sent: int = 0
    usage: Usage = Usage()
    deadline: float = 0.0

    async def run(self) -> Response:
        began = time.monotonic()
        async with self.gate.slot():
            self.deadline = time.monotonic() + self.card.limits.deadline_s
            response = await self._until_answered()
        return replace(
            response,
            usage=self.usage,
            attempts=self.sent,
            latency_s=time.monotonic() - began,
        )

    async def _until_answered(self) -> Response:
        limits = self.card.limits
        last: Response | None = None
        for number in range(1, limits.max_attempts + 1):
            outcome = await self._try_once(number)
            if isinstance(outcome, Response):
                return last or outcome
            last = outcome.response
            if last.failure is None:
                return last
            wait = self._wait_after(outcome, number)
            if outcome.retry_after_s is not None:
                self.gate.pause(min(outcome.retry_after_s, MAX_PAUSE_S))
            out_of_time = time.monotonic() + wait >= self.deadline
            if not outcome.retriable or self.sent >= limits.max_attempts or out_of_time:
                return last
            log.info(
                "%s: %s, attempt %d of %d; again in %.2f s",
                self.card.name,
                last.failure.kind.value,
                self.sent,
                limits.max_attempts,
                wait,
            )
            await asyncio.sleep(wait)
        assert last is not None, "max_attempts is at least 1"
        return last

    async def _try_once(self, number: int) -> Outcome | Response:
        """One attempt, with its hedge; or a response that says why nothing was sent."""
        limits = self.card.limits
        tokens = self.request.prompt_tokens_estimate + self.card.max_output_tokens
        if self.breaker.refuses:
            return self._circuit_open()
        # Waiting in a queue does not count against the deadline; waiting because the server asked for it does.
        self.deadline += await self.gate.rate(tokens)
        while True:
            if (refused := await self._wait_out_pause()) is not None:
                return refused
            async with self.gate.endpoint_slot() as waited:
                self.deadline += waited
                if self.gate.pause_left:
                    continue  # asked for while this call waited for its slot
                if time.monotonic() >= self.deadline:
                    detail = f"no answer in {limits.deadline_s:g} s"
                    return Response(failure=Failure(FailureKind.DEADLINE, detail))
                if not self.breaker.allow():
                    return self._circuit_open()
                if number == 1 and limits.max_attempts > 1 and limits.hedge_after_s is not None:
                    return await self._hedged(limits.hedge_after_s, tokens)
                return await self._attempt(Cause.FIRST if number == 1 else Cause.RETRY)

    def _circuit_open(self) -> Response:
        detail = f"{self.card.name} failed too often of late and is not called for a while"
        return Response(failure=Failure(FailureKind.CIRCUIT_OPEN, detail))

    async def _wait_out_pause(self) -> Response | None:
        """Wait while the candidate has asked for a pause; a failure when that outlasts the deadline."""
        while pause := self.gate.pause_left:
            if time.monotonic() + pause >= self.deadline:
                detail = (
                    f"{self.card.name} asked for a pause of {pause:.0f} s, longer than the deadline"
                )
                return Response(failure=Failure(FailureKind.RATE_LIMITED, detail))
            await asyncio.sleep(pause)
        return None

    def _wait_after(self, outcome: Outcome, number: int) -> float:
        if outcome.retry_after_s is not None:
            return outcome.retry_after_s
        limits = self.card.limits
        ceiling = min(limits.backoff_max_s, limits.backoff_base_s * 2.0 ** min(number - 1, 30))
        return self.jitter.uniform(0.0, ceiling)

    async def _hedged(self, after_s: float, tokens: int) -> Outcome:
        """The first attempt, and a second beside it when the first is slow; the first answer wins."""
        async with AsyncExitStack() as places:
            tasks = [asyncio.ensure_future(self._attempt(Cause.FIRST))]
            try:
                done, _ = await asyncio.wait(tasks, timeout=after_s)
                if not done and await places.enter_async_context(self.gate.spare_slot(tokens)):
                    tasks.append(asyncio.ensure_future(self._attempt(Cause.HEDGE)))
                outcome: Outcome | None = None
                pending = set(tasks)
                while pending and (outcome is None or not outcome.response.ok):
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        if outcome is None or (
                            task.result().response.ok and not outcome.response.ok
                        ):
                            outcome = task.result()
                assert outcome is not None, "at least one task was waited for"
                return outcome
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, cause: Cause) -> Outcome:
        """Send one request and book it, whatever becomes of it."""
        from router_r1.transport import http

        self.sent += 1
        number, started_at, clock = self.sent, time.time(), time.monotonic()
        limits = self.card.limits
        left = self.deadline - clock
        received = http.Received(self.request)
        outcome: Outcome | None = None
        try:
            outcome = await http.send(
                self.client,
                received,
                limits,
                allowed_s=min(limits.attempt_timeout_s, left),
                late=FailureKind.TIMEOUT
                if limits.attempt_timeout_s <= left
                else FailureKind.DEADLINE,
            )
            return outcome
        finally:
            if outcome is None:
                # Cancelled: the request was probably on its way.
                usage, kind, billed = received.used, FailureKind.CANCELLED.value, True
            else:
                usage, billed = outcome.response.usage, outcome.billed
                failure = outcome.response.failure
                kind = failure.kind.value if failure else "ok"
                if failure is not None and failure.kind in FEEDS_BREAKER:
                    self.breaker.failed()
                else:
                    self.breaker.succeeded()
            self.usage += usage
            latency = time.monotonic() - clock
            self.on_attempt(
                Attempt(number, cause, kind, usage, billed, "live", started_at, latency)
            )
