"""A live world on a CPU, episodes played ahead: calls go through the pool actor, and its death ends the run."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

psutil = pytest.importorskip("psutil")
pytest.importorskip("torch")
pytest.importorskip("verl")

from router_r1.data.questions import Question, write_questions  # noqa: E402
from router_r1.data.splits import Split  # noqa: E402
from router_r1.ledger import Ledger  # noqa: E402
from router_r1.protocol import Route, render_turn  # noqa: E402
from router_r1.rollout import roll_out  # noqa: E402
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply, usage  # noqa: E402
from router_r1_envs.supervised.demonstrations import to_example  # noqa: E402
from router_r1_envs.supervised.small_policy import make_model, make_tokenizer, save_policy  # noqa: E402
from router_r1_envs.supervised.training_loop import train  # noqa: E402
from router_r1_envs.verl_on_cpu import settings  # noqa: E402
from router_r1_envs.verl_training.dataset import AGENT, make_rows, write_rows  # noqa: E402
from router_r1_envs.verl_training.trainer_mode import mode_overrides  # noqa: E402
from router_r1_envs.worlds.base import start  # noqa: E402
from router_r1_envs.worlds.load import load_world  # noqa: E402

LIMIT_S = 1200.0
POOL = """
endpoints: {{server: {{base_url: "{url}"}}}}
candidates: [{{name: small, endpoint: server, price: {{input: 1, output: 1}}, max_output_tokens: 20}}]
"""
WORLD = """
{kind: live, pool: pool.yaml, questions: sums.jsonl, store: answers.sqlite, prompt: compact, validation: 0.2, test: 0,
levels: [{name: only, worth_usd: 0.01}], limits: {max_routes: 1, max_turn_tokens: 64}}
"""


def answer(exchange) -> Served:
    return Served(chat_reply("it is 7", usage=usage(9, 3)), delay_s=0.3)


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="r1-"))  # Ray's sockets need a short path
    yield path
    shutil.rmtree(path)


async def prepare(folder: Path, url: str) -> None:
    """The world, the rows that verl reads, and a policy that asks the candidate once and then answers."""
    (folder / "pool.yaml").write_text(POOL.format(url=url))
    (folder / "world.yaml").write_text(WORLD)
    questions = [
        Question(id=f"{n}", question=f"{n} plus {n}", answer="7", metric="em") for n in range(60)
    ]
    write_questions(folder / "sums.jsonl", questions)
    world = load_world(folder / "world.yaml", ["mode=record", "store=demonstrations.sqlite"])
    write_rows(folder / "train.parquet", make_rows(world, Split.TRAIN))
    write_rows(folder / "validation.parquet", make_rows(world, Split.VALIDATION))
    loop = "router_r1_envs.verl_training.agent_loop.RouterAgentLoop"
    entry = {"name": AGENT, "_target_": loop, "world": str(folder / "world.yaml")}
    (folder / "agent_loop.yaml").write_text(yaml.safe_dump([entry]))

    episodes = []
    for question in world.questions(Split.TRAIN, 16):
        turns = [
            render_turn("ask", [Route("small", question.question)]),
            render_turn("ok", answer="7"),
        ]
        episode = start(world, question, world.levels[0])
        await roll_out(episode, ScriptedPolicy(turns), world.pool(question), Ledger())
        episodes.append(episode)
    await world.pool(question).aclose()
    texts = [f"{e.opening[-1]['content']} {e.transcript}" for e in episodes]
    tokenizer = make_tokenizer(texts, min_count=1)
    model = make_model(tokenizer, hidden=32, layers=2, heads=2)
    train(model, [to_example(e, tokenizer) for e in episodes], steps=150, batch_size=16)
    save_policy(model, tokenizer, folder / "policy")


def command(folder: Path) -> list[str]:
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    recipe = {
        "data.train_files": folder / "train.parquet",
        "data.val_files": folder / "validation.parquet",
        "data.train_batch_size": 4,
        "data.max_prompt_length": 64,
        "data.max_response_length": 256,
        "data.return_raw_chat": True,
        "actor_rollout_ref.model.path": folder / "policy",
        f"{actor}.ppo_mini_batch_size": 4,
        f"{actor}.ppo_micro_batch_size_per_gpu": 8,
        f"{rollout}.n": 2,
        f"{rollout}.log_prob_micro_batch_size_per_gpu": 8,
        f"{rollout}.agent.num_workers": 2,
        f"{rollout}.agent.default_agent_loop": AGENT,
        f"{rollout}.agent.agent_loop_config_path": folder / "agent_loop.yaml",
        "algorithm.adv_estimator": "grpo",
        "reward.num_workers": 0,
        "hydra.run.dir": folder / "hydra",
        "trainer.total_training_steps": 10000,
        "trainer.total_epochs": 10000,
        "trainer.val_before_train": False,
        "trainer.test_freq": 2,
        "trainer.save_freq": 2,
        "trainer.default_local_dir": folder / "checkpoints",
        "trainer.logger": "[file]",
        "+ray_kwargs.ray_init._temp_dir": folder / "ray",
        **mode_overrides("separate_async", cpu=True),
    }
    arguments = settings.overrides(reuse_log_probs=True) + [f"{k}={v}" for k, v in recipe.items()]
    return [sys.executable, "-m", "router_r1_envs.verl_training.train", *arguments]


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
async def test_episodes_are_played_ahead_through_the_pool_actor_and_its_death_ends_the_run(folder):
    log, output = folder / "log.jsonl", folder / "output.txt"
    with LoopbackServer(answer) as server:
        await prepare(folder, server.base_url)
        server.exchanges.clear()
        environment = os.environ | settings.environment() | {"HF_HUB_OFFLINE": "1"}
        environment |= {"VERL_FILE_LOGGER_PATH": str(log)}
        with output.open("w") as text:
            run = psutil.Popen(command(folder), env=environment, stdout=text, stderr=text)
        tree: set[psutil.Process] = {run}
        end = time.monotonic() + LIMIT_S

        def until(happened) -> None:
            while not happened():
                assert time.monotonic() < end, output.read_text(errors="replace")[-4000:]
                if run.is_running() and run.status() != psutil.STATUS_ZOMBIE:
                    tree.update(run.children(recursive=True))
                time.sleep(0.2)

        try:
            until(
                lambda: (
                    run.poll() is not None or (log.exists() and log.read_text().count("\n") >= 4)
                )
            )
            assert run.poll() is None, output.read_text(errors="replace")[-4000:]
            lines = [json.loads(line)["data"] for line in log.read_text().splitlines()]
            titles = {p: " ".join(p.cmdline()) for p in tree if p.is_running()}
            (actor,) = (p for p, title in titles.items() if re.match(r"ray::PoolActor\b", title))
            actor.send_signal(signal.SIGKILL)
            until(lambda: run.poll() is not None)
        finally:
            for process in tree:
                if process.is_running():
                    process.kill()
            psutil.wait_procs(tree, timeout=30)
    assert run.returncode != 0
    assert re.search("the pool actor (0 )?died", output.read_text(errors="replace"))
    # Every question was paid for once, whichever worker, episode or epoch asked it.
    asked = [exchange.body["messages"][-1]["content"] for exchange in server.exchanges]
    assert asked and len(asked) == len(set(asked))
    steps = [step for step in lines if "perf/idle_share" in step]
    assert all(0 < step["perf/idle_share"] < 1 for step in steps)
    assert max(step["episode/calls"] for step in steps) > 0
    # Episodes of the first steps were begun with the weights before.
    assert max(step["training/off_policy/trajectory_staleness_worst/max"] for step in steps) >= 1
    assert (folder / "checkpoints" / "best" / "best.json").exists()
