"""How fast a run has been so far, and how long the rest of it will take at that pace."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from router_r1.ledger import Role
from router_r1.trace import Trace
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.trace_status import failed


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of one router, and what is left for it."""

    router: str
    seconds: float
    """Seconds of its own per question: time in which several calls ran counts once."""
    tokens_per_s: float
    """Generated tokens, candidates' and policy's, per such second."""
    left: int
    """Questions that are left."""

    @property
    def left_s(self) -> float:
        """Seconds until they are answered."""
        return self.seconds * self.left


def paces(traces: Iterable[tuple[str, Trace]], jobs: Sequence[Job]) -> list[Pace]:
    """The pace of each router that has both answers and questions left.

    All routers are asked at the same time, so the rest takes as long as that of the slowest. How they slow each other
    down, on one machine or in one queue, is in what was measured.

    Args:
        traces: the episodes so far, each with the name of its router; failed ones are not counted.
        jobs: what is left.
    """
    calls: dict[str, list[tuple[float, float]]] = defaultdict(list)
    tokens: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for router, trace in traces:
        if failed(trace):
            continue
        live = [e for e in trace.ledger if e.source != "replay" and e.role is not Role.JUDGE]
        calls[router] += [(e.started_at, e.started_at + e.latency_s) for e in live]
        tokens[router] += sum(e.usage.completion for e in live)
        answered[router] += 1
    left = Counter(job.router for job in jobs)
    found = []
    for router, count in left.items():
        busy = _covered(calls[router])
        if answered[router] and busy > 0:
            pace = Pace(router, busy / answered[router], tokens[router] / busy, count)
            found.append(pace)
    return found


def describe(found: Sequence[Pace]) -> list[str]:
    """Lines that say how long the rest takes, and the pace of each router; none without a pace."""
    if not found:
        return []
    longest = max(pace.left_s for pace in found)
    lines = [f"{duration(longest)} left at the pace so far:"]
    for pace in found:
        lines.append(
            f"  {pace.router}: {pace.left} questions, {pace.seconds:.3g} s each, {pace.tokens_per_s:.3g} tokens/s"
        )
    return lines


def duration(seconds: float) -> str:
    """`about 40 s`, `about 12 min`, `about 3 h 20 min`."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {minutes % 60:02d} min"


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of the union of intervals."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
