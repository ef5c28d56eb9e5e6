"""`router-r1 serve` as a process in front of the models of `moons.py`."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moons import answer
from serving import POLICY, agent_file

from router_r1.testing.loopback_server import LoopbackServer

_MAIN = "from router_r1.cli import main; main()"
_READY_WITHIN_S = 60.0


@dataclass
class GatewayProcess:
    """A gateway that runs, and the server of its models."""

    base_url: str
    """What a program is given, with `/v1`."""
    upstream: LoopbackServer

    @property
    def received(self) -> list[dict[str, Any]]:
        """The bodies that candidates were sent, in order."""
        bodies = [exchange.body for exchange in self.upstream.exchanges]
        return [body for body in bodies if body["model"] != POLICY]


@contextlib.contextmanager
def started(folder: Path) -> Iterator[GatewayProcess]:
    """Run the gateway.

    Args:
        folder: for its files, its log among them.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with LoopbackServer(answer) as upstream, (folder / "log").open("wb") as log:
        path = agent_file(folder, upstream.base_url, {})
        process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, "serve", str(path), "--port", str(port)],
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/ready", process, folder / "log")
            yield GatewayProcess(f"http://127.0.0.1:{port}/v1", upstream)
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _READY_WITHIN_S
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(url, timeout=5):
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def run(command: list[str], folder: Path, **variables: str) -> str:
    """Run a program and return what it wrote to standard output; fails with all that it wrote if it fails.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        variables: added to its environment.
    """
    environment = {**os.environ, **variables}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout
