"""`scripts/lib/pin_output_settings.sh`: an output folder belongs to the settings of its first run."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def pin(file: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "scripts" / "lib" / "pin_output_settings.sh")
    return subprocess.run(["bash", script, str(file), *settings], capture_output=True, text=True)


def test_the_first_run_creates_the_folder_and_the_same_settings_may_run_again(tmp_path) -> None:
    file = tmp_path / "out" / "setting"
    for _ in range(2):
        assert pin(file, "SEED=1", "ALGO=grpo").returncode == 0
    assert file.read_text() == "SEED=1\nALGO=grpo\n"


def test_other_settings_are_refused_and_those_that_differ_are_shown(tmp_path) -> None:
    file = tmp_path / "setting"
    pin(file, "SEED=1", "LR=1e-6", "WORLD=my world.yaml")
    refused = pin(file, "SEED=2", "LR=1e-6", "WORLD=my world.yaml", "GPUS=8")
    assert refused.returncode == 2
    assert refused.stderr == (
        f"{tmp_path} was started with other settings:\n  now   GPUS=8\n  then  SEED=1\n  now   SEED=2\n"
        "choose another OUT, set the same values, or remove the folder\n"
    )
    assert file.read_text() == "SEED=1\nLR=1e-6\nWORLD=my world.yaml\n"
