"""Limits per key: the same tests for the SQLite file and for a real Redis server, with several processes at once."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from router_r1.serve.access.admission import Admission
from router_r1.serve.access.admission_sqlite import SqliteAdmission
from router_r1.serve.access.errors import (
    BudgetExceededError,
    RateLimitedError,
    StoreUnavailableError,
)
from router_r1.serve.access.keys import Key, KeyLimits

NANOUSD = 10**9


class Clock:
    """A clock that a test sets: Unix time in seconds."""

    def __init__(self, start: str = "2031-01-30T12:00") -> None:
        self.set(start)

    def set(self, moment: str) -> None:
        self.now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def on_redis(url: str, prefix: str = "{router-r1}", clock: Any = None) -> Admission:
    from router_r1.serve.access.admission_redis import RedisAdmission

    return RedisAdmission(url, prefix=prefix, clock=clock)


@dataclass
class Backend:
    """Where admissions are counted; `open` makes another user of the same place, as another process would."""

    kind: str
    place: str
    prefix: str
    stack: AsyncExitStack

    def open(self, clock: Any = None) -> Admission:
        admission: Admission
        if self.kind == "sqlite":
            admission = SqliteAdmission(self.place, clock=clock or time.time)
        else:
            admission = on_redis(self.place, self.prefix, clock)
        self.stack.push_async_callback(admission.aclose)
        return admission


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server of its own on a free port."""
    client = pytest.importorskip("redis", reason="needs redis: pip install 'redis>=5'")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs the program redis-server: apt-get install redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = str(tmp_path_factory.mktemp("redis"))
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        with client.Redis(port=port) as connection:
            for _ in range(200):
                try:
                    connection.ping()
                    break
                except client.ConnectionError:
                    time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(params=["sqlite", "redis"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            place = str(tmp_path / "spending.db")
        else:
            place = request.getfixturevalue("redis_url")
        yield Backend(request.param, place, f"{{{tmp_path.name}}}", stack)


def key(name: str = "app", **limits: Any) -> Key:
    return Key(name, KeyLimits(**limits), created_at=0.0)


async def admit(
    admission: Admission, key: Key, request_id: str, *, tokens: int = 0, usd: float = 0.0
) -> None:
    await admission.admit(key, request_id, tokens=tokens, usd=usd, lapses_in_s=600)


async def wait_s(admission: Admission, key: Key, request_id: str, *, tokens: int = 0) -> float:
    """How long a request that is refused now has to wait, in seconds."""
    with pytest.raises(RateLimitedError) as caught:
        await admit(admission, key, request_id, tokens=tokens)
    assert caught.value.retry_after_s is not None
    return caught.value.retry_after_s


# Rates


async def test_after_exactly_the_stated_time_a_request_is_admitted(backend: Backend) -> None:
    clock = Clock()
    admission, app = backend.open(clock), key(requests_per_minute=7)
    for number in range(7):
        await admit(admission, app, f"burst {number}")
    wait = await wait_s(admission, app, "eighth")
    assert wait == 8.572  # a seventh of a minute, in milliseconds, rounded up
    clock.now += wait - 0.001
    assert await wait_s(admission, app, "eighth") == pytest.approx(0.001)
    clock.now += 0.001
    await admit(admission, app, "eighth")
    clock.now += 3600  # a bucket holds one minute's limit, however long it was idle
    for number in range(7):
        await admit(admission, app, f"second burst {number}")
    assert await wait_s(admission, app, "too many") > 8


async def test_settling_gives_back_unused_tokens_and_takes_those_beyond(backend: Backend) -> None:
    clock = Clock()
    admission, app = backend.open(clock), key(tokens_per_minute=600)
    await admit(admission, app, "a", tokens=500)
    assert await wait_s(admission, app, "b", tokens=130) == 3.0  # 30 missing, 10 a second
    await admission.settle("a", tokens=100, usd=0)
    await admit(admission, app, "b", tokens=500)
    await admission.settle("b", tokens=700, usd=0)  # 200 more than reserved
    assert await wait_s(admission, app, "c", tokens=10) == 21.0
    await admission.settle("b", tokens=0, usd=0)  # not a second time
    assert await wait_s(admission, app, "c", tokens=10) == 21.0


async def test_what_is_given_back_to_a_full_bucket_is_not_saved_up(backend: Backend) -> None:
    clock = Clock()
    admission, app = backend.open(clock), key(tokens_per_minute=600)
    await admit(admission, app, "a", tokens=100)
    await admit(admission, app, "b", tokens=100)
    clock.now += 60  # full again
    await admission.settle("a", tokens=0, usd=0)
    await admission.settle("b", tokens=400, usd=0)  # 300 more than reserved, of 600
    assert await wait_s(admission, app, "c", tokens=350) == 5.0


async def test_a_request_that_failed_gives_back_everything_but_the_request(
    backend: Backend,
) -> None:
    admission = backend.open(Clock())
    app = key(requests_per_minute=2, tokens_per_minute=100, budget_usd=1.0)
    await admit(admission, app, "a", tokens=100, usd=1.0)
    await admission.settle("a", tokens=0, usd=0)
    assert await admission.spent(app) == 0
    await admit(admission, app, "b", tokens=100, usd=1.0)
    await admission.settle("b", tokens=0, usd=0)
    assert await wait_s(admission, app, "c") == 30.0


async def test_a_request_larger_than_the_limit_is_told_that_waiting_does_not_help(
    backend: Backend,
) -> None:
    admission, app = backend.open(), key(tokens_per_minute=100)
    with pytest.raises(RateLimitedError, match="lower its max_tokens") as caught:
        await admit(admission, app, "a", tokens=101)
    assert caught.value.retry_after_s is None
    await admit(admission, app, "b", tokens=100)


async def test_a_refused_request_uses_nothing(backend: Backend) -> None:
    admission = backend.open(Clock())
    app = key(requests_per_minute=2, tokens_per_minute=100, budget_usd=1.0)
    await admit(admission, app, "a", tokens=60, usd=0.5)
    for number in range(3):
        with pytest.raises(BudgetExceededError):
            await admit(admission, app, f"expensive {number}", tokens=10, usd=0.6)
        assert await wait_s(admission, app, f"long {number}", tokens=50) == 6.0
    await admit(admission, app, "b", tokens=40, usd=0.5)


# Budgets


async def test_a_budget_is_for_one_period_and_a_request_counts_where_it_was_admitted(
    backend: Backend,
) -> None:
    clock = Clock("2031-01-31T23:59:59")
    admission = backend.open(clock)
    limits = {"budget_usd": 1.0, "budget_period": "day"}
    await admit(admission, key(**limits), "before", usd=0.9)
    with pytest.raises(BudgetExceededError, match=r"\$0\.10 is left.* wait until 2031-02-01"):
        await admit(admission, key(**limits), "more", usd=0.2)
    clock.set("2031-02-01T00:00")
    await admit(admission, key(**limits), "after", usd=1.0)
    await admission.settle("before", tokens=0, usd=0.7)
    await admission.settle("after", tokens=0, usd=0.25)
    for period, usd in (("day", 0.25), ("month", 0.25), ("total", 0.95)):
        assert await admission.spent(key(), period) == usd  # type: ignore[arg-type]
    total = key(budget_usd=1.0, budget_period="total")
    await admit(admission, total, "last", usd=0.05)
    with pytest.raises(BudgetExceededError, match=r"in total, of which \$0 is left"):
        await admit(admission, total, "over", usd=0.001)


async def test_amounts_below_a_cent_add_up_exactly(backend: Backend) -> None:
    admission, app = backend.open(), key(budget_usd=0.3)
    for number in range(3):
        await admit(admission, app, f"{number}", usd=0.1)  # 0.1 + 0.1 + 0.1 > 0.3 in floating point
        await admission.settle(f"{number}", tokens=0, usd=0.099999999)
    assert await admission.spent(app) == 0.299999997
    await admit(admission, app, "rest", usd=0.000000003)
    with pytest.raises(BudgetExceededError):
        await admit(admission, app, "over", usd=0.000000001)


async def test_settling_twice_counts_once_and_an_id_is_used_once(backend: Backend) -> None:
    admission, app = backend.open(), key(budget_usd=1.0)
    await admit(admission, app, "a", usd=0.5)
    with pytest.raises(ValueError, match="'a' was admitted before"):
        await admit(admission, app, "a", usd=0.1)
    await asyncio.gather(*(admission.settle("a", tokens=1, usd=0.25) for _ in range(5)))
    await admission.settle("a", tokens=1, usd=0.75)
    await admission.settle("never admitted", tokens=1, usd=0.75)
    assert await admission.spent(app) == 0.25
    await admit(admission, app, "b", usd=0.75)


async def test_a_reservation_lapses_and_a_late_settlement_still_counts_once(
    backend: Backend,
) -> None:
    clock = Clock()
    admission, app = backend.open(clock), key(budget_usd=1.0)
    await admission.admit(app, "slow", tokens=0, usd=1.0, lapses_in_s=10)
    clock.now += 9.999
    with pytest.raises(BudgetExceededError, match=r"open requests hold \$1.00"):
        await admit(admission, app, "b", usd=0.5)
    clock.now += 0.001
    await admit(admission, app, "b", usd=0.5)
    await admission.settle("slow", tokens=0, usd=0.4)
    await admission.settle("slow", tokens=0, usd=0.4)
    assert await admission.spent(app) == 0.4
    with pytest.raises(BudgetExceededError):
        await admit(admission, app, "c", usd=0.2)
    await admit(admission, app, "d", usd=0.1)


async def test_a_caller_that_is_cancelled_leaves_no_reservation(backend: Backend) -> None:
    admission, app = backend.open(), key(budget_usd=1.0)
    waiting = asyncio.ensure_future(admit(admission, app, "a", usd=1.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for number in range(100):
        try:
            await admit(admission, app, f"b {number}", usd=1.0)
            return
        except BudgetExceededError:
            await asyncio.sleep(0.02)
    pytest.fail("the budget is still held")


async def test_a_settlement_whose_caller_is_cancelled_is_made(backend: Backend) -> None:
    admission, app = backend.open(), key(budget_usd=1.0)
    await admit(admission, app, "a", usd=1.0)
    settling = asyncio.ensure_future(admission.settle("a", tokens=0, usd=0.5))
    await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    await admission.aclose()
    assert await backend.open().spent(app) == 0.5


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
async def test_amounts_that_are_no_amounts_are_refused(backend: Backend, amount: float) -> None:
    admission = backend.open()
    with pytest.raises(ValueError, match="usd="):
        await admit(admission, key(), "a", usd=amount)
    await admit(admission, key(), "a")
    with pytest.raises(ValueError, match="usd="):
        await admission.settle("a", tokens=0, usd=amount)
    with pytest.raises(ValueError, match="tokens=-1"):
        await admission.settle("a", tokens=-1, usd=0)


# Several at once

WORKER = """
import asyncio, json, random, sys
from router_r1.serve.access.errors import BudgetExceededError
from router_r1.serve.access.keys import Key, KeyLimits

kind, place, prefix, worker, command = sys.argv[1:]
APP = Key("app", KeyLimits(budget_usd=1.0, budget_period="total"), 0.0)

async def spend(admission, task):
    billed = admitted = 0
    for number in range(40):
        name = f"{worker} {task} {number}"
        try:
            await admission.admit(APP, name, tokens=10, usd=0.01, lapses_in_s=600)
        except BudgetExceededError:
            continue
        admitted += 1
        assert await admission.spent(APP) <= 1.0
        cost = 10_000_000 if command == "spend all" else random.randint(0, 10_000_000)
        await admission.settle(name, tokens=10, usd=cost / 1e9)
        billed += cost
    return admitted, billed

async def main():
    if kind == "sqlite":
        from router_r1.serve.access.admission_sqlite import SqliteAdmission
        admission = SqliteAdmission(place)
    else:
        from router_r1.serve.access.admission_redis import RedisAdmission
        admission = RedisAdmission(place, prefix=prefix)
    print("ready", flush=True)
    sys.stdin.readline()
    if command == "hold":
        for number in range(4):
            await admission.admit(APP, f"held {number}", tokens=10, usd=0.2, lapses_in_s=60)
        print("held", flush=True)
        sys.stdin.readline()
    counts = await asyncio.gather(*(spend(admission, task) for task in range(8)))
    print(json.dumps([sum(column) for column in zip(*counts)]))
    await admission.aclose()

asyncio.run(main())
"""


def start(backend: Backend, worker: str, command: str) -> subprocess.Popen[str]:
    arguments = [backend.kind, backend.place, backend.prefix, worker, command]
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{line}\n"


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.parametrize("command", ["spend all", "spend some"])
async def test_two_processes_never_exceed_a_budget_and_their_sum_is_exact(
    backend: Backend, command: str
) -> None:
    workers = [start(backend, worker, command) for worker in ("one", "two")]
    for worker in workers:
        wait_for(worker, "ready")
    for worker in workers:
        go(worker)
    counts = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    admitted, billed = (sum(column) for column in zip(*counts, strict=True))
    app = key(budget_usd=1.0, budget_period="total")
    assert await backend.open().spent(app) == billed / NANOUSD <= 1.0
    if command == "spend all":
        assert (admitted, billed) == (100, NANOUSD)
    else:
        assert billed > 0.8 * NANOUSD


async def test_what_a_killed_process_had_reserved_lapses_and_is_not_billed(
    backend: Backend,
) -> None:
    clock = Clock()
    clock.now = time.time()
    app = key(budget_usd=1.0, budget_period="total")
    worker = start(backend, "one", "hold")
    with worker:
        wait_for(worker, "ready")
        go(worker)
        wait_for(worker, "held")
        worker.send_signal(signal.SIGKILL)
    assert worker.returncode == -signal.SIGKILL
    admission = backend.open(clock)
    with pytest.raises(BudgetExceededError, match=r"open requests hold \$0.80"):
        await admit(admission, app, "a", usd=0.3)
    await admit(admission, app, "b", usd=0.2)
    clock.now += 120
    await admit(admission, app, "c", usd=0.8)
    assert await admission.spent(app) == 0


async def test_spending_and_reservations_outlive_a_restart(backend: Backend) -> None:
    app = key(budget_usd=1.0, tokens_per_minute=100)
    first = backend.open()
    await admit(first, app, "a", usd=0.5, tokens=10)
    await first.settle("a", usd=0.5, tokens=10)
    await admit(first, app, "b", usd=0.3, tokens=80)
    await first.aclose()
    second = backend.open()
    assert await second.spent(app) == 0.5
    with pytest.raises(BudgetExceededError):
        await admit(second, app, "c", usd=0.3)
    assert await wait_s(second, app, "d", tokens=60) > 20
    await second.settle("b", usd=0.1, tokens=80)
    assert await second.spent(app) == 0.6


async def test_keys_are_counted_apart_by_name(backend: Backend) -> None:
    admission = backend.open()
    limits = {"budget_usd": 1.0, "requests_per_minute": 2}
    await admit(admission, key("app", **limits), "a", usd=1.0)
    await admit(admission, key("app2", **limits), "b", usd=1.0)
    renewed = Key("app", KeyLimits(**limits), created_at=1.0)  # a new secret, not a new budget
    with pytest.raises(BudgetExceededError):
        await admit(admission, renewed, "c", usd=0.5)


async def test_file_and_server_agree_on_any_sequence_and_keep_every_limit(
    tmp_path: Path, redis_url: str
) -> None:
    """Four hundred random steps; what a key holds is computed anew from the steps alone."""
    clock, choose = Clock("2031-01-31T22:00"), random.Random(1)
    app = key(requests_per_minute=20, tokens_per_minute=1000, budget_usd=1.0, budget_period="day")
    both: tuple[Admission, ...] = (
        SqliteAdmission(tmp_path / "spending.db", clock=clock),
        on_redis(redis_url, f"{{{tmp_path.name}}}", clock),
    )
    opened: dict[str, tuple[str, float, float]] = {}  # day, dollars, when it lapses
    spent: dict[str, float] = {}
    outcomes: set[str] = set()
    for number in range(400):
        clock.now = round(clock.now + choose.expovariate(1 / 20), 3)
        today = datetime.fromtimestamp(clock.now, UTC).date().isoformat()
        if opened and choose.random() < 0.4:
            request_id = choose.choice(list(opened))
            day, most, _ = opened.pop(request_id)
            tokens, usd = choose.randrange(900), round(choose.uniform(0, most), 9)
            for admission in both:
                await admission.settle(request_id, tokens=tokens, usd=usd)
            spent[day] = spent.get(day, 0.0) + usd
            continue
        tokens, usd = choose.randrange(700), round(choose.uniform(0, 0.2), 9)
        lapses_in_s = choose.choice([5.0, 30.0, 600.0])
        verdicts: list[object] = []
        for admission in both:
            try:
                await admission.admit(
                    app, f"{number}", tokens=tokens, usd=usd, lapses_in_s=lapses_in_s
                )
                verdicts.append("admitted")
            except (RateLimitedError, BudgetExceededError) as error:
                verdicts.append((type(error), str(error), getattr(error, "retry_after_s", 0)))
        assert verdicts[0] == verdicts[1]
        held = [most for day, most, at in opened.values() if day == today and at > clock.now]
        used = spent.get(today, 0.0) + sum(held) + usd
        if verdicts[0] == "admitted":
            assert used <= 1.0 + 1e-9
            opened[f"{number}"] = (today, usd, clock.now + lapses_in_s)
            outcomes.add("admitted")
        else:
            refusal = verdicts[0][0]  # type: ignore[index]
            assert (refusal is BudgetExceededError) == (used > 1.0 + 1e-9)
            outcomes.add(refusal.__name__)
    assert outcomes == {"admitted", "RateLimitedError", "BudgetExceededError"}
    for admission in both:
        assert await admission.spent(app) == pytest.approx(spent.get(today, 0.0), abs=1e-9)
        await admission.aclose()


# What the two do not share


async def test_everything_on_the_server_expires_but_the_total(
    tmp_path: Path, redis_url: str
) -> None:
    import redis

    prefix = f"{{{tmp_path.name}}}"
    admission = on_redis(redis_url, prefix)
    app = key(requests_per_minute=2, tokens_per_minute=100, budget_usd=1.0)
    await admit(admission, app, "a", tokens=10, usd=0.5)
    await admission.settle("a", tokens=5, usd=0.5)
    await admit(admission, app, "b", tokens=10, usd=0.5)
    await admission.aclose()
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        lives = {name: client.ttl(name) for name in client.scan_iter(f"{prefix}:*")}
    assert len(lives) == 8
    assert [name for name, seconds in lives.items() if seconds < 0] == [f"{prefix}:spent:app:"]


async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=f"{tmp_path}.*Is a directory"):
        SqliteAdmission(tmp_path)


async def test_a_server_that_cannot_be_used_is_named_without_its_password() -> None:
    pytest.importorskip("redis", reason="needs redis: pip install 'redis>=5'")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        admission = on_redis(f"redis://:hunter2@127.0.0.1:{port}/0")
        with pytest.raises(StoreUnavailableError, match=f"Redis at 127.0.0.1:{port}") as caught:
            await admit(admission, key(), "a")
        assert "hunter2" not in str(caught.value)
        await admission.aclose()
    with pytest.raises(StoreUnavailableError, match="expected redis://HOST") as caught:
        on_redis("postgres://:hunter2@127.0.0.1")
    assert "hunter2" not in str(caught.value)
