"""Policies, pools and a server that do what a script says: for your tests, ours, and for trying things without a key.

    policy = ScriptedPolicy(['<think>?</think><route model="a">2+2</route>', "<think>!</think><answer>4</answer>"])
    pool = ScriptedPool({"a": "It is 4."})
    assert RouterAgent(policy=policy, pool=pool).ask("What is 2+2?").answer == "4"

`LoopbackServer` is a real OpenAI-compatible HTTP server on 127.0.0.1 whose every reply, fault and delay is a
Python function's; nothing here is patched or mocked.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

from router_r1.episode import Episode
from router_r1.errors import PolicyError
from router_r1.ledger import Cause
from router_r1.model_cards import ModelCard, ModelSpec
from router_r1.policies.base import WrittenTurn
from router_r1.pool import Account, ModelPool, new_call_id
from router_r1.pricing import Price, Usage, estimate_tokens
from router_r1.transport.messages import Attempt, Failure, Request
from router_r1.transport.simulated import Reply, SimulatedTransport

Script = str | Failure | Sequence[str | Failure] | Callable[[str], Reply | Awaitable[Reply]]


class ScriptedPolicy:
    """Writes given turns, the same ones for every episode; or whatever a function of the episode says."""

    def __init__(
        self,
        turns: Sequence[str] | Callable[[Episode], str],
        *,
        name: str = "scripted",
        price: Price | None = None,
    ) -> None:
        self.name = name
        self.price = price
        self._turns = turns

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """The next turn of the script. Raises `PolicyError` at its end."""
        number = len(episode.turns)
        if callable(self._turns):
            text = self._turns(episode)
        elif number < len(self._turns):
            text = self._turns[number]
        else:
            raise PolicyError(
                f"{self.name}: the script has {len(self._turns)} turns and the episode asks for another"
            )
        prompt = sum(estimate_tokens(message["content"]) for message in episode.messages)
        usage = Usage(prompt, estimate_tokens(text), estimated=True)
        attempt = Attempt(1, Cause.FIRST, "ok", usage, False, "simulated", 0.0, 0.0)
        cost = account.book(self.name, new_call_id(), attempt, self.price)
        return WrittenTurn(text, tokens=usage.completion, cost_usd=cost)

    def check(self) -> None:
        """Always ready."""

    async def aclose(self) -> None:
        """Nothing to release."""


class ScriptedPool(ModelPool):
    """Candidates that say what a script says.

    A script is one reply for ever, a list of replies (the last one stays), or a function of the query. A `Failure`
    in place of a reply is a failed call. Requests are kept in `asked`, as (model, query).
    """

    def __init__(
        self,
        scripts: Mapping[str, Script],
        *,
        price: Price | None = None,
        cards: Sequence[ModelCard] | None = None,
    ) -> None:
        """
        Args:
            scripts: what each candidate says.
            price: of every candidate; one dollar per million tokens, in and out, by default.
            cards: the candidates' cards, where more than a name and a price matters.
        """
        self.asked: list[tuple[str, str]] = []
        self._scripts = dict(scripts)
        self._position: dict[str, int] = {}
        price = price or Price(input=1.0, output=1.0)
        super().__init__(
            cards or [ModelCard(name=name, price=price) for name in scripts],
            transport=SimulatedTransport(self._reply),
            source="scripted pool",
        )

    def _reply(self, card: ModelSpec, request: Request) -> Reply | Awaitable[Reply]:
        query = request.messages[-1]["content"]
        self.asked.append((card.name, query))
        script = self._scripts[card.name]
        if callable(script):
            return script(query)
        if isinstance(script, (str, Failure)):
            return script
        position = self._position.get(card.name, 0)
        self._position[card.name] = position + 1
        return script[min(position, len(script) - 1)]


# --- a server


@dataclass
class Exchange:
    """One request that a `LoopbackServer` got."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    """Names in lower case."""
    number: int
    """Counts the requests, from 0."""
    cancelled: bool = False
    """True once the client left before the reply was finished."""


@dataclass(frozen=True)
class Served:
    """What a `LoopbackServer` sends back. `body` is sent as it is; `chat_reply` makes a proper one."""

    body: bytes | Mapping[str, Any] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    """Seconds before the status line is sent."""
    cut_after: int | None = None
    """Reset the connection after this many bytes of the body."""
    events: Sequence[Mapping[str, Any] | str] | None = None
    """Server-sent events instead of a body; `[DONE]` is not added."""
    event_delay_s: float = 0.0


Handler = Callable[[Exchange], Served | Awaitable[Served]]


def chat_reply(
    text: str | None,
    *,
    usage: Mapping[str, Any] | None = None,
    model: str = "loopback",
    finish: str = "stop",
) -> dict[str, Any]:
    """A well-formed chat completion. `usage=None` leaves the usage out, as some servers do."""
    reply: dict[str, Any] = {
        "id": "loopback",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        ],
    }
    return reply if usage is None else reply | {"usage": dict(usage)}


def chat_events(
    text: str, *, usage: Mapping[str, Any] | None = None, finish: str | None = "stop"
) -> list[Mapping[str, Any] | str]:
    """The same as server-sent events, a word each; without a finish reason the stream looks cut short."""
    events: list[Mapping[str, Any] | str] = [
        {"choices": [{"index": 0, "delta": {"content": word + " "}, "finish_reason": None}]}
        for word in text.split()
    ]
    if finish is not None:
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if usage is not None:
            events.append({"choices": [], "usage": dict(usage)})
        events.append("[DONE]")
    return events


def usage(prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """A usage object as providers send it."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


