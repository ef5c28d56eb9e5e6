"""`for_each`: order, the limit, errors and cancellation."""

import asyncio

import pytest

from router_r1.concurrency import for_each


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (3, 3), (50, 10)])
async def test_items_start_in_order_and_at_most_so_many_run_at_a_time(
    concurrency: int, most: int
) -> None:
    started: list[int] = []
    running = peak = 0

    async def work(item: int) -> None:
        nonlocal running, peak
        started.append(item)
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.001 * (item % 3))
        running -= 1

    await for_each(range(10), work, concurrency=concurrency)
    assert started == list(range(10)) and (peak, running) == (most, 0)


async def test_an_error_cancels_what_is_running_and_is_raised() -> None:
    cancelled: list[int] = []
    started: list[int] = []

    async def work(item: int) -> None:
        started.append(item)
        if item == 1:
            raise ValueError("item 1")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    with pytest.raises(ValueError, match="item 1"):
        await for_each(range(9), work, concurrency=3)
    assert started == [0, 1, 2] and cancelled == [0, 2]


async def test_cancelling_the_caller_cancels_what_is_running() -> None:
    ended: list[int] = []

    async def work(item: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(item)

    task = asyncio.ensure_future(for_each(range(5), work, concurrency=2))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [0, 1]


async def test_no_items_are_no_work() -> None:
    async def work(item: int) -> None:
        raise AssertionError

    await for_each([], work, concurrency=4)
