"""A circuit breaker: stops calling a model that keeps failing, and probes it after a cool-down."""

from __future__ import annotations

import time
from collections.abc import Callable


class CircuitBreaker:
    """Opens after a number of failures in a row; then lets one probe through per cool-down until one succeeds."""

    def __init__(
        self, failures: int, cooldown_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            failures: consecutive failures that open the circuit, at least 1.
            cooldown_s: seconds from a failure until the next probe.
            clock: current time in seconds.
        """
        self._limit, self._cooldown_s, self._clock = failures, cooldown_s, clock
        self._failures = 0
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """True while nothing may be sent, not even a probe."""
        return self._open_until is not None and self._clock() < self._open_until

    def allow(self) -> bool:
        """Whether a request may be sent now. After a cool-down the request is the probe, and starts the next one."""
        if self._open_until is None:
            return True
        if self.is_open:
            return False
        self._open_until = self._clock() + self._cooldown_s
        return True

    def record_success(self) -> None:
        """The model answered: close the circuit."""
        self._failures, self._open_until = 0, None

    def record_failure(self) -> None:
        """The model did not answer: count it, and open the circuit at the limit."""
        self._failures += 1
        if self._failures >= self._limit:
            self._open_until = self._clock() + self._cooldown_s
