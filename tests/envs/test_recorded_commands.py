"""`router-r1 train cold-start` and `tournament` on a small table: policy, planner, routers, baselines in results.json."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1.trace import read_traces
from router_r1_envs.worlds.load import load_world
from router_r1_eval.tournament import episode_folder
from router_r1_eval.tournament.commands import _players
from router_r1_eval.tournament.setting_choice import CAPS

MODELS = {"cheap": (0.6, 1.0), "twin": (0.6, 1.2), "expensive": (0.9, 10.0)}
SETTINGS = ("view=answer", "max_routes=1", "test=0.2", "validation=0.2", "max_rounds=5")


def options(*settings):
    return [part for setting in (*SETTINGS, *settings) for part in ("--set", setting)]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The folder of a table of 120 questions with four options and three candidates."""
    rng = np.random.default_rng(0)
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, (_, p) in MODELS.items()]
    questions, outcomes = [], []
    for number in range(120):
        gold = int(rng.integers(4))
        asked = {"answer": "ABCD"[gold], "metric": "choice", "choices": ("w", "x", "y", "z")}
        questions.append(Question(id=f"q{number}", question=f"Question {number}?", **asked))
        for name, (skill, _) in MODELS.items():
            right = rng.random() < skill
            place = gold if right else (gold + int(rng.integers(1, 4))) % 4
            fields = {"text": "...", "answer": "ABCD"[place], "score": float(right)}
            tokens = {"input_tokens": 60, "output_tokens": int(rng.integers(20, 60))}
            outcomes.append(Outcome(id=f"q{number}", model=name, **fields, **tokens))
    folder = tmp_path_factory.mktemp("table")
    OutcomeTable(cards, questions, outcomes).save(folder)
    return folder


@pytest.fixture(scope="module")
def imitation(router_r1, table):
    """The folder of a planner, and of a policy that imitated it until it answered."""
    folder = table / "imitation"
    few = ("steps=150", "hidden=32", "layers=1", "batch_size=16")
    few = [part for setting in few for part in ("--cold-start", setting)]
    output = router_r1(
        "train", "cold-start", table, "--out", folder, "--threads", 1, *options(), *few
    )
    assert "a policy of" in output
    return folder


def test_results_compare_policy_planner_and_baselines_on_the_test_questions(
    router_r1, table, imitation, tmp_path
):
    files = ["--policy", f"ours={imitation}", "--planner", imitation / "planner.skops"]
    routers = ["--router", "label", "--reward", "alpha=0.9"]
    output = router_r1(
        "tournament", "--table", table, "--out", tmp_path, *routers, *files, *options()
    )
    results = json.loads((tmp_path / "results.json").read_text())
    played = load_world(table, SETTINGS)
    tested = played.questions(Split.TEST)
    assert results["questions"] == len(tested)
    rows = {row["name"]: row for row in results["rows"]}
    assert {
        "ours",
        "planner",
        "label",
        "random",
        "best single",
        "best per category",
        "oracle",
    } <= set(rows)
    ours = rows["ours"]
    assert [point["setting"] for point in ours["curve"]] == [level.name for level in played.levels]
    for point in ours["curve"]:
        assert 0 <= point["valid"] <= 1 and set(point["asked"]) == set(MODELS)
        assert point["accuracy"] <= point["valid"]
    for name in CAPS:
        assert name in output
        within = rows["planner"]["within"][name]
        alone = {k: v for k, v in (within or {}).items() if k != "vs_best_per_category"}
        assert within is None or alone in rows["planner"]["curve"]
    traces = list(read_traces(tmp_path / "traces.jsonl"))
    assert sorted(t.metadata["id"] for t in traces) == sorted(q.id for q in tested)
    assert {t.metadata["level"] for t in traces} == {ours["setting"]}
    assert np.mean([t.metadata["score"] for t in traces]) == pytest.approx(ours["accuracy"])
    assert np.mean([t.cost_usd for t in traces]) == pytest.approx(ours["cost_usd"])
    assert sum(c["questions"] for c in ours["categories"].values()) == len(tested)
    expensive = np.mean([played.table.outcome(q.id, "expensive").score for q in tested])
    assert rows["expensive"]["accuracy"] == pytest.approx(expensive)
    assert rows["best single"]["vs_best_single"]["accuracy_diff"] == 0


