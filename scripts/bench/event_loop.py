"""Benchmark how long one reply holds the event loop: long honest replies, and hostile ones.

    python scripts/bench/event_loop.py

A server in a process of its own sends each reply of `event_loop_bench/bodies.py`; a pool reads it while a ticker in the
same loop wakes every millisecond. The table has the longest time between two ticks, in milliseconds, by three clocks:

    wall     on the wall: includes what other processes of the machine take
    process  processor time of this process: the loop's own work, and threads that hold the interpreter's lock
    thread   processor time of the loop's thread alone

and the seconds that the reply took on the wall. The row `idle` is a loop in which only the ticker runs. On a busy machine
`process` says how long the loop is held, and `wall` minus the same in the row `idle` is what it costs there. Status 1 if
`process` is over `--limit-ms` in a row, or if an honest reply is no answer. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from event_loop_bench.bodies import REPLIES
from event_loop_bench.server import serve, server_process
from router_r1 import ModelPool, Price
from router_r1.model_cards import CallLimits, Endpoint, ModelCard

_TICK_S = 0.001
_IDLE_S = 3.0
_LONGEST_S = 30.0
"""Seconds after which a reply without an end is broken off."""
_CLOCKS = {"wall": time.monotonic, "process": time.process_time, "thread": time.thread_time}
_KEY = "sk-of-the-benchmark-0123456789"


@dataclass
class Row:
    """What was measured of one reply."""

    name: str
    outcome: str = ""
    seconds: float = 0.0
    longest: dict[str, float] = field(default_factory=dict)
    """The longest time between two ticks by clock, in milliseconds."""


@asynccontextmanager
async def ticking(row: Row) -> AsyncIterator[None]:
    """Note in `row` the longest time between two ticks while the context lasts."""
    row.longest = dict.fromkeys(_CLOCKS, 0.0)

    async def tick() -> None:
        last = {name: clock() for name, clock in _CLOCKS.items()}
        while True:
            await asyncio.sleep(_TICK_S)
            for name, clock in _CLOCKS.items():
                now = clock()
                row.longest[name] = max(row.longest[name], 1000 * (now - last[name]))
                last[name] = now

    gc.collect()
    ticker = asyncio.ensure_future(tick())
    await asyncio.sleep(0)
    began = time.monotonic()
    try:
        yield
        row.seconds = time.monotonic() - began
        await asyncio.sleep(10 * _TICK_S)
    finally:
        ticker.cancel()
        with suppress(asyncio.CancelledError):
            await ticker


def pool_at(base_url: str, names: list[str]) -> ModelPool:
    """A pool with a candidate for each reply."""
    os.environ["EVENT_LOOP_BENCH_KEY"] = _KEY
    limits = CallLimits(max_attempts=1, attempt_timeout_s=_LONGEST_S, deadline_s=2 * _LONGEST_S)
    cards = [
        ModelCard(
            name=name,
            endpoint="server",
            price=Price(input=1, output=1),
            limits=limits.model_copy(update={"stream": REPLIES[name].streamed}),
        )
        for name in names
    ]
    return ModelPool(
        cards, {"server": Endpoint(base_url=base_url, api_key_env="EVENT_LOOP_BENCH_KEY")}
    )


async def measure(base_url: str, names: list[str]) -> list[Row]:
    """One row for each reply, the first for an idle loop."""
    rows = [Row("idle")]
    async with ticking(rows[0]):
        await asyncio.sleep(_IDLE_S)
    show(rows[0])
    async with pool_at(base_url, names) as pool:
        await pool.ask(names[0], "?")  # imports the client
        for name in names:
            row = Row(name)
            rows.append(row)
            async with ticking(row):
                failure = (await pool.ask(name, "?")).failure
                row.outcome = "ok" if failure is None else failure.kind.value
            show(row)
    return rows


def show(row: Row) -> None:
    """Print one line of the table."""
    held = "".join(f"{row.longest[clock]:>9.1f}" for clock in _CLOCKS)
    print(f"{row.name:38}{held}{row.seconds:>9.2f}  {row.outcome}", flush=True)


def main() -> int:
    """Measure, print the table, and print one JSON object on the last line; the exit status."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--only", metavar="WORDS", help="only replies with these words in the name")
    made.add_argument(
        "--limit-ms",
        type=float,
        default=50.0,
        help="the longest that the loop may be held (%(default)s)",
    )
    made.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.serve:
        serve()
        return 0
    names = [name for name in REPLIES if options.only is None or options.only in name]
    if not names:
        made.error(f"no reply has {options.only!r} in its name")
    print(f"{'milliseconds between ticks':38}" + "".join(f"{n:>9}" for n in (*_CLOCKS, "seconds")))
    with server_process() as base_url:
        rows = asyncio.run(measure(base_url, names))
    held = [row.name for row in rows if row.longest["process"] > options.limit_ms]
    lost = [row.name for row in rows[1:] if REPLIES[row.name].answered and row.outcome != "ok"]
    print(
        json.dumps(
            {
                "limit_ms": options.limit_ms,
                "over_limit": held,
                "honest_but_lost": lost,
                "rows": {
                    row.name: {c: round(ms, 1) for c, ms in row.longest.items()} for row in rows
                },
            }
        )
    )
    return 1 if held or lost else 0


if __name__ == "__main__":
    sys.exit(main())
