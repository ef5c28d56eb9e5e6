"""What no driver can beat, and what drivers without overhead would take.

Latencies are given by episode and round, in seconds.
"""

from __future__ import annotations

import heapq
import math
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollout_bench.workload import Draw

Latencies = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Bound:
    """The three terms of the lower bound, in seconds."""

    critical_path_s: float
    """The longest sum of the latencies of one episode."""
    work_s: float
    """The sum of all latencies over the number of slots."""
    rate_s: float
    """The number of calls over the calls that the server starts per second."""

    @classmethod
    def of(cls, latencies: Latencies, slots: int, rate: float | None) -> Bound:
        """The bound of a batch.

        Args:
            latencies: seconds of each call, by episode and round.
            slots: maximum number of concurrent calls.
            rate: calls that the server starts per second; None: no limit.
        """
        calls = sum(map(len, latencies))
        total = math.fsum(map(math.fsum, latencies))
        critical = max(map(math.fsum, latencies))
        return cls(critical, total / slots, 0.0 if rate is None else calls / rate)

    @property
    def wall_s(self) -> float:
        """The lower bound: the largest term."""
        return max(self.critical_path_s, self.work_s, self.rate_s)


def ideal_queue(latencies: Latencies, slots: int, rate: float | None = None) -> float:
    """Seconds of a driver without overhead that serves calls in order of arrival; arguments as for `Bound.of`."""
    now, free_at = 0.0, 0.0
    waiting = deque((episode, 0) for episode in range(len(latencies)))
    running: list[tuple[float, int, int]] = []
    while waiting or running:
        while waiting and len(running) < slots:
            episode, number = waiting.popleft()
            free_at = now if rate is None else max(now, free_at) + 1.0 / rate
            heapq.heappush(running, (free_at + latencies[episode][number], episode, number))
        now, episode, number = heapq.heappop(running)
        if number + 1 < len(latencies[episode]):
            waiting.append((episode, number + 1))
    return now


def ideal_lock_step(latencies: Latencies, threads: int) -> float:
    """Seconds of a lock-step driver without overhead: the sum over its rounds."""
    return math.fsum(
        ideal_queue([[of[number]] for of in latencies if number < len(of)], threads)
        for number in range(max(map(len, latencies)))
    )


def simulate(draw: Draw, count: int, slots: int, threads: int) -> dict[str, Any]:
    """Both drivers without overhead on many draws: how much the ratios vary with the draw alone.

    Args:
        draw: the first draw; the others have the next seeds.
        count: the number of draws, at least 2.
        slots: maximum number of concurrent calls of the asynchronous driver.
        threads: threads of the lock-step driver.
    """
    lock_step_ratios, bound_ratios = [], []
    for seed in range(draw.seed, draw.seed + count):
        latencies = replace(draw, seed=seed).latencies()
        queue = ideal_queue(latencies, slots)
        lock_step_ratios.append(ideal_lock_step(latencies, threads) / queue)
        bound_ratios.append(queue / Bound.of(latencies, slots, None).wall_s)
    both = zip(lock_step_ratios, bound_ratios, strict=True)
    return {
        "draws": count,
        "ratio_lockstep_quartiles": statistics.quantiles(lock_step_ratios),
        "ratio_bound_quartiles": statistics.quantiles(bound_ratios),
        "share_lockstep_4": sum(ratio >= 4 for ratio in lock_step_ratios) / count,
        "share_bound_1.35": sum(ratio <= 1.35 for ratio in bound_ratios) / count,
        "share_both": sum(r >= 4 and b <= 1.35 for r, b in both) / count,
    }
