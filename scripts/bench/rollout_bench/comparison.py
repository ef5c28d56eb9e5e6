"""Measured runs of both drivers on one draw, checked for lost, changed or repeated calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

from rollout_bench.bounds import Bound, ideal_queue
from rollout_bench.drivers import Driver, asynchronous, lock_step
from rollout_bench.server import ServerProcess
from rollout_bench.workload import Draw


@dataclass(frozen=True)
class DriverRun:
    """One run of one driver."""

    wall_s: float
    client_cpu_s: float
    server_cpu_s: float
    calls: int
    most_in_flight: int


def measure(name: str, drive: Driver, draw: Draw, server: ServerProcess, limit: int) -> DriverRun:
    """Run one driver and check its answers and calls.

    Args:
        name: the driver's name in error messages.
        drive: the driver.
        draw: the batch of episodes.
        server: the server to call.
        limit: maximum number of concurrent calls.

    Raises:
        SystemExit: an answer or a call was lost, changed or repeated, or too many calls were in flight.
    """
    before = server.figures()
    wall, cpu = time.perf_counter(), time.process_time()
    answers = drive(draw, server.base_url, limit)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = server.figures()

    def fail(what: str) -> NoReturn:
        raise SystemExit(f"rollout.py: the {name} driver, draw {draw.seed}: {what}")

    expected = draw.expected_answers()
    if len(answers) != len(expected):
        fail(f"{len(answers)} answers to {len(expected)} questions")
    wrong = [index for index, answer in enumerate(answers) if answer != expected[index]]
    if wrong:
        found, right = answers[wrong[0]], expected[wrong[0]]
        fail(
            f"{len(wrong)} of {len(answers)} answers are wrong; expected {right!r} in episode {wrong[0]}, got {found!r}"
        )
    calls = sum(map(draw.rounds_of, range(draw.episodes)))
    if after["calls"] != calls:
        fail(f"{after['calls']} calls reached the server, expected {calls}")
    if after["most_in_flight"] > limit:
        fail(f"{after['most_in_flight']} calls were in flight at once, {limit} are allowed")
    server_cpu_s = after["cpu_s"] - before["cpu_s"]
    return DriverRun(wall, cpu, server_cpu_s, calls, after["most_in_flight"])


@dataclass(frozen=True)
class Comparison:
    """Both drivers on one draw."""

    draw: Draw
    bound: Bound
    ideal_s: float
    """Seconds of `ideal_queue`."""
    asynchronous: DriverRun
    lock_step: DriverRun

    def figures(self) -> dict[str, float]:
        """The reported ratios, and the figures they are computed from."""
        return {
            "ratio_lockstep": self.lock_step.wall_s / self.asynchronous.wall_s,
            "ratio_bound": self.asynchronous.wall_s / self.bound.wall_s,
            "efficiency": self.bound.wall_s / self.asynchronous.wall_s,
            "efficiency_lockstep": self.bound.wall_s / self.lock_step.wall_s,
            "ratio_ideal_queue": self.asynchronous.wall_s / self.ideal_s,
            "wall_s": self.asynchronous.wall_s,
            "wall_lockstep_s": self.lock_step.wall_s,
            "bound_s": self.bound.wall_s,
            "critical_path_s": self.bound.critical_path_s,
            "work_s": self.bound.work_s,
            "rate_s": self.bound.rate_s,
            "client_cpu_s": self.asynchronous.client_cpu_s,
            "client_cpu_lockstep_s": self.lock_step.client_cpu_s,
        }


def compare(
    draw: Draw, server: ServerProcess, slots: int, threads: int, rate: float | None
) -> Comparison:
    """Run both drivers on one draw.

    Args:
        draw: the batch of episodes.
        server: the server to call.
        slots: maximum number of concurrent calls of the asynchronous driver.
        threads: threads of the lock-step driver.
        rate: calls that the server starts per second, for the bound; None: no limit.
    """
    latencies = draw.latencies()
    return Comparison(
        draw,
        Bound.of(latencies, slots, rate),
        ideal_queue(latencies, slots, rate),
        asynchronous=measure("asynchronous", asynchronous, draw, server, slots),
        lock_step=measure("lock-step", lock_step, draw, server, threads),
    )
