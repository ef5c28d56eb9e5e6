"""Gives the other tasks of the event loop their turn while a long reply is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

TURN_S = 0.005
"""How long one task works before the others get their turn."""
LARGE_BYTES = 16 * 2**10
"""Bytes of JSON that may take longer than a turn to read."""

_Result = TypeVar("_Result")


class Turns:
    """The turns of one task that handles many small pieces."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    async def pause(self) -> None:
        """Let the others run if this turn has lasted long enough. Else nothing: what has arrived is read first,
        because a connection that breaks loses what nobody has read."""
        if time.monotonic() - self._began > TURN_S:
            await asyncio.sleep(0)
            self._began = time.monotonic()


async def in_turns(function: Callable[[], _Result], body: bytes | str) -> _Result:
    """Call a function that reads `body`: in a thread if that may take longer than a turn."""
    if len(body) <= LARGE_BYTES:
        return function()
    return await asyncio.to_thread(function)