class LoopbackServer:
    """An HTTP server on 127.0.0.1, in a thread of its own, that answers with what `handler` returns.

    Use it as a context manager; `base_url` is what a pool or policy wants. `exchanges` lists what was asked.
    """

    def __init__(self, handler: Handler) -> None:
        self.exchanges: list[Exchange] = []
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: Any = None
        self.base_url = ""
        self.in_flight = 0
        self.most_in_flight = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(30)

    async def _start(self) -> None:
        from aiohttp import web

        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._serve)
        # handler_cancellation: a client that leaves cancels the handler, as a good gateway does.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}/v1"

    async def _serve(self, http: Any) -> Any:
        raw = await http.read()
        exchange = Exchange(
            http.path,
            json.loads(raw) if raw else {},
            {k.lower(): v for k, v in http.headers.items()},
            len(self.exchanges),
        )
        self.exchanges.append(exchange)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            served = self._handler(exchange)
            if not isinstance(served, Served):
                served = await served
            return await self._send(http, served)
        except (asyncio.CancelledError, ConnectionError):
            exchange.cancelled = True
            raise
        finally:
            self.in_flight -= 1

    async def _send(self, http: Any, served: Served) -> Any:
        from aiohttp import web

        await asyncio.sleep(served.delay_s)
        body = served.body if isinstance(served.body, bytes) else json.dumps(served.body).encode()
        if served.events is None and served.cut_after is None:
            response = web.Response(status=served.status, body=body, headers=dict(served.headers))
            response.headers["Content-Type"] = served.content_type
            return response
        stream = web.StreamResponse(status=served.status, headers=dict(served.headers))
        if served.events is None:
            stream.content_length = len(body)
            stream.content_type = served.content_type
            await stream.prepare(http)
            await stream.write(body[: served.cut_after])
            await asyncio.sleep(0.05)  # let the bytes leave before the reset
            http.transport.abort()
            return stream
        stream.content_type = "text/event-stream"
        await stream.prepare(http)
        for event in served.events:
            await asyncio.sleep(served.event_delay_s)
            data = event if isinstance(event, str) else json.dumps(event)
            await stream.write(f"data: {data}\n\n".encode())
        await stream.write_eof()
        return stream
