"""Asks a server as fast as it answers, with a fixed number of requests in flight, and checks every reply."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import aiohttp

from gateway_bench.upstream import WORDS

TEXT = "".join(WORDS).encode()
PROMPT = "How do the moons of this planet differ from each other? " * 9


@dataclass
class Load:
    """What a load has seen."""

    seconds: list[float] = field(default_factory=list)
    """Of each request that was answered."""
    wrong: int = 0
    """Replies that are not what the upstream sent: lost, mixed or changed."""
    errors: int = 0
    """Statuses of 400 and above."""
    left: int = 0
    """Requests that were given up on purpose."""


async def ask(
    url: str,
    model: str,
    *,
    requests: int,
    in_flight: int,
    stream: bool = False,
    leave_share: float = 0.0,
    seed: int = 0,
) -> Load:
    """Send requests.

    Args:
        url: of the completions.
        model: the name asked for.
        requests: how many.
        in_flight: at a time.
        stream: whether streams are asked for.
        leave_share: share of the requests whose client leaves in the middle.
        seed: which of them.
    """
    load, source = Load(), random.Random(seed)
    numbers = iter(range(requests))
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "stream": stream}
    headers = {"authorization": "Bearer sk-none"}
    connector = aiohttp.TCPConnector(limit=0)

    async def worker(session: aiohttp.ClientSession) -> None:
        for _ in numbers:
            leaves = source.random() < leave_share
            began = time.perf_counter()
            try:
                async with asyncio.timeout(source.uniform(0.001, 0.05) if leaves else 120):
                    async with session.post(url, json=body) as reply:
                        content = await reply.read()
            except TimeoutError:
                if not leaves:
                    raise
                load.left += 1
                continue
            load.seconds.append(time.perf_counter() - began)
            if reply.status >= 400:
                load.errors += 1
            elif not _is_right(content, stream):
                load.wrong += 1

    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(in_flight):
            group.create_task(worker(session))
    return load


def _is_right(content: bytes, stream: bool) -> bool:
    if not stream:
        return TEXT.strip() in content
    pieces = content.split(b'"content":')[1:]
    said = b"".join(piece.split(b'"')[1] for piece in pieces)
    return said.strip() == TEXT.strip() and content.rstrip().endswith(b"data: [DONE]")
