"""A gateway on a loopback port, in front of a loopback server whose replies a test decides."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
import uvicorn
import yaml

from router_r1.serve.app import make_app
from router_r1.serve.gateway import Gateway
from router_r1.serve.receipts import ReceiptStore
from router_r1.serve.start import Opened, Plan, load_gateway
from router_r1.testing.loopback_server import Exchange, LoopbackServer, Served, chat_reply, usage

POLICY, SMALL, LARGE = "policy-1b", "small", "large"
QUESTION = "How wide is the moon Arna?"
ROUTE = f'<think>I ask the large one.</think><route model="{LARGE}">question</route>'
ADOPT = f'<think>That will do.</think><answer model="{LARGE}"></answer>'


def asked_by_policy(exchange: Exchange) -> bool:
    """Whether a request is a turn of the policy."""
    return exchange.body["model"] == POLICY


def turn_number(exchange: Exchange) -> int:
    """Which turn the policy writes, from 0."""
    return sum(message["role"] == "assistant" for message in exchange.body["messages"])


def route_then_adopt(reply: Mapping[str, Any]) -> Callable[[Exchange], Served]:
    """The policy forwards the question to the large candidate, which gives this reply, and adopts it."""

    def handle(exchange: Exchange) -> Served:
        if asked_by_policy(exchange):
            text = (ROUTE, ADOPT)[turn_number(exchange)]
            return Served(chat_reply(text, usage=usage(100, 10)))
        return Served(reply)

    return handle


@dataclass
class Serving:
    """A gateway that runs."""

    url: str
    gateway: Gateway
    upstream: LoopbackServer
    receipts: ReceiptStore
    agent_file: Path
    closing: contextlib.ExitStack

    def client(self, key: str = "none", **options: Any) -> openai.OpenAI:
        """OpenAI's client, pointed at the gateway; closed with it."""
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, **options)
        self.closing.callback(client.close)
        return client

    def async_client(self, key: str = "none", **options: Any) -> openai.AsyncOpenAI:
        """The same, for asyncio; close it."""
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, **options)

    def receipt(self, request_id: str, within_s: float = 5.0) -> dict[str, Any]:
        """The receipt of a request, which is written when the request ended."""
        until = time.monotonic() + within_s
        while (found := self.receipts.find(request_id)) is None:
            assert time.monotonic() < until, f"no receipt of {request_id}"
            time.sleep(0.01)
        return found


Serve = Callable[..., contextlib.AbstractContextManager[Serving]]


def agent_file(folder: Path, upstream: str, changes: Mapping[str, Any]) -> Path:
    """An agent of one policy and two candidates, all on one server; only the large candidate takes images and tools."""
    candidates = [
        {"name": SMALL, "endpoint": "all", "price": {"input": 1, "output": 2}},
        {
            "name": LARGE,
            "endpoint": "all",
            "price": changes.get("price", {"input": 10, "output": 20}),
            "modalities": ["text", "image"],
            "tools": True,
            "json_schema": True,
        },
    ]
    embedder = {
        "name": "vectors",
        "endpoint": "all",
        "model": "bge",
        "price": {"input": 1, "output": 0},
    }
    pool = {
        "endpoints": {"all": {"base_url": upstream}},
        "candidates": candidates,
        "embedders": [embedder],
    }
    for candidate in candidates:
        candidate["limits"] = {
            "backoff_base_s": 0.01,
            "backoff_max_s": 0.02,
            **changes.get("call_limits", {}),
        }
    (folder / "pool.yaml").write_text(yaml.safe_dump(pool))
    policy = {
        "kind": "openai",
        "base_url": upstream,
        "model": POLICY,
        "price": {"input": 0.1, "output": 0.1},
    }
    policy["limits"] = {"backoff_base_s": 0.01, "backoff_max_s": 0.02, "max_attempts": 1}
    content = {"pool": "pool.yaml", "policy": policy, "style": "full", **changes.get("agent", {})}
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Run a gateway: `with serve(handler, agent={...}, call_limits={...}) as serving`."""

    @contextlib.contextmanager
    def run(handler: Callable[[Exchange], Served], **changes: Any) -> Iterator[Serving]:
        with LoopbackServer(handler) as upstream:
            path = agent_file(tmp_path, upstream.base_url, changes)
            with running(path) as (url, gateway), contextlib.ExitStack() as closing:
                receipts = ReceiptStore(tmp_path / "receipts.db")
                closing.callback(receipts.close)
                yield Serving(url, gateway, upstream, receipts, path, closing)

    return run


@contextlib.contextmanager
def running(path: Path) -> Iterator[tuple[str, Gateway]]:
    """A gateway for an agent file, in a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    opened = Opened()
    gateway = load_gateway(Plan(str(path)), opened)
    config = uvicorn.Config(
        make_app(gateway), log_level="error", access_log=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", gateway
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
        with ThreadPoolExecutor(1) as elsewhere:  # a test may run in an event loop of its own
            elsewhere.submit(asyncio.run, opened.aclose()).result()
