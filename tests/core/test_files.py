"""Files that are written whole or not at all."""

import os
from pathlib import Path

import pytest

from router_r1.data.json_lines import write_json_lines
from router_r1.data.parquet import write_parquet
from router_r1.files import drop_unfinished_line, replacing, write_json


def test_a_file_is_put_in_place_when_all_of_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(OSError, match="full"), replacing(path) as new:
        new.write_text("{")
        assert path.read_text() == '{\n  "a": 1\n}\n'
        raise OSError("the disk is full")
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, name: str) -> None:
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


def test_a_link_stays_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    write_json(tmp_path / "real", 1)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_json(tmp_path / "link", 2)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "2\n"
    write_json("/dev/null", 3)
    assert not Path("/dev/null").is_file()


def test_half_a_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    for text, left in (("a\nb", "a\n"), ("a\nb\n", "a\nb\n"), ("x" * 100_000, ""), ("", "")):
        path.write_text(text)
        with path.open("r+b") as file:
            drop_unfinished_line(file.fileno(), path)
        assert path.read_text() == left
        assert os.path.getsize(path) == len(left)
