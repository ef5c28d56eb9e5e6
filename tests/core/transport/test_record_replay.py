"""Recording and replaying: exactness, misses, samples, several processes at one file, processes that are killed.

Recordings are made from a real server on this machine and replayed after it is gone; other processes are real ones.
"""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from router_r1 import OpenAIPolicy, Price, RouterAgent
from router_r1.errors import ConfigError, ReplayMissError, StoreError
from router_r1.ledger import Ledger
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply, usage
from router_r1.trace import read_traces
from router_r1.transport.live import LiveTransport
from router_r1.transport.messages import Failure, FailureKind, Request, Response
from router_r1.transport.record_replay import StoreTransport
from router_r1.transport.record_store import Record, RecordStore

GONE = "http://127.0.0.1:9/v1"
ANSWER = "<think>!</think><answer>4</answer>"


def route(*models: str, query: str = "2+2?") -> str:
    routes = "".join(f'<route model="{model}">{query}</route>' for model in models)
    return f"<think>?</think>{routes}"


def pool_at(base_url: str, *names: str, **limits) -> ModelPool:
    quick = {"max_attempts": 2, "backoff_base_s": 0.01, "attempt_timeout_s": 5}
    cards = [
        ModelCard(
            name=name,
            endpoint="server",
            price=Price(input=3.0, output=15.0),
            limits=CallLimits(**(quick | limits)),
        )
        for name in names or ("a",)
    ]
    return ModelPool(cards, {"server": Endpoint(base_url=base_url)})


def rows(ledger) -> list[tuple]:
    """What a replay must repeat: all of a row but when it was, who served it, and whether money left an account."""
    return [
        (e.role, e.round, e.model, e.attempt, e.cause, e.outcome, e.usage, e.cost_usd)
        for e in ledger
    ]


def numbered(exchange) -> Served:
    """A different answer to each request."""
    return Served(chat_reply(f"answer {exchange.number}", usage=usage(10 + exchange.number, 5)))


# --- exactness


async def test_a_replay_repeats_answers_costs_and_transcript_without_a_server(tmp_path):
    turns = [route("a", "b"), route("a", query="and 3+3?"), ANSWER]

    def handler(exchange) -> Served:
        if exchange.body["model"] == "policy":
            number = sum(m["role"] == "assistant" for m in exchange.body["messages"])
            return Served(chat_reply(turns[number], usage=usage(100, 20 + number, cached=50)))
        if exchange.body["model"] == "b":
            return Served({"error": {"message": "broken"}}, status=500)
        if exchange.number == 1:
            return Served(chat_reply(""))  # an empty answer, which is billed, and then a good one
        return numbered(exchange)

    def agent_at(base_url: str, *, recording: bool) -> RouterAgent:
        store = tmp_path / "store.sqlite"
        live = pool_at(base_url, "a", "b")
        pool = live.recording(store) if recording else live.replaying(store)
        server = LiveTransport({"policy": Endpoint(base_url=base_url)}) if recording else None
        on_miss = "live" if recording else "error"
        policy = OpenAIPolicy(
            base_url,
            "policy",
            price=Price(input=0.1, output=0.2, cached=0.01),
            transport=StoreTransport(RecordStore(store), server, on_miss=on_miss),
        )
        return RouterAgent(policy=policy, pool=pool, aggregator="select")

    with LoopbackServer(handler) as server:
        recording = agent_at(server.base_url, recording=True)
        recorded = await recording.aask("What is 2+2, and 3+3?")
        again = await recording.aask("What is 2+2, and 3+3?")
        await recording.aclose()
    replaying = agent_at(GONE, recording=False)
    replayed = await replaying.aask("What is 2+2, and 3+3?")
    await replaying.aclose()

    assert recorded.rounds == 2
    outcomes = [row.outcome for row in recorded.ledger]
    assert outcomes.count("empty_reply") == 1
    assert outcomes.count("server_error") == 2
    for result in (again, replayed):
        assert (result.answer, result.cost_usd) == (recorded.answer, recorded.cost_usd)
        assert result.stop_reason == recorded.stop_reason
        assert [t.observation for t in result.trace.turns] == [
            t.observation for t in recorded.trace.turns
        ]
        assert [t.turn for t in result.trace.turns] == [t.turn for t in recorded.trace.turns]
    assert sorted(map(str, rows(replayed.ledger))) == sorted(map(str, rows(recorded.ledger)))
    assert {row.source for row in replayed.ledger} == {"replay"}
    assert recorded.ledger.billed_usd > 0
    assert replayed.ledger.billed_usd == 0.0
    # While recording, an answer is paid for once; the failure of `b` is asked for again.
    assert {row.model for row in again.ledger if row.source == "live"} == {"b"}


