"""What the gateway itself costs for an episode: policy and candidates follow a script, and no HTTP call is made."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from gateway_bench.load import PROMPT
from gateway_bench.upstream import TURNS, WORDS
from router_r1.agent import RouterAgent
from router_r1.serve.app import make_app
from router_r1.serve.gateway import Gateway
from router_r1.serve.metrics import Metrics
from router_r1.serve.settings import ServeSettings
from router_r1.testing.scripted import ScriptedPolicy, ScriptedPool


def cpu_ms(episodes: int) -> float:
    """Milliseconds of processor time of an episode of three turns and two calls, in the application itself."""
    agent = RouterAgent(
        policy=ScriptedPolicy(TURNS), pool=ScriptedPool({"mock": "".join(WORDS)}), style="full"
    )
    gateway = Gateway(agent, ServeSettings(receipts=None), metrics=Metrics())
    return asyncio.run(_measure(make_app(gateway), episodes))


async def _measure(app: Any, episodes: int) -> float:
    messages = [{"role": "user", "content": PROMPT}]
    body = json.dumps({"model": "router-r1", "messages": messages}).encode()
    for _ in range(20):
        await _ask(app, body)
    began = time.process_time()
    for _ in range(episodes):
        await _ask(app, body)
    return round((time.process_time() - began) / episodes * 1e3, 2)


async def _ask(app: Any, body: bytes) -> None:
    sent: list[dict[str, Any]] = []
    left: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else await left

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
    }  # fmt: skip
    await app(scope, receive, send)
    if sent[0]["status"] != 200:
        raise SystemExit(f"the scripted agent failed: {sent}")
