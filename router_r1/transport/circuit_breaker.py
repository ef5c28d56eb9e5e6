"""TODO."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class Breaker:
    """A circuit breaker: opens after `failures` in a row, then lets one call through per cool-down until one succeeds."""

    def __init__(
        self, failures: int, cooldown_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._cooldown_s, self._clock = failures, cooldown_s, clock
        self._failures = 0
        self._open_until: float | None = None

    @property
    def refuses(self) -> bool:
        """True while nothing may be sent, not even a probe."""
        return self._open_until is not None and self._clock() < self._open_until

    def allow(self) -> bool:
        """May a request be sent now? A True after the cool-down is the probe, and starts the next cool-down."""
        if self._open_until is None:
            return True
        if self.refuses:
            return False
        self._open_until = self._clock() + self._cooldown_s
        return True

    def succeeded(self) -> None:
        """The endpoint answered: close."""
        self._failures, self._open_until = 0, None

    def failed(self) -> None:
        """The endpoint did not answer."""
        self._failures += 1
        if self._failures >= self._limit:
            self._open_until = self._clock() + self._cooldown_s