async def test_a_replayed_response_is_the_recorded_one(tmp_path):
    def handler(exchange) -> Served:
        reply = chat_reply("4", usage=usage(10, 5, 3, 2), model="a-2026", finish="length")
        return Served(reply)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            recorded = await pool.ask("a", "2+2?")
    async with pool_at(GONE).replaying(tmp_path / "store") as pool:
        replayed = await pool.ask("a", "2+2?")
    assert replayed == replace(recorded, source="replay")
    assert (replayed.served_by, replayed.finish_reason) == ("a-2026", "length")


async def test_a_replay_is_priced_by_the_pool_that_replays_it(tmp_path):
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            recorded = await pool.ask("a", "2+2?")
    cheaper = ModelPool([ModelCard(name="a", price=Price(input=1.0, output=2.0))])
    async with cheaper.replaying(tmp_path / "store") as pool:
        replayed = await pool.ask("a", "2+2?")
    assert recorded.cost_usd == (10 * 3.0 + 5 * 15.0) / 1_000_000
    assert replayed.cost_usd == (10 * 1.0 + 5 * 2.0) / 1_000_000


async def test_samples_of_one_request_are_kept_apart(tmp_path):
    policy = ScriptedPolicy([route("a"), route("a"), ANSWER])

    def texts(result) -> list[str]:
        return [outcome.response.text for turn in result.trace.turns for outcome in turn.outcomes]

    async def ask(pool: ModelPool) -> list[list[str]]:
        agent = RouterAgent(policy=policy, pool=pool)
        results = [await agent.aask("2+2?", sample_index=index) for index in (0, 10)]
        await agent.aclose()
        return [texts(result) for result in results]

    with LoopbackServer(numbered) as server:
        recorded = await ask(pool_at(server.base_url).recording(tmp_path / "store"))
    replayed = await ask(pool_at(GONE).replaying(tmp_path / "store"))
    assert recorded == replayed == [["answer 0", "answer 1"], ["answer 2", "answer 3"]]


@pytest.mark.parametrize(
    "changed", [{"model": "c"}, {"max_output_tokens": 7}, {"system_prompt": "Be brief."}]
)
async def test_all_that_changes_an_answer_is_part_of_the_key(tmp_path, changed):
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            await pool.ask("a", "2+2?")
    other = ModelCard(**({"name": "a", "price": Price(input=1, output=1)} | changed))
    async with ModelPool([other]).replaying(tmp_path / "store") as pool:
        with pytest.raises(ReplayMissError):
            await pool.ask("a", "2+2?")


# --- misses


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """A store that holds the answer of `a` to "2+2?", and no other."""
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            await pool.ask("a", "2+2?")
    return tmp_path / "store"


async def test_a_miss_is_an_error_that_says_what_to_do_and_leaves_a_trace(store, tmp_path):
    traces = tmp_path / "traces.jsonl"
    policy = ScriptedPolicy([route("a"), route("a", query="9+9?"), ANSWER])
    agent = RouterAgent(policy=policy, pool=pool_at(GONE).replaying(store), traces=traces)
    with pytest.raises(ReplayMissError, match=r"no recorded answer of 'a'.*record it") as raised:
        await agent.aask("?")
    await agent.aclose()
    assert "\n" not in str(raised.value)
    (trace,) = read_traces(traces)
    assert (trace.stop_reason, trace.rounds) == ("error", 1)
    assert "no recorded answer" in trace.stop_detail


