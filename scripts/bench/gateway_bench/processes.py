"""The programs of the benchmark: upstream and gateways, and what they cost."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import yaml

HERE = Path(__file__).parent
_ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Program:
    """A process with its children; stopped at the end of its block."""

    def __init__(self, name: str, command: list[str], url: str, ready: str, log: Path) -> None:
        self.name, self.url = name, url
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file, env=_ENV)
        self._wait(ready)

    def cpu_s(self) -> float:
        """Seconds of processor time so far, children included."""
        root = psutil.Process(self._process.pid)
        times = [each.cpu_times() for each in (root, *root.children(recursive=True))]
        return float(sum(t.user + t.system for t in times))

    def memory_mib(self) -> float:
        """Resident MiB, children included."""
        root = psutil.Process(self._process.pid)
        found = (each.memory_info().rss for each in (root, *root.children(recursive=True)))
        return float(sum(found)) / 2**20

    def _wait(self, path: str) -> None:
        until = time.monotonic() + 120
        while True:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(self.url + path, timeout=5),
            ):
                return
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{self.name} did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()


def counts(url: str) -> dict[str, Any]:
    """What the upstream has served."""
    with urllib.request.urlopen(f"{url}/counts", timeout=10) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


@contextlib.contextmanager
def upstream(folder: Path, fault_share: float = 0.0) -> Iterator[Program]:
    """The upstream."""
    port = free_port()
    command = [sys.executable, str(HERE / "upstream.py"), str(port), str(fault_share)]
    program = Program(
        "upstream", command, f"http://127.0.0.1:{port}", "/counts", folder / "upstream.log"
    )
    try:
        yield program
    finally:
        program.stop()


@contextlib.contextmanager
def router_r1(folder: Path, base: str) -> Iterator[Program]:
    """This gateway, one worker, with receipts."""
    folder.mkdir(exist_ok=True)
    limits = {"max_concurrency": 2000, "max_attempts": 1, "breaker_failures": 10**9}
    card = {"name": "mock", "endpoint": "up", "price": {"input": 1, "output": 2}, "limits": limits}
    pool = {"endpoints": {"up": {"base_url": f"{base}/v1"}}, "candidates": [card]}
    policy = {
        "kind": "openai",
        "base_url": f"{base}/v1",
        "model": "policy",
        "price": {"input": 1, "output": 2},
    }
    policy["limits"] = {"max_concurrency": 2000}
    agent = {"pool": "pool.yaml", "policy": policy, "style": "full", "limits": {"max_rounds": 3}}
    (folder / "pool.yaml").write_text(yaml.safe_dump(pool))
    (folder / "agent.yaml").write_text(yaml.safe_dump(agent))
    port = free_port()
    main = "from router_r1.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        main,
        "serve",
        str(folder / "agent.yaml"),
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    program = Program("router-r1", command, f"http://127.0.0.1:{port}", "/ready", folder / "log")
    try:
        yield program
    finally:
        program.stop()


@contextlib.contextmanager
def litellm(folder: Path, base: str, environment: Path) -> Iterator[Program]:
    """The LiteLLM proxy, one worker, no database, no callbacks."""
    folder.mkdir(exist_ok=True)
    model = {"model": "openai/mock", "api_base": f"{base}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "mock", "litellm_params": model}],
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        str(environment / "bin" / "litellm"), "--config", str(folder / "config.yaml"), "--host", "127.0.0.1",
        "--port", str(port), "--num_workers", "1",
    ]  # fmt: skip
    program = Program(
        "LiteLLM", command, f"http://127.0.0.1:{port}", "/health/liveliness", folder / "log"
    )
    try:
        yield program
    finally:
        program.stop()
