"""A run starts only in a folder whose files it cannot destroy."""

from pathlib import Path

import pytest

from router_r1.errors import ConfigError
from router_r1_eval.run.run_folder import RunFolder


@pytest.mark.parametrize("name", ["questions.jsonl", "traces.jsonl", "results.json"])
def test_files_of_something_else_are_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("of a table, or of a tournament")
    with pytest.raises(ConfigError, match=r"no run\.json that describes it; choose another --out"):
        RunFolder(tmp_path).begin({"benchmark": "q"}, [], resume=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "of a table, or of a tournament"
