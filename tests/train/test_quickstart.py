"""A very short quickstart is killed, resumes and writes all results; a further run repeats nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from router_r1.trace import read_traces

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.train, pytest.mark.slow]


def settings(out: Path) -> dict[str, str]:
    """The environment of a very short run."""
    return os.environ | {
        "OUT": str(out),
        "VENV": str(Path(sys.executable).parents[1]),
        "STEPS": "2",
        "BATCH": "2",
        "MINI": "2",
        "GROUP": "4",
        "MICRO": "8",
        "TEST_EVERY": "1",
        "TRAIN_QUESTIONS": "16",
        "VAL_QUESTIONS": "2",
        "QUESTIONS": "6",
        "LOGGER": "console,file,tensorboard,wandb",
        "WANDB_MODE": "offline",
        "COLD_START": "copy_steps=3 explore_steps=8 best_steps=2 explore_questions=300 best_questions=40 batch_size=16",
    }


def quickstart(out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "scripts/quickstart.sh"],
        cwd=ROOT,
        env=settings(out),
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )


def start_and_kill(out: Path) -> None:
    """Start a run, and send kill -9 to all its processes once its first step is saved."""
    with (out.parent / "output").open("w") as output:
        run = psutil.Popen(
            ["bash", "scripts/quickstart.sh"],
            cwd=ROOT,
            env=settings(out),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    saved = out / "checkpoints" / "latest_checkpointed_iteration.txt"
    tree = {run}
    end = time.monotonic() + 900
    while not (saved.exists() and saved.read_text() == "1"):
        assert run.poll() is None and time.monotonic() < end, (out.parent / "output").read_text()
        tree.update(run.children(recursive=True))
        time.sleep(0.05)
    for process in tree:
        if process.is_running():
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(tree, timeout=30)


def test_the_quickstart_resumes_after_a_kill_and_can_be_repeated(
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    start_and_kill(out)
    assert not (out / "trained").exists()
    first = quickstart(out)
    log = (out / "train.log").read_text() if (out / "train.log").exists() else ""
    assert first.returncode == 0, first.stdout[-2000:] + first.stderr[-2000:] + log[-4000:]
    assert "cold start:" not in first.stdout, "finished steps are not repeated"
    assert "setting global step to 1" in log

    results = json.loads((out / "results.json").read_text())
    rows = {row["name"]: row for row in results["rows"]}
    assert {"policy", "cold start", "random", "cheapest", "dearest"} <= set(rows)
    assert {"skill oracle", "hindsight oracle"} <= set(rows)
    assert rows["policy"]["kind"] == "agent"
    assert results["questions"] == 6
    assert [item["setting"] for item in rows["policy"]["curve"]] == [
        level["name"] for level in results["settings"]["levels"]
    ]
    best = rows[f"single {results['settings']['best_single']}"]
    assert best["vs_best_single"]["accuracy_diff"] == 0

    traces = list(read_traces(out / "traces.jsonl"))
    assert len(traces) == 6 * len(results["settings"]["levels"])
    page = (out / "report.html").read_text()
    assert "<svg" in page and "Learning curve" in page and "http" not in page.split("</style>")[0]
    assert (out / "policy" / "model.safetensors").exists()

    metrics = [
        json.loads(line)
        for file in (out / "metrics").glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    logged = {name for entry in metrics for name in entry["data"]}
    assert {
        "actor/entropy",
        "episode/reward",
        "episode/accuracy",
        "episode/valid",
        "episode/calls",
        "episode/groups_without_variance",
        "share/sage",
        "val/reward",
    } <= logged
    assert max(entry["step"] for entry in metrics) == 2
    record = json.loads((out / "checkpoints" / "best" / "best.json").read_text())
    rewards = {e["step"]: e["data"]["val/reward"] for e in metrics if "val/reward" in e["data"]}
    assert set(rewards) >= {0, 1, 2}
    assert record["reward"] == pytest.approx(max(rewards.values()))
    assert list((out / "tensorboard").iterdir())
    assert list(out.glob("wandb/offline-run-*"))

    checkpoint = (out / "checkpoints" / "best" / "best.json").stat().st_mtime_ns
    starts = sorted((out / "metrics").iterdir())
    second = quickstart(out)
    assert second.returncode == 0, second.stderr[-2000:]
    assert "cold start:" not in second.stdout
    assert "has its 2 steps" in second.stdout
    assert sorted((out / "metrics").iterdir()) == starts, "the training was not started again"
    assert (out / "checkpoints" / "best" / "best.json").stat().st_mtime_ns == checkpoint
