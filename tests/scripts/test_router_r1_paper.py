"""`recipes/router_r1_paper.sh`: data, evaluation and figure on small data, with a scripted policy and scripted candidates
behind a server on loopback; and the configuration of the training."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from router_r1.data.questions import read_questions
from router_r1.data.splits import Split
from router_r1.testing import Exchange, LoopbackServer, Served, chat_reply, usage
from router_r1_envs.worlds.load import load_world
from router_r1_eval.results import Results

ROOT = Path(__file__).parents[2]
SETS = ("nq", "triviaqa", "popqa", "hotpotqa", "2wikimultihopqa", "musique", "bamboogle")
TASK = "You help another language model"
ASKED = {"frugal": "LLaMA-3.1-8B-Instruct", "lavish": "LLaMA-3.1-70B-Instruct"}
"""Policy -> whom it asks. The large model is always right, the small one about even numbers."""


def recipe(out: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    venv = Path(sys.executable).parents[1]
    environment = os.environ | {"VENV": str(venv), "INSTALL": "0", "OUT": str(out), **variables}
    return subprocess.run(
        ["bash", "recipes/router_r1_paper.sh", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe's folder after its first step. The answer to question n is `gold n`."""
    data = tmp_path_factory.mktemp("data")
    for name in SETS:
        (data / name).mkdir()
        for split in ("train", "dev", "test"):
            rows = (
                {
                    "id": f"{split}_{n}",
                    "question": f"{name} {split} number {n}",
                    "golden_answers": [f"gold {n}"],
                }
                for n in range(60 if split == "train" else 4)
            )
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (data / name / f"{split}.jsonl").write_text(text)
    out = tmp_path_factory.mktemp("out")
    sizes = {"TRAIN_QUESTIONS": "80", "VAL_QUESTIONS": "16", "TEST_QUESTIONS": "4"}
    result = recipe(out, "prepare", DATA=str(data), **sizes)
    assert result.returncode == 0, result.stderr
    return out


@pytest.fixture
def requests() -> list[dict]:
    return []


@pytest.fixture
def agents(tmp_path: Path, requests: list[dict]) -> Iterator[Path]:
    """An agent file for each policy, over the paper's pool at a server that plays policies and candidates."""

    def handle(exchange: Exchange) -> Served:
        requests.append(exchange.body)
        model = exchange.body["model"]
        messages = exchange.body["messages"]
        number = messages[0]["content"].rstrip().rstrip("?").rpartition(" ")[2]
        if model in ASKED:
            if len(messages) == 1:
                text = f"<think>?</think><search> {ASKED[model]}: number {number}? </search>"
            else:
                reply = messages[-1]["content"].removeprefix("<information>")
                answer = reply.removesuffix("</information>")
                text = f"<think>So.</think><answer> {answer} </answer>"
        elif model.endswith("70b-instruct") or int(number) % 2 == 0:
            text = f"gold {number}"
        else:
            text = "no idea"
        return Served(chat_reply(text, usage=usage(1000, 100)))

    with LoopbackServer(handle) as server:
        pool = yaml.safe_load((ROOT / "docs" / "pools" / "router-r1.yaml").read_text())
        pool["endpoints"]["nim"] = {"base_url": server.base_url}
        (tmp_path / "pool.yaml").write_text(yaml.safe_dump(pool))
        for policy in ASKED:
            (tmp_path / f"{policy}.yaml").write_text(
                textwrap.dedent(f"""\
                    pool: pool.yaml
                    prompt: router_r1
                    policy:
                      kind: openai
                      base_url: "{server.base_url}"
                      model: {policy}
                      price: {{input: 0, output: 0}}
                    """)
            )
        yield tmp_path