async def test_a_miss_may_be_a_failure_that_the_policy_sees(store):
    policy = ScriptedPolicy([route("a"), route("a", query="9+9?"), ANSWER])
    pool = pool_at(GONE).replaying(store, on_miss="failure")
    agent = RouterAgent(policy=policy, pool=pool)
    result = await agent.aask("?")
    await agent.aclose()
    assert (result.answer, result.rounds) == ("4", 2)
    assert result.cost_usd == (10 * 3.0 + 5 * 15.0) / 1_000_000
    assert 'notice="not_recorded"' in result.trace.turns[1].observation
    assert "No reply: a has no recorded answer to this." in result.trace.turns[1].observation


async def test_a_miss_may_be_asked_for_and_kept(store):
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).replaying(store, on_miss="live") as pool:
            known, new = await pool.ask("a", "2+2?"), await pool.ask("a", "9+9?")
        assert (known.source, new.source) == ("replay", "live")
        assert len(server.exchanges) == 1
    async with pool_at(GONE).replaying(store) as pool:
        assert (await pool.ask("a", "9+9?")).text == new.text


def test_a_recording_needs_somebody_to_ask(tmp_path):
    with pytest.raises(ConfigError, match="needs a live transport"):
        StoreTransport(RecordStore(tmp_path / "store"), on_miss="live")


async def test_a_replay_needs_no_key_and_a_recording_does(store):
    card = ModelCard(name="a", endpoint="server", price=Price(input=1, output=1))
    pool = ModelPool([card], {"server": Endpoint(base_url=GONE, api_key_env="NO_SUCH_KEY")})
    pool.replaying(store).check()
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        pool.recording(store).check()


# --- once, and failures


async def test_equal_requests_at_once_are_sent_once(tmp_path):
    def slow(exchange) -> Served:
        return replace(numbered(exchange), delay_s=0.2)

    with LoopbackServer(slow) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            ledger = Ledger()
            same = [pool.ask("a", "2+2?", Account(ledger)) for _ in range(20)]
            others = [pool.ask("a", f"{n}?") for n in range(5)]
            responses = await asyncio.gather(*same, *others)
        assert len(server.exchanges) == 6
    assert len({response.text for response in responses[:20]}) == 1
    assert sorted(row.source for row in ledger) == ["live"] + ["replay"] * 19
    assert ledger.billed_usd == responses[0].cost_usd
    assert ledger.cost_usd() == pytest.approx(20 * responses[0].cost_usd)


async def test_who_waits_for_an_equal_request_does_not_share_its_failure(tmp_path):
    def handler(exchange) -> Served:
        if exchange.number == 0:
            return Served(status=500, delay_s=0.2)
        return numbered(exchange)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, max_attempts=1).recording(tmp_path / "store") as pool:
            first, second = await asyncio.gather(pool.ask("a", "?"), pool.ask("a", "?"))
    assert [first.ok, second.ok] == [False, True]
    assert len(server.exchanges) == 2


async def test_who_waits_for_an_equal_request_that_is_cancelled_asks_himself(tmp_path):
    def handler(exchange) -> Served:
        return replace(numbered(exchange), delay_s=30 if exchange.number == 0 else 0)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            first = asyncio.ensure_future(pool.ask("a", "?"))
            second = asyncio.ensure_future(pool.ask("a", "?"))
            while not server.exchanges:
                await asyncio.sleep(0.01)
            first.cancel()
            assert (await asyncio.wait_for(second, 5)).text == "answer 1"


