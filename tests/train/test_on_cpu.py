"""verl's own entry point on a CPU: GRPO and PPO learn, a run resumes after kill -9, and a broken run ends by itself.

Each test starts `python -m verl.trainer.main_ppo` with the launch settings on a tiny random model, with a time limit, and
leaves no process behind. The task is trivial: write lower-case letters.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

psutil = pytest.importorskip("psutil")
torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from router_r1_envs.verl_on_cpu import settings  # noqa: E402

LIMIT_S = 240.0
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info, **kwargs):
    return {"score": sum(c.islower() for c in solution_str) / max(1, len(solution_str))}
"""
LOOP = """
from verl.experimental.agent_loop.agent_loop import AgentLoopBase

class Failing(AgentLoopBase):
    def __init__(self, *args, tools=None, **kwargs):
        super().__init__(*args, **kwargs)

    async def run(self, sampling_params, **kwargs):
        raise LookupError("the pool is not there")
"""


@pytest.fixture(scope="module")
def folder():
    """A folder with a tiny Qwen2, a byte-level tokenizer, 32 questions, a reward, and an agent loop that fails."""
    import pandas
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    # Ray's sockets need a short path.
    path = Path(tempfile.mkdtemp(prefix="r1-"))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    Qwen2ForCausalLM(config).save_pretrained(path / "model")
    fast.save_pretrained(path / "model")
    rows = [
        {
            "data_source": "letters",
            "prompt": [{"role": "user", "content": f"write {i}"}],
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {"index": i},
        }
        for i in range(32)
    ]
    pandas.DataFrame(rows).to_parquet(path / "rows.parquet")
    (path / "reward.py").write_text(REWARD)
    (path / "failing_loop.py").write_text(LOOP)
    (path / "loops.yaml").write_text("- name: failing\n  _target_: failing_loop.Failing\n")
    yield path
    shutil.rmtree(path)


class Run:
    """A training run in its own process group."""

    def __init__(self, folder: Path, name: str, *extra: str, critic: bool = False) -> None:
        self.folder, self.name = folder, name
        self.checkpoints, self.log = folder / f"{name}-ckpt", folder / f"{name}.jsonl"
        self.output = folder / f"{name}.txt"
        actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
        recipe = {
            "data.train_files": folder / "rows.parquet",
            "data.val_files": folder / "rows.parquet",
            "data.train_batch_size": 4,
            "data.max_prompt_length": 64,
            "data.max_response_length": 16,
            "data.return_raw_chat": True,
            "algorithm.adv_estimator": "grpo",
            "actor_rollout_ref.model.path": folder / "model",
            f"{actor}.optim.lr": 1e-2,
            f"{actor}.ppo_mini_batch_size": 4,
            f"{actor}.ppo_micro_batch_size_per_gpu": 16,
            f"{rollout}.log_prob_micro_batch_size_per_gpu": 16,
            f"{rollout}.n": 4,
            "reward.custom_reward_function.path": folder / "reward.py",
            "reward.custom_reward_function.name": "compute_score",
            "trainer.total_training_steps": 2,
            "trainer.total_epochs": 1000,
            "trainer.val_before_train": False,
            "trainer.test_freq": -1,
            "trainer.save_freq": -1,
            "trainer.default_local_dir": self.checkpoints,
            "+ray_kwargs.ray_init._temp_dir": folder / "ray",
        }
        command = [sys.executable, "-m", "verl.trainer.main_ppo"]
        command += settings.overrides(critic=critic)
        command += [f"{k}={v}" for k, v in recipe.items()] + list(extra)
        environment = os.environ | settings.environment() | {"HF_HUB_OFFLINE": "1"}
        environment |= {"PYTHONPATH": str(folder), "VERL_FILE_LOGGER_PATH": str(self.log)}
        with self.output.open("w") as output:
            self.process = psutil.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.tree: set[Any] = {self.process}

    def wait(self) -> int:
        """The exit status; the test fails if the run does not end in time."""
        self.until(lambda: self.process.poll() is not None)
        return int(self.process.returncode)

    def until(self, happened: Callable[[], Any]) -> None:
        """Wait until a condition holds; the test fails if the run ends first."""
        end = time.monotonic() + LIMIT_S
        while not happened():
            ended = self.process.poll() is not None
            if time.monotonic() > end or (ended and not happened()):
                pytest.fail(f"{self.name}: ended={ended}\n{self.text()[-4000:]}")
            if not ended:
                self.tree.update(self.process.children(recursive=True))
            time.sleep(0.2)

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def steps(self) -> dict[int, dict[str, float]]:
        """The metrics of each step."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return {(entry := json.loads(line))["step"]: entry["data"] for line in lines}

    def saved(self) -> int:
        """The step of the last checkpoint; 0 if there is none."""
        latest = self.checkpoints / "latest_checkpointed_iteration.txt"
        return int(latest.read_text() or 0) if latest.exists() else 0

    def weights(self, step: int, role: str = "actor") -> dict[str, Any]:
        """The weights in a checkpoint."""
        path = self.checkpoints / f"global_step_{step}" / role / "model_world_size_1_rank_0.pt"
        state = torch.load(path, weights_only=False)
        return {name: getattr(t, "_local_tensor", t) for name, t in state.items()}

    def kill_actor(self, name: str) -> None:
        """Send kill -9 to the only actor of this class."""
        titles = {p: " ".join(p.cmdline()) for p in self.tree if p.is_running()}
        found = [p for p, title in titles.items() if re.match(rf"ray::{name}\b", title)]
        assert len(found) == 1, titles.values()
        found[0].send_signal(signal.SIGKILL)

    def kill(self) -> None:
        """Send kill -9 to the run and all its processes."""
        for process in self.tree:
            if process.is_running():
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(self.tree, timeout=30)


@pytest.fixture
def start(folder):
    """A function that starts runs; they are killed after the test."""
    runs: list[Run] = []

    def start_run(name: str, *extra: str, critic: bool = False) -> Run:
        runs.append(Run(folder, name, *extra, critic=critic))
        return runs[-1]

    yield start_run
    for run in runs:
        run.kill()


def check_that_it_learned(run: Run, role: str = "actor") -> None:
    """The weights changed, and the sampler used the trainer's weights in every step."""
    steps = run.steps()
    assert [step["training/global_step"] for step in steps.values()] == list(steps)
    for step in steps.values():
        assert step["training/rollout_probs_diff_max"] < 1e-4
        assert step["training/off_policy/trajectory_staleness/max"] == 0
    first, second = run.weights(1, role), run.weights(2, role)
    assert any(not torch.equal(first[name], second[name]) for name in first)


