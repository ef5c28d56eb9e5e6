"""Measure the processor time of a call with the pool in the process that asks, and with the pool in an actor.

The same calls go through a record store to a loopback server in another process, whose time is not counted: once to
the server (`live`), and once more, answered by the store (`stored`). Both kinds of pool take turns, so that other work
on the machine meets both. With the actor there are three figures: the process that asks (in training, an agent-loop
worker), the actor, and Ray's own processes, which also work while nothing is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil
import ray

from rollout_bench.server import server_process
from rollout_bench.workload import Draw
from router_r1.concurrency import for_each
from router_r1.data.questions import Question, write_questions
from router_r1.ledger import Ledger
from router_r1.pool import Account, ModelPool
from router_r1.transport.base import Transport
from router_r1_envs.verl_training.pool_actor import PoolClient, start_pool_actor
from router_r1_envs.worlds.load import load_transport

AT_A_TIME = 64
BATCHES = 4
WARM_UP = 64


def write_world(folder: Path, base_url: str) -> Path:
    """A live world with one candidate at the URL."""
    folder.mkdir()
    pool = {
        "endpoints": {"server": {"base_url": base_url}},
        "candidates": [{"name": "a", "endpoint": "server", "price": {"input": 1, "output": 1}}],
    }
    (folder / "pool.yaml").write_text(json.dumps(pool))
    write_questions(
        folder / "questions.jsonl",
        [Question(id="q", question="1+1?", answer="2", metric="em")],
    )
    world = {
        "kind": "live",
        "pool": "pool.yaml",
        "questions": "questions.jsonl",
        "store": "answers.sqlite",
        "levels": [{"name": "only"}],
    }
    (folder / "world.yaml").write_text(json.dumps(world))
    return folder / "world.yaml"


def ray_seconds() -> dict[str, float]:
    """Processor seconds so far: of this process, of the actor, and of Ray's other processes."""
    seconds: dict[str, float] = defaultdict(float)
    seconds["asking"] = time.process_time()
    for process in psutil.Process().children(recursive=True):
        try:
            command, times = " ".join(process.cmdline()), process.cpu_times()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if "rollout.py" not in command:
            seconds["actor" if "PoolActor" in command else "ray"] += times.user + times.system
    return seconds


async def ask_all(pool: ModelPool, queries: list[str]) -> None:
    """Ask them, some at a time.

    Raises:
        RuntimeError: a call has no answer.
    """
    account = Account(Ledger())

    async def ask(query: str) -> None:
        response = await pool.ask("a", query, account)
        if not response.ok:
            raise RuntimeError(f"a call failed: {response.failure}")

    await for_each(queries, ask, concurrency=AT_A_TIME)


async def measure(transports: dict[str, tuple[Path, Transport]], calls: int) -> dict[str, Any]:
    """Milliseconds of processor time a call: by kind of pool, by live or stored, by process."""
    pools = {
        kind: ModelPool.from_yaml(world.with_name("pool.yaml"), transport=transport)
        for kind, (world, transport) in transports.items()
    }
    draw = Draw(0, calls, 1, 0.005, 0.5)
    spent: dict[str, dict[str, dict[str, float]]] = {
        kind: {"live": defaultdict(float), "stored": defaultdict(float)} for kind in pools
    }
    for pool in pools.values():
        await ask_all(pool, [draw.query(calls + n, 0) for n in range(WARM_UP)])
    size = calls // BATCHES
    for batch in range(BATCHES):
        queries = [draw.query(batch * size + n, 0) for n in range(size)]
        for answered_by in ("live", "stored"):
            for kind, pool in pools.items():
                before = ray_seconds()
                await ask_all(pool, queries)
                for process, after in ray_seconds().items():
                    spent[kind][answered_by][process] += after - before[process]
    for kind, pool in pools.items():
        if kind == "process":
            await pool.aclose()
    milliseconds = 1000.0 / (size * BATCHES)
    return {
        kind: {
            answered_by: {process: round(s * milliseconds, 3) for process, s in seconds.items()}
            for answered_by, seconds in by_answer.items()
        }
        for kind, by_answer in spent.items()
    }


def main() -> None:
    """Measure, print a table, and print one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=2000, help="calls of each kind (%(default)s)")
    options = parser.parse_args()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    folder = Path(tempfile.mkdtemp(prefix="r1-"))  # Ray's sockets need a short path
    try:
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80_000_000,
            _temp_dir=str(folder / "ray"),
        )
        with server_process(None) as server:
            worlds = {k: write_world(folder / k, server.base_url) for k in ("process", "actor")}
            here = load_transport(worlds["process"])
            assert here is not None, "a live world shares its transport"
            there = PoolClient(start_pool_actor(str(worlds["actor"])))
            transports = {"process": (worlds["process"], here), "actor": (worlds["actor"], there)}
            found = asyncio.run(measure(transports, options.calls))
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    print("milliseconds of processor time a call")
    print(f"{'pool in':9}{'answer':9}{'asking':>9}{'actor':>9}{'ray':>9}")
    for kind, by_answer in found.items():
        for answered_by, by_process in by_answer.items():
            figures = (by_process.get(name, 0.0) for name in ("asking", "actor", "ray"))
            print(f"{kind:9}{answered_by:9}" + "".join(f"{figure:9.2f}" for figure in figures))
    print(json.dumps({"calls": options.calls, "milliseconds": found}))


if __name__ == "__main__":
    main()
