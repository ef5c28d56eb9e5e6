"""Benchmark the gateway: processor time and latency of a request, against the LiteLLM proxy in the same run.

    python -m venv runs/litellm && runs/litellm/bin/pip install 'litellm[proxy]'
    python scripts/bench/gateway.py --litellm runs/litellm            # without the option: this gateway alone
    python scripts/bench/gateway.py --soak                            # 20,000 requests with faults and disconnects

All programs are one process each and talk over loopback. The rounds of the programs are interleaved. Processor time is
that of the gateway's process and its children, so that a busy machine disturbs it little; the median of the rounds
counts. Latency is with one request in flight, less that of the upstream asked directly. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway_bench import scripted_agent
from gateway_bench.load import Load, ask
from gateway_bench.processes import Program, counts, litellm, router_r1, upstream

PATH = "/v1/chat/completions"


class Measured:
    """The figures of one program."""

    def __init__(self) -> None:
        self.whole_ms: list[float] = []
        self.stream_ms: list[float] = []
        self.alone_ms: list[float] = []
        self.memory_mib = 0.0


def cpu_ms(program: Program, requests: int, in_flight: int, *, stream: bool) -> float:
    """Milliseconds of processor time per request."""
    before = program.cpu_s()
    load = asyncio.run(
        ask(program.url + PATH, "mock", requests=requests, in_flight=in_flight, stream=stream)
    )
    _check(program, load)
    return (program.cpu_s() - before) / requests * 1e3


def median_ms(program: Program, requests: int) -> float:
    """Median milliseconds of a request, one in flight."""
    load = asyncio.run(ask(program.url + PATH, "mock", requests=requests, in_flight=1))
    _check(program, load)
    return statistics.median(load.seconds) * 1e3


def _check(program: Program, load: Load) -> None:
    if load.wrong or load.errors:
        raise SystemExit(f"{program.name}: {load.wrong} wrong replies, {load.errors} errors")


def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Pass-through of all programs, in interleaved rounds, and what only this gateway does."""
    found: dict[str, Measured] = {}
    with contextlib.ExitStack() as stack:
        up = stack.enter_context(upstream(folder))
        programs = [stack.enter_context(router_r1(folder / "router-r1", up.url))]
        if options.litellm:
            programs.append(
                stack.enter_context(litellm(folder / "litellm", up.url, options.litellm))
            )
        direct = []
        for program in programs:
            cpu_ms(program, 200, 32, stream=False)  # everything is imported and connected
            cpu_ms(program, 50, 8, stream=True)
        for number in range(options.rounds):
            direct.append(median_ms(up, 200))
            for program in programs:
                measured = found.setdefault(program.name, Measured())
                share = 1.0 if program.name == "router-r1" else 0.25
                count = int(options.requests * share)
                measured.whole_ms.append(cpu_ms(program, count, 32, stream=False))
                measured.stream_ms.append(cpu_ms(program, count // 4, 32, stream=True))
                measured.alone_ms.append(median_ms(program, 200))
                measured.memory_mib = program.memory_mib()
            print(f"round {number + 1} of {options.rounds}", flush=True)
        ours = programs[0]
        result: dict[str, Any] = {
            "programs": [_row(name, each, min(direct)) for name, each in found.items()]
        }
        result["agent_cpu_ms"] = _agent(ours, options.episodes)
        result["agent_scripted_cpu_ms"] = scripted_agent.cpu_ms(options.episodes)
        result["streams"] = _many_streams(ours, options.streams)
    return result


def _row(name: str, measured: Measured, direct_ms: float) -> dict[str, Any]:
    whole, stream = statistics.median(measured.whole_ms), statistics.median(measured.stream_ms)
    return {
        "program": name,
        "cpu_ms": round(whole, 3),
        "per_s_core": round(1000 / whole),
        "stream_cpu_ms": round(stream, 3),
        "added_ms": round(min(measured.alone_ms) - direct_ms, 3),
        "added_median_ms": round(statistics.median(measured.alone_ms) - direct_ms, 3),
        "memory_mib": round(measured.memory_mib),
    }


def _agent(program: Program, episodes: int) -> float:
    """Milliseconds of processor time for an episode of three turns and two calls."""
    url = program.url + PATH
    asyncio.run(ask(url, "router-r1", requests=20, in_flight=4))
    before = program.cpu_s()
    load = asyncio.run(ask(url, "router-r1", requests=episodes, in_flight=8))
    _check(program, load)
    return round((program.cpu_s() - before) / episodes * 1e3, 2)


def _many_streams(program: Program, streams: int) -> dict[str, Any]:
    """Streams at the same time in one process; every one is checked."""
    began = time.perf_counter()
    load = asyncio.run(
        ask(program.url + PATH, "mock", requests=streams, in_flight=streams, stream=True)
    )
    return {
        "at_once": streams,
        "wrong": load.wrong,
        "errors": load.errors,
        "seconds": round(time.perf_counter() - began, 1),
    }


def soak(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Requests with faults and disconnects: what the ledgers say against what the upstream counted."""
    with contextlib.ExitStack() as stack:
        up = stack.enter_context(upstream(folder, fault_share=0.05))
        ours = stack.enter_context(router_r1(folder / "router-r1", up.url))
        cpu = ours.url + PATH
        memory = []
        left = errors = wrong = 0
        parts = 20
        for part in range(parts):
            load = asyncio.run(
                ask(
                    cpu,
                    "mock",
                    requests=options.requests_soak // parts,
                    in_flight=64,
                    stream=part % 2 == 0,
                    leave_share=0.1,
                    seed=part,
                )
            )
            left, errors, wrong = left + load.left, errors + load.errors, wrong + load.wrong
            memory.append(round(ours.memory_mib()))
            print(f"{part + 1} of {parts}: {memory[-1]} MiB", flush=True)
        time.sleep(3)
        served = counts(up.url)
        with contextlib.closing(sqlite3.connect(folder / "router-r1" / "receipts.db")) as receipts:
            rows = list(_hops(receipts))
            written = receipts.execute(
                "select count(*), count(distinct id) from receipts"
            ).fetchone()
    ok = [hop for hop in rows if hop["outcome"] == "ok"]
    return {
        "requests": options.requests_soak,
        "receipts": written,
        "left": left,
        "errors": errors,
        "wrong": wrong,
        "upstream": served,
        "attempts": len(rows),
        "attempts_sent": sum(hop["billed"] or hop["outcome"] != "cancelled" for hop in rows),
        "attempts_by_outcome": {
            name: sum(hop["outcome"] == name for hop in rows)
            for name in sorted({h["outcome"] for h in rows})
        },
        "tokens_of_ok": sum(hop["completion_tokens"] for hop in ok),
        "reported_tokens_of_all": sum(h["completion_tokens"] for h in rows if not h["estimated"]),
        "memory_mib": memory,
    }


def _hops(receipts: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    for (hops,) in receipts.execute("select hops from receipts"):
        yield from json.loads(hops)


def main() -> None:
    """Measure, print a table, and print one JSON object on the last line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--litellm", type=Path, help="an environment with the LiteLLM proxy")
    parser.add_argument("--rounds", type=int, default=4, help="interleaved rounds")
    parser.add_argument("--requests", type=int, default=2000, help="requests of a round")
    parser.add_argument("--episodes", type=int, default=300, help="episodes of the agent")
    parser.add_argument("--streams", type=int, default=1000, help="streams at the same time")
    parser.add_argument("--soak", action="store_true", help="the soak test instead")
    parser.add_argument(
        "--requests-soak", type=int, default=20_000, help="requests of the soak test"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        result = soak(options, Path(name)) if options.soak else compare(options, Path(name))
    for row in result.get("programs", ()):
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