@pytest.mark.train
@pytest.mark.slow
def test_grpo_learns_resumes_after_kill_9_and_ends_when_its_server_dies(start):
    run = start("grpo", "trainer.save_freq=1", "trainer.total_training_steps=10000")
    run.until(lambda: run.saved() >= 3)
    run.kill()
    check_that_it_learned(run)
    last = run.saved()
    # Without updates, so that the resumed run saves what it loaded.
    again = start(
        "grpo",
        "trainer.save_freq=1",
        "trainer.total_training_steps=10000",
        "trainer.critic_warmup=100000",
    )
    again.until(lambda: again.saved() > last)
    assert f"setting global step to {last}" in again.text()
    before, after = run.weights(last), again.weights(last + 1)
    assert all(torch.equal(before[name], after[name]) for name in before)
    # The sampler has the same weights.
    assert all(s["training/rollout_probs_diff_max"] < 1e-4 for s in again.steps().values())
    again.kill_actor("Server")
    assert again.wait() != 0


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize(
    ("actor", "message"),
    [
        ("Worker", "the agent-loop worker 0 died while"),
        ("TransferQueueController", "the queue's controller died"),
    ],
)
def test_a_run_ends_when_a_necessary_actor_dies(start, actor, message):
    run = start(actor, "trainer.total_training_steps=10000")
    run.until(lambda: run.steps())
    run.kill_actor(actor)
    assert run.wait() != 0
    assert message in run.text()


@pytest.mark.train
@pytest.mark.slow
def test_ppo_with_a_critic_and_a_reference_learns(start, folder):
    run = start(
        "ppo",
        "trainer.save_freq=1",
        "algorithm.adv_estimator=gae",
        "actor_rollout_ref.actor.use_kl_loss=True",
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=16",
        f"critic.model.path={folder}/model",
        f"critic.model.tokenizer_path={folder}/model",
        "critic.ppo_micro_batch_size_per_gpu=16",
        "critic.optim.lr=1e-3",
        critic=True,
    )
    assert run.wait() == 0, run.text()[-4000:]
    assert len(run.steps()) == 2
    check_that_it_learned(run)
    check_that_it_learned(run, "critic")


@pytest.mark.train
@pytest.mark.slow
def test_a_failing_agent_loop_ends_the_run_with_its_error(start, folder):
    agent = "actor_rollout_ref.rollout.agent"
    run = start(
        "failing",
        f"{agent}.default_agent_loop=failing",
        f"{agent}.agent_loop_config_path={folder}/loops.yaml",
    )
    assert run.wait() != 0
    assert "the first because of LookupError: the pool is not there" in run.text()
    assert not run.steps()
