"""Several processes at one file: record stores and trace files; forks, and processes that are killed."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

from router_r1.testing import LoopbackServer, Served
from router_r1.trace import read_traces
from router_r1.transport.record_store import RecordStore

GONE = "http://127.0.0.1:9/v1"


# --- record stores

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
    """Start another Python process. It prints `ready`, and continues when it reads `go`."""
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
    """Let the processes begin at the same moment."""
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


def test_two_processes_can_record_into_one_new_store(tmp_path, make_request):
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
            kept = store.get(make_request(f"{name} {number}").key)
            assert kept is not None
            assert kept.response.text == f"{name} {number}"
    winners = {store.get(make_request(f"shared {n}").key).response.text for n in range(0, 200, 4)}
    assert winners <= {"one", "two"}
    store.close()


def test_several_processes_can_create_the_same_store_at_once(tmp_path):
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


def test_a_killed_process_leaves_every_finished_record(tmp_path):
    path = tmp_path / "store"
    script = """
from concurrent.futures import ThreadPoolExecutor
path, name = sys.argv[1:]
store = RecordStore(path)
def put(number):
    asked = request(f"{name} {number}")
    store.put(asked, record("x" * 5000))
    sys.stdout.write(asked.key + "\\n")  # in one piece, so that the lines of threads do not mix
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


async def test_a_killed_recording_resumes_where_it_stopped(tmp_path, numbered, pool_at):
    script = """
import asyncio
from router_r1.model_cards import Endpoint, ModelCard, CallLimits
from router_r1.pool import ModelPool
from router_r1.token_prices import Price
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
        store = RecordStore(tmp_path / "store", create=False)
        kept = len(store)
        store.close()
        assert kept > 0
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(40)))
        assert all(response.ok for response in responses)
        # What was kept is not sent again.
        assert len(server.exchanges) - before == 40 - kept
    async with pool_at(GONE).replaying(tmp_path / "store") as pool:
        replayed = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(40)))
    assert [r.text for r in replayed] == [r.text for r in responses]


RECORDING = """
import asyncio, json
from router_r1.model_cards import Endpoint, ModelCard, CallLimits
from router_r1.pool import ModelPool
from router_r1.token_prices import Price
path, base_url = sys.argv[1:]
card = ModelCard(name="a", endpoint="server", price=Price(input=3.0, output=15.0),
                 limits=CallLimits(max_concurrency=4))
pool = ModelPool([card], {"server": Endpoint(base_url=base_url)}).recording(path)
async def main():
    async with pool:
        responses = await asyncio.gather(*(pool.ask("a", f"{n}?") for n in range(60)))
    print(json.dumps([response.text for response in responses]))
asyncio.run(main())
"""


def test_three_processes_that_record_the_same_requests_pay_once(tmp_path, numbered):
    with LoopbackServer(lambda e: replace(numbered(e), delay_s=0.05)) as server:
        processes = [start(RECORDING, tmp_path / "store", server.base_url) for _ in range(3)]
        go(*processes)
        answers = finish(*processes)
        assert len(server.exchanges) == 60
    assert answers[0] == answers[1] == answers[2]


def test_the_claims_of_a_killed_process_lapse(tmp_path, numbered):
    def hangs_first(exchange) -> Served:
        return replace(numbered(exchange), delay_s=60.0 if exchange.number < 4 else 0.0)

    with LoopbackServer(hangs_first) as server:
        killed, later = (start(RECORDING, tmp_path / "store", server.base_url) for _ in range(2))
        go(killed)
        while len(server.exchanges) < 4:
            time.sleep(0.01)
            assert killed.poll() is None, killed.stderr.read()
        killed.kill()
        killed.communicate()
        go(later)
        finish(later)
        assert len(server.exchanges) == 4 + 60


# --- trace files

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


def test_two_processes_can_write_traces_into_one_file(tmp_path):
    path = tmp_path / "traces.jsonl"
    processes = [start(TRACES, path, name) for name in ("one", "two")]
    go(*processes)
    finish(*processes)
    questions = [trace.question for trace in read_traces(path)]
    assert sorted(questions) == sorted(f"{name} {n}?" for name in ("one", "two") for n in range(50))


def test_the_unfinished_line_of_a_killed_process_is_skipped_and_then_truncated(tmp_path, caplog):
    path = tmp_path / "traces.jsonl"
    process = start(TRACES, path, "one")
    go(process)
    finish(process)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:1000])
    assert len(list(read_traces(path))) == 50
    assert "skipped an unfinished line" in caplog.text

    process = start(TRACES, path, "two")
    go(process)
    finish(process, warns="dropped 1000 bytes of an unfinished line")
    assert path.read_bytes().startswith(whole)
    questions = [trace.question for trace in read_traces(path)]
    assert questions == [f"{name} {n}?" for name in ("one", "two") for n in range(50)]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
