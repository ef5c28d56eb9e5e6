"""The loopback server, in a process of its own so that it takes no time from the drivers' interpreter."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rollout_bench.workload import read_query
from router_r1 import testing

COMMAND = Path(__file__).parents[1] / "rollout.py"


def serve(rate: float | None) -> None:
    """Serve until standard input closes.

    Prints the base URL, then one line of JSON with figures for each line that it reads.

    Args:
        rate: calls that the server starts per second; None: no limit.
    """
    free_at = 0.0

    async def reply(exchange: testing.Exchange) -> testing.Served:
        nonlocal free_at
        latency_s, text = read_query(exchange.body["messages"][-1]["content"])
        if rate is not None:  # a turnstile: each call takes 1 / rate seconds to pass
            free_at = max(time.monotonic(), free_at) + 1.0 / rate
            await asyncio.sleep(free_at - time.monotonic())
        return testing.Served(
            testing.chat_reply(text, usage=testing.usage(40, 8)), delay_s=latency_s
        )

    # Ctrl-C reaches both processes; the parent reports it.
    with suppress(KeyboardInterrupt), testing.LoopbackServer(reply) as server:
        print(server.base_url, flush=True)
        for _ in sys.stdin:
            figures = {
                "calls": len(server.exchanges),
                "most_in_flight": server.most_in_flight,
                "cpu_s": time.process_time(),
            }
            server.exchanges.clear()
            server.most_in_flight = 0
            print(json.dumps(figures), flush=True)


class ServerProcess:
    """The benchmark's side of the pipe to the server process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.base_url = self._read()
        if not self.base_url.startswith("http"):
            raise SystemExit("rollout.py: the server process did not start; its error is above")

    def _read(self) -> str:
        assert self._process.stdout is not None, "opened with a pipe"
        return self._process.stdout.readline().strip()

    def figures(self) -> dict[str, Any]:
        """Calls and most calls in flight since the last call of this method, and CPU seconds since the start."""
        assert self._process.stdin is not None, "opened with a pipe"
        print(file=self._process.stdin, flush=True)
        figures: dict[str, Any] = json.loads(self._read())
        return figures


@contextmanager
def server_process(rate: float | None) -> Iterator[ServerProcess]:
    """Run `serve` in another process for the duration of the context."""
    command = [sys.executable, str(COMMAND), "--serve"]
    if rate is not None:
        command += ["--rate", str(rate)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield ServerProcess(process)
