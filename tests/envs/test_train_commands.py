"""`router-r1 train ...`: files for verl, a cold start in miniature, verl's start, and a tournament with its report."""

import importlib.util
import json
import os
import sys

import numpy as np
import pytest
import yaml

from router_r1.data.splits import Split
from router_r1.errors import ConfigError, DataError
from router_r1.trace import read_traces
from router_r1_envs.verl_training.dataset import read_row
from router_r1_envs.worlds.generated_world.world import GeneratedWorld

FEW = ["copy_steps=1", "explore_steps=2", "best_steps=1", "batch_size=4"]
FEW += ["explore_questions=60", "best_questions=20", "tries=2"]


@pytest.fixture(scope="module")
def policy(router_r1, tmp_path_factory):
    """A policy after three cold-start stages of one or two steps."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("run") / "policy"
    settings = [option for setting in FEW for option in ("--cold-start", setting)]
    output = router_r1(
        "train", "cold-start", "generated", "--out", folder, "--threads", 1, *settings
    )
    assert "a policy of " in output and "imitation" in output
    return folder


@pytest.fixture(scope="module")
def run(router_r1, policy):
    """A folder with the results of a tournament with that policy."""
    folder = policy.parent / "results"
    policies = ["--policy", f"ours={policy}"]
    options = ["--table", "generated", "--limit", 8, "--reward", "alpha=0.5"]
    output = router_r1("tournament", *options, *policies, "--out", folder)
    assert "skill oracle" in output and "ours" in output
    return folder


# --- prepare


def test_prepare_writes_the_files_that_verl_reads(router_r1, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    options = ["--train", 12, "--validation", 4, "--set", "seed=3", "--reward", "alpha=0.5"]
    output = router_r1("train", "prepare", "generated", "--out", tmp_path, *options)
    assert "12 training rows, 12 validation rows of generated-3, 3 levels" in output
    train, held_out = (
        parquet.read_table(tmp_path / f"{name}.parquet").to_pylist()
        for name in ("train", "validation")
    )
    assert (len(train), len(held_out)) == (12, 12)
    (loop,) = yaml.safe_load((tmp_path / "agent_loop.yaml").read_text())
    assert loop["_target_"] == "router_r1_envs.verl_training.agent_loop.RouterAgentLoop"
    assert (loop["name"], loop["world"], loop["overrides"]) == (
        "router_r1",
        "generated",
        ["seed=3"],
    )
    assert loop["reward"]["alpha"] == 0.5 and loop["reward"]["reference_usd"] > 0
    assert {row["agent_name"] for row in train} == {"router_r1"}


def test_training_and_validation_files_share_no_question(router_r1, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    router_r1("train", "prepare", "generated", "--out", tmp_path, "--train", 60, "--validation", 10)
    ids = {
        name: {
            read_row(GeneratedWorld(), row["extra_info"])[0].id
            for row in parquet.read_table(tmp_path / f"{name}.parquet").to_pylist()
        }
        for name in ("train", "validation")
    }
    assert len(ids["train"]) == 60 and len(ids["validation"]) == 10
    assert not ids["train"] & ids["validation"]


def test_prepare_writes_the_absolute_path_of_a_world(router_r1, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    (tmp_path / "world.yaml").write_text("kind: generated\nseed: 5\n")
    monkeypatch.chdir(tmp_path)
    router_r1("train", "prepare", "world.yaml", "--out", "data", "--train", 2, "--validation", 1)
    (loop,) = yaml.safe_load((tmp_path / "data" / "agent_loop.yaml").read_text())
    assert loop["world"] == str(tmp_path / "world.yaml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "sede=1"], "generated: sede: no such field"),
        (["--reward", "alpha=2"], "reward: alpha"),
        (["--reward", "alhpa=1"], "reward: alhpa: no such field"),
    ],
)
def test_prepare_names_wrong_settings_and_writes_nothing(router_r1, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        router_r1("train", "prepare", "generated", "--out", tmp_path / "data", *options)
    assert not (tmp_path / "data").exists()


# --- cold start


def test_a_cold_start_writes_a_report(policy):
    report = json.loads((policy / "cold_start.json").read_text())
    assert set(report["losses"]) == {"copying", "exploration", "imitation"}
    assert report["settings"]["explore_steps"] == 2
    assert (policy / "model.safetensors").exists() and (policy / "tokenizer.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["WORLD"], "kind is 'nothing'"),
        (
            ["generated", "--cold-start", "explore_step=1"],
            "cold start: explore_step: no such field",
        ),
        (["generated", "--cold-start", "best_steps=-1"], "cold start: best_steps: "),
    ],
)
def test_wrong_settings_are_named_before_a_cold_start_begins(
    router_r1, tmp_path, arguments, message
):
    pytest.importorskip("torch")
    (tmp_path / "world.yaml").write_text("kind: nothing\n")
    arguments = [str(tmp_path / "world.yaml") if a == "WORLD" else a for a in arguments]
    with pytest.raises(ConfigError, match=message):
        router_r1("train", "cold-start", *arguments, "--out", tmp_path / "policy", "--threads", 1)
    assert not (tmp_path / "policy").exists()


# --- run and the old names


@pytest.fixture
def executed(monkeypatch):
    """The command lines that would have replaced this process."""
    found = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: found.append(arguments))
    return found


def test_run_hands_overrides_and_options_to_hydra(router_r1, executed):
    pytest.importorskip("verl")
    given = ["trainer.device=cpu", "+a.b='x y'", "~c", "--cfg", "job", "-cn", "ppo_trainer"]
    router_r1("train", "run", *given)
    module = "router_r1_envs.verl_training.train"
    assert executed == [[sys.executable, "-m", module, *given]]


@pytest.mark.parametrize(
    "override", ["a=b=c[[", "a", "a={b:", "a=[1", "a='x", "a=b=c", "", "a b", "a=\x00"]
)
def test_an_override_that_cannot_be_read_is_named_before_verl_is_loaded(
    router_r1, executed, override
):
    pytest.importorskip("verl")
    with pytest.raises(ConfigError, match="expected key=value"):
        router_r1("train", "run", "trainer.device=cpu", override)
    assert not executed


def test_run_without_verl_names_the_missing_package(router_r1, executed, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError) as raised:
        router_r1("train", "run")
    assert raised.value.name == "verl"
    assert not executed


@pytest.mark.parametrize(
    ("old", "new"),
    [(name, f"train {name}") for name in ("prepare", "cold-start", "imitate", "watch")]
    + [("evaluate", "tournament"), ("measure", "tournament"), ("report", "report")],
)
def test_the_old_name_of_a_command_says_the_new_one(router_r1, old, new):
    output = router_r1("world", old, "generated", "--out", "x", status=2)
    assert output == f"router-r1: `world {old}` is now `{new}`\n"


# --- tournament and report


def test_results_have_the_promised_fields(run):
    results = json.loads((run / "results.json").read_text())
    assert set(results) >= {"table", "questions", "pool", "rows", "settings", "versions", "seed"}
    assert results["questions"] == 8 and results["settings"]["split"] == Split.TEST
    rows = {row["name"]: row for row in results["rows"]}
    names = {"ours", "random", "cheapest", "dearest", "skill oracle", "hindsight oracle"}
    assert set(rows) >= names | {f"single {card}" for card in results["pool"]}
    assert {rows[n]["kind"] for n in names} == {"agent", "baseline", "oracle"}
    for row in rows.values():
        assert {"accuracy", "cost_usd", "calls", "ci95", "vs_best_single"} <= set(row)
        assert [p["setting"] for p in row["curve"]] == [
            level["name"] for level in results["settings"]["levels"]
        ]


def test_the_policys_episodes_are_saved_as_traces(run):
    traces = list(read_traces(run / "traces.jsonl"))
    assert len(traces) == 8 * 3
    assert {t.policy for t in traces} == {"ours"}
    assert {t.metadata["level"] for t in traces} == {
        level.name for level in GeneratedWorld().levels
    }
    for row in json.loads((run / "results.json").read_text())["rows"]:
        if row["name"] == "ours":
            for point in row["curve"]:
                here = [t.metadata for t in traces if t.metadata["level"] == point["setting"]]
                assert np.mean([metadata["score"] for metadata in here]) == pytest.approx(
                    point["accuracy"]
                )
                assert np.mean([metadata["reward"] for metadata in here]) == pytest.approx(
                    point["reward"]
                )


def test_the_report_is_one_self_contained_page(router_r1, run, tmp_path):
    log = tmp_path / "metrics.jsonl"
    lines = [
        {"step": 0, "data": {"val/reward": -0.5}},
        {"step": 1, "data": {"episode/reward": 0.1, "episode/accuracy": 0.2}},
        {"step": 1, "data": {"episode/reward": 0.3, "val/reward": 0.25}},
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = run / "report.html"
    assert str(page) in router_r1("report", run, "--log", log).replace("\n", "")
    text = page.read_text()
    for part in ("Learning curve", "skill oracle", "ours", "Every level", "Episodes", "<svg"):
        assert part in text
    assert "src=" not in text and "http" not in text
    for name in ("curve", "bars", "frontier"):
        assert (run / f"{name}.svg").read_text().startswith("<svg")
    router_r1("report", run)
    assert "Learning curve" not in page.read_text()


def test_the_later_line_of_a_repeated_step_wins(tmp_path):
    from router_r1_envs.verl_training.training_log import read_metrics

    log = tmp_path / "metrics.jsonl"
    log.write_text('{"step": 2, "data": {"a": 1, "b": 1}}\n{"step": 1, "data": {"a": 0}}\n'
                   '{"step": 2, "data": {"a": 3}}\n')  # fmt: skip
    assert read_metrics(log) == [(1, {"a": 0}), (2, {"a": 3, "b": 1})]


def test_a_folder_without_results_and_a_log_without_metrics_are_errors(router_r1, run, tmp_path):
    with pytest.raises(DataError, match=r"results\.json: no results"):
        router_r1("report", tmp_path)
    (tmp_path / "log").write_text('{"step": 1}\n')
    with pytest.raises(DataError, match="log: no metrics of a training run"):
        router_r1("report", run, "--log", tmp_path / "log")
