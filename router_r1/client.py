"""The live transport: OpenAI-compatible endpoints over HTTP, for candidates, policies and aggregators alike.

This is the one retry layer; the SDK below runs with `max_retries=0`. For every call, in this order:

    queue          concurrency slots of the candidate and its endpoint, held until the call ends
    breaker        a candidate that kept failing is not called until it has cooled down
    rate           requests and tokens per minute, and any `Retry-After` the endpoint sent; waits, never fails
    attempt        one request under its own time-out, inside the call's deadline; optionally hedged
    back-off       `Retry-After`, or exponential with full jitter

What counts as billed: an answer, and everything that broke off after the request was on its way (time-out, reset,
cancelled, unreadable body), because the provider may have charged for it; then tokens are estimated and say so. HTTP
errors and refused connections are not billed.

A 429 never opens the circuit: an endpoint that says "slower" is not down. Only server errors, connection failures,
time-outs and broken streams do.

Not covered: what a call costs (`pool.call_and_book`), keeping answers (`record.py`).
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import os
import random
import re
import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from router_r1.errors import ConfigError
from router_r1.gate import Breaker, Gate
from router_r1.ledger import Cause, Usage, estimate_tokens
from router_r1.pool import Endpoint, ModelSpec
from router_r1.transport import Attempt, Failure, FailureKind, OnAttempt, Request, Response

if TYPE_CHECKING:
    import openai

log = logging.getLogger("router_r1.client")

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
FEEDS_BREAKER = frozenset(
    {
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.STREAM_CUT,
    }
)
_OVERFLOW_PHRASES = (
    "context length",
    "context_length",
    "context window",
    "maximum context",
    "too many tokens",
    "prompt is too long",
)
_KEY_LIKE = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|pk|key|nvapi|hf|gsk)[-_][\w*-]{8,})")


def read_key(endpoint: Endpoint, name: str, source: str, env: Mapping[str, str]) -> str | None:
    """The key of an endpoint from the environment. Raises `ConfigError` when the variable is not set."""
    if endpoint.api_key_env is None:
        return None
    key = env.get(endpoint.api_key_env, "").strip()
    if not key:
        raise ConfigError(
            f"{source}: endpoints.{name}.api_key_env: the environment variable {endpoint.api_key_env} is not set; "
            f"export it, or remove api_key_env for a server without keys"
        )
    return key


def redact(text: str, keys: Iterable[str]) -> str:
    """Remove known keys, and what looks like a key, from text that came from outside."""
    return _KEY_LIKE.sub("[key]", _remove_keys(text, keys))


def _remove_keys(text: str, keys: Iterable[str]) -> str:
    for key in keys:
        text = text.replace(key, "[key]")
    return text


@dataclass
class _LoopState:
    """What belongs to one event loop: connections and queues can not be shared between loops."""

    clients: dict[str, openai.AsyncOpenAI] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    endpoint_slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)


@dataclass
class _Outcome:
    """What one attempt came to."""

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
        usage: Usage = Usage(),
        status: int | None = None,
        billed: bool = False,
        retry_after_s: float | None = None,
        retriable: bool | None = None,
    ) -> _Outcome:
        response = Response(failure=Failure(kind, detail, status), usage=usage)
        retriable = kind in RETRIABLE if retriable is None else retriable
        return cls(response, billed, retry_after_s, retriable)


class LiveTransport:
    """Calls candidates at their endpoints. Safe to use from several event loops; one client for each."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        *,
        source: str = "pool",
        env: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            endpoints: servers by name.
            source: what to call the configuration in error messages.
            env: where keys are looked up, at the time of the first call; `os.environ` by default.
        """
        self._endpoints = dict(endpoints)
        self._source = source
        self._env = os.environ if env is None else env
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopState] = (
            weakref.WeakKeyDictionary()
        )
        self._breakers: dict[str, Breaker] = {}
        self._keys: set[str] = set()
        self._jitter = random.Random()

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Raise `ConfigError` for a candidate without an endpoint, or whose key is not set."""
        for card in cards:
            name, endpoint = self._endpoint(card)
            read_key(endpoint, name, self._source, self._env)

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
        state = self._loops.setdefault(asyncio.get_running_loop(), _LoopState())
        if name not in state.clients:
            state.clients[name] = self._connect(name, endpoint)
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
            client=state.clients[name],
            gate=state.gates[card.name],
            breaker=self._breakers[card.name],
            on_attempt=on_attempt,
            keys=self._keys,
            jitter=self._jitter,
        )
        return await call.run()

    def _connect(self, name: str, endpoint: Endpoint) -> openai.AsyncOpenAI:
        import openai

        key = read_key(endpoint, name, self._source, self._env)
        if key is not None:
            self._keys.add(key)
        return openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=key or "none",
            max_retries=0,
            default_headers=endpoint.headers,
            # aiohttp underneath: its cost per call does not grow with the number of open connections.
            http_client=openai.DefaultAioHttpClient(),
        )

    async def post(self, card: ModelSpec, path: str, body: Mapping[str, Any]) -> Any:
        """Post to another route of the card's server and return its JSON, once, without retries or billing.

        For routes that generate nothing (`/tokenize`). `path` begins at the server's root, not at the API's.

        Raises:
            ConnectionError: the route does not exist or did not answer with JSON.
        """
        import openai

        name, endpoint = self._endpoint(card)
        state = self._loops.setdefault(asyncio.get_running_loop(), _LoopState())
        if name not in state.clients:
            state.clients[name] = self._connect(name, endpoint)
        url = endpoint.base_url.removesuffix("/v1") + path
        try:
            return await state.clients[name].post(url, cast_to=object, body=dict(body))
        except openai.OpenAIError as error:
            raise ConnectionError(f"{url}: {redact(str(error), self._keys)}") from None

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
    keys: set[str]
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
            if self.sent >= limits.max_attempts:
                break
            if not self.breaker.allow():
                detail = f"{self.card.name} failed too often of late and is not called for a while"
                return last or Response(failure=Failure(FailureKind.CIRCUIT_OPEN, detail))
            if (refused := await self._wait_for_rate()) is not None:
                return last or refused
            hedge = limits.hedge_after_s if number == 1 and limits.max_attempts > 1 else None
            outcome = await (self._attempt(self._cause()) if hedge is None else self._hedged(hedge))
            last = outcome.response
            if last.failure is None:
                return last
            wait = self._wait_after(outcome, number)
            if outcome.retry_after_s is not None:
                self.gate.pause(outcome.retry_after_s)
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

    def _cause(self) -> Cause:
        return Cause.FIRST if self.sent == 0 else Cause.RETRY

    async def _wait_for_rate(self) -> Response | None:
        """Wait until the candidate may be called; a failure when its own pause outlasts the deadline."""
        estimate = self.request.prompt_tokens_estimate + self.card.max_output_tokens
        self.deadline += await self.gate.rate(estimate)
        while pause := self.gate.pause_left:
            if time.monotonic() + pause >= self.deadline:
                detail = (
                    f"{self.card.name} asked for a pause of {pause:.0f} s, longer than the deadline"
                )
                return Response(failure=Failure(FailureKind.RATE_LIMITED, detail))
            await asyncio.sleep(pause)
        return None

    def _wait_after(self, outcome: _Outcome, number: int) -> float:
        if outcome.retry_after_s is not None:
            return outcome.retry_after_s
        limits = self.card.limits
        ceiling = min(limits.backoff_max_s, limits.backoff_base_s * 2.0 ** min(number - 1, 30))
        return self.jitter.uniform(0.0, ceiling)

    async def _hedged(self, after_s: float) -> _Outcome:
        """The first attempt, and a second beside it when the first is slow; the first answer wins."""
        tasks = [asyncio.ensure_future(self._attempt(Cause.FIRST))]
        try:
            done, _ = await asyncio.wait(tasks, timeout=after_s)
            if not done:
                tasks.append(asyncio.ensure_future(self._attempt(Cause.HEDGE)))
            outcome: _Outcome | None = None
            pending = set(tasks)
            while pending and (outcome is None or not outcome.response.ok):
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if outcome is None or task.result().response.ok:
                        outcome = task.result()
            assert outcome is not None, "at least one task was waited for"
            return outcome
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, cause: Cause) -> _Outcome:
        """Send one request and book it, whatever becomes of it."""
        self.sent += 1
        number, started_at, clock = self.sent, time.time(), time.monotonic()
        partial: list[str] = []
        outcome: _Outcome | None = None
        try:
            outcome = await self._send(partial)
            return outcome
        finally:
            # Also when cancelled: then there is no outcome, and the request was probably on its way.
            if outcome is None:
                usage, kind, billed = self._estimate(partial), FailureKind.CANCELLED.value, True
            else:
                usage, billed = outcome.response.usage, outcome.billed
                failure = outcome.response.failure
                kind = failure.kind.value if failure else "ok"
                (
                    self.breaker.failed
                    if failure and failure.kind in FEEDS_BREAKER
                    else self.breaker.succeeded
                )()
            self.usage += usage
            latency = time.monotonic() - clock
            self.on_attempt(
                Attempt(number, cause, kind, usage, billed, "live", started_at, latency)
            )

    def _estimate(self, partial: list[str]) -> Usage:
        completion = estimate_tokens("".join(partial))
        return Usage(self.request.prompt_tokens_estimate, completion, estimated=True)

    async def _send(self, partial: list[str]) -> _Outcome:
        """One HTTP request; every way it can go wrong becomes a typed failure."""
        import httpx2
        import openai

        limits = self.card.limits
        left = self.deadline - time.monotonic()
        allowed = min(limits.attempt_timeout_s, left)
        if allowed <= 0:
            return _Outcome.failed(
                FailureKind.DEADLINE, f"no answer in {limits.deadline_s:g} s", retriable=False
            )
        kind = FailureKind.TIMEOUT if limits.attempt_timeout_s <= left else FailureKind.DEADLINE
        try:
            async with asyncio.timeout(allowed):
                read = self._read_stream if limits.stream else self._read_whole
                return await read(partial)
        except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
            if isinstance(error.__cause__, httpx2.ConnectTimeout):
                return _Outcome.failed(FailureKind.CONNECTION, "could not connect in time")
            detail = f"no answer in {allowed:.3g} s"
            return _Outcome.failed(kind, detail, usage=self._estimate(partial), billed=True)
        except openai.APIStatusError as error:
            return self._status_failure(error)
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
            detail = redact(f"{type(cause).__name__}: {cause}", self.keys)
            if isinstance(cause, httpx2.ConnectError):
                return _Outcome.failed(FailureKind.CONNECTION, detail)
            cut = FailureKind.STREAM_CUT if partial else FailureKind.CONNECTION
            return _Outcome.failed(cut, detail, usage=self._estimate(partial), billed=True)
        except openai.APIError as error:  # an error object inside a stream
            detail = redact(str(error), self.keys)
            usage = self._estimate(partial)
            return _Outcome.failed(FailureKind.SERVER_ERROR, detail, usage=usage, billed=True)

    def _status_failure(self, error: openai.APIStatusError) -> _Outcome:
        status = error.status_code
        detail = redact(f"HTTP {status}: {error.message}", self.keys)[:500]
        text = str(error.message).lower()
        if status in (408, 409, 425, 429):
            kind = FailureKind.RATE_LIMITED if status == 429 else FailureKind.SERVER_ERROR
        elif status >= 500:
            kind = FailureKind.SERVER_ERROR
        elif status in (401, 403):
            kind = FailureKind.UNAUTHORIZED
        elif any(phrase in text for phrase in _OVERFLOW_PHRASES):
            kind = FailureKind.CONTEXT_OVERFLOW
        else:
            kind = FailureKind.BAD_REQUEST
        retry_after = retry_after_s(error.response.headers) if kind in RETRIABLE else None
        return _Outcome.failed(kind, detail, status=status, retry_after_s=retry_after)

    def _body(self) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {"model": self.request.model, **self.request.sampling}
        if self.request.messages:
            return "/chat/completions", body | {"messages": list(self.request.messages)}
        prompt = self.request.prompt
        return "/completions", body | {
            "prompt": list(prompt) if isinstance(prompt, tuple) else prompt
        }

    @property
    def _timeout(self) -> Any:
        import httpx2

        # The attempt's time-out is asyncio's; a read time-out here would cut the longest answers by another clock.
        return httpx2.Timeout(None, connect=self.card.limits.connect_timeout_s)

    async def _read_whole(self, partial: list[str]) -> _Outcome:
        import httpx2

        path, body = self._body()
        http = await self.client.post(
            path, cast_to=httpx2.Response, body=body, options={"timeout": self._timeout}
        )
        content_type = http.headers.get("content-type", "")
        try:
            data = json.loads(http.content)
        except (ValueError, RecursionError):
            detail = f"expected JSON, got {content_type or 'no content type'} of {len(http.content)} bytes"
            return self._malformed(detail, http.text[:4000])
        return self._read_reply(data)

    def _malformed(self, detail: str, body: str = "", usage: Usage | None = None) -> _Outcome:
        """A reply that is no completion: paid for, as far as anyone can tell."""
        return _Outcome.failed(
            FailureKind.MALFORMED_REPLY, detail, usage=usage or self._estimate([body]), billed=True
        )

    def _read_reply(self, data: object) -> _Outcome:
        if not isinstance(data, dict):
            return self._malformed(f"expected a JSON object, got a {type(data).__name__}")
        usage = Usage.from_openai(data.get("usage"))
        choices = data.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            error = redact(
                json.dumps(data.get("error", "no choices in the reply"))[:300], self.keys
            )
            return self._malformed(error, usage=usage)
        if self.request.messages:
            message = choice.get("message")
            text = message.get("content") if isinstance(message, dict) else None
        else:
            text = choice.get("text")
        if text is not None and not isinstance(text, str):
            return self._malformed(f"expected text, got a {type(text).__name__}", usage=usage)
        logprobs = choice.get("logprobs")
        return self._answered(
            text or "",
            usage,
            choice.get("finish_reason"),
            data.get("model"),
            token_ids=_numbers(choice.get("token_ids"), int),
            logprobs=_numbers(logprobs.get("token_logprobs"), float)
            if isinstance(logprobs, dict)
            else None,
        )

    def _answered(
        self, text: str, usage: Usage | None, finish_reason: object, model: object, **extra: Any
    ) -> _Outcome:
        usage = usage or self._estimate([text])
        finish = finish_reason if isinstance(finish_reason, str) else None
        if not text.strip() and not extra.get("token_ids"):
            # Sampling again can not help when the limit was spent on hidden reasoning, or a filter said no.
            final = finish in ("length", "content_filter")
            return _Outcome.failed(
                FailureKind.EMPTY_REPLY,
                f"an empty answer (finish reason: {finish})",
                usage=usage,
                billed=True,
                retriable=not final,
            )
        return _Outcome(
            Response(
                text=_remove_keys(text, self.keys),
                usage=usage,
                finish_reason=finish,
                served_by=model if isinstance(model, str) else None,
                **extra,
            )
        )

    async def _read_stream(self, partial: list[str]) -> _Outcome:
        import openai

        path, body = self._body()
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        began = time.monotonic()
        first_token_s: float | None = None
        usage: Usage | None = None
        finish: object = None
        model: object = None
        stream = await self.client.post(
            path,
            cast_to=object,
            body=body,
            options={"timeout": self._timeout},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        async with stream:
            try:
                async for event in stream:
                    if not isinstance(event, dict):
                        return self._malformed(
                            f"expected a JSON object in the stream, got a {type(event).__name__}"
                        )
                    model = event.get("model") or model
                    usage = Usage.from_openai(event.get("usage")) or usage
                    choices = event.get("choices")
                    choice = choices[0] if isinstance(choices, list) and choices else None
                    if not isinstance(choice, dict):
                        continue
                    finish = choice.get("finish_reason") or finish
                    delta = choice.get("delta")
                    piece = delta.get("content") if isinstance(delta, dict) else choice.get("text")
                    if isinstance(piece, str) and piece:
                        if first_token_s is None:
                            first_token_s = time.monotonic() - began
                        partial.append(piece)
            except (json.JSONDecodeError, RecursionError):
                return self._malformed(
                    "an event of the stream is not JSON", "".join(partial), usage
                )
        if finish is None:
            detail = "the stream ended before the answer did"
            return _Outcome.failed(
                FailureKind.STREAM_CUT, detail, usage=usage or self._estimate(partial), billed=True
            )
        return self._answered("".join(partial), usage, finish, model, first_token_s=first_token_s)


def _numbers(value: object, kind: type[Any]) -> tuple[Any, ...] | None:
    if not isinstance(value, list) or not all(isinstance(v, (int, float)) for v in value):
        return None
    return tuple(kind(v) for v in value)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds, or an HTTP date); None when absent or unreadable."""
    milliseconds = headers.get("retry-after-ms")
    value = headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000.0)
        if value is None:
            return None
        return max(0.0, float(value))
    except ValueError:
        pass
    parsed = email.utils.parsedate_tz(value or "")
    return None if parsed is None else max(0.0, email.utils.mktime_tz(parsed) - time.time())
