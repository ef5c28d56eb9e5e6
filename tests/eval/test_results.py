"""results.json: each kind of file survives reading and writing, and invalid ones are refused."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from router_r1.errors import DataError
from router_r1_envs.worlds.base import Level
from router_r1_eval.results import Point, Results, Row, RunSettings, versions


def figures(setting: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        **({} if setting is None else {"setting": setting}),
        "accuracy": 0.75,
        "cost_usd": 0.000123,
        "calls": 1.5,
        "ci95": [0.7, 0.8],
        "cost_ci95": [0.0001, 0.00015],
        "vs_best_single": {"accuracy_diff": -0.01, "ci95": [-0.02, 0.0], "cost_ratio": None},
        **more,
    }


def mixture() -> dict[str, Any]:
    return {
        "corners": ["0.1"],
        "aiq": None,
        "in_hindsight": {"aiq": 0.5, "aiq_routerbench": None},
        "range_usd": [0.0001, 0.002],
        "accuracy_at": {"25%": 0.5, "100%": 0.75},
        "cost_ratio_at_100": None,
        "cost_ratio_at_95": 0.4,
    }


ENVIRONMENT = {"versions": {"python": "3.11.7", "verl": "not installed"}, "seed": 0}
LEVELS = [{"name": "0.1", "budget_usd": None, "worth_usd": 0.052}]


def tournament_file() -> dict[str, Any]:
    """As `router-r1 tournament` writes it for a table of two models."""
    label = {"accuracy_diff": 0.002, "ci95": [-0.001, 0.006]}
    shown = {"reward": 0.5, "valid": 1.0, "asked": {"small": 0.9, "large": 0.1}}
    row = {
        "name": "agent",
        "kind": "agent",
        **figures("0.1"),
        "curve": [figures("0.1", **shown), figures("0.3", **shown)],
        "within": {
            "its cost": figures("0.1", vs_best_per_category=label),
            "three quarters of its cost": figures("0.3", vs_best_per_category=None),
            "a tenth of its cost": None,
        },
        "smallest_difference": 0.02,
        "mcnemar": {"only_ours": 3, "only_theirs": 10, "p": 0.09},
        "arena_score": 0.71,
        "hull": mixture(),
        "categories": {"law": {"questions": 150, "accuracy": 0.5}},
        "regret": {"law": -0.03},
    }
    gap = {"pgr": 0.4, "apgr": 0.6, "cpt": {"50%": 0.3, "80%": None}}
    random = row | {"name": "random", "kind": "baseline", "curve": [], "mcnemar": None}
    return {
        "table": "tables/two",
        "questions": 1394,
        "pool": ["small", "large"],
        "rows": [
            row | gap | {"apgr": None, "cpt": None},
            row | gap | {"name": "knn", "kind": "router", "overhead_ms": 0.25},
            random | gap,
            random | gap | {"name": "oracle", "kind": "oracle"},
        ],
        "zero_router": mixture(),
        "headroom": {
            "best_single": 0.7,
            "oracle": 0.9,
            "oracle_less_chance": None,
            "oracle_cross_fitted": {
                "accuracy": 0.8,
                "oracle": 0.9,
                "best_single": 0.7,
                "questions": 100,
                "samples": 4,
            },
            "ties": {"a tie": 0.75, "one best model": 0.25},
            "smallest_difference": 0.02,
        },
        "two_models": {"weak": "small", "strong": "large", "gap": 0.3},
        "settings": {
            "split": "test",
            "best_single": "large",
            "corners": "validation",
            "reference_usd": 0.0005,
            "costs_estimated": 0.25,
            "levels": LEVELS,
            "reward": {"kind": "graded", "alpha": 0.3, "allow_code": False},
        },
        **ENVIRONMENT,
        "not_listed": {"self-consistency": "needs several recorded answers"},
        "notes": ["4 of 8 answers are missing: they count as wrong and free"],
    }


def generated_world_file() -> dict[str, Any]:
    """As `router-r1 train` commands write it for a policy in the generated world."""
    more = {"reward": -0.06, "right_specialist": 0.4}
    curve = [figures("budget-0.002", reward=-0.06), figures("budget-0.01", reward=0.3)]
    row = {"name": "cold", "kind": "agent", **figures("budget-0.002"), "curve": curve, **more}
    return {
        "table": "generated-0",
        "questions": 100,
        "pool": ["sage", "abacus"],
        "rows": [row, row | {"name": "single sage", "kind": "baseline"}],
        "settings": {
            "split": "test",
            "best_single": "sage",
            "reference_usd": 0.0028,
            "reward": {"kind": "graded"},
            "levels": [{"name": "budget-0.002", "budget_usd": 0.002, "worth_usd": None}],
        },
        **ENVIRONMENT,
    }


def benchmark_run_file() -> dict[str, Any]:
    """As `router-r1 eval` writes it for an agent and a single model."""
    more = {
        "failed": 1,
        "failure": [["bad_request: HTTP 400", 1]],
        "asked_again": 2,
        "categories": {"cola": {"questions": 8, "accuracy": 0.25}},
        "curve": [],
    }
    calls = {
        "attempts": 16,
        "failed": 0,
        "input_tokens": 1600,
        "output_tokens": 160,
        "tokens_estimated": False,
        "cost_usd": 0.0176,
        "tokens_per_s": 49.8,
        "first_token_s": None,
        "price": {"input": 10.0, "output": 10.0, "as_of": "2026-11-01"},
    }
    policy = calls | {"price": {"input": 0.0, "output": 0.0, "cached": None, "as_of": None}}
    agent = {"name": "agent", "kind": "agent", **figures(), **more}
    return {
        "table": "glue",
        "questions": 8,
        "left_out": 0,
        "unfinished": {"other": 2},
        "pool": ["small"],
        "rows": [
            agent | {"corpus": {"score": 0.31}},
            agent | {"name": "small", "kind": "baseline", "failure": []},
        ],
        "smallest_difference": 0.86,
        "efficiency": {"small": calls, "policy (policy)": policy, "free": calls | {"price": None}},
        "spent_usd": 0.01848,
        "spent_on_failed_usd": 0.0,
        "settings": {
            "fixed": {"benchmark": "glue", "split": None, "agent": {"pool": "pool.yaml"}},
            "versions": {"python": "3.11.7"},
            "samples": 1,
            "peak_mib": {"process": 86.83},
            "a_setting_of_the_future": {"kept": [1]},
            "best_single": "small",
            "judge": {"model": "judge", "pool": "judges.yaml", "version": "1", "cost_usd": 0.1},
        },
        **ENVIRONMENT,
    }


FILES = {
    "tournament": tournament_file(),
    "generated world": generated_world_file(),
    "benchmark run": benchmark_run_file(),
    "benchmark run of an agent alone": benchmark_run_file()
    | {
        "rows": [{"name": "agent", "kind": "agent", "accuracy": 1.0, "cost_usd": 0.0, "calls": 1.0}]
    },
}


def written(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("kind", FILES)
def test_reading_and_writing_a_file_changes_nothing(kind: str, tmp_path: Path) -> None:
    results = Results.read(written(tmp_path / "read.json", FILES[kind]))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("a page of earlier results")
    path = results.write(tmp_path / "out")
    assert path == tmp_path / "out" / "results.json"
    assert json.loads(path.read_text()) == FILES[kind]
    assert list(json.loads(path.read_text())) == list(FILES[kind])
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["results.json"]


@pytest.mark.parametrize("kind", FILES)
def test_the_models_can_be_built_from_keyword_arguments(kind: str) -> None:
    assert Results(**FILES[kind]).to_json() == FILES[kind]


def test_the_kind_bar_of_old_files_becomes_baseline(tmp_path: Path) -> None:
    old = copy.deepcopy(FILES["tournament"])
    for row in old["rows"]:
        row["kind"] = row["kind"].replace("baseline", "bar")
    assert Results.read(written(tmp_path / "old.json", old)).to_json() == FILES["tournament"]


def test_unknown_keys_of_a_file_are_ignored_at_every_depth(tmp_path: Path) -> None:
    newer = copy.deepcopy(FILES["tournament"])
    for place in (newer, newer["rows"][0], newer["rows"][0]["hull"], newer["headroom"]):
        place["from_the_future"] = 1
    assert Results.read(written(tmp_path / "newer.json", newer)).to_json() == FILES["tournament"]


def test_a_writer_cannot_set_an_unknown_field() -> None:
    point = Point(accuracy=0.5, cost_usd=0, calls=1)
    with pytest.raises(ValidationError, match="acuracy"):
        Point(acuracy=0.5, accuracy=0.5, cost_usd=0, calls=1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="rewart"):
        point.with_fields(rewart=0.5)
    with pytest.raises(ValidationError, match="calls"):
        point.with_fields(calls=-1)


def test_fields_that_are_not_set_are_absent_and_fields_set_to_none_are_null() -> None:
    point = Point(accuracy=0.5, cost_usd=0, calls=1)
    assert set(point.to_json()) == {"accuracy", "cost_usd", "calls"}
    assert point.with_fields(vs_best_per_category=None).to_json()["vs_best_per_category"] is None
    row = Row(name="ours", kind="agent", **point.given, mcnemar=None)
    assert row.to_json() == {"name": "ours", "kind": "agent", **point.to_json(), "mcnemar": None}


def test_levels_are_written_with_all_their_fields() -> None:
    settings = RunSettings(levels=(Level(name="0.1", worth_usd=0.052),))
    assert settings.to_json() == {"levels": LEVELS}


def test_settings_keep_what_a_run_records_beyond_the_known_ones() -> None:
    settings = RunSettings(**{"samples": 3, "note": "kept"})
    assert settings.to_json() == {"samples": 3, "note": "kept"}
    assert settings.with_fields(best_single="a").to_json() == {
        "best_single": "a",
        "samples": 3,
        "note": "kept",
    }


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("", "Expecting value"),
        ("[]", "valid dictionary"),
        ("{", "Expecting property name"),
        ('{"questions": 3}', "rows: Field required"),
        ('{"questions": 1, "rows": []}', "rows: "),
        ('{"questions": 0, "rows": [{"name": "a", "kind": "agent"}]}', "questions"),
        ('{"questions": 1, "rows": [{"name": "a", "kind": "agent"}]}', r"rows\.0\.accuracy"),
        (
            '{"questions": 1, "rows": [{"name": "a", "kind": "b", "accuracy": 1, "cost_usd": 0, "calls": 0}]}',
            r"rows\.0\.kind.*'baseline', 'router', 'agent' or 'oracle'",
        ),
        (
            '{"questions": 1, "rows": [{"name": "a", "kind": "agent", "accuracy": 1, "cost_usd": NaN, "calls": 0}]}',
            r"rows\.0\.cost_usd",
        ),
    ],
)
def test_what_is_not_a_results_file_is_refused_with_the_place_and_a_remedy(
    content: str, where: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(
        DataError, match=rf"results\.json: no results: .*{where}.*`router-r1 tournament`, `eval`"
    ):
        Results.read(path)
    with pytest.raises(DataError, match="missing"):
        Results.read(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [("accuracy", 1.5), ("accuracy", float("nan")), ("cost_usd", -1), ("kind", "hero")],
)
def test_a_row_with_an_impossible_figure_is_named(key: str, value: Any, tmp_path: Path) -> None:
    content = copy.deepcopy(FILES["tournament"])
    content["rows"][1][key] = value
    with pytest.raises(DataError, match=rf"results\.json: no results: rows\.1\.{key}: "):
        Results.read(written(tmp_path / "results.json", content))


# --- what readers ask of the rows


def test_equal_baselines_are_one_row_with_all_their_names() -> None:
    same = Row(name="small", kind="baseline", accuracy=0.5, cost_usd=0.1, calls=1)
    cheapest = same.with_fields(name="cheapest")
    results = Results(questions=4, pool=("small",), rows=(same, cheapest))
    (row,) = results.distinct
    assert row.name == "cheapest = small" and results.is_single(row)
    free = [r.with_fields(cost_usd=0) for r in (same, cheapest)]
    assert len(Results(questions=4, rows=free).distinct) == 2


def test_the_best_single_model_is_found_by_its_row_or_by_the_settings() -> None:
    one = Row(name="large", kind="baseline", accuracy=0.5, cost_usd=0.1, calls=1)
    named = Results(questions=4, rows=[one.with_fields(name="best single")])
    assert named.best is named.rows[0]
    chosen = Results(questions=4, rows=[one], settings=RunSettings(best_single="large"))
    assert chosen.best == one
    assert Results(questions=4, rows=[one]).best is None


def test_versions_name_what_the_figures_depend_on() -> None:
    assert {"python", "router-r1", "numpy"} <= set(versions())
    assert all(versions().values())
