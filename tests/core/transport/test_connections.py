"""Kept connections that have died: a request on one is sent once more, unseen; on a new connection it is a failure."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from router_r1 import Ledger
from router_r1.pool import Account
from router_r1.testing import chat_events, chat_reply, usage

BODY = json.dumps(chat_reply("4", usage=usage(10, 5))).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
STREAMED = "".join(
    f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
    for event in chat_events("4", usage=usage(10, 5))
).encode()
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b" % (
    len(STREAMED),
    STREAMED,
)


@dataclass
class DroppingServer:
    """Answers so many requests on each connection, and then drops it when the next request has come."""

    base_url: str = ""
    requests: int = 0
    connections: list[int] = field(default_factory=list)
    """Requests that came on each connection."""


@asynccontextmanager
async def dropping(
    answered: int = 1, *, reset: bool = False, last: bytes = b"", reply: bytes = REPLY
) -> AsyncIterator[DroppingServer]:
    """
    Args:
        answered: requests that are answered on each connection.
        reset: end the connection with a reset instead of an orderly close.
        last: what is sent in answer to the request that is not answered.
        reply: the answer to the others.
    """
    server = DroppingServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections.append(0)
        number = len(server.connections) - 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                server.requests += 1
                server.connections[number] += 1
                if server.connections[number] > answered:
                    break
                writer.write(reply)
                await writer.drain()
            writer.write(last)
            await writer.drain()
            if reset:
                await asyncio.sleep(0.05)
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listening.close()


async def ask(pool, times: int = 1) -> list[tuple[str, bool]]:
    """Ask one after the other; the outcome and billing of every ledger row."""
    ledger = Ledger()
    for number in range(times):
        await pool.ask("a", f"{number}?", Account(ledger))
    return [(row.outcome, row.billed) for row in ledger]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("answered", [1, 3])
async def test_a_request_on_a_connection_that_died_is_sent_again_unseen(
    answered, reset, stream, pool_at
):
    async with (
        dropping(answered, reset=reset, reply=STREAM if stream else REPLY) as server,
        pool_at(server.base_url, max_attempts=1, breaker_failures=1, stream=stream) as pool,
    ):
        assert await ask(pool, 20) == [("ok", True)] * 20
    assert server.requests > 20  # so many died


async def test_many_calls_at_once_survive_that_all_kept_connections_died(pool_at):
    async with (
        dropping(1) as server,
        pool_at(server.base_url, max_attempts=1, breaker_failures=1) as pool,
    ):
        for _ in range(3):
            ledger = Ledger()
            calls = (pool.ask("a", f"{n}?", Account(ledger)) for n in range(10))
            assert all(response.ok for response in await asyncio.gather(*calls))
            assert [row.outcome for row in ledger] == ["ok"] * 10


@pytest.mark.parametrize("reset", [False, True])
async def test_on_a_new_connection_it_is_a_failure(reset, pool_at):
    async with dropping(0, reset=reset) as server, pool_at(server.base_url) as pool:
        assert await ask(pool) == [("connection", True)] * 2
    assert server.requests == 2


async def test_it_is_sent_again_once(pool_at):
    async with dropping(1) as server:
        async with pool_at(server.base_url, max_attempts=1) as pool:
            assert await ask(pool) == [("ok", True)]
            server_dropping_all = server.connections
            assert await ask(pool) == [("ok", True)]
        assert server_dropping_all == [2, 1]


@pytest.mark.parametrize("last", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Len"])
async def test_once_a_byte_of_the_reply_came_it_is_a_failure(last, pool_at):
    async with (
        dropping(1, last=last) as server,
        pool_at(server.base_url, max_attempts=1) as pool,
    ):
        rows = await ask(pool, 2)
    assert rows[0] == ("ok", True)
    assert rows[1][0] in ("connection", "malformed_reply") and rows[1][1]
    assert server.requests == 2


async def test_a_server_that_closes_every_connection_costs_no_second_request(pool_at):
    closing = REPLY.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n", 1)
    async with (
        dropping(1, reply=closing) as server,
        pool_at(server.base_url, max_attempts=1) as pool,
    ):
        assert await ask(pool, 5) == [("ok", True)] * 5
    assert server.requests == 5


async def test_the_connection_of_a_stream_is_kept(pool_at):
    async with (
        dropping(99, reply=STREAM) as server,
        pool_at(server.base_url, stream=True) as pool,
    ):
        assert await ask(pool, 5) == [("ok", True)] * 5
    assert server.connections == [5]
