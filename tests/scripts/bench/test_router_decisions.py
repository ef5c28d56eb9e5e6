"""The benchmark of decisions runs to the end. No test asserts how fast a decision is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

SCRIPT = Path(__file__).parents[3] / "scripts" / "bench" / "router_decisions.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    small = ["--questions=200", "--train=60", "--models=3", "--times=5"]
    command = [sys.executable, str(SCRIPT), *small, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_last_line_is_json_with_every_router() -> None:
    done = run()
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["questions"] == 200
    assert set(report["routers"]) == {"knn", "kmeans", "uniroute"}
    for row in report["routers"].values():
        assert {"decision_ms", "all_s", "all_cpu_s", "product_ms", "embedding_ms"} <= set(row)


def test_a_router_without_vectors_is_an_error() -> None:
    done = run("--router=label")
    assert done.returncode == 1
    assert done.stderr.startswith("router_decisions.py: router 'label' reads no vectors")
