"""`scripts/analysis/program_selection.py`: the page it writes, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

SCRIPT = Path(__file__).parents[3] / "scripts" / "analysis" / "program_selection.py"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_writes_the_rates_of_every_choice(tmp_path) -> None:
    small = ("--fit", 60, "--test", 30, "--seeds", 2, "--epochs", 1)
    done = run("--out", tmp_path, *small)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "program_selection.json").read_text())["drawn programs"]
    assert found["programs"] == [60, 30]
    assert {len(rates) for rates in found["rates"].values()} == {2}
    best = max(found["rates"], key=lambda name: sum(found["rates"][name]))
    assert best == "oracle"
    assert "| selector |" in (tmp_path / "program_selection.md").read_text()


def test_a_folder_without_the_files_is_an_error(tmp_path) -> None:
    done = run("--out", tmp_path, "--m3", tmp_path)
    assert done.returncode == 1
    assert "no file gqa_computation_graph_descrption.json[.gz]" in done.stderr
