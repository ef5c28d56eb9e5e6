"""One pool for several processes: limits hold in total, nothing is paid for twice, and the ledger is that of a pool
without an actor."""

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")

from router_r1 import Ledger  # noqa: E402
from router_r1.data.questions import Question, write_questions  # noqa: E402
from router_r1.data.splits import Split  # noqa: E402
from router_r1.errors import ConfigError, StoreError  # noqa: E402
from router_r1.model_cards import ModelCard  # noqa: E402
from router_r1.pool import Account, ModelPool  # noqa: E402
from router_r1.testing import LoopbackServer, Served, chat_reply, usage  # noqa: E402
from router_r1.transport.record_store import RecordStore  # noqa: E402
from router_r1_envs.verl_training.pool_actor import PoolClient, start_pool_actor  # noqa: E402
from router_r1_envs.worlds.load import load_world, shares_transport  # noqa: E402

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # warnings of Ray
]

POOL = """
endpoints:
  server: {{base_url: "{url}"}}
candidates:
  - name: small
    endpoint: server
    price: {{input: 1, output: 1}}
    limits: {{{limits}}}
"""
WORLD = "{kind: live, pool: pool.yaml, questions: sums.jsonl, store: answers.sqlite, levels: [{name: x}]}"
SUMS = [Question(id=f"{n}", question=f"{n}+1?", answer=f"{n + 1}", metric="em") for n in range(9)]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    folder = tempfile.mkdtemp(prefix="r1-")  # Ray's sockets need a short path
    # Its processes cannot import a test.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(num_cpus=4, include_dashboard=False, object_store_memory=80_000_000, _temp_dir=folder)
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def world(tmp_path):
    """Make a world of sums whose only candidate is at the given URL and has the given limits."""

    def make(url: str, limits: str = "") -> str:
        (tmp_path / "pool.yaml").write_text(POOL.format(url=url, limits=limits))
        (tmp_path / "world.yaml").write_text(WORLD)
        write_questions(tmp_path / "sums.jsonl", SUMS)
        return str(tmp_path / "world.yaml")

    return make


def row(entry):
    """A row of a ledger, without what differs between any two calls."""
    return replace(entry, call_id="", started_at=0.0, latency_s=0.0)


def answered(exchange) -> Served:
    text = exchange.body["messages"][-1]["content"]
    return Served(chat_reply(f"{text} is {exchange.number}", usage=usage(7, 3)))


@ray.remote
class Player:
    """The part of an agent-loop worker that asks candidates, in a process of its own."""

    def __init__(self, source, actor):
        world = load_world(source, transport=PoolClient(actor, 2))
        self.pool = world.pool(world.questions(Split.TRAIN)[0])

    async def ask(self, queries):
        """Ask all of them at the same time; returns texts, ledger rows, and files that this process has open."""
        account = Account(Ledger())
        responses = await asyncio.gather(*(self.pool.ask("small", q, account) for q in queries))
        files = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        return [r.text for r in responses], [row(e) for e in account.ledger], files


def test_two_processes_keep_the_limits_and_pay_once(world, tmp_path):
    sent: list[float] = []

    def slow(exchange) -> Served:
        sent.append(time.monotonic())
        return replace(answered(exchange), delay_s=0.05)

    with LoopbackServer(slow) as server:
        # A pool lets a tenth of a minute's requests out at once: 12, and then 2 per second.
        source = world(server.base_url, "max_concurrency: 3, requests_per_minute: 120")
        actor = start_pool_actor(source)
        players = [Player.remote(source, actor) for _ in range(2)]
        queries = [f"{n}?" for n in range(16)]
        answers = ray.get(
            [p.ask.remote(q) for p, q in zip(players, (queries, queries[::-1]), strict=True)]
        )
        assert len(server.exchanges) == len(queries)
        assert server.most_in_flight <= 3
    assert sent[-1] - sent[0] > 1.5
    assert answers[0][0] == answers[1][0][::-1]
    rows = [row for _, rows, _ in answers for row in rows]
    assert len(rows) == 2 * len(queries) and all(row.cost_usd == 10e-6 for row in rows)
    assert sum(row.billed for row in rows) == len(queries)
    assert not any("answers.sqlite" in file for _, _, files in answers for file in files)
    ray.kill(actor)
    with_all = RecordStore(tmp_path / "answers.sqlite", create=False)
    assert len(with_all) == len(queries)
    with_all.close()


async def test_failures_and_retries_are_those_of_a_pool_without_an_actor(world):
    def fails_often(exchange) -> Served:
        if exchange.number % 4 == 3:
            return Served({"error": {"message": "no such model"}}, status=404)
        return answered(exchange) if exchange.number % 2 else Served(b"", status=500)

    async def play(transport_of):
        with LoopbackServer(fails_often) as server:
            source = world(server.base_url, "backoff_base_s: 0.01")
            pool = ModelPool.from_yaml(
                Path(source).with_name("pool.yaml"), transport=transport_of(source)
            )
            account = Account(Ledger(), episode_id="e", round=2)
            responses = [await pool.ask("small", f"{n}?", account) for n in range(2)]
            await pool.aclose()
        return [replace(r, latency_s=0.0) for r in responses], [row(e) for e in account.ledger]

    alone = await play(lambda source: None)
    through_actor = await play(lambda source: PoolClient(start_pool_actor(source)))
    assert [e.outcome for e in alone[1]] == ["server_error", "ok", "server_error", "bad_request"]
    assert through_actor == alone


async def test_a_cancelled_call_is_cancelled_in_the_actor_and_booked(world):
    with LoopbackServer(lambda e: replace(answered(e), delay_s=60.0)) as server:
        source = world(server.base_url)
        actor = start_pool_actor(source)
        pool = load_world(source, transport=PoolClient(actor)).pool(SUMS[0])
        account = Account(Ledger())
        call = asyncio.ensure_future(pool.ask("small", "1?", account))
        while not server.exchanges:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        while not server.exchanges[0].cancelled:
            await asyncio.sleep(0.01)
    (entry,) = account.ledger
    assert (entry.outcome, entry.billed) == ("cancelled", True)


async def test_a_dead_actor_is_an_error_that_says_so(world):
    with LoopbackServer(lambda e: replace(answered(e), delay_s=60.0)) as server:
        source = world(server.base_url)
        actor = start_pool_actor(source)
        client = PoolClient(actor)
        card = ModelCard(name="small", endpoint="server", price={"input": 1, "output": 1})
        asking = asyncio.gather(
            *(client.call(card, card.request(f"{n}?"), print) for n in range(2)),
            return_exceptions=True,
        )
        while len(server.exchanges) < 2:
            await asyncio.sleep(0.01)
        ray.kill(actor)
        for error in await asking:
            assert "the pool actor died or cannot be reached, during a call to small" in str(error)


async def test_errors_of_world_and_store_come_through(world, tmp_path):
    source = world("http://127.0.0.1:9/v1")
    with pytest.raises(ConfigError, match=r"answers\.sqlite: no such record store") as raised:
        start_pool_actor(source, ["mode=replay"])
    assert "\n" not in str(raised.value)
    pool = load_world(source, transport=PoolClient(start_pool_actor(source))).pool(SUMS[0])
    with closing(sqlite3.connect(tmp_path / "answers.sqlite")) as store:
        store.execute("DROP TABLE records")
    with pytest.raises(StoreError, match=r"answers\.sqlite: .*no such table"):
        await pool.ask("small", "1?")


def test_only_worlds_with_a_pool_of_their_own_share_it(world):
    assert shares_transport(world("http://127.0.0.1:9/v1"))
    assert not shares_transport("generated")
