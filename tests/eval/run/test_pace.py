"""The pace of a run: what is said before the rest is asked."""

import dataclasses

import pytest

from router_r1.ledger import Cause, LedgerEntry, Role
from router_r1.token_prices import Usage
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.pace import describe, duration, paces


@dataclasses.dataclass
class Episode:
    """What the pace reads of a trace."""

    ledger: tuple[LedgerEntry, ...]
    stop_reason: str = "answered"
    answer: str = "4"
    turns: tuple[()] = ()


def asked(start: float, seconds: float, tokens: int, source: str = "live") -> Episode:
    entry = LedgerEntry(
        episode_id="e", round=1, role=Role.CANDIDATE, model="m", call_id="c", attempt=1,
        cause=Cause.FIRST, outcome="ok", usage=Usage(prompt=9, completion=tokens), price_version=None,
        cost_usd=None, billed=False, source=source, started_at=start, latency_s=seconds,
    )  # fmt: skip
    return Episode((entry,))


def jobs(router: str, count: int) -> list[Job]:
    return [Job(router, f"q{number}", 0) for number in range(count)]


def test_calls_at_the_same_time_count_once_and_pauses_between_starts_not_at_all() -> None:
    # Two calls of ten seconds, five of them shared; then, an hour later, one of nine.
    episodes = [asked(0, 10, 60), asked(5, 10, 60), asked(3600, 9, 120)]
    (pace,) = paces([("slow", each) for each in episodes], jobs("slow", 100))
    assert pace.seconds == pytest.approx((15 + 9) / 3)
    assert pace.tokens_per_s == pytest.approx(240 / 24)
    assert pace.left_s == pytest.approx(800)


def test_the_slowest_router_decides() -> None:
    episodes = [("slow", asked(0, 30, 90)), ("fast", asked(0, 1, 90))]
    lines = describe(paces(episodes, jobs("slow", 60) + jobs("fast", 90)))
    assert lines == [
        "about 30 min left at the pace so far:",
        "  slow: 60 questions, 30 s each, 3 tokens/s",
        "  fast: 90 questions, 1 s each, 90 tokens/s",
    ]


def test_without_an_answer_nothing_is_said() -> None:
    failed = dataclasses.replace(asked(0, 1, 5), stop_reason="error")
    episodes = [("down", failed), ("replayed", asked(0, 0, 5, "replay"))]
    assert describe(paces(episodes, jobs("down", 3) + jobs("replayed", 3))) == []


def test_durations_are_short() -> None:
    assert [duration(s) for s in (40, 600, 12_000)] == [
        "about 40 s",
        "about 10 min",
        "about 3 h 20 min",
    ]
