"""`router-r1 serve` as a process: workers, reload, shutdown, and a worker that is killed."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import yaml
from serving import LARGE, QUESTION, SMALL, agent_file, route_then_adopt

from router_r1.serve.access.admission_sqlite import SqliteAdmission
from router_r1.serve.access.keys import Key, KeyLimits, KeyStore
from router_r1.serve.receipts import ReceiptStore
from router_r1.testing.loopback_server import (
    Exchange,
    LoopbackServer,
    Served,
    chat_events,
    chat_reply,
    usage,
)

MAIN = "from router_r1.cli import main; main()"
BODY: dict[str, Any] = {"model": SMALL, "messages": [{"role": "user", "content": QUESTION}]}


class Program:
    """The program, and the port it listens on."""

    def __init__(self, *arguments: str, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", MAIN, "serve", *arguments, "--port", str(self.port)],
                stderr=file,
                stdout=file,
            )

    def wait_until(self, is_so: Callable[[], bool], within_s: float = 30.0) -> None:
        until = time.monotonic() + within_s
        while not is_so():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}/ready", timeout=5).status_code == 200
        return False

    def ask(self, **changes: Any) -> httpx2.Response:
        return httpx2.post(f"{self.url}/v1/chat/completions", json=BODY | changes, timeout=30)

    def version(self) -> str:
        return str(httpx2.get(f"{self.url}/ready", timeout=5).json()["version"])


@contextlib.contextmanager
def started(*arguments: str, log: Path) -> Iterator[Program]:
    program = Program(*arguments, log=log)
    try:
        program.wait_until(program.is_ready)
        yield program
    finally:
        program.process.terminate()
        program.process.wait(30)


@pytest.fixture
def upstream() -> Iterator[LoopbackServer]:
    with LoopbackServer(route_then_adopt(chat_reply("612 km", usage=usage(3, 4)))) as server:
        yield server


def test_a_reload_changes_the_gateway_and_a_broken_file_does_not(
    tmp_path: Path, upstream: LoopbackServer
) -> None:
    path = agent_file(tmp_path, upstream.base_url, {})
    good = path.read_text()
    with started(str(path), log=tmp_path / "log") as program:
        first = program.version()
        path.write_text("policy: [")
        program.process.send_signal(signal.SIGHUP)
        program.wait_until(lambda: "not reloaded" in program.log.read_text())
        assert program.ask().json()["choices"][0]["message"]["content"] == "612 km"
        pool = yaml.safe_load((tmp_path / "pool.yaml").read_text())
        pool["candidates"][0]["price"]["input"] = 5
        (tmp_path / "pool.yaml").write_text(yaml.safe_dump(pool))
        path.write_text(good)
        program.process.send_signal(signal.SIGHUP)
        program.wait_until(lambda: program.version() != first)
        answer = program.ask()
        assert float(answer.headers["x-router-r1-cost-usd"]) == pytest.approx((3 * 5 + 4 * 2) / 1e6)


def test_a_stream_is_finished_through_a_reload_and_a_shutdown(tmp_path: Path) -> None:
    def handle(exchange: Exchange) -> Served:
        return Served(events=chat_events("word " * 20, usage=usage(1, 20)), event_delay_s=0.1)

    with LoopbackServer(handle) as slow:
        path = agent_file(tmp_path, slow.base_url, {})
        with started(str(path), log=tmp_path / "log") as program:
            received: list[str] = []

            def read() -> None:
                url = f"{program.url}/v1/chat/completions"
                with httpx2.stream("POST", url, json={**BODY, "stream": True}, timeout=30) as reply:
                    received.extend(reply.iter_lines())

            reader = threading.Thread(target=read)
            reader.start()
            program.wait_until(lambda: len(received) > 2)
            program.process.send_signal(signal.SIGHUP)
            program.wait_until(lambda: "reloaded" in program.log.read_text())
            program.process.send_signal(signal.SIGTERM)
            reader.join(20)
            assert received[-2:] == ["data: [DONE]", ""]
            assert sum('"word "' in line for line in received) == 20
            assert program.process.wait(20) in (0, -signal.SIGTERM)


def test_workers_share_the_port_and_a_killed_one_is_replaced(
    tmp_path: Path, upstream: LoopbackServer
) -> None:
    path = agent_file(tmp_path, upstream.base_url, {})
    with started(str(path), "--workers", "2", log=tmp_path / "log") as program:

        def workers() -> set[int]:
            found = set()
            for child in psutil.Process(program.process.pid).children():
                with contextlib.suppress(psutil.Error):  # it has just ended
                    if any("spawn_main" in part for part in child.cmdline()):
                        found.add(child.pid)
            return found

        program.wait_until(lambda: len(workers()) == 2)
        for model in (SMALL, "router-r1"):
            assert program.ask(model=model).status_code == 200
        killed = min(workers())
        os.kill(killed, signal.SIGKILL)
        program.wait_until(lambda: len(workers() - {killed}) == 2)
        program.wait_until(program.is_ready)
        assert all(program.ask().status_code == 200 for _ in range(20))
        metrics = httpx2.get(f"{program.url}/metrics", timeout=5).text
        counted = sum(
            float(line.rpartition(" ")[2])
            for line in metrics.splitlines()
            if line.startswith("router_r1_requests_total{") and "chat/completions" in line
        )
        assert counted == 22
    with contextlib.closing(ReceiptStore(tmp_path / "receipts.db")) as receipts:
        by_model = {total.group: total.requests for total in receipts.totals(("model",))}
    assert by_model == {SMALL: 21, LARGE: 1, "policy-1b": 1}


def test_nobody_else_is_let_in_without_keys(tmp_path: Path, upstream: LoopbackServer) -> None:
    path = agent_file(tmp_path, upstream.base_url, {"agent": {"serve": {"keys": "keys.db"}}})
    program = Program(str(path), "--host", "0.0.0.0", log=tmp_path / "log")
    assert program.process.wait(30) == 2
    assert len(program.log.read_text().splitlines()) == 1


def test_a_kill_under_load_loses_requests_in_flight_and_bills_nothing_twice(tmp_path: Path) -> None:
    in_flight = 16
    served: list[str] = []

    def handle(exchange: Exchange) -> Served:
        served.append(exchange.body["messages"][0]["content"])
        return Served(chat_reply("x", usage=usage(0, 500)), delay_s=0.05)

    store = KeyStore(tmp_path / "keys.db")
    secret = store.add("app", KeyLimits(budget_usd=1000.0))
    (key,) = store.all()
    store.close()
    with LoopbackServer(handle) as upstream:
        path = agent_file(tmp_path, upstream.base_url, {"agent": {"serve": {"keys": "keys.db"}}})
        with started(str(path), "--workers", "2", log=tmp_path / "log") as program:
            answered: list[str] = []
            names = iter(range(400))

            def client() -> None:
                with httpx2.Client(headers={"authorization": f"Bearer {secret}"}) as session:
                    for number in names:
                        messages = [{"role": "user", "content": f"n{number}"}]
                        with contextlib.suppress(httpx2.HTTPError):
                            reply = session.post(
                                f"{program.url}/v1/chat/completions",
                                json=BODY | {"messages": messages},
                                timeout=30,
                            )
                            if reply.status_code == 200:
                                answered.append(reply.headers["x-request-id"])

            clients = [threading.Thread(target=client) for _ in range(in_flight)]
            for each in clients:
                each.start()
            program.wait_until(lambda: len(answered) > 100)
            children = psutil.Process(program.process.pid).children()
            worker = next(c for c in children if any("spawn_main" in part for part in c.cmdline()))
            worker.kill()
            for each in clients:
                each.join(60)
            program.wait_until(program.is_ready)
        with contextlib.closing(ReceiptStore(tmp_path / "receipts.db")) as receipts:
            (total,) = receipts.totals(("key",))
            missing = [each for each in answered if receipts.find(each) is None]
        assert missing == []  # every answer that a client has is in the books
        assert len(set(served)) == len(served)
        assert len(served) - in_flight <= total.requests <= len(served)
        admission = SqliteAdmission(tmp_path / "keys-spending.db")
        spent = asyncio.run(_spent(admission, key))
        cost = 500 * 2 / 1e6
        assert total.cost_usd == pytest.approx(total.requests * cost)
        assert abs(spent - total.cost_usd) <= in_flight * cost


async def _spent(admission: SqliteAdmission, key: Key) -> float:
    try:
        return await admission.spent(key)
    finally:
        await admission.aclose()
