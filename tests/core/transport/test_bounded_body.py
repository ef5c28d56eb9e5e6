"""Long, compressed and hostile bodies: bounded after decompression, and read without holding the event loop."""

import asyncio
import gc
import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from router_r1 import Failure, Ledger
from router_r1.ledger import LedgerEntry
from router_r1.pool import Account
from router_r1.testing import Exchange, LoopbackServer, Served, chat_events, chat_reply, usage
from router_r1.transport.bounded_body import MAX_BODY_BYTES

MIB = 2**20
GOOD = chat_reply("It is 4.", usage=usage(10, 5))
GOOD_USD = (10 * 3.0 + 5 * 15.0) / 1_000_000
LONGEST_GAP_S = 0.5
"""Processor time of the event loop's thread, in seconds. Unbounded, each of these takes seconds; the aim is 0.05 s, which
`scripts/bench/event_loop.py` measures by the clock, with the server in a process of its own."""


def deflate(data: bytes) -> bytes:
    """Without zlib's header, as some servers send it."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


COMPRESSED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "in capitals": ("GZIP", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", deflate),
    "two members": ("gzip", lambda b: gzip.compress(b[:20]) + gzip.compress(b[20:])),
    "many members": (
        "gzip",
        lambda b: b"".join(gzip.compress(b[i : i + 1]) for i in range(len(b))),
    ),
    "an empty member first": ("gzip", lambda b: gzip.compress(b"") + gzip.compress(b)),
    "something after the end": ("gzip", lambda b: gzip.compress(b) + b"\0" * 50),
    "gzip inside gzip": ("gzip, gzip", lambda b: gzip.compress(gzip.compress(b))),
    "gzip inside deflate": ("gzip, deflate", lambda b: zlib.compress(gzip.compress(b))),
    "identity": ("identity", bytes),
    "an encoding that is none": ("utf-8", bytes),
    "empty": ("", bytes),
}


@pytest.mark.parametrize("case", COMPRESSED)
async def test_a_server_may_compress_unasked(case, run_against):
    encoding, compress = COMPRESSED[case]
    body = compress(json.dumps(GOOD).encode())
    run, server = await run_against(Served(body, headers={"Content-Encoding": encoding}))
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert server.exchanges[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"\x0b\x02\x80{}\x03"),
        ("zstd", b"(\xb5/\xfd \x02\x11\0\0{}"),
        ("gzip", b"not gzip"),
        ("deflate", b"\xff\xff\xff"),
        ("gzip", gzip.compress(json.dumps(GOOD).encode())[:-20]),
        ("gzip, gzip, gzip, gzip, gzip, gzip", b""),
    ],
)
async def test_what_cannot_be_decompressed_is_malformed(encoding, body, run_against):
    run, _ = await run_against(Served(body, headers={"Content-Encoding": encoding}), max_attempts=1)
    assert [row[2] for row in run.rows] == ["malformed_reply"]


@pytest.mark.parametrize("charset", ["punycode", "idna", "zlib", "utf-7", "utf-16", "no-such"])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_is_utf_8_whatever_the_server_says(charset, status, run_against):
    body = json.dumps(GOOD).encode() if status == 200 else b'{"error": {"message": "caf\xc3\xa9"}}'
    served = Served(body, status, content_type=f"application/json; charset={charset}")
    run, _ = await run_against(served, max_attempts=1)
    if status == 200:
        assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    else:
        assert run.response.failure.detail == "HTTP 500: café"


# --- the event loop


class Ticker:
    """Notes the longest time for which the event loop ran nothing else."""

    longest_s = 0.0

    async def tick(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.longest_s = max(self.longest_s, now - last)
            last = now


@asynccontextmanager
async def ticking_after_first(pool) -> AsyncIterator[Ticker]:
    """Tick from the end of a first call on: that one imports the HTTP client.

    What other tests have left in this process is kept from the garbage collector, which would look through all of it
    when a body makes many objects: half a second, late in a run of all tests.
    """
    await pool.ask("a", "first?")
    gc.freeze()
    ticker = Ticker()
    task = asyncio.ensure_future(ticker.tick())
    try:
        yield ticker
    finally:
        task.cancel()
        gc.unfreeze()


def gzipped(body: bytes, **options) -> Served:
    return Served(gzip.compress(body, 1), headers={"Content-Encoding": "gzip"}, **options)


def twice(body: bytes) -> Served:
    body = gzip.compress(gzip.compress(body, 1), 1)
    return Served(body, headers={"Content-Encoding": "gzip, gzip"})


def events(body: bytes, status: int = 200) -> Served:
    return Served(body, status, content_type="text/event-stream")


SPACE = b" " * (MAX_BODY_BYTES + MIB)
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
HOSTILE: dict[str, Callable[[], Served]] = {
    "gzip bomb": lambda: gzipped(SPACE),
    "gzip bomb of a reply": lambda: gzipped(
        json.dumps(chat_reply("a" * 2 * MAX_BODY_BYTES)).encode()
    ),
    "gzip bomb in an error": lambda: gzipped(SPACE, status=500),
    "gzip bomb in a refusal": lambda: gzipped(SPACE, status=400),
    "gzip bomb as a stream": lambda: gzipped(b": " + SPACE, content_type="text/event-stream"),
    "deflate bomb": lambda: Served(zlib.compress(SPACE), headers={"Content-Encoding": "deflate"}),
    "bomb inside a bomb": lambda: twice(SPACE),
    "bomb of empty members": lambda: Served(
        gzip.compress(b"") * 50_000, headers={"Content-Encoding": "gzip"}
    ),
    "bomb of bombs": lambda: Served(
        gzip.compress(b"a" * MIB) * 80, headers={"Content-Encoding": "gzip"}
    ),
    "many lists": lambda: Served(b"[" + b"[]," * (3 * MIB) + b"[]]"),
    "many lists, within the limits": lambda: Served(b"[" + b"[]," * 200_000 + b"[]]"),
    "many objects": lambda: Served(b"[" + b'{"a":1},' * MIB + b"1]"),
    "many names": lambda: Served(json.dumps({str(n): 0 for n in range(400_000)}).encode()),
    "many numbers": lambda: Served(b"[" + b"1e9," * 450_000 + b"1]"),
    "many escapes": lambda: Served(b'"' + b"\\n" * 4 * MIB + b'"'),
    "a number of a million digits": lambda: Served(b'{"choices": ' + b"1" * MIB + b"}"),
    "deeply nested": lambda: Served(b'{"a":' * MIB),
    "an error of many lists": lambda: Served(b"[" + b"[]," * (3 * MIB) + b"[]]", 500),
    "one endless event": lambda: events(b"data: " + b"a" * 20 * MIB),
    "one event of many lines": lambda: events(b"data: a\n" * 300_000 + b"\n"),
    "tiny events": lambda: events(b"data:{}\n\n" * 30_000),
    "empty events": lambda: events(b"data:\n\n" * 100_000),
    "comments": lambda: events(b":\n" * 500_000),
    "blank lines": lambda: events(b": \n" + b"\n" * 2 * MIB),
    "one event of many lists": lambda: events(b"data: [" + b"[]," * 400_000 + b"1]\n\n"),
    "pieces without end": lambda: events(CHUNK * 20_000),
    "a long page": lambda: Served(b"<html>" + b"<p>" * 3 * MIB, content_type="text/html"),
}


async def ask_beside(pool, query: str) -> tuple[Failure | None, list[LedgerEntry]]:
    ledger = Ledger()
    response = await pool.ask("a", query, Account(ledger))
    return response.failure, list(ledger)


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_hostile_body_is_bounded_and_holds_nobody_up(stream, case, pool_at):
    hostile = HOSTILE[case]()

    def handler(exchange: Exchange) -> Served:
        if exchange.body["messages"][-1]["content"] == "hostile":
            return hostile
        return Served(events=chat_events("4", usage=usage(10, 5))) if stream else Served(GOOD)

    limits = {"max_attempts": 1, "attempt_timeout_s": 60, "deadline_s": 60, "stream": stream}
    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, **limits) as pool, ticking_after_first(pool) as ticker:
            (failure, rows), *honest = await asyncio.gather(
                ask_beside(pool, "hostile"), *(ask_beside(pool, f"{n}?") for n in range(10))
            )
    assert failure is not None and len(rows) == 1
    assert rows[0].cost_usd < 0.1
    assert all(failed is None for failed, _ in honest)
    assert ticker.longest_s < LONGEST_GAP_S, f"held for {ticker.longest_s:.3f} s"


@pytest.mark.parametrize("characters", ["word ", "a\n", "\u4e00", "a,[{", '"\\', '{"a": 1},'])
async def test_a_long_honest_answer_holds_nobody_up(characters, pool_at):
    text = characters * (MIB // len(characters))
    with LoopbackServer(lambda _: Served(chat_reply(text, usage=usage(10, 5)))) as server:
        async with pool_at(server.base_url) as pool, ticking_after_first(pool) as ticker:
            response = await pool.ask("a", "?")
    assert response.text == text
    assert ticker.longest_s < LONGEST_GAP_S, f"held for {ticker.longest_s:.3f} s"


async def test_a_flood_of_headers_is_malformed(pool_at, raw_server):
    head = b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 100_000 + b"\r\n"
    async with (
        raw_server(head, endless=b"X-B: b\r\n" * 1000) as server,
        pool_at(server.base_url, max_attempts=1) as pool,
    ):
        failure, rows = await ask_beside(pool, "?")
    assert failure.kind == "malformed_reply" and rows[0].cost_usd < 0.1
