"""The budget of a run: decides whether another episode may start, although its cost is known only at its end."""

from __future__ import annotations

import asyncio
import math


class RunBudget:
    """A limit in dollars on all episodes of a run.

    An episode starts only if the money spent, plus the mean cost so far for it and for each episode in flight, stays
    within the limit. Episodes in flight never outnumber those that have ended by more than one, so that the mean is
    known before many start.
    """

    def __init__(self, max_usd: float = math.inf) -> None:
        self.exhausted = False
        self._max_usd = max_usd
        self._spent, self._finished, self._in_flight = 0.0, 0, 0
        self._ended = asyncio.Condition()

    async def start_episode(self) -> bool:
        """Wait until an episode may start. Returns False if the budget does not cover it."""
        if self._max_usd < math.inf and not self.exhausted:
            async with self._ended:
                await self._ended.wait_for(lambda: self._in_flight <= self._finished)
        expected = (self._in_flight + 1) * self._spent / max(1, self._finished)
        if self.exhausted or self._spent + expected > self._max_usd:
            self.exhausted = True
            return False
        self._in_flight += 1
        return True

    async def end_episode(self, cost_usd: float) -> None:
        """Count a finished episode, which cost this many dollars."""
        self._in_flight -= 1
        self._finished += 1
        self._spent += cost_usd
        async with self._ended:
            self._ended.notify_all()
