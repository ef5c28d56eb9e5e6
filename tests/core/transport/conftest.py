"""Fixtures for tests against a real server on this machine: pools, whole episodes, broken servers, recordings."""

import asyncio
import math
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from router_r1 import Failure, FailureKind, Price, Request, Response, RouterAgent
from router_r1.ledger import Role
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import ModelPool
from router_r1.testing import Exchange, LoopbackServer, ScriptedPolicy, Served, chat_reply, usage
from router_r1.trace import Trace
from router_r1.transport.record_store import Record

PRICE = Price(input=3.0, output=15.0)
QUICK = {
    "max_attempts": 2,
    "attempt_timeout_s": 5,
    "deadline_s": 10,
    "backoff_base_s": 0.01,
    "backoff_max_s": 0.01,
}


@pytest.fixture
def pool_at():
    """Make a pool of models at one server, `a` by default, with quick retries unless `limits` say otherwise."""

    def make(base_url: str, *names: str, endpoint: dict | None = None, **limits) -> ModelPool:
        cards = [
            ModelCard(
                name=name, endpoint="server", price=PRICE, limits=CallLimits(**(QUICK | limits))
            )
            for name in names or ("a",)
        ]
        return ModelPool(cards, {"server": Endpoint(base_url=base_url, **(endpoint or {}))})

    return make


@pytest.fixture
def wait_until():
    """Wait until a condition holds; returns whether it does."""

    async def wait(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        give_up = time.monotonic() + seconds
        while not condition() and time.monotonic() < give_up:
            await asyncio.sleep(0.01)
        return condition()

    return wait


# --- whole episodes


@dataclass
class EpisodeRun:
    """One episode that routed to the model of a pool in every round but the last, and then answered."""

    rows: list[tuple[int, str, str, bool, float | None]]
    """Ledger rows of the model: attempt, cause, outcome, billed, dollars."""
    observations: list[str]
    trace: Trace
    seconds: float

    @property
    def response(self) -> Response:
        """The first response."""
        return self.trace.turns[0].outcomes[0].response


@pytest.fixture
def run_episode():
    """Run an episode against a pool of one model, and check what must hold whatever the fault."""

    async def run(pool: ModelPool, *, rounds: int = 1, traces=None) -> EpisodeRun:
        (name,) = pool.names
        route = f'<think>?</think><route model="{name}">What is 2+2?</route>'
        policy = ScriptedPolicy([*[route] * rounds, "<think>!</think><answer>4</answer>"])
        agent = RouterAgent(policy=policy, pool=pool, max_rounds=rounds, traces=traces)
        began = time.monotonic()
        result = await agent.aask("What is two and two?")
        seconds = time.monotonic() - began
        await agent.aclose()

        assert (result.stop_reason, result.answer, result.rounds) == ("answered", "4", rounds)
        candidate = [row for row in result.ledger if row.role is Role.CANDIDATE]
        responses = [turn.outcomes[0].response for turn in result.trace.turns[:rounds]]
        assert len(candidate) == sum(response.attempts for response in responses)
        for response in responses:
            if response.ok:
                assert response.failure is None and response.text
            else:
                assert response.failure.detail and "\n" not in response.failure.detail
        assert result.cost_usd == math.fsum(row.cost_usd for row in candidate)
        assert sum(response.cost_usd for response in responses) == pytest.approx(result.cost_usd)
        read_back = Trace.from_json(result.trace.to_json())
        assert (read_back.turns, read_back.ledger) == (result.trace.turns, result.trace.ledger)
        assert read_back.replay().turns == result.trace.turns
        return EpisodeRun(
            [(row.attempt, row.cause, row.outcome, row.billed, row.cost_usd) for row in candidate],
            [turn.observation for turn in result.trace.turns[:rounds]],
            result.trace,
            seconds,
        )

    return run


@pytest.fixture
def run_against(pool_at, run_episode):
    """Run an episode against a server that gives one reply to every request; returns the run and the server."""

    async def run(served: Served, **limits) -> tuple[EpisodeRun, LoopbackServer]:
        with LoopbackServer(lambda _: served) as server:
            return await run_episode(pool_at(server.base_url, **limits)), server

    return run


@pytest.fixture
def both_attempts():
    """The ledger rows of a first attempt and a retry that met the same fault."""

    def rows(outcome: str, billed: bool, cost_usd: float):
        return [
            (1, "first", outcome, billed, cost_usd),
            (2, "retry", outcome, billed, cost_usd),
        ]

    return rows


# --- a server that breaks the protocol below HTTP


@dataclass
class RawServer:
    """A server that sends given bytes."""

    base_url: str
    requests: list[bytes] = field(default_factory=list)


@pytest.fixture
def raw_server():
    """Answer every request with these bytes, then close (or reset) the connection, or keep sending without end."""

    @asynccontextmanager
    async def serve(
        reply: bytes, *, reset: bool = False, endless: bytes = b""
    ) -> AsyncIterator[RawServer]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                server.requests.append(head + await reader.readexactly(length))
                writer.write(reply)
                await writer.drain()
                while endless:
                    writer.write(endless)
                    await writer.drain()
                    await asyncio.sleep(0)  # let the client, on the same event loop, read
                if reset:
                    await asyncio.sleep(0.05)  # let the bytes leave before the reset
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, linger
                    )
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        listening = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        server = RawServer(f"http://127.0.0.1:{port}/v1")
        try:
            yield server
        finally:
            listening.close()
            await listening.wait_closed()

    return serve


# --- recordings


@pytest.fixture
def numbered():
    """A handler of a `LoopbackServer` that gives a different answer to each request."""

    def handler(exchange: Exchange) -> Served:
        answer = f"answer {exchange.number}"
        return Served(chat_reply(answer, usage=usage(10 + exchange.number, 5)))

    return handler


@pytest.fixture
def make_request():
    """Make a chat request to the model `a`."""

    def make(text: str) -> Request:
        return Request("a", ({"role": "user", "content": text},))

    return make


@pytest.fixture
def make_record():
    """Make a record of an answer, or of a time-out if the text is None."""

    def make(text: str | None, created_at: float = 1.0) -> Record:
        failure = None if text is not None else Failure(FailureKind.TIMEOUT, "late")
        return Record(Response(text=text or "", failure=failure), (), created_at)

    return make


@pytest.fixture
async def store(tmp_path: Path, pool_at, numbered) -> Path:
    """A record store that holds the answer of `a` to "2+2?" and nothing else."""
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            await pool.ask("a", "2+2?")
    return tmp_path / "store"
