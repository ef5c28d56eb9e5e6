"""Published files: gzip, CSV dialects, byte-order marks, and errors that name file and row."""

import gzip

import pytest

from router_r1.errors import DataError
from router_r1_eval.source_files import parse_csv, read_csv, read_json


def test_csv_cells_may_hold_lines_and_long_texts() -> None:
    long = "x" * 200_000
    (row,) = parse_csv(f'a,b\n"one\ntwo",{long}\n', "here", ["a"])
    assert row == {"a": "one\ntwo", "b": long}


def test_a_byte_order_mark_is_ignored_and_a_missing_header_is_quoted_shortly(
    tmp_path,
) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert read_csv(tmp_path / "a.csv", ["a"]) == [{"a": "1", "b": "2"}]
    with pytest.raises(DataError, match=r"has no column 'a'; it has 'x{39}…', '1'$"):
        parse_csv(f"{'x' * 5000},1\n", "here", ["a"])


def test_json_may_be_gzipped_and_errors_name_the_file(tmp_path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b'{"a": [1]}'))
    assert read_json(tmp_path / "a.json.gz") == {"a": [1]}
    for name, content in (("cut.json.gz", gzip.compress(b"{}")[:-4]), ("b.json", b"{")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: cannot be read"):
            read_json(tmp_path / name)
    with pytest.raises(DataError, match=r"none\.json: cannot be read"):
        read_json(tmp_path / "none.json")
