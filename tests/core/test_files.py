"""Reading files that may be anything, atomic writes, and truncation of an unfinished line."""

import gzip
import os
from pathlib import Path

import pytest

from router_r1 import files
from router_r1.data.json_lines import write_json_lines
from router_r1.data.parquet import write_parquet
from router_r1.files import (
    atomic_write,
    check_input,
    drop_unfinished_line,
    input_lines,
    read_input,
    write_json,
)


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(OSError, match="full"), atomic_write(path) as new:
        new.write_text("{")
        assert path.read_text() == '{\n  "a": 1\n}\n'
        raise OSError("the disk is full")
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")

    def write(value: str) -> None:
        if name.endswith("json"):
            write_json(tmp_path / name, value)
        elif name.endswith("parquet"):
            write_parquet(tmp_path / name, {"a": "text"}, [{"a": value}])
        else:
            write_json_lines(tmp_path / name, [value])

    write("good")
    before = (tmp_path / name).read_bytes()
    (tmp_path / f"{name}.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write("x" * 100_000)
    assert (tmp_path / name).read_bytes() == before
    write("better")
    assert (tmp_path / name).read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_is_kept_and_a_device_is_written_to_directly(tmp_path: Path) -> None:
    write_json(tmp_path / "real", 1)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_json(tmp_path / "link", 2)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "2\n"
    write_json("/dev/null", 3)
    assert not Path("/dev/null").is_file()


def test_an_unfinished_line_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    for text, left in (("a\nb", "a\n"), ("a\nb\n", "a\nb\n"), ("x" * 100_000, ""), ("", "")):
        path.write_text(text)
        with path.open("r+b") as file:
            drop_unfinished_line(file.fileno(), path)
        assert path.read_text() == left
        assert os.path.getsize(path) == len(left)


# --- reading files that a user names


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("link")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, expected in [
        (tmp_path, "Is a directory"),
        (tmp_path / "pipe", "is a pipe; expected a file"),
        (Path("/dev/zero"), "is a device; expected a file"),
        (tmp_path / "none", "No such file or directory"),
        (tmp_path / "loop", "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
        ("a\0b", "is not a file name"),
        ("\ud800", "is not a file name"),
    ]:
        for read in (read_input, check_input, lambda p: list(input_lines(p))):
            with pytest.raises(OSError) as caught:
                read(path)
            assert caught.value.strerror == expected


def test_a_file_is_read_whole_or_by_line_and_decompressed(tmp_path: Path) -> None:
    content = "a\nb\u2028c\r\nd".encode()
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content[:3]) + gzip.compress(content[3:]))
    for name in ("a", "a.gz"):
        assert read_input(tmp_path / name) == content
        assert list(input_lines(tmp_path / name)) == [b"a\n", "b\u2028c\r\n".encode(), b"d"]


@pytest.mark.parametrize("damage", ["cut", "changed", "no gzip", "empty"])
def test_a_damaged_gzip_file_is_named(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(os.urandom(5000))
    changed = whole[:2000] + bytes(100) + whole[2100:]
    damaged = {"cut": whole[:3000], "changed": changed, "no gzip": b"{}\n" * 100, "empty": b""}
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(damaged[damage])
    for read in (read_input, lambda p: b"".join(input_lines(p))):
        if damage == "empty":
            assert read(path) == b""
            continue
        with pytest.raises(OSError) as caught:
            read(path)
        assert caught.value.strerror.startswith("is damaged, or not a gzip file: ")


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_ALWAYS_ALLOWED", 1 << 20)
    path = tmp_path / "bomb.jsonl.gz"
    for content in (b"\n" * (8 << 20), b" " * (8 << 20), b"{}\n" * (4 << 20)):
        path.write_bytes(gzip.compress(content))
        for read in (read_input, lambda p: list(input_lines(p))):
            with pytest.raises(OSError, match="expands to more than 300 times its size"):
                read(path)


def test_sizes_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (3 << 20))
    with pytest.raises(OSError, match="holds more than 2 MiB"):
        read_input(path, 2 << 20)
    monkeypatch.setattr(files, "MOST_LINE", 1 << 20)
    with pytest.raises(OSError, match="holds a line of more than 1 MiB"):
        list(input_lines(path))