def test_a_planner_of_another_seed_or_other_questions_is_rejected(router_r1, table, imitation):
    with pytest.raises(DataError, match="was fitted with seed 0, not 1"):
        router_r1(
            "train",
            "cold-start",
            table,
            "--out",
            imitation,
            "--seed",
            1,
            "--threads",
            1,
            *options(),
        )
    with pytest.raises(DataError, match="fitted with other questions"):
        router_r1(
            "train", "cold-start", table, "--out", imitation, "--threads", 1, *options("test=0.3")
        )


def test_a_tournament_without_a_policy_removes_earlier_traces(router_r1, table, tmp_path):
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / "traces.jsonl").write_text("of an earlier run\n")
    router_r1("tournament", "--table", table, "--out", tmp_path, *options())
    assert not (tmp_path / "traces.jsonl").exists()


def test_routers_may_be_fitted_on_another_table(router_r1, table, tmp_path):
    whole = OutcomeTable.load(table)
    parts = {"fit": whole.questions[:80], "test": whole.questions[80:]}
    for name, questions in parts.items():
        whole.subset(q.id for q in questions).save(tmp_path / name)
    arguments = ["--table", tmp_path / "test", "--fit", tmp_path / "fit", "--router", "label"]
    output = router_r1("tournament", *arguments, "--out", tmp_path / "out")
    assert output.startswith("40 questions: a paired comparison can show differences of ")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["questions"] == 40
    rows = {row["name"]: row for row in results["rows"]}
    scores = [whole.outcome(q.id, "cheap").score for q in parts["test"]]
    assert rows["cheap"]["accuracy"] == pytest.approx(np.mean(scores))
    assert len(rows["label"]["curve"]) == 7
    page = tmp_path / "out" / "report.html"
    assert router_r1("report", tmp_path / "out").strip() == str(page)
    text = page.read_text()
    for part in (
        "What this sample can show",
        "at no more than its cost",
        "Regret by category",
        "label",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--router", "best"], "there is no router 'best'"),
        (["--planner", "none.pt"], "cannot be read"),
        (["--policy", "ours=none"], "none is neither a folder with a checkpoint nor an agent file"),
        (["--fit", "none"], "no such folder"),
        (["--set", "grade=false"], "no such field"),
    ],
)
def test_a_tournament_reports_errors_before_it_writes_anything(
    router_r1, table, tmp_path, arguments, message
):
    with pytest.raises((ConfigError, DataError), match=message):
        router_r1("tournament", "--table", table, "--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_policies_need_different_names_and_a_folder_may_contain_an_equals_sign(tmp_path):
    for folder in ("lr=1/best", "lr=2/best"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.json").write_text("{}")
    first, second = str(tmp_path / "lr=1/best"), str(tmp_path / "lr=2/best")
    with pytest.raises(ConfigError, match="two policies are called best"):
        _players([first, second])
    found = _players([first, f"other={second}"])
    assert {name: player.place for name, player in found.items()} == {
        "best": first,
        "other": second,
    }


def test_several_processes_play_what_one_does_and_a_killed_run_goes_on(
    router_r1, table, imitation, tmp_path, monkeypatch
) -> None:
    def play(folder):
        files = ["--policy", f"ours={imitation}", "--out", tmp_path / folder]
        router_r1("tournament", "--table", table, *files, *options())
        results = json.loads((tmp_path / folder / "results.json").read_text())
        (row,) = (row for row in results["rows"] if row["name"] == "ours")
        parts = sorted((tmp_path / folder / "episodes" / "ours").glob("part-*.jsonl"))
        return row | {"overhead_s": None}, parts

    one, parts = play("one")
    assert len(parts) == 1
    monkeypatch.setattr(episode_folder, "_FEWEST_TASKS", 20)
    monkeypatch.setattr(episode_folder, "_cores", lambda: 2)
    two, parts = play("two")
    assert len(parts) == 2
    assert two == one
    # As after a kill: one file ends in the middle of a line, and lacks the rest.
    whole = parts[1].read_bytes()
    parts[1].write_bytes(whole[: len(whole) // 2])
    again, parts = play("two")
    assert again == one
    assert sum(len(list(read_traces(part))) for part in parts) == len(
        list(read_traces(tmp_path / "one" / "episodes" / "ours" / "part-0.jsonl"))
    )


def test_a_generated_world_takes_no_one_shot_routers(router_r1, tmp_path):
    with pytest.raises(ConfigError, match="need an outcome table; generated-0 has none"):
        router_r1("tournament", "--table", "generated", "--router", "label", "--out", tmp_path)
