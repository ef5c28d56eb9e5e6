"""The record store: which record stays, and files that are not record stores."""

import sqlite3
from pathlib import Path

import pytest

from router_r1.errors import StoreError
from router_r1.transport.record_store import RecordStore

GONE = "http://127.0.0.1:9/v1"


# --- records


def test_the_first_answer_to_a_request_stays(tmp_path, make_record, make_request):
    store = RecordStore(tmp_path / "store")
    for text in (None, "first", "second", None):
        store.put(make_request("?"), make_record(text))
    kept = store.get(make_request("?").key)
    assert kept is not None
    assert kept.response.text == "first"
    assert len(store) == 1
    store.close()


def test_a_store_lists_its_records_by_time_and_reopens_after_closing(
    tmp_path, make_record, make_request
):
    store = RecordStore(tmp_path / "store")
    for number in (3, 1, 2):
        store.put(make_request(f"{number}?"), make_record(str(number), created_at=float(number)))
    store.close()
    listed = [(asked["messages"][0]["content"], kept.response.text) for asked, kept in store]
    assert listed == [("1?", "1"), ("2?", "2"), ("3?", "3")]
    assert store.get("no such key") is None
    store.close()


# --- files


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


OTHER_FILES = {
    text_file: "not a database",
    short_file: "not a database",
    other_database: "an SQLite file, but not a record store",
    other_database_with_a_write_ahead_log: "an SQLite file, but not a record store",
    other_database_with_a_table_of_the_same_name: "an SQLite file, but not a record store",
    newer_version: "written by another version \\(format 99, this version reads 1\\); record again",
    damaged_store: "cannot be used as a record store",
}


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("make", OTHER_FILES, ids=lambda make: make.__name__)
def test_a_file_of_another_kind_is_refused_and_left_unchanged(tmp_path, make, create):
    path = tmp_path / "file"
    make(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"{path}: .*{OTHER_FILES[make]}") as raised:
        RecordStore(path, create=create)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_is_refused(tmp_path, create):
    with pytest.raises(StoreError, match="unable to open") as raised:
        RecordStore(tmp_path, create=create)
    assert "\n" not in str(raised.value)


def test_a_store_whose_folder_is_a_file_is_refused(tmp_path):
    text_file(tmp_path / "file")
    with pytest.raises(StoreError, match="file/store: cannot be used"):
        RecordStore(tmp_path / "file" / "store")


def test_recording_creates_the_store_and_its_folders_but_a_replay_needs_them(tmp_path, pool_at):
    path = tmp_path / "runs" / "one" / "store"
    with pytest.raises(StoreError, match="no such record store; record one first"):
        pool_at(GONE).replaying(path)
    assert not path.parent.exists()
    RecordStore(path).close()
    RecordStore(path, create=False).close()


def test_an_empty_file_becomes_a_store_when_recording_but_cannot_be_replayed(
    tmp_path, make_record, make_request
):
    path = tmp_path / "store"
    path.touch()  # as a process leaves it that was killed before it created the table
    with pytest.raises(StoreError, match="the file is empty; record something first"):
        RecordStore(path, create=False)
    assert path.read_bytes() == b""
    store = RecordStore(path)
    store.put(make_request("?"), make_record("!"))
    store.close()


async def test_an_invalid_record_is_named(store, pool_at):
    key = pool_at(GONE).card("a").request("2+2?").key
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE records SET response = '{\"text\": 4}'")
    connection.close()
    async with pool_at(GONE).replaying(store) as pool:
        with pytest.raises(StoreError, match=f"row {key} is not a record"):
            await pool.ask("a", "2+2?")


async def test_a_store_that_breaks_while_in_use_raises_a_store_error(
    tmp_path, make_record, make_request
):
    store = RecordStore(tmp_path / "store")
    with sqlite3.connect(tmp_path / "store") as connection:
        connection.execute("DROP TABLE records")
    connection.close()
    for use in (lambda: store.get("key"), lambda: len(store), lambda: list(store)):
        with pytest.raises(StoreError, match="no such table"):
            use()
    with pytest.raises(StoreError, match="no such table"):
        store.put(make_request("?"), make_record("!"))
    store.close()
