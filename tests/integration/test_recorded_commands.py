"""`router-r1 world imitate` and `world measure` on a small table: planner, policy and bars from a folder to results.json."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1.cards import ModelCard
from router_r1.errors import DataError
from router_r1.ledger import Price
from router_r1.questions import Question, Split
from router_r1.table import Outcome, OutcomeTable
from router_r1_envs.bars import CAPS
from router_r1_envs.commands import register
from router_r1_envs.world import load_world

MODELS = {"cheap": (0.6, 1.0), "twin": (0.6, 1.2), "dear": (0.9, 10.0)}
SETTINGS = ("view=answer", "max_routes=1", "test=0.2", "validation=0.2", "max_rounds=5")


def world(*arguments):
    """Run a command; returns its output. Errors come through as they are."""
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["world", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def options(*settings):
    return [part for setting in (*SETTINGS, *settings) for part in ("--set", setting)]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """120 questions with four options and three candidates, in a folder."""
    rng = np.random.default_rng(0)
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, (_, p) in MODELS.items()]
    questions, outcomes = [], []
    for number in range(120):
        gold = int(rng.integers(4))
        fields = {"answer": "ABCD"[gold], "metric": "choice", "choices": ("w", "x", "y", "z")}
        questions.append(Question(id=f"q{number}", question=f"Question {number}?", **fields))
        for name, (skill, _) in MODELS.items():
            right = rng.random() < skill
            place = gold if right else (gold + int(rng.integers(1, 4))) % 4
            said = {"text": "...", "answer": "ABCD"[place], "score": float(right)}
            tokens = {"input_tokens": 60, "output_tokens": int(rng.integers(20, 60))}
            outcomes.append(Outcome(id=f"q{number}", model=name, **said, **tokens))
    folder = tmp_path_factory.mktemp("table")
    OutcomeTable(cards, questions, outcomes).save(folder)
    return folder


@pytest.fixture(scope="module")
def imitation(table):
    """A planner, and a policy after a few steps."""
    folder = table / "imitation"
    few = ("steps=30", "hidden=32", "layers=1", "batch_size=16")
    few = [part for setting in few for part in ("--imitation", setting)]
    output = world("imitate", table, "--out", folder, "--threads", 1, *options(), *few)
    assert "a policy of" in output
    return folder


def test_results_hold_policy_planner_and_bars_on_test_questions_with_levels_by_validation(
    table, imitation, tmp_path
):
    files = ["--policy", f"ours={imitation}", "--planner", imitation / "planner.pt"]
    output = world("measure", table, "--out", tmp_path, "--reward", "alpha=0.9", *files, *options())
    results = json.loads((tmp_path / "results.json").read_text())
    played = load_world(table, SETTINGS)
    tested = played.questions(Split.TEST)
    assert results["questions"] == len(tested)
    rows = {row["name"]: row for row in results["rows"]}
    assert {"ours", "planner", "random", "best single", "best per category", "oracle"} <= set(rows)
    ours = rows["ours"]
    assert [point["setting"] for point in ours["curve"]] == [level.name for level in played.levels]
    for point in ours["curve"]:
        assert 0 <= point["valid"] <= 1 and set(point["asked"]) == set(MODELS)
        assert point["accuracy"] <= point["valid"]
    for name in CAPS:
        assert name in output
        within = rows["planner"]["within"][name]
        assert within is None or within in rows["planner"]["curve"]
    dear = np.mean([played.table.outcome(q.id, "dear").score for q in tested])
    assert rows["dear"]["accuracy"] == pytest.approx(dear)
    assert rows["best single"]["vs_best_single"]["accuracy_diff"] == 0


def test_a_folder_with_a_planner_of_another_seed_or_world_is_refused(table, imitation):
    with pytest.raises(DataError, match="was fitted with seed 0, not 1"):
        world("imitate", table, "--out", imitation, "--seed", 1, "--threads", 1, *options())
    with pytest.raises(DataError, match="fitted with other questions"):
        world("imitate", table, "--out", imitation, "--threads", 1, *options("test=0.3"))
