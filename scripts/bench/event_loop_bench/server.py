"""The server of the benchmark, in a process of its own: it sends the reply whose name is the model of the request."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from event_loop_bench.bodies import REPLIES

COMMAND = Path(__file__).parents[1] / "event_loop.py"


async def _reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        request = json.loads(await reader.readexactly(int(length[1]) if length else 0))
        reply = REPLIES[request["model"]]
        kind = "text/event-stream" if reply.streamed else "application/json"
        coding = "Content-Encoding: gzip\r\n" if reply.gzip else ""
        writer.write(
            f"HTTP/1.1 {reply.status} Sent\r\nContent-Type: {kind}\r\n{coding}Connection: close\r\n\r\n".encode()
        )
        for piece in reply.body():
            for start in range(0, len(piece), 2**18):
                writer.write(piece[start : start + 2**18])
                await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client has seen enough
    finally:
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_reply, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def serve() -> None:
    """Serve until standard input closes; prints the base URL."""
    asyncio.run(_serve())


@contextmanager
def server_process() -> Iterator[str]:
    """Run `serve` in another process for the duration of the context; gives its base URL."""
    command = [sys.executable, str(COMMAND), "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None, "opened with a pipe"
        base_url = process.stdout.readline().strip()
        if not base_url.startswith("http"):
            raise SystemExit("event_loop.py: the server process did not start; its error is above")
        yield base_url
