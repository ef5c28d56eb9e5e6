"""The live transport: OpenAI-compatible endpoints over HTTP, for candidates, policies and aggregators alike.

`LiveTransport` holds what outlives a call: connections, limiters, circuit breakers and what endpoints refuse.
`live_call.py` runs one call (queues, attempts, retries, hedges), `http.py` makes the HTTP request, `pool.call_and_book`
books the cost, and `record_replay.py` keeps the answers.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from router_r1.errors import ConfigError
from router_r1.model_cards import Endpoint, ModelSpec
from router_r1.transport.circuit_breaker import CircuitBreaker
from router_r1.transport.credentials import read_key
from router_r1.transport.live_call import LiveCall
from router_r1.transport.messages import Failure, FailureKind, OnAttempt, Request, Response
from router_r1.transport.rate_limiter import RateLimiter
from router_r1.transport.refused_parameters import Dialect

if TYPE_CHECKING:
    import openai


@dataclass
class _LoopState:
    """What belongs to one event loop, because connections and queues cannot be shared between loops."""

    clients: dict[str, openai.AsyncOpenAI] = field(default_factory=dict)
    limiters: dict[str, RateLimiter] = field(default_factory=dict)
    endpoint_slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)


class LiveTransport:
    """Calls models at their endpoints. Safe to use from several event loops; each has its own clients."""

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
            source: name of the configuration in error messages.
            section: prefix of the endpoints' names in the configuration, for error messages.
            env: where keys are looked up, at the first call; `os.environ` by default.
        """
        self._endpoints = dict(endpoints)
        self._source = source
        self._section = section
        self._env = os.environ if env is None else env
        self._loops: dict[asyncio.AbstractEventLoop, _LoopState] = {}
        self._breakers: dict[str, CircuitBreaker] = {}
        self._dialects = {name: Dialect(name) for name in self._endpoints}
        self._jitter = random.Random()

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Raise `ConfigError` for a model that has no endpoint, or whose key is not set."""
        for card in cards:
            name, endpoint = self._endpoint(card)
            self._key(name, endpoint)

    def _endpoint(self, card: ModelSpec) -> tuple[str, Endpoint]:
        name = card.endpoint
        if name is None or name not in self._endpoints:
            raise ConfigError(
                f"{self._source}: candidate {card.name!r} has no endpoint and cannot be called; "
                f"name one, or replay or simulate this pool"
            )
        return name, self._endpoints[name]

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Carry out one request within the limits of the model; see `live_call.py` for the steps.

        Args:
            card: the model to call, with its limits.
            request: what to send.
            on_attempt: called with every attempt the moment it ends.

        Raises:
            ConfigError: the model has no endpoint, or its key is not set.
        """
        name, endpoint = self._endpoint(card)
        state = self._state()
        if name not in state.clients:
            state.clients[name] = self._connect(name, endpoint)
        client = state.clients[name]
        if request.encode:
            return await self._encode(client, card, endpoint.base_url, request)
        limiter, breaker = self.gate(card)
        call = LiveCall(
            card=card,
            request=request,
            client=client,
            limiter=limiter,
            breaker=breaker,
            dialect=self._dialects[name],
            on_attempt=on_attempt,
            jitter=self._jitter,
        )
        return await call.run()

    def gate(self, card: ModelSpec) -> tuple[RateLimiter, CircuitBreaker]:
        """What every request to a model passes, whoever sends it: its limits on the running loop, and its breaker."""
        name, endpoint = self._endpoint(card)
        state = self._state()
        if card.name not in state.limiters:
            if endpoint.max_concurrency and name not in state.endpoint_slots:
                state.endpoint_slots[name] = asyncio.Semaphore(endpoint.max_concurrency)
            state.limiters[card.name] = RateLimiter(card.limits, state.endpoint_slots.get(name))
        if card.name not in self._breakers:
            limits = card.limits
            self._breakers[card.name] = CircuitBreaker(
                limits.breaker_failures, limits.breaker_cooldown_s
            )
        return state.limiters[card.name], self._breakers[card.name]

    def address(self, card: ModelSpec) -> tuple[Endpoint, str | None]:
        """The endpoint of a model, and its key; None for a server without keys.

        Raises:
            ConfigError: the model has no endpoint, or its key is not set.
        """
        name, endpoint = self._endpoint(card)
        return endpoint, self._key(name, endpoint)

    def _state(self) -> _LoopState:
        """The state of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            # Drop loops that ended without aclose(), as asyncio.run() leaves them: their connections are unusable.
            # Other threads may be doing the same, or adding their own, hence the copy and the default.
            for ended in [each for each in list(self._loops) if each.is_closed()]:
                self._loops.pop(ended, None)
        return self._loops.setdefault(loop, _LoopState())

    def _connect(self, name: str, endpoint: Endpoint) -> openai.AsyncOpenAI:
        from router_r1.transport import connections

        return connections.connect(endpoint, self._key(name, endpoint))

    def _key(self, name: str, endpoint: Endpoint) -> str | None:
        return read_key(endpoint, f"{self._source}: {self._section}{name}", self._env)

    async def _encode(
        self, client: openai.AsyncOpenAI, card: ModelSpec, base_url: str, request: Request
    ) -> Response:
        """Token ids from the server's `/tokenize`, a route that vLLM and others add to the OpenAI ones; one attempt."""
        from router_r1.transport import http

        text: dict[str, Any] = (
            {"messages": list(request.messages), "add_generation_prompt": True}
            if request.messages
            else {"prompt": request.prompt, "add_special_tokens": False}
        )
        url = base_url.removesuffix("/v1") + "/tokenize"
        try:
            reply = await http.fetch_json(
                client, url, {"model": request.model} | text | dict(request.sampling), card.limits
            )
        except ConnectionError as error:
            return Response(failure=Failure(FailureKind.CONNECTION, str(error)))
        tokens = reply.get("tokens") if isinstance(reply, dict) else None
        if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
            detail = f"{url}: expected a list of token ids"
            return Response(failure=Failure(FailureKind.MALFORMED_REPLY, detail))
        return Response(token_ids=tuple(tokens))

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        state = self._loops.pop(asyncio.get_running_loop(), None)
        for client in state.clients.values() if state else ():
            await client.close()