async def test_a_failure_is_kept_for_replay_and_tried_again_when_recording(tmp_path):
    broken = True

    def handler(exchange) -> Served:
        return Served(status=500) if broken else numbered(exchange)

    async def replayed() -> Response:
        async with pool_at(GONE).replaying(tmp_path / "store") as pool:
            return await pool.ask("a", "?")

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            failed = await pool.ask("a", "?")
            kept = await replayed()
            assert kept == replace(failed, source="replay")
            assert (kept.failure.kind, kept.failure.status, kept.attempts) == (
                "server_error",
                500,
                2,
            )
            broken = False
            answered = await pool.ask("a", "?")
            assert answered.ok
        assert len(server.exchanges) == 3
    assert (await replayed()).text == answered.text


def request(text: str, sample_index: int = 0) -> Request:
    return Request(
        "a", ({"role": "user", "content": text},), sampling={}, sample_index=sample_index
    )


def record(text: str | None, at: float = 1.0) -> Record:
    failure = None if text is not None else Failure(FailureKind.TIMEOUT, "late")
    return Record(Response(text=text or "", failure=failure), (), at)


def test_the_first_answer_stays(tmp_path):
    store = RecordStore(tmp_path / "store")
    for text in (None, "first", "second", None):
        store.put(request("?"), record(text))
    kept = store.get(request("?").key)
    assert kept is not None
    assert kept.response.text == "first"
    assert len(store) == 1
    store.close()


def test_a_store_lists_what_it_holds_in_order_of_time_and_opens_again_after_closing(tmp_path):
    store = RecordStore(tmp_path / "store")
    for number in (3, 1, 2):
        store.put(request(f"{number}?"), record(str(number), at=float(number)))
    store.close()
    listed = [(asked["messages"][0]["content"], kept.response.text) for asked, kept in store]
    assert listed == [("1?", "1"), ("2?", "2"), ("3?", "3")]
    assert store.get("no such key") is None
    store.close()


# --- several processes


PRELUDE = """
import sys
from router_r1.transport.record_store import Record, RecordStore
from router_r1.transport.messages import Request, Response

def request(text):
    return Request("a", ({"role": "user", "content": text},))

def record(text):
    return Record(Response(text=text), (), 1.0)
"""


def start(script: str, *arguments: object) -> subprocess.Popen:
    """Another Python process. It says `ready`, and goes on when it is told `go`."""
    ready = "print('ready', flush=True); sys.stdin.readline()\n"
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + ready + script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process


def go(*processes: subprocess.Popen) -> None:
    """Let them all begin at the same moment."""
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def finish(*processes: subprocess.Popen, warns: str = "") -> list[str]:
    outputs = []
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert warns in errors if warns else errors == ""
        outputs.append(output)
    return outputs


def test_two_processes_that_record_into_one_new_store_lose_nothing(tmp_path):
    path = tmp_path / "store"
    script = """
path, name = sys.argv[1:]
store = RecordStore(path)
for number in range(200):
    store.put(request(f"{name} {number}"), record(f"{name} {number}"))
    if number % 4 == 0:
        store.put(request(f"shared {number}"), record(name))
store.close()
"""
    processes = [start(script, path, name) for name in ("one", "two")]
    go(*processes)
    finish(*processes)
    store = RecordStore(path, create=False)
    assert len(store) == 2 * 200 + 50
    for name in ("one", "two"):
        for number in range(200):
            kept = store.get(request(f"{name} {number}").key)
            assert kept is not None
            assert kept.response.text == f"{name} {number}"
    winners = {store.get(request(f"shared {n}").key).response.text for n in range(0, 200, 4)}
    assert winners <= {"one", "two"}
    store.close()


def test_processes_that_make_the_same_store_at_once_all_succeed(tmp_path):
    script = """
for number in range(20):
    store = RecordStore(f"{sys.argv[1]}/{number}")
    store.put(request(sys.argv[2]), record("?"))
    store.close()
"""
    processes = [start(script, tmp_path, name) for name in "abcd"]
    go(*processes)
    finish(*processes)
    for number in range(20):
        store = RecordStore(tmp_path / str(number), create=False)
        assert len(store) == 4
        store.close()


