"""Runs many coroutines with a limit on how many run at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def for_each(
    items: Sequence[T], work: Callable[[T], Awaitable[None]], *, concurrency: int
) -> None:
    """Await `work(item)` for every item, in this order, at most `concurrency` at a time.

    The first error cancels all running work and is raised once that has ended. Cancelling the caller does the same.

    Args:
        items: what to work on.
        work: called once for each item.
        concurrency: 1 or more.
    """
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    workers = [asyncio.ensure_future(worker()) for _ in range(min(concurrency, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
