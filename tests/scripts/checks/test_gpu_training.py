"""`scripts/checks/gpu_training.py` runs on a CPU as far as one can: the same kernels, batches and correction, a tiny model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("verl")
pytestmark = [pytest.mark.train, pytest.mark.slow]

ROOT = Path(__file__).parents[3]


def test_sampler_and_trainer_agree_with_the_settings_of_a_gpu(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/checks/gpu_training.py", "--cpu", "--routes", "2"]
    result = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env=os.environ | {"INSTALL": "0"},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert "2 routes in a turn, step 2" in result.stdout
    lines = [line.rsplit(None, 1) for line in result.stdout.splitlines() if line.startswith("  ")]
    report = {name.strip(): float(value) for name, value in lines}
    # Tokens have probabilities that can differ, and the two agree far below the bound.
    assert report["logarithm of the perplexity"] > 0.5
    assert 0 < report["difference of probabilities"] < 1e-4
    assert report["tokens of a response"] > 300
    assert {"seconds, update_actor", "seconds, old_log_prob", "tokens a second on a GPU"} <= set(
        report
    )