def test_a_store_can_be_used_on_both_sides_of_a_fork(tmp_path):
    script = """
import os
store = RecordStore(sys.argv[1])
store.put(request("before"), record("?"))
child = os.fork()
for number in range(100):
    store.put(request(f"{child == 0} {number}"), record("?"))
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(store))
"""
    process = start(script, tmp_path / "store")
    go(process)
    assert finish(process) == ["201\n"]


def test_a_process_that_is_killed_leaves_every_row_it_had_finished(tmp_path):
    path = tmp_path / "store"
    script = """
from concurrent.futures import ThreadPoolExecutor
path, name = sys.argv[1:]
store = RecordStore(path)
def put(number):
    asked = request(f"{name} {number}")
    store.put(asked, record("x" * 5000))
    sys.stdout.write(asked.key + "\\n")  # in one piece, so that threads do not mix their lines
    sys.stdout.flush()
with ThreadPoolExecutor(4) as pool:
    list(pool.map(put, range(100_000)))
"""
    finished: set[str] = set()
    for name in ("first", "second", "third"):
        process = start(script, path, name)
        go(process)
        for _ in range(150):
            finished.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        finished |= {line for line in rest.splitlines() if len(line) == 64}
        assert process.returncode == -signal.SIGKILL

        store = RecordStore(path, create=False)
        assert len(finished) >= 150
        assert all(store.get(key) is not None for key in finished)
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        assert len(list(store)) == len(store) >= len(finished)
        store.close()


async def test_a_recording_that_was_killed_goes_on_where_it_stopped(tmp_path):
    script = """
import asyncio
from router_r1.model_cards import Endpoint, ModelCard, CallLimits
from router_r1.pool import ModelPool
from router_r1.pricing import Price
path, base_url = sys.argv[1:]
card = ModelCard(name="a", endpoint="server", price=Price(input=3.0, output=15.0),
                 limits=CallLimits(max_concurrency=2))
pool = ModelPool([card], {"server": Endpoint(base_url=base_url)}).recording(path)
async def main():
    await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(40)))
asyncio.run(main())
"""

    def slow(exchange) -> Served:
        return replace(numbered(exchange), delay_s=0.02)

    with LoopbackServer(slow) as server:
        process = start(script, tmp_path / "store", server.base_url)
        go(process)
        while len(server.exchanges) < 20:
            await asyncio.sleep(0.005)
            assert process.poll() is None, process.stderr.read()
        process.kill()
        process.communicate()
        before = len(server.exchanges)
        assert before < 40
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(40)))
        assert all(response.ok for response in responses)
        # Only what was in flight at the kill, or just answered, was asked for twice.
        assert 40 <= len(server.exchanges) <= 40 + 4
    async with pool_at(GONE).replaying(tmp_path / "store") as pool:
        replayed = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(40)))
    assert [r.text for r in replayed] == [r.text for r in responses]


# --- files that are no record stores


def text_file(path: Path) -> None:
    path.write_text("question,answer\n" * 1000)


def short_file(path: Path) -> None:
    path.write_bytes(b"hello\n")


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
        connection.execute("INSERT INTO customers VALUES ('Ada')")
    connection.close()


