"""Every variant of a recipe gives a configuration that verl accepts; bad variables are rejected before anything starts."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.train, pytest.mark.slow]

VARIANTS = {
    "cpu grpo": {},
    "cpu ppo": {"ALGO": "ppo"},
    "gpu llama, two nodes": {
        "STACK": "gpu",
        "MODEL": "meta-llama/Llama-3.2-3B-Instruct",
        "GPUS": "8",
        "NODES": "2",
        "WORLD": "world.yaml",
    },
    "gpu ppo": {
        "STACK": "gpu",
        "ALGO": "ppo",
        "MODEL": "Qwen/Qwen2.5-3B-Instruct",
        "WORLD": "w.yaml",
    },
}


def run(recipe: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    venv = Path(sys.executable).parents[1]
    environment = os.environ | {"VENV": str(venv), "INSTALL": "0", "OUT": str(folder / "out")}
    environment |= variables
    return subprocess.run(
        ["bash", recipe],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def composed(result: subprocess.CompletedProcess[str]) -> dict:
    assert result.returncode == 0, result.stderr[-2000:]
    start = result.stdout.index("actor_rollout_ref:")
    return yaml.safe_load(result.stdout[start:])


@pytest.mark.parametrize("name", VARIANTS)
def test_a_dry_run_prints_a_configuration_that_verl_accepts(name: str, tmp_path: Path) -> None:
    variables = VARIANTS[name]
    result = run("recipes/train.sh", tmp_path, DRY_RUN="1", **variables)
    config = composed(result)
    actor = config["actor_rollout_ref"]
    gpu = variables.get("STACK") == "gpu"
    assert config["trainer"]["device"] == ("cuda" if gpu else "cpu")
    assert actor["rollout"]["name"] == ("vllm" if gpu else "hf_cpu")
    assert actor["rollout"]["agent"]["default_agent_loop"] == "router_r1"
    assert config["algorithm"]["adv_estimator"] == (
        "gae" if variables.get("ALGO") == "ppo" else "grpo"
    )
    assert config["trainer"]["nnodes"] == int(variables.get("NODES", "1"))
    # Advantages are divided by a group's deviation in generated worlds only; see train.sh.
    assert config["algorithm"]["norm_adv_by_std_in_grpo"] is ("WORLD" not in variables)
    # On any hardware a failed episode or a dead worker ends the run.
    assert (
        actor["rollout"]["agent"]["agent_loop_manager_class"]
        == "router_r1_envs.verl_training.agent_loop_worker.Manager"
    )
    assert config["trainer"]["v1"]["sampler"]["custom_sampler"]["name"] == "WatchedReplayBuffer"
    if gpu:
        assert actor["model"]["path"] == variables["MODEL"]
        env_vars = config["ray_kwargs"]["ray_init"]["runtime_env"]["env_vars"]
        assert env_vars["VERL_FILE_LOGGER_PATH"].startswith(str(tmp_path))
        assert env_vars["VERL_USE_EXTERNAL_MODULES"] == "router_r1_envs.verl_training.model_loading"
        if variables.get("ALGO") == "ppo":
            assert config["critic"]["model"]["use_remove_padding"] is True
        # What the run will use is on standard error, so that standard output stays a configuration.
        assert "GiB: weights, gradients, moments" in result.stderr
        assert "a checkpoint, at most" in result.stderr
    assert not (tmp_path / "out" / "data").exists(), "a dry run writes no files for training"


def test_the_quickstart_composes_its_training_run(tmp_path: Path) -> None:
    config = composed(run("scripts/quickstart.sh", tmp_path, DRY_RUN="1", STEPS="7"))
    assert config["trainer"]["total_training_steps"] == 7


def test_the_recorded_recipe_composes_without_dividing_by_deviation(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.mkdir()
    (table / "pool.yaml").write_text("candidates: []\n")
    result = run("recipes/recorded.sh", tmp_path, DRY_RUN="1", TABLE=str(table), STEPS="7")
    config = composed(result)
    assert config["trainer"]["total_training_steps"] == 7
    assert config["algorithm"]["norm_adv_by_std_in_grpo"] is False


def test_the_recorded_recipe_needs_a_table(tmp_path: Path) -> None:
    result = run("recipes/recorded.sh", tmp_path)
    assert result.returncode == 2
    assert "TABLE is not set" in result.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"STACK": "tpu"}, "STACK is 'tpu'"),
        ({"ALGO": "dpo"}, "ALGO is 'dpo'"),
        ({"GPUS": "8"}, "GPUS and NODES are for STACK=gpu"),
        ({"MICRO": "7"}, "MICRO (7) must divide MINI x GROUP"),
        ({"STACK": "gpu", "DRY_RUN": "1", "MODEL": "Qwen/Qwen2.5-7B-Instruct"}, "the update needs"),
        ({"STACK": "gpu", "DRY_RUN": "1", "RESPONSE": "2000"}, "RESPONSE is 2000, and an episode"),
    ],
)
def test_bad_variables_are_rejected_at_once(
    variables: dict[str, str], message: str, tmp_path: Path
) -> None:
    result = run("recipes/train.sh", tmp_path, **variables)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_folder_belongs_to_one_setting(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for recipe, name in (("recipes/train.sh", ""), ("scripts/quickstart.sh", "quickstart.")):
        (tmp_path / "out" / f"{name}setting").write_text("SEED=1\n")
        result = run(recipe, tmp_path, SEED="2")
        assert result.returncode == 2
        assert "was started with other settings:" in result.stderr
        assert "  then  SEED=1\n  now   SEED=2\n" in result.stderr


def test_a_folder_belongs_to_one_learning_rate_and_to_the_content_of_its_files(
    tmp_path: Path,
) -> None:
    from router_r1_envs.train_launch import launch_lines

    (tmp_path / "pool.yaml").write_text("candidates: []\n")
    (tmp_path / "q.jsonl").write_text("{}\n")
    (tmp_path / "w.yaml").write_text(
        "{kind: live, pool: pool.yaml, questions: q.jsonl, store: s}\n"
    )

    def pins(**variables: str) -> set[str]:
        given = {"WORLD": str(tmp_path / "w.yaml"), "OUT": "x", **variables}
        return {line for line in launch_lines(given) if line.startswith("pin ")}

    before = pins()
    assert pins() == before
    for variables in ({"LR": "1e-5"}, {"GROUP": "16"}, {"TEMPERATURE": "0.9"}, {"RESPONSE": "400"}):
        ((name, _),) = variables.items()
        assert {line.split("=")[0] for line in pins(**variables) ^ before} == {f"pin {name}"}
    (tmp_path / "pool.yaml").write_text("candidates: [another]\n")
    assert {line.split("=")[0] for line in pins() ^ before} == {"pin POOL_DIGEST"}


def test_a_folder_is_used_by_one_run_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    lock = (tmp_path / "out" / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    result = run("recipes/train.sh", tmp_path, LOCK_WAIT_S="1")
    lock.close()
    assert result.returncode == 2
    assert "another run is using" in result.stderr


def test_a_gpu_recipe_without_a_gpu_is_rejected_before_anything_is_installed(
    tmp_path: Path,
) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine may have a GPU")
    result = run("recipes/train.sh", tmp_path, STACK="gpu", VENV=str(tmp_path / "venv"))
    assert result.returncode == 2
    assert "finds no GPU" in result.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "router_r1_envs.verl_training.train"],
        [str(Path(sys.executable).parent / "router-r1"), "train", "run"],
    ],
    ids=["python -m", "router-r1 train run"],
)
def test_gpu_settings_without_a_gpu_are_rejected(command: list[str], tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    result = subprocess.run(
        [*command, "trainer.device=cuda"],
        cwd=tmp_path,
        env=os.environ | {"DRY_RUN": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("train: trainer.device is cuda")
    assert "no GPU" in result.stderr
