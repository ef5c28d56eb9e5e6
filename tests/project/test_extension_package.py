"""The examples under "Adding things" in CONTRIBUTING.md, installed as a package and used: each of them works as printed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OWNER = "example-extension"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the example package is installed into, by pip and without a network."""
    source = tmp_path_factory.mktemp("source")
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Adding things\n")[2]
    files = dict(CODE.findall(section))
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    assert len(files) == 7 and "pyproject.toml" in files
    (source / "example_extension" / "__init__.py").write_text("")
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def python(code: str, installed: Path, folder: Path, *arguments: str) -> str:
    """What a fresh interpreter prints that sees the installed package."""
    paths = [str(installed), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stderr, done.stderr
    return done.stdout


def router_r1(installed: Path, folder: Path, *arguments: str) -> str:
    return python("from router_r1.cli import main; main()", installed, folder, *arguments)


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        ("routers", "length"),
        ("metrics", "close"),
        ("benchmarks", "capitals"),
        ("worlds", "sums"),
        ("aggregators", "shortest"),
        ("importers", "wide-csv"),
    ],
)
def test_list_shows_the_extension_and_the_package_that_owns_it(
    installed: Path, tmp_path: Path, registry: str, name: str
) -> None:
    lines = router_r1(installed, tmp_path, "list", registry).splitlines()
    assert any(name in line.split() and OWNER in line for line in lines), lines


def test_importer_makes_a_table_on_which_the_router_plays_a_tournament(
    installed: Path, tmp_path: Path
) -> None:
    lines = ["question,answer,small,large"]
    for number in range(60):  # `small` is right on short questions, `large` on all of them
        asked = f"number {number}?" if number % 2 else f"number {number}, and why is that so?"
        lines.append(f'"{asked}",x,{number % 2},1')
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    prices = ["--price", "small=0.1,0.4", "--price", "large=1,4"]
    shown = router_r1(
        installed, tmp_path, "table", "import", "wide-csv", "scores.csv", "my_table", *prices
    )
    assert "60 questions x 2 models" in shown
    assert "input tokens are estimated" in shown
    router_r1(
        installed,
        tmp_path,
        *("tournament", "--table", "my_table", "--set", "levels=[{name: only, worth_usd: 0.001}]"),
        *("--router", "length:step=20", "--out", "compared"),
    )
    rows = json.loads((tmp_path / "compared" / "results.json").read_text())["rows"]
    (row,) = [row for row in rows if row["name"] == "length:step=20"]
    assert row["kind"] == "router"
    assert row["accuracy"] == 1.0
    assert row["vs_best_single"]["cost_ratio"] < 1  # the short questions went to `small`


def test_metric_grades(installed: Path, tmp_path: Path) -> None:
    code = (
        "from router_r1_reward import grade\n"
        "print(grade('100.5', ['100'], 'close'), grade('102', ['100'], 'close'), grade('x', ['1'], 'close'))"
    )
    assert python(code, installed, tmp_path).split() == ["1.0", "0.0", "0.0"]


def test_metric_refuses_a_gold_answer_that_is_no_number(installed: Path, tmp_path: Path) -> None:
    code = (
        "from router_r1_reward import grade\n"
        "try: grade('1', ['one'], 'close')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    shown = python(code, installed, tmp_path)
    assert shown.startswith("DataError the metric 'close' needs a number as gold answer, got 'one'")


def test_benchmark_loads(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "capitals.jsonl").write_text('{"country": "Peru", "capital": "Lima"}\n')
    router_r1(
        installed, tmp_path, "benchmark", "load", "capitals", "questions.jsonl", "--data", "."
    )
    question = json.loads((tmp_path / "questions.jsonl").read_text())
    assert question["id"] == "capitals/peru"
    assert question["answer"] == "Lima"


def test_world_plays_an_episode(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text("kind: sums\nlargest: 9\n")
    code = """
import asyncio
from router_r1 import Ledger
from router_r1.data.splits import Split
from router_r1.rollout import roll_out
from router_r1.testing import ScriptedPolicy
from router_r1_envs.worlds.base import start
from router_r1_envs.worlds.load import load_world
from router_r1_reward import RewardConfig, score

world = load_world("world.yaml", ["largest=5"])
question = world.questions(Split.TEST, 3)[0]
assert question == world.questions(Split.TEST, 3)[0]
episode = start(world, question, world.levels[0])
route = f'<think>?</think><route model="adder">{question.question}</route>'
policy = ScriptedPolicy([route, f"<think>!</think><answer>{question.answer}</answer>"])
asyncio.run(roll_out(episode, policy, world.pool(question), Ledger()))
reply = episode.turns[0].outcomes[0].response.text
config = RewardConfig(reference_usd=world.reference_usd)
print(reply == f"The answer is {question.answer}.")
print(episode.stop_reason, score(episode, question.answers, question.metric, config).parts["correct"])
"""
    assert python(code, installed, tmp_path).split() == ["True", "answered", "1.0"]


def test_agent_finds_the_aggregator_by_its_name(installed: Path, tmp_path: Path) -> None:
    code = """
from router_r1 import RouterAgent
from router_r1.testing import ScriptedPolicy, ScriptedPool

pool = ScriptedPool({"a": "It is Vienna, I think.", "b": "Vienna"})
routes = "".join(f'<route model="{name}">Capital of Austria?</route>' for name in pool.names)
policy = ScriptedPolicy(["<think>?</think>" + routes, "<think>!</think><answer>Graz</answer>"])
with RouterAgent(policy=policy, pool=pool, aggregator="shortest") as agent:
    result = agent.ask("Capital of Austria?")
print(result.answer, *result.trace.aggregation.sources, result.trace.policy_answer)
"""
    assert python(code, installed, tmp_path).split() == ["Vienna", "b", "Graz"]


def test_agent_file_sets_fields_of_the_aggregator(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(
        "candidates: [{name: a, endpoint: here, price: {input: 0, output: 0}}]\n"
        "endpoints: {here: {base_url: 'http://127.0.0.1:1/v1'}}\n"
    )
    (tmp_path / "agent.yaml").write_text(
        "pool: pool.yaml\n"
        "policy: {kind: openai, base_url: 'http://127.0.0.1:1/v1', model: m, price: {input: 0, output: 0}}\n"
        "aggregator: {kind: shortest, min_words: 3}\n"
    )
    code = (
        "from router_r1 import load_agent\n"
        "with load_agent('agent.yaml') as agent: print(agent.aggregator)"
    )
    assert python(code, installed, tmp_path).strip() == "Shortest(min_words=3)"


def test_a_tournament_is_held_in_the_world(installed: Path, tmp_path: Path) -> None:
    router_r1(
        installed,
        tmp_path,
        *("tournament", "--table", "sums", "--limit", "5", "--out", "compared"),
    )
    results = json.loads((tmp_path / "compared" / "results.json").read_text())
    rows = {row["name"]: row for row in results["rows"]}
    assert set(rows) == {"single adder", "random"}  # one candidate, so a random one is the same
    assert rows["single adder"]["accuracy"] == rows["random"]["accuracy"] == 1.0
    router_r1(installed, tmp_path, "report", "compared")
    assert "single adder" in (tmp_path / "compared" / "report.html").read_text()


def test_training_rows_of_the_world_name_it(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    router_r1(installed, tmp_path, "train", "prepare", "sums", "--out", "data", "--train", "4")
    assert "world: sums\n" in (tmp_path / "data" / "agent_loop.yaml").read_text()
