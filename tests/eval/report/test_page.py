"""The page: a section for everything that the results have, and nothing about what they do not have."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from router_r1.errors import DataError
from router_r1_eval.report.page import write_report

TOURNAMENT_SECTIONS = [
    "What this sample can show",
    "Cost and quality",
    "Results",
    "Categories",
    "Calls per question",
    "Every level",
    "Settings and versions",
]


def test_there_is_a_section_for_everything_that_results_have(results, write_page):
    page = write_page(results)
    assert page.sections == TOURNAMENT_SECTIONS
    for words in (
        "Routers on drawn",
        "200 questions, 2 candidates, 2 routers, 4 baselines.",
        "at no more than its cost",
        "law 150",
        "best single = large",
    ):
        assert words in page.words, words


def test_old_files_that_call_baselines_bars_make_the_same_page(results, write_page):
    page = write_page(results)
    for row in results["rows"]:
        row["kind"] = row["kind"].replace("baseline", "bar")
    assert write_page(results).source == page.source
    assert not re.search(r"\bbars?\b", page.words)


def test_names_accuracy_and_cost_are_enough(write_page):
    rows = [
        {"name": "ours", "kind": "agent", "accuracy": 0.5, "cost_usd": 0.01, "calls": 2},
        {"name": "theirs", "kind": "baseline", "accuracy": 0.25, "cost_usd": 0.001, "calls": 1},
    ]
    page = write_page({"questions": 40, "rows": rows})
    assert page.sections == [
        "What this sample can show",
        "Cost and quality",
        "Results",
        "Settings and versions",
    ]
    assert "ours 50.0 10.00 2.00" in page.words


def test_what_no_row_has_is_left_out(results, benchmark_run, write_page):
    words = write_page(results).words
    for absent in ("Speed and price", "Metrics over all answers", "Peak memory", "$ cached"):
        assert absent not in words
    del benchmark_run["settings"]["peak_mib"]
    assert "Peak memory" not in write_page(benchmark_run).words


def test_only_what_the_results_have_is_explained(results, benchmark_run, write_page):
    words = write_page(benchmark_run).words
    for absent in ("level", "squares", "diamond", "The oracle is left out", "baselines."):
        assert absent not in words[words.index("Figure 1.") : words.index("Table 1.")], absent
    assert "Circles: policies; rings: single models." in words
    assert "main level" not in words and "question and level" not in words
    del results["rows"][0]["within"]
    words = write_page(results).words
    for present in (
        "Lines join the levels of a router",
        "Circles: policies and baselines; squares: routers; rings: single models; diamond: the oracle.",
        "The oracle is left out.",
        "Every router and baseline, at its main level.",
    ):
        assert present in words, present


def test_the_lead_names_the_judge(benchmark_run, write_page):
    benchmark_run["settings"]["judge"] = None
    assert "judge" not in write_page(benchmark_run).words.partition("Settings and versions")[0]
    benchmark_run["settings"]["judge"] = {"model": "strict <one>", "version": "1", "cost_usd": 0.02}
    words = write_page(benchmark_run).words
    lead = words[: words.index("What this sample can show")]
    assert "1 router, 2 baselines; graded by the judge strict <one>." in lead


def test_a_training_log_adds_the_learning_curve(results, write_page, tmp_path):
    log = tmp_path / "metrics.jsonl"
    steps = [
        {"step": 0, "data": {"val/reward": -0.5, "val/cost_usd": 0.0}},
        {"step": 1, "data": {"episode/reward": 0.1}},
        {"step": 2, "data": {"episode/reward": 0.3, "val/reward": 0.25}},
    ]
    log.write_text("".join(json.dumps(step) + "\n" for step in steps))
    page = write_page(results, log=log)
    assert "Learning curve" in page.sections and (tmp_path / "curve.svg").exists()
    log.write_text(json.dumps({"step": 1, "data": {"actor/lr": 1}}) + "\n")
    assert "Learning curve" not in write_page(results, log=log).sections
    assert not (tmp_path / "curve.svg").exists(), "it belongs to another report"


def test_figures_are_also_standalone_files(results, write_page, tmp_path):
    for place, row in enumerate(results["rows"]):
        row["reward"] = 0.1 * place - 0.2
    write_page(results)
    names = sorted(path.stem for path in tmp_path.glob("*.svg"))
    assert names == ["bars", "differences", "frontier"]
    for name in names:
        root = ElementTree.parse(tmp_path / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.find("{*}style") is not None
        height, width = float(root.get("height")), float(root.get("width"))
        for text in root.iter("{*}text"):
            assert 0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height


def test_invalid_results_are_refused_before_anything_is_written(tmp_path):
    (tmp_path / "frontier.svg").write_text("of an earlier report")
    (tmp_path / "results.json").write_text('{"questions": 3, "rows": []}')
    with pytest.raises(DataError, match=r"results\.json: no results: rows: "):
        write_report(tmp_path)
    assert (tmp_path / "frontier.svg").exists() and not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("free", ["all", "one"])
def test_a_free_router_has_a_place_in_figures_and_tables(results, write_page, free):
    for row in results["rows"]:
        if free == "all" or row["name"] == "small":
            for point in (row, *row["curve"]):
                point["cost_usd"] = 0.0
    page = write_page(results)
    assert "$0" in page.words and "Figure 1." in page.words
