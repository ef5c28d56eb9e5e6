"""The circuit breaker by a clock of the test's own; a whole call through it is in `test_faults.py`."""

import pytest

from router_r1.transport.circuit_breaker import CircuitBreaker


class Clock:
    """Seconds that pass only when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_breaker(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, cooldown_s=10.0, clock=clock)
    for _ in range(3):
        breaker.record_failure()
    return breaker


def test_it_opens_after_the_configured_number_of_failures_in_a_row(clock: Clock) -> None:
    breaker = CircuitBreaker(failures=2, cooldown_s=10.0, clock=clock)
    breaker.record_failure()
    breaker.record_success()
    breaker.record_failure()
    assert breaker.allow() and not breaker.is_open
    breaker.record_failure()
    assert breaker.is_open and not breaker.allow()


def test_one_probe_is_allowed_per_cool_down(clock: Clock) -> None:
    breaker = open_breaker(clock)
    clock.now = 9.9
    assert not breaker.allow()
    for clock.now in (10.0, 20.0):
        assert not breaker.is_open
        assert breaker.allow()
        assert breaker.is_open and not breaker.allow()


def test_a_probe_that_succeeds_closes_it_and_resets_the_count(clock: Clock) -> None:
    breaker = open_breaker(clock)
    clock.now = 10.0
    assert breaker.allow()
    breaker.record_success()
    breaker.record_failure()
    breaker.record_failure()
    assert breaker.allow() and not breaker.is_open


def test_a_probe_that_fails_opens_it_for_another_cool_down(clock: Clock) -> None:
    breaker = open_breaker(clock)
    clock.now = 10.0
    assert breaker.allow()
    clock.now = 12.0
    breaker.record_failure()
    clock.now = 21.9
    assert breaker.is_open
    clock.now = 22.0
    assert breaker.allow()