def other_database_with_a_write_ahead_log(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()


def other_database_with_a_table_of_the_same_name(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE records (artist TEXT, title TEXT)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def newer_version(path: Path) -> None:
    RecordStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def damaged_store(path: Path) -> None:
    RecordStore(path).close()
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)


NOT_STORES = {
    text_file: "not a database",
    short_file: "not a database",
    other_database: "an SQLite file, but not a record store",
    other_database_with_a_write_ahead_log: "an SQLite file, but not a record store",
    other_database_with_a_table_of_the_same_name: "an SQLite file, but not a record store",
    newer_version: "written by another version \\(format 99, this version reads 1\\); record again",
    damaged_store: "cannot be used as a record store",
}


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("make", NOT_STORES, ids=lambda make: make.__name__)
def test_a_file_that_is_no_record_store_is_refused_and_left_alone(tmp_path, make, create):
    path = tmp_path / "file"
    make(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"{path}: .*{NOT_STORES[make]}") as raised:
        RecordStore(path, create=create)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_is_no_record_store(tmp_path, create):
    with pytest.raises(StoreError, match="unable to open") as raised:
        RecordStore(tmp_path, create=create)
    assert "\n" not in str(raised.value)


def test_a_store_inside_a_file_is_refused(tmp_path):
    text_file(tmp_path / "file")
    with pytest.raises(StoreError, match="file/store: cannot be used"):
        RecordStore(tmp_path / "file" / "store")


def test_a_store_is_made_with_its_folders_when_recording_and_must_be_there_for_a_replay(tmp_path):
    path = tmp_path / "runs" / "one" / "store"
    with pytest.raises(StoreError, match="no such record store; record one first"):
        pool_at(GONE).replaying(path)
    assert not path.parent.exists()
    RecordStore(path).close()
    RecordStore(path, create=False).close()


def test_an_empty_file_becomes_a_store_when_recording_and_is_none_for_a_replay(tmp_path):
    path = tmp_path / "store"
    path.touch()  # what is left of a process that was killed before it had made the table
    with pytest.raises(StoreError, match="the file is empty; record something first"):
        RecordStore(path, create=False)
    assert path.read_bytes() == b""
    store = RecordStore(path)
    store.put(request("?"), record("!"))
    store.close()


async def test_a_row_that_is_no_record_is_named(store):
    key = pool_at(GONE).card("a").request("2+2?").key
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE records SET response = '{\"text\": 4}'")
    connection.close()
    async with pool_at(GONE).replaying(store) as pool:
        with pytest.raises(StoreError, match=f"row {key} is not a record"):
            await pool.ask("a", "2+2?")


async def test_a_store_that_breaks_in_use_is_a_store_error(tmp_path):
    store = RecordStore(tmp_path / "store")
    with sqlite3.connect(tmp_path / "store") as connection:
        connection.execute("DROP TABLE records")
    connection.close()
    for use in (lambda: store.get("key"), lambda: len(store), lambda: list(store)):
        with pytest.raises(StoreError, match="no such table"):
            use()
    with pytest.raises(StoreError, match="no such table"):
        store.put(request("?"), record("!"))
    store.close()


# --- traces


TRACES = """
from router_r1 import RouterAgent
from router_r1.testing import ScriptedPolicy, ScriptedPool
path, name = sys.argv[1:]
agent = RouterAgent(
    policy=ScriptedPolicy(['<think>?</think><route model="a">?</route>', "<think>!</think><answer>4</answer>"]),
    pool=ScriptedPool({"a": "word " * 4000}),
    traces=path,
)
for number in range(50):
    agent.ask(f"{name} {number}?")
agent.close()
"""


def test_two_processes_may_write_traces_into_one_file(tmp_path):
    path = tmp_path / "traces.jsonl"
    processes = [start(TRACES, path, name) for name in ("one", "two")]
    go(*processes)
    finish(*processes)
    questions = [trace.question for trace in read_traces(path)]
    assert sorted(questions) == sorted(f"{name} {n}?" for name in ("one", "two") for n in range(50))


def test_half_a_line_of_a_killed_process_is_passed_over_and_then_cut_off(tmp_path, caplog):
    path = tmp_path / "traces.jsonl"
    process = start(TRACES, path, "one")
    go(process)
    finish(process)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:1000])
    assert len(list(read_traces(path))) == 50
    assert "passed over an unfinished line" in caplog.text

    process = start(TRACES, path, "two")
    go(process)
    finish(process, warns="dropped 1000 bytes of an unfinished line")
    assert path.read_bytes().startswith(whole)
    questions = [trace.question for trace in read_traces(path)]
    assert questions == [f"{name} {n}?" for name in ("one", "two") for n in range(50)]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