def test_preparation_writes_a_world_and_seven_test_sets(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", "none")
    world = load_world(prepared / "world.yaml")
    training, validation = world.questions(Split.TRAIN), world.questions(Split.VALIDATION)
    assert len(training) + len(validation) == 96
    assert len(validation) < len(training) / 2
    assert {q.category for q in training} == {"nq", "hotpotqa"}
    assert (world.limits.max_rounds, world.limits.max_routes) == (4, 1)
    assert world.limits.plain_information
    assert world.prompt(training[0]).__name__ == "search_messages"
    assert world.varied(training[0], 1) == training[0], "the paper's candidates do not vary"
    for name in SETS:
        assert len(read_questions(prepared / "data" / "test" / f"{name}.jsonl.gz")) == 4


def test_evaluations_of_two_alphas_become_a_figure(
    prepared: Path, agents: Path, requests: list[dict]
) -> None:
    for alpha, policy in (("0", "lavish"), ("0.9", "frugal")):
        agent = str(agents / f"{policy}.yaml")
        result = recipe(prepared, "evaluate", ALPHA=alpha, AGENT=agent, SETS="nq bamboogle")
        assert result.returncode == 0, result.stderr
    result = recipe(prepared, "plot")
    assert result.returncode == 0, result.stderr

    openings = [r["messages"] for r in requests if r["model"] in ASKED and len(r["messages"]) == 1]
    assert all("<search> NAME:QUERY </search>" in m[0]["content"] for m in openings)
    sent = [r for r in requests if r["model"] not in ASKED]
    assert {r["model"] for r in sent} == {
        "meta/llama-3.1-8b-instruct",
        "meta/llama-3.1-70b-instruct",
    }
    for request in sent:
        (message,) = request["messages"]
        assert message["role"] == "user" and message["content"].startswith(TASK)
        assert (request["max_tokens"], request["seed"]) == (512, 42)

    rows = {row.name: row for row in Results.read(prepared / "sweep" / "results.json").rows}
    assert list(rows) == ["alpha 0", "alpha 0.9"]
    assert rows["alpha 0"].accuracy == 1
    assert rows["alpha 0.9"].accuracy == 0.5
    assert rows["alpha 0.9"].ci95 is not None
    # Completion tokens only: 100 of them at the price of the candidate.
    assert rows["alpha 0"].cost_usd == pytest.approx(100 * 0.88e-6)
    assert rows["alpha 0.9"].cost_usd == pytest.approx(100 * 0.18e-6)
    assert set(rows["alpha 0"].categories) == {"nq", "bamboogle"}
    page = (prepared / "sweep" / "report.html").read_text()
    assert "alpha 0.9" in page and "bamboogle" in page
    figures = [path.read_text() for path in (prepared / "sweep").glob("*.svg")]
    assert any("Accuracy against dollars" in f and "alpha 0.9" in f for f in figures)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give prepare, train, evaluate or plot; found 'nothing'"),
        (("tune",), "found 'tune'"),
        (("train",), "world.yaml is missing; run bash recipes/router_r1_paper.sh prepare first"),
        (("evaluate",), "alpha-0/checkpoints/best is missing; run train with ALPHA=0 first"),
        (("plot",), "holds no evaluation; run bash recipes/router_r1_paper.sh evaluate first"),
    ],
)
def test_steps_out_of_order_name_the_one_that_is_missing(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = recipe(tmp_path, *arguments)
    assert result.returncode == 2
    assert message in result.stderr


@pytest.mark.train
@pytest.mark.slow
def test_the_training_has_the_values_of_the_paper(prepared: Path) -> None:
    pytest.importorskip("verl")
    result = recipe(
        prepared, "train", "trainer.total_epochs=7", ALPHA="0.6", DRY_RUN="1", NVIDIA_API_KEY="none"
    )
    assert result.returncode == 0, result.stderr
    config = yaml.safe_load(result.stdout[result.stdout.index("actor_rollout_ref:") :])
    actor, algorithm = config["actor_rollout_ref"], config["algorithm"]
    assert algorithm["adv_estimator"] == "gae"
    assert (algorithm["gamma"], algorithm["lam"]) == (1, 1)
    assert algorithm["use_kl_in_reward"] is True and algorithm["kl_ctrl"]["kl_coef"] == 0.001
    assert actor["actor"]["use_kl_loss"] is False
    assert actor["actor"]["entropy_coeff"] == 0.001
    assert (config["data"]["train_batch_size"], actor["rollout"]["n"]) == (64, 1)
    assert actor["actor"]["ppo_mini_batch_size"] == 32
    assert (actor["actor"]["optim"]["lr"], config["critic"]["optim"]["lr"]) == (1e-6, 1e-5)
    assert actor["rollout"]["temperature"] == 1
    assert actor["rollout"]["agent"]["num_workers"] == 1, "one window of costs for all episodes"
    assert actor["model"]["path"] == "Qwen/Qwen2.5-3B-Instruct"
    trainer = config["trainer"]
    assert (trainer["total_training_steps"], trainer["test_freq"]) == (225, 15)
    assert trainer["n_gpus_per_node"] == 4
    assert trainer["total_epochs"] == 7, "overrides come last"
    # Five turns of 1,024 tokens and four replies; the world's limits were read.
    assert config["data"]["max_response_length"] == 5 * 1024 + 4 * (512 + 40) + 40
