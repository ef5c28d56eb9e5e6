"""An answer that was paid for is given, whatever happens to the files that should keep it."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from router_r1 import ModelCard, ModelPool, Price, RecordStore, Result, RouterAgent, read_traces
from router_r1.errors import ConfigError, StoreError, TraceError
from router_r1.testing import (
    LoopbackServer,
    ScriptedPolicy,
    ScriptedPool,
    Served,
    chat_reply,
    usage,
)
from router_r1.transport.record_replay import StoreTransport
from router_r1.transport.simulated import SimulatedTransport

TURNS = ['<think>?</think><route model="a">2+2?</route>', "<think>!</think><answer>4</answer>"]
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def ask(traces: Path | str, before: Callable[[], object] = lambda: None) -> Result:
    with RouterAgent(
        policy=ScriptedPolicy(TURNS), pool=ScriptedPool({"a": "4"}), traces=traces
    ) as agent:
        before()
        return agent.ask("What is 2+2?")


# --- traces


@FULL
def test_a_full_disk_costs_the_trace_and_not_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "router_r1.agent"):
        result = ask("/dev/full")
    said = "/dev/full: the trace cannot be written: No space left on device"
    assert (result.answer, result.not_saved) == ("4", said)
    assert caplog.messages == [said]


def remove(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("a file where the folder was")


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [remove, make_folder])
def test_a_place_that_is_gone_costs_the_trace_and_not_the_answer(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "runs" / "traces.jsonl"
    path.parent.mkdir()
    result = ask(path, lambda: spoil(path))
    assert result.answer == "4"
    assert result.not_saved is not None
    assert result.not_saved.startswith(f"{path}: the trace cannot be written: ")


@pytest.mark.parametrize(
    "content", ["pool: x\n", "my notes, no line end", '{"id": "q"}\n', "\n", " "]
)
def test_a_file_of_something_else_is_not_appended_to_or_cut(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(TraceError, match="is not a file of traces; choose another path"):
        ask(path)
    assert path.read_text() == content


@pytest.mark.parametrize("length", [0, 5, 40])
def test_a_line_that_a_killed_writer_left_is_no_obstacle(tmp_path: Path, length: int) -> None:
    path = tmp_path / "traces.jsonl"
    ask(path)
    path.write_bytes(path.read_bytes()[:length])
    assert ask(path).not_saved is None
    assert len(list(read_traces(path))) == 1


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "traces.jsonl"
    policy = ScriptedPolicy(TURNS * 2)
    with RouterAgent(policy=policy, pool=ScriptedPool({"a": "4"}), traces=path) as agent:
        agent.ask("What is 2+2?")
        shutil.rmtree(path.parent)
        assert agent.ask("What is 2+2?").not_saved is None
    assert len(list(read_traces(path))) == 1


def test_all_answers_of_a_batch_are_given(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    with RouterAgent(
        policy=ScriptedPolicy(["<think>!</think><answer>4</answer>"] * 3),
        pool=ScriptedPool({"a": "4"}),
        traces=path,
    ) as agent:
        path.mkdir()
        results = agent.ask_many(["a?", "b?", "c?"], progress=False)
    assert [result.answer for result in results] == ["4"] * 3
    assert all(result.not_saved for result in results)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_can_never_be_written_is_refused_before_anything_is_paid(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "traces")
    with pytest.raises(TraceError, match="cannot be written; choose another path"):
        ask(tmp_path / "traces")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"a": float("nan")}, "JSON has no nan"),
        ({"a": [float("inf")]}, "JSON has no inf"),
        ({"a": "\ud800"}, "half of a surrogate pair"),
        ({1: "a"}, "JSON has texts as keys, not int"),
        ({"a": {1, 2}}, "JSON has no set"),
        ({"a": b"x"}, "JSON has no bytes"),
        pytest.param({"a": 10**5000}, "too many digits", id="many digits"),
    ],
)
def test_metadata_that_no_trace_can_hold_is_refused_before_anything_is_paid(
    metadata: dict[str, object], expected: str
) -> None:
    agent = RouterAgent(policy=ScriptedPolicy(TURNS), pool=ScriptedPool({"a": "4"}))
    said = f"metadata cannot be written as JSON: .*{expected}"
    with agent, pytest.raises(ConfigError, match=said):
        agent.ask("What is 2+2?", metadata=metadata)


@FULL
@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_gives_the_answer_names_the_file_and_fails(
    tmp_path: Path, as_json: bool
) -> None:
    reply = Served(chat_reply("<think>!</think><answer>4</answer>", usage=usage(10, 5)))
    with LoopbackServer(lambda _: reply) as server:
        (tmp_path / "pool.yaml").write_text(
            f"endpoints: {{here: {{base_url: '{server.base_url}'}}}}\n"
            "candidates: [{name: a, endpoint: here, price: {input: 1, output: 1}}]\n"
        )
        (tmp_path / "agent.yaml").write_text(
            f"pool: pool.yaml\ntraces: /dev/full\npolicy: {{kind: openai, base_url: '{server.base_url}', model: m, "
            f"price: {{input: 1, output: 1}}}}\n"
        )
        command = [sys.executable, "-c", "from router_r1.cli import main; main()", "ask", "2+2?"]
        command += ["--config", str(tmp_path / "agent.yaml"), "-q", *["--json"] * as_json]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    answer = json.loads(done.stdout)["answer"] if as_json else done.stdout.strip()
    assert answer == "4"
    last = done.stderr.splitlines()[-1]
    assert last == "router-r1: /dev/full: the trace cannot be written: No space left on device"
    assert done.stderr.count("/dev/full") == 1


# --- record stores


def recording(store: RecordStore) -> ModelPool:
    cards = [ModelCard(name="a", price=Price(input=1, output=1))]
    live = SimulatedTransport(lambda card, request: "4" * 10_000)
    return ModelPool(cards, transport=StoreTransport(store, live, on_miss="live"))


def test_a_full_disk_costs_the_recording_and_not_the_answer(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "store.sqlite")
    with store._using() as connection:  # no more pages than there are now: the file cannot grow
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with RouterAgent(policy=ScriptedPolicy(TURNS), pool=recording(store)) as agent:
        result = agent.ask("What is 2+2?")
        assert result.answer == "4"
        assert result.not_saved is not None
        assert "store.sqlite" in result.not_saved and "full" in result.not_saved


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A store with the one answer that the agent asks for."""
    path = tmp_path / "stores" / "store.sqlite"
    with RouterAgent(policy=ScriptedPolicy(TURNS), pool=recording(RecordStore(path))) as agent:
        assert agent.ask("What is 2+2?").not_saved is None
    return path


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is on a read-only mount, as far as the system says; permissions do not bind an administrator."""
    before = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **given: not mode & os.W_OK and before(path, mode, **given)
    )


@pytest.mark.usefixtures("read_only")
def test_a_store_on_a_read_only_mount_is_replayed_and_left_as_it_is(recorded: Path) -> None:
    cards = [ModelCard(name="a", price=Price(input=1, output=1))]
    pool = ModelPool(cards).replaying(recorded)
    with RouterAgent(policy=ScriptedPolicy(TURNS), pool=pool) as agent:
        assert agent.ask("What is 2+2?").answer == "4"
    assert [path.name for path in recorded.parent.iterdir()] == [recorded.name]


@pytest.mark.usefixtures("read_only")
def test_records_that_are_only_in_the_log_are_missed_aloud(recorded: Path) -> None:
    recorded.with_name(f"{recorded.name}-wal").write_bytes(b"newer records")
    with pytest.raises(StoreError, match=r"its newest records are in store\.sqlite-wal"):
        RecordStore(recorded, create=False)


@pytest.mark.usefixtures("read_only")
def test_recording_to_a_read_only_store_is_refused_before_anything_is_paid(recorded: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written; record to another path"):
        RecordStore(recorded)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind an administrator")
def test_a_store_without_write_permission_is_replayed(recorded: Path) -> None:
    recorded.chmod(0o444)
    recorded.parent.chmod(0o555)
    try:
        assert len(RecordStore(recorded, create=False)) == 1
    finally:
        recorded.parent.chmod(0o755)


@pytest.mark.parametrize(
    "response",
    [
        "{}",
        "[]",
        "",
        "no JSON",
        "[" * 100_000,
        "null",
        "7",
        '{"response": {"usage": {"prompt": -1}}}',
    ],
)
def test_a_bad_row_of_a_store_is_one_line(recorded: Path, response: str) -> None:
    store = RecordStore(recorded)
    with store._using() as connection:
        connection.execute("UPDATE records SET response = ?", (response,))
        key = connection.execute("SELECT key FROM records").fetchone()[0]
    with pytest.raises(StoreError) as caught:
        store.get(key)
    assert str(caught.value).startswith(f"{recorded}: row {key} is not a record: ")
    assert len(str(caught.value).splitlines()) == 1
    store.close()


@pytest.mark.parametrize("column", ["request", "response"])
@pytest.mark.parametrize("value", [7, 1.5, b"\xff\x00", "[" * 100_000])
def test_a_column_of_another_type_is_one_line(recorded: Path, column: str, value: object) -> None:
    store = RecordStore(recorded)
    with store._using() as connection:
        connection.execute(f"UPDATE records SET {column} = ?", (value,))
    with pytest.raises(StoreError) as caught:
        list(store)
    assert len(str(caught.value).splitlines()) == 1
    store.close()
