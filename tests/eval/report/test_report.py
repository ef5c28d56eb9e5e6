"""The report: what it shows of which results, that it is a well-formed page that fetches nothing, that traces stay text; in a browser if there is one."""

import html
import json
import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

import router_r1 as rr
from router_r1.episode import StopReason
from router_r1.errors import DataError
from router_r1.trace import TraceWriter, read_traces
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun as Run
from router_r1_eval.report import write_report
from router_r1_eval.report.cost_accuracy import frontier
from router_r1_eval.report.episodes import Seen, kinds_of, read_seen, sample
from router_r1_eval.report.labels import Box, place
from router_r1_eval.report.read import read_results
from router_r1_eval.report.svg import NARROW, WIDE, Linear, Log, costs, number
from router_r1_eval.results import row
from router_r1_eval.run.run_folder import RunFolder

VOID = {
    "meta",
    "link",
    "wbr",
    "br",
    "img",
    "input",
    "hr",
    "rect",
    "circle",
    "path",
    "polyline",
    "line",
}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page(HTMLParser):
    """A parsed page; fails where elements are not closed in the order in which they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag}: an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if (
            tag not in VOID
        ):  # a circle is closed where it holds a title, and need not be where it holds nothing
            assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def run(right: int, of: int = 200, cost: float = 0.001, calls: float = 1.0) -> Run:
    values = np.arange(of) < right
    return Run(values.astype(float), np.full(of, cost), np.full(of, calls))


BAR = run(120, cost=0.004)


def rows() -> list[dict]:
    """A policy far above the best single model, a router that is only a little above it, and bars."""
    levels = {"poor": run(110, cost=0.0005), "rich": run(160, cost=0.003, calls=2.5)}
    policy = row("policy", "agent", levels, "rich", BAR)
    policy["within"] = {
        "its cost": next(p for p in policy["curve"] if p["setting"] == "rich"),
        "a tenth": None,
    }
    policy["regret"] = {"law": 0.12, "maths": -0.03}
    policy["categories"] = {
        "law": {"questions": 150, "accuracy": 0.5},
        "maths": {"questions": 50, "accuracy": 0.75},
    }
    policy["curve"][1]["asked"] = {"small": 0.9, "large": 0.4}
    shuffled = np.random.default_rng(0).permutation(200)
    # As many other questions, and one more: higher, and not beyond chance.
    near = Run(run(121).value[shuffled], np.full(200, 0.0035), np.ones(200))
    return [
        policy,
        row("knn", "router", {"": near}, "", BAR),
        row("small", "bar", {"": run(60, cost=0.0002)}, "", BAR),
        row("large", "bar", {"": BAR}, "", BAR),
        row("best single", "bar", {"": BAR}, "", BAR),
        row("random", "bar", {"": run(90, cost=0.002)}, "", BAR),
        row("oracle", "oracle", {"": run(190, cost=0.0008)}, "", BAR),
    ]


def results(**fields) -> dict:
    return {
        "table": "tables/drawn",
        "questions": 200,
        "pool": ["small", "large"],
        "rows": rows(),
        "settings": {"best_single": "large", "split": "test"},
        "versions": {"python": "3.11"},
        "seed": 0,
    } | fields


def report(folder, found: dict, **options) -> Page:
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found))
    text = write_report(folder, **options).read_text()
    page = Page(text)
    assert not page.all("link") and not any("src" in a for _, a in page.elements), (
        "it fetches something"
    )
    assert not re.search(r"https?:|url\(|@import", text[: text.index("</style>")])
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"] for a in page.all("a")} <= {f"#{name}" for name in ids}
    assert all(a.get("scope") in ("row", "col") for a in page.all("th"))
    assert all(a.get("role") == "img" and a.get("aria-label") for a in page.all("svg"))
    for word in ("None", "nan", "inf"):
        assert not re.search(rf"\b{word}\b", page.words), word
    return page


def sections(page: Page) -> list[str]:
    start = page.words.index("What this sample can show")  # in the list of contents
    text = page.words[start:]
    found = []
    for name in (
        "What this sample can show",
        "Cost and quality",
        "Results",
        "Categories",
        "Calls per question",
        "Speed and price",
        "Episodes",
        "Every level",
        "Learning curve",
        "Settings and versions",
    ):
        if text.startswith(name):  # the list of contents
            found.append(name)
            text = text[len(name) :].lstrip()
    return found


def cells(page: Page, name: str) -> str:
    """The first line of a table that begins with this name."""
    text = page.words[page.words.index("Table 1.") :]
    return text[text.index(f" {name} ") :][:120]


# --- what is shown


def test_a_section_for_everything_that_results_have(tmp_path):
    page = report(tmp_path, results())
    assert sections(page) == [
        "What this sample can show",
        "Cost and quality",
        "Results",
        "Categories",
        "Calls per question",
        "Every level",
        "Settings and versions",
    ]
    for words in (
        "Routers on drawn",
        "200 questions, 2 candidates, 2 routers, 4 bars.",
        "at no more than its cost",
        "law 150",
        "best single = large",
    ):
        assert words in page.words, words


def test_results_of_a_benchmark_have_names_accuracy_and_cost_and_that_is_enough(tmp_path):
    least = [
        {"name": "ours", "kind": "agent", "accuracy": 0.5, "cost_usd": 0.01, "calls": 2},
        {"name": "theirs", "kind": "bar", "accuracy": 0.25, "cost_usd": 0.001, "calls": 1},
    ]
    page = report(tmp_path, {"questions": 40, "rows": least})
    assert sections(page) == [
        "What this sample can show",
        "Cost and quality",
        "Results",
        "Settings and versions",
    ]
    assert "ours 50.0 10.00 2.00" in page.words


def run_of_a_benchmark() -> dict:
    """Results as `router-r1 eval` writes them: no levels, and numbers that tournaments do not have."""
    policy, _, small, large, *_ = rows()
    for entry, right in ((policy, 0.55), (small, 0.45), (large, 0.35)):
        entry |= {"curve": [], "within": {}, "regret": {}}
        entry["categories"] = {
            "cola": {"questions": 120, "accuracy": 0.25},
            "sst2": {"questions": 80, "accuracy": right},
        }
    found = results(rows=[policy, small, large], efficiency=EFFICIENCY)
    found["rows"][0]["corpus"] = {"cola/matthews": 0.31, "score": 0.7}
    found["rows"][1]["corpus"] = {"cola/matthews": -0.052}
    found["settings"]["peak_mib"] = {"process": 1234.5, "gpu": 80.2}
    return found


EFFICIENCY = {
    "<small>": {
        "attempts": 1200,
        "failed": 3,
        "input_tokens": 45678,
        "output_tokens": 912,
        "tokens_estimated": True,
        "tokens_per_s": 81.25,
        "first_token_s": None,
        "price": {"input": 0.15, "output": 0.6, "as_of": "2026-11-01"},
    },
    "policy (policy)": {
        "attempts": 10,
        "failed": 0,
        "input_tokens": 5,
        "output_tokens": 0,
        "tokens_estimated": False,
        "tokens_per_s": None,
        "first_token_s": 0.4321,
        "price": None,
    },
}


def test_a_run_of_a_benchmark_has_its_own_numbers_speeds_and_prices(tmp_path):
    page = report(tmp_path, run_of_a_benchmark())
    assert "Speed and price" in sections(page)
    assert cells(page, "<small>").startswith(" <small> 1,200 3 ≈ 45,678 ≈ 912 81.2 0.15 0.6 2026-")
    assert cells(page, "policy (policy)").startswith(" policy (policy) 10 0 5 0 0.432 ")
    assert "Peak memory of the run: process 1,234 MiB, gpu 80 MiB." in page.words
    assert "≈: guessed from the texts" in page.words
    numbers = page.words[page.words.index("Numbers of all answers together") :]
    assert "router cola/matthews score policy 0.310 0.700 small −0.052 " in numbers


def mixed(*corners: str, aiq: float) -> dict:
    reached = {"aiq": aiq, "cost_ratio_at_100": 0.5, "cost_ratio_at_95": None}
    if corners:
        reached |= {"corners": corners, "in_hindsight": {"aiq": aiq + 0.0123}}
        reached |= {"accuracy_at": {"25%": 0.5, "100%": 0.8}}
    return reached


def test_the_page_says_which_questions_chose_what_is_mixed(tmp_path):
    found = results(zero_router=mixed("small", "large", aiq=0.6))
    found["rows"][0]["hull"] = mixed("rich", aiq=0.7)
    words = report(tmp_path, found).words
    assert "takes no look at a question; validation chose which ones." in words
    assert "at random reaches; validation chose which ones." in words
    table = words[words.index("What mixing the levels") :]
    assert "router AIQ in hindsight at 25 % at 100 % cost of its accuracy" in table
    assert "policy 0.700 0.712 50.0 80.0 0.50 single models, mixed 0.600 0.612" in table

    found = results(zero_router=mixed(aiq=0.6))
    found["rows"][0]["hull"] = mixed(aiq=0.7)
    words = report(tmp_path, found).words
    assert words.count("these very questions chose which ones, and that flatters") == 2
    assert "in hindsight" not in words[words.index("What mixing the levels") :]


def test_what_no_run_has_has_no_table(tmp_path):
    words = report(tmp_path, results()).words
    for absent in ("Speed and price", "Numbers of all answers", "Peak memory", "$ cached"):
        assert absent not in words
    found = run_of_a_benchmark()
    del found["settings"]["peak_mib"]
    assert "Peak memory" not in report(tmp_path, found).words


def test_single_models_are_shown_by_category_too(tmp_path):
    """In a tournament, where the best of them has a row of its own, and in a run, where it has not."""
    page = report(tmp_path / "run", run_of_a_benchmark())
    accuracy = page.words[page.words.index("Accuracy by category.") :]
    assert "cola 120 sst2 80 policy 25 55 large 25 35 small 25 45 Percent" in accuracy
    found = results()
    for entry in found["rows"][1:]:
        entry["categories"] = found["rows"][0]["categories"]
    page = report(tmp_path / "tournament", found)
    accuracy = page.words[page.words.index("Accuracy by category.") :]
    for name in ("policy", "knn", "small", "best single = large", "random", "oracle"):
        assert f" {name} 50 75 " in accuracy


def test_a_small_p_is_markup_that_any_parser_reads(tmp_path):
    found = results()
    found["rows"][2]["mcnemar"] = {"only_ours": 1, "only_theirs": 61, "p": 1e-9}
    report(tmp_path, found)
    text = (tmp_path / "report.html").read_text()
    assert ">&lt; 0.001</td>" in text and ">< " not in text


def test_long_settings_are_folded_and_short_ones_are_not(tmp_path):
    found = results()
    found["settings"] |= {"fixed": {"pool": ["<b>" * 400]}, "levels": ["<u>"] * 50}
    page = report(tmp_path, found)
    assert len(page.all("summary")) == 1 and not page.all("u") and "characters" in page.words
    assert page.words.count("<b>") == 400 and page.words.count("<u>") == 50


def test_a_run_of_a_benchmark_explains_only_what_it_has(tmp_path):
    words = report(tmp_path, run_of_a_benchmark()).words
    for absent in ("level", "squares", "diamond", "The oracle is left out", "bars."):
        assert absent not in words[words.index("Figure 1.") : words.index("Table 1.")], absent
    assert "Circles: policies; rings: single models." in words
    assert "at the level" not in words and "question and level" not in words
    found = results()
    del found["rows"][0]["within"]
    words = report(tmp_path, found).words
    for there in (
        "Lines join the levels of a router",
        "Circles: policies and bars; squares: routers; rings: single models; diamond: the oracle.",
        "The oracle is left out.",
        "Every router and bar, at the level that stands for it.",
    ):
        assert there in words, there
    assert "here are 2." in words, "comparisons"


def test_what_is_paid_is_said(tmp_path):
    words = report(tmp_path, run_of_a_benchmark()).words
    assert "what the calls of candidates and, where it has a price, of the policy cost" in words
    no_policy = results(rows=rows()[1:])
    assert "what the calls of candidates cost, in US" in report(tmp_path, no_policy).words
    assert "spent on" not in words
    paid = report(tmp_path, run_of_a_benchmark() | {"spent_usd": 1.23456}).words
    assert "$1.23 spent on this run" in paid


def test_the_judge_is_in_the_first_lines(tmp_path):
    found = run_of_a_benchmark()
    found["settings"]["judge"] = None
    assert "judge" not in report(tmp_path, found).words.partition("Settings and versions")[0]
    found["settings"]["judge"] = {"model": "strict <one>", "version": "1", "cost_usd": 0.02}
    words = report(tmp_path, found).words
    lead = words[: words.index("What this sample can show")]
    assert "1 router, 2 bars; graded by the judge strict <one>." in lead


def test_notes_stand_with_what_the_sample_can_show(tmp_path):
    notes = ["24 of 1,000 questions are left out: not every model was asked them", "a <b> note."]
    words = report(tmp_path, results(notes=notes)).words
    first = words[words.rindex("What this sample can show") : words.index("Figure 1.")]
    assert "not every model was asked them. A <b> note. Against the best" in first


def test_versions_of_a_run_are_shown_once_unless_they_differ(tmp_path):
    found = run_of_a_benchmark()
    found["settings"]["versions"] = {"python": "3.11"}
    words = report(tmp_path, found).words
    assert words.count("3.11") == 1 and "versions {" not in words
    found["settings"]["versions"] = {"python": "3.10"}
    assert 'versions {"python": "3.10"}' in report(tmp_path, found).words


@pytest.mark.parametrize("many", [20, 21])
def test_with_many_categories_the_table_is_turned(tmp_path, many):
    found = results()
    names = [f"category {n}" for n in range(many)]
    for entry in found["rows"][:3]:
        entry["categories"] = {
            name: {"questions": 10 + n, "accuracy": n / many} for n, name in enumerate(names)
        }
    words = report(tmp_path, found).words
    table = words[words.index("Accuracy by category.") :]
    if many > 20:
        assert table.startswith(
            "Accuracy by category. category policy knn small category 0 10 0 0 0"
        )
        assert f"category 20 30 {2000 / many:.0f} " in table
    else:
        assert table.startswith("Accuracy by category. router category 0 10 category 1 11 ")
        assert "policy 0 5 10 15 " in table


def test_the_comparison_comes_right_after_the_accuracy(tmp_path):
    page = report(tmp_path, results())
    assert "router accuracy vs best single $ per 1,000" in page.words
    assert re.match(r" policy 80.0 \[\d+.\d, \d+.\d\] ▲ \+20.0 \[", cells(page, "policy"))


def test_only_what_is_beyond_chance_is_marked_and_not_the_highest(tmp_path):
    page = report(tmp_path, results())
    assert cells(page, "policy").startswith(" policy 80.0 [")
    assert "▲ +20.0 [" in cells(page, "policy")
    knn = cells(page, "knn")
    assert "+0.5 [" in knn and "▲" not in knn.partition("]")[2].partition("]")[0]
    assert "▼ −30.0 [" in cells(page, "small")
    assert "▲" not in cells(page, "oracle")[:60], "it is no router"
    assert "policy: more accurate beyond chance , +20.0 points" in page.words


def test_where_no_level_is_cheap_enough_it_says_so(tmp_path):
    found = results()
    found["rows"][0]["within"] = {"its cost": None}
    assert "policy: no level is that cheap" in report(tmp_path, found).words


def test_what_the_sample_can_show_comes_first(tmp_path):
    head = {
        "best_single": 0.6,
        "oracle": 0.95,
        "oracle_less_chance": 0.93,
        "smallest_difference": 0.0616,
        "ties": {"a tie": 0.5, "nobody": 0.25, "one best model": 0.25},
    }
    words = report(tmp_path, results(headroom=head)).words
    first = words[words.rindex("What this sample can show") :]
    for part in (
        "6.2 points: the smallest difference",
        "95.0 % right: the oracle",
        "93.0 % the same, less",
    ):
        assert part in first[: first.index("Figure 1.")]


def test_bars_that_do_the_same_are_one_line_and_free_ones_are_not(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results()))
    names = [r.name for r in read_results(tmp_path / "results.json").distinct]
    assert names == ["policy", "knn", "small", "best single = large", "random", "oracle"]
    free = results(rows=[row(n, "bar", {"": run(50, cost=0)}, "", BAR) for n in ("a", "b")])
    (tmp_path / "results.json").write_text(json.dumps(free))
    assert len(read_results(tmp_path / "results.json").distinct) == 2


def test_a_phone_has_room_for_one_name_of_a_bar(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results()))
    found = read_results(tmp_path / "results.json")
    wide, narrow = (frontier(found, width).inline() for width in (WIDE, NARROW))
    assert ">best single = large</text>" in wide
    assert ">best single</text>" in narrow and "best single = large</text>" not in narrow


@pytest.mark.parametrize("free", ["all", "one"])
def test_what_costs_nothing_has_a_place(tmp_path, free):
    found = results()
    for entry in found["rows"]:
        if free == "all" or entry["name"] == "small":
            entry["cost_usd"] = 0.0
            for point in entry["curve"]:
                point["cost_usd"] = 0.0
    page = report(tmp_path, found)
    assert "$0" in page.words and "Figure 1." in page.words


def test_the_learning_curve_is_there_with_a_log(tmp_path):
    log = tmp_path / "metrics.jsonl"
    steps = [
        {"step": 0, "data": {"val/reward": -0.5, "val/cost_usd": 0.0}},
        {"step": 1, "data": {"episode/reward": 0.1}},
        {"step": 2, "data": {"episode/reward": 0.3, "val/reward": 0.25}},
    ]
    log.write_text("".join(json.dumps(step) + "\n" for step in steps))
    page = report(tmp_path, results(), log=log)
    assert "Learning curve" in sections(page) and (tmp_path / "curve.svg").exists()
    log.write_text(json.dumps({"step": 1, "data": {"actor/lr": 1}}) + "\n")
    assert "Learning curve" not in sections(report(tmp_path, results(), log=log))
    assert not (tmp_path / "curve.svg").exists(), "it is of another report"


def test_figures_are_files_too_that_stand_alone(tmp_path):
    found = results()
    for at, entry in enumerate(found["rows"]):
        entry["reward"] = 0.1 * at - 0.2
    report(tmp_path, found)
    names = sorted(path.stem for path in tmp_path.glob("*.svg"))
    assert names == ["bars", "differences", "frontier"]
    for name in names:
        root = ElementTree.parse(tmp_path / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.find("{*}style") is not None
        high, wide = float(root.get("height")), float(root.get("width"))
        for text in root.iter("{*}text"):
            assert 0 <= float(text.get("x")) <= wide and 0 <= float(text.get("y")) <= high


# --- what is wrong with results


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no results: "),
        ("[]", "no results"),
        ('{"questions": 3}', "rows: Field required"),
        ('{"questions": 3, "rows": []}', "rows: "),
        ('{"questions": 0, "rows": []}', "questions: "),
    ],
)
def test_what_is_no_results_is_named(tmp_path, content, message):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(DataError, match=re.escape(message)):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("accuracy", 1.5), ("accuracy", math.nan), ("cost_usd", -1), ("kind", "hero")],
)
def test_a_row_with_an_impossible_figure_is_named(tmp_path, key, value):
    found = results()
    found["rows"][1][key] = value
    (tmp_path / "results.json").write_text(json.dumps(found))
    with pytest.raises(DataError, match=rf"results\.json: no results: rows\.1\.{key}: "):
        write_report(tmp_path)


# --- episodes

HOSTILE = "</script></article><img src=x onerror=alert(1)><!-- & \"'"


def traces(folder, many: int, said=lambda number: "It is 4.", question="What is 2+2?"):
    """Episodes of a scripted policy that asks one or two models; every fifth answer is wrong, and those that ask two are dearer."""
    folder.mkdir(exist_ok=True)
    (folder / "traces.jsonl").unlink(missing_ok=True)
    with TraceWriter(folder / "traces.jsonl") as writer:
        for number in range(many):
            ask = '<think>Ask.</think><route model="{}">2+2?</route>'
            turns = [ask.format("small"), *([ask.format("large")] if number % 10 == 0 else [])]
            answer = "5" if number % 5 == 0 else "4"
            policy = rr.testing.ScriptedPolicy([*turns, f"<answer>{answer}</answer>"])
            pool = rr.testing.ScriptedPool({"small": said(number), "large": said(number)})
            with rr.RouterAgent(policy=policy, pool=pool) as agent:
                trace = agent.ask(question).trace
            about = {"id": f"q{number}", "gold": ["4"], "score": float(answer == "4")}
            writer.write(replace(trace, metadata=about))


def test_traces_are_shown_as_text_whatever_they_hold(tmp_path):
    traces(tmp_path, 3, said=lambda _: HOSTILE, question=f"What is {HOSTILE}?")
    page = report(tmp_path, results())
    assert not page.all("img") and len(page.all("script")) == 1
    assert len(page.all("article")) == 3
    assert page.words.count("</script></article><img src=x") >= 6, "question and response of each"


def test_one_episode_is_shown_without_a_script_and_all_kinds_can_be_chosen(tmp_path):
    traces(tmp_path, 40)
    page = report(tmp_path, results())
    articles = page.all("article")
    assert ["hidden" in a for a in articles] == [False] + [True] * (len(articles) - 1)
    kinds = [a["data-kinds"] for a in articles]
    chosen = {b["data-kind"] for b in page.all("button") if b.get("data-kind")}
    assert chosen == {"right", "wrong", "dear", "several rounds"}
    for kind in chosen:
        assert f"{kind} {sum(kind in k.split(',') for k in kinds)}" in page.words
    assert "1 36 90% 88.9" in page.words and "2 4 10% 0.0" in page.words, "calls, episodes, right"


def test_of_a_run_that_was_gone_on_with_only_the_try_that_counts_is_shown(tmp_path):
    traces(tmp_path, 6)
    path = tmp_path / "traces.jsonl"
    first, second, third, fourth, fifth, _ = list(read_traces(path))
    off = {"stop_reason": StopReason.CANCELLED, "answer": None}

    def of(trace, question, **fields):
        about = {"router": "ours", "id": question, "score": 1.0}
        return replace(trace, metadata=about, **fields)

    tries = [
        of(first, "a", **off),
        of(second, "a"),
        of(third, "b"),
        of(fourth, "b", **off),
        of(fifth, "c", **off),
        of(first, "a", sample_index=1),
    ]
    path.unlink()
    with TraceWriter(path) as writer:
        for one in tries:
            writer.write(one)
    kept = read_seen(path)
    assert [one.number for one in kept] == [1, 2, 5]
    counted = [found[-1] for found in RunFolder(tmp_path).episodes().values()]
    wanted = {t.episode_id for t in counted if t.stop_reason != StopReason.CANCELLED}
    assert {tries[one.number].episode_id for one in kept} == wanted
    page = report(tmp_path, results())
    assert "A sample of the 3 episodes" in page.words and len(page.all("article")) == 3
    assert "cancelled" not in page.words
    assert "1 2 67% 100.0" in page.words and "2 1 33% 100.0" in page.words, "calls, episodes"


def seen(number: int, **fields) -> Seen:
    given = {"order": f"{number * 7919 % 1000:04d}", "router": "ours", "routes": True, "score": 1.0}
    return Seen(number, **(given | {"cost_usd": 0.001, "calls": 1, "rounds": 1} | fields))


def test_a_sample_has_some_of_each_kind_and_does_not_depend_on_the_order_of_the_file():
    many = [seen(n, score=float(n % 100 != 0), rounds=1 + (n % 200 == 7)) for n in range(1000)]
    chosen = sample(many)
    assert len(chosen) == len(set(chosen)) == 60
    wrong = [n for n in chosen if n % 100 == 0]
    assert len(wrong) == 10, "all of the few"
    assert sum(n % 200 == 7 for n in chosen) == 5
    turned = [replace(one, number=999 - one.number) for one in reversed(many)]
    assert [999 - n for n in sample(turned)] == chosen


def test_a_partial_score_counts_from_a_half_and_dear_is_the_dearest_tenth():
    many = [seen(n, cost_usd=0.001 * (n + 1), score=n / 19) for n in range(20)]
    kinds = kinds_of(many)
    assert [n for n in kinds if "wrong" in kinds[n]] == list(range(10))
    assert [n for n in kinds if "dear" in kinds[n]] == [18, 19]
    same = kinds_of([seen(n, score=None) for n in range(5)])
    assert set(same.values()) == {()}, (
        "nothing is dear where all cost the same, and unscored is neither"
    )


def test_long_traces_are_cut_and_the_page_stays_small(tmp_path):
    traces(tmp_path, 80, said=lambda n: f"{n} " + "word " * 6000)
    report(tmp_path, results())
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    assert "more characters" in (tmp_path / "report.html").read_text()


# --- drawing

coordinate = st.floats(10, 390)


@how(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.text("abc", min_size=1, max_size=20), coordinate, coordinate), max_size=25
    ),
    st.lists(st.tuples(coordinate, coordinate), max_size=5),
)
def test_names_cover_neither_each_other_nor_a_point_and_lines_lead_to_their_own(items, more):
    frame, points = Box(0, 0, 400, 400), [(x, y) for _, x, y in items]
    placed = place([(text, (x, y)) for text, x, y in items], frame, more, reach=math.inf)
    boxes = [p.box for p in placed if p is not None]
    for at, box in enumerate(boxes):
        assert box.within(frame)
        assert not any(box.overlaps(other) for other in boxes[at + 1 :])
        assert not any(box.holds(point) for point in (*points, *more))
    for own, point in zip(placed, points, strict=True):
        if own is not None:
            assert own.point == point
            assert own.far or math.dist(own.end, point) <= 9
            for dot in own.leader():
                assert not any(box.holds(dot) for box in boxes if box != own.box)
                assert all(math.dist(dot, other) >= 4 for other in points if other != point)


def test_a_lone_name_has_its_place_beside_its_point():
    (found,) = place([("name", (100, 100))], Box(0, 0, 400, 400))
    assert found is not None and (found.anchor, found.x, found.far) == ("start", 108, False)


def test_a_name_among_others_stands_at_a_distance_and_a_line_leads_to_it():
    crowd = [(100.0 + 12 * x, 100.0 + 12 * y) for x in range(-2, 3) for y in range(-2, 3)]
    crowd.remove((100, 100))
    (found, *_) = place([("name", (100, 100))], Box(0, 0, 400, 400), crowd, reach=math.inf)
    assert found is not None and found.far and len(found.leader()) > 3
    assert place([("name", (100, 100))], Box(0, 0, 400, 400), crowd, reach=20) == [None]


def drawn(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def crowded() -> dict:
    """Routers and bars with levels whose large points are close together, and their cheap ends at the same place."""
    found = results()
    names = [("ours", "agent"), ("theirs", "router"), ("a rather long name of a bar", "bar")]
    names += [(f"bar number {n}", "bar") for n in range(6)]
    for at, (name, kind) in enumerate(names):
        levels = {
            "poor": run(61 + at % 3, cost=0.0002),
            "rich": run(122 + 2 * (at % 4), cost=0.0035 * (1 + 0.02 * at)),
        }
        found["rows"].append(row(name, kind, levels, "rich", BAR))
    return found


def box_of(text: ElementTree.Element) -> Box:
    """At least what a text covers."""
    width = 6.0 * len(text.text or "")
    x, y = float(text.get("x", "")), float(text.get("y", ""))
    left = x - {"middle": width / 2, "end": width}.get(text.get("text-anchor", ""), 0)
    return Box(left, y - 10, left + width, y + 2)


def test_every_large_point_has_its_name_beside_it_or_at_a_line_that_leads_to_it(tmp_path):
    """Or, where ten are in one place, below the plot with its figures."""
    (tmp_path / "results.json").write_text(json.dumps(crowded()))
    found = read_results(tmp_path / "results.json")
    picture = drawn(frontier(found, WIDE).inline())
    texts = {text.text or "": box_of(text) for text in picture.iter("text")}
    leaders = [line for line in picture.iter("polyline") if line.get("stroke-width") == "0.8"]
    ends = [[tuple(map(float, s.split(","))) for s in e.get("points").split()] for e in leaders]
    large = {}
    for mark in picture:
        radius = float(mark.get("r", 0)) or float(mark.get("width", 0)) / 2
        title = mark.find("title")
        if title is not None and (radius > 4 or mark.tag == "path"):
            x, y = mark.get("cx"), mark.get("cy")
            if mark.tag == "rect":
                x, y = (float(mark.get(k)) + radius for k in ("x", "y"))
            if mark.tag != "path":
                large[(title.text or "").partition(":")[0]] = (float(x), float(y))
    assert {"ours", "theirs", "a rather long name of a bar", "bar number 5"} <= set(large)
    assert len(leaders) > 2, "there is no room beside all points"
    below = {text.partition(": ")[0] for text in texts if " at $" in text}
    assert len(below) < 4 and not below & {"ours", "theirs", "best single = large"}
    for name, (x, y) in large.items():
        if name in below:
            continue
        box = texts[name]
        end = min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)
        beside = math.dist(end, (x, y)) < 10
        led = any(
            math.dist(start, (x, y)) < 1 and math.dist(stop, end) < 12 for start, stop in ends
        )
        assert beside or led, name
        assert not any(box.holds(point) for point in large.values()), f"{name} covers a point"


def test_on_a_phone_the_best_single_model_and_the_routers_have_names(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(crowded()))
    found = read_results(tmp_path / "results.json")
    texts = " ".join(t.text or "" for t in drawn(frontier(found, NARROW).inline()).iter("text"))
    for name in ("best single", "policy", "knn", "ours", "theirs"):
        assert name in texts, name


def test_points_at_one_place_have_one_name_and_the_best_single_model_is_in_it(tmp_path):
    twin = {"poor": run(110, cost=0.0005), "rich": BAR}
    found = results(rows=[*rows(), row("twin", "router", twin, "rich", BAR)])
    found["rows"].append(row("prompt length", "bar", {"": BAR}, "", BAR))
    (tmp_path / "results.json").write_text(json.dumps(found))
    for width in (WIDE, NARROW):
        picture = frontier(read_results(tmp_path / "results.json"), width)
        assert ">twin, best single</text>" in picture.inline()


def test_only_what_the_caption_names_is_dashed_or_dotted(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(crowded()))
    picture = drawn(frontier(read_results(tmp_path / "results.json"), WIDE).inline())
    lines = list(picture.iter("polyline"))
    dashed = [line for line in lines if line.get("stroke-dasharray")]
    assert sorted(line.get("stroke-dasharray") for line in dashed) == ["1 4", "1 4", "6 4"]
    bars = [line for line in lines if line.get("class") == "l-bar" and line not in dashed]
    assert sum(line.get("stroke-width") == "1" for line in bars) >= 7, "their levels and intervals"


def test_a_router_has_one_colour_in_all_figures(tmp_path):
    found = results()
    for at, entry in enumerate(found["rows"]):
        entry["reward"] = 0.1 * at - 0.2
    report(tmp_path, found)
    for name in ("frontier", "differences"):
        of = {}
        for mark in ElementTree.parse(tmp_path / f"{name}.svg").iter():
            title = mark.find("{*}title")
            if title is not None:
                of[(title.text or "").partition(":")[0]] = (mark.get("class") or "").split()
        assert "f-s0" in of["policy"] or "l-s0" in of["policy"], name
        assert "f-s1" in of["knn"] or "l-s1" in of["knn"], name
    bars = (tmp_path / "bars.svg").read_text()
    assert bars.count('class="f-s0"') == bars.count('class="f-s1"') == 1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.03, 0.9, [0.05, 0.1, 0.2, 0.5]),
        (0.001, 1000, [0.001, 0.01, 0.1, 1, 10, 100, 1000]),
        (0.21, 0.44, [0.25, 0.3, 0.35, 0.4]),
    ],
)
def test_ticks_of_a_logarithmic_scale(low, high, expected):
    assert Log(low, high, 0, 100).ticks(8) == pytest.approx(expected)


@given(st.floats(1e-6, 1e6), st.floats(1.0001, 1e6), st.integers(2, 12))
def test_ticks_are_few_and_inside(low, ratio, most):
    for scale in (Log(low, low * ratio, 0, 100), Linear(low, low * ratio, 0, 100)):
        ticks = scale.ticks(most)
        assert 1 <= len(ticks) <= max(most, 2)
        assert all(-1e-6 <= scale(tick) <= 100 + 1e-6 for tick in ticks)


def test_a_scale_for_costs_has_a_place_for_zero_only_where_something_is_free():
    scale = costs([0.0, 0.1, 1.0], 0, 100)
    assert scale(0) < scale(0.1) < scale(1.0) and scale.ticks(9)[0] == 0
    with pytest.raises(ValueError, match="no place for 0"):
        costs([0.1, 1.0], 0, 100)(0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (1234.5, "1234"),
        (0.000123456, "0.000123"),
        (-20, "−20"),
        (2.5, "2.5"),
    ],
)
def test_figures_have_three_digits_and_no_exponent(value, text):
    assert number(value) == text


# --- in a browser

PROBE = """
<script>
window.addEventListener("load", () => {
  const shown = () => [...document.querySelectorAll(".episode")].filter((e) => !e.hidden).map((e) => e.querySelector("h3").textContent);
  const click = (selector) => document.querySelector(selector).click();
  const told = { width: innerWidth, scroll: document.documentElement.scrollWidth, first: shown() };
  click('[data-step="1"]'); told.next = shown();
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true })); told.away = shown();
  document.getElementById("pager").scrollIntoView({ behavior: "instant" });
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true })); told.back = shown();
  click('[data-kind="wrong"]'); told.wrong = shown(); told.place = document.querySelector("[data-place]").textContent;
  const names = () => [...document.querySelector("table[data-sortable]").tBodies[0].rows].map((r) => r.cells[0].textContent);
  const title = [...document.querySelectorAll("table[data-sortable] th button")].find((b) => b.textContent === "$ per 1,000");
  title.click(); told.dearest = names()[0]; title.click(); told.cheapest = names()[0];
  told.sorted = title.closest("th").getAttribute("aria-sort");
  const wide = [...document.querySelectorAll(".scroll")].filter((b) => b.scrollWidth > b.clientWidth + 1);
  told.wide = wide.length;
  told.said = wide.filter((b) => b.hasAttribute("data-more") && b.previousElementSibling.className === "more").length;
  told.hints = document.querySelectorAll(".more").length;
  const versus = [...document.querySelectorAll("th button")].find((b) => b.textContent === "vs best single").closest("th");
  told.versus = versus.getBoundingClientRect().right;
  parent.document.documentElement.dataset.told = JSON.stringify(told);
});
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_in_a_browser_nothing_overflows_and_the_buttons_work(tmp_path):
    traces(tmp_path, 20)
    report(tmp_path, results())
    text = (tmp_path / "report.html").read_text().replace("</body>", f"{PROBE}</body>")
    phone = f'<iframe width="390" height="844" srcdoc="{html.escape(text)}"></iframe>'  # a window can not be so narrow
    (tmp_path / "phone.html").write_text(f"<!doctype html><html><body>{phone}</body></html>")
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        f"file://{tmp_path / 'phone.html'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    (told,) = (json.loads(a["data-told"] or "") for a in Page(done.stdout).all("html"))
    assert told["width"] == 390 and told["scroll"] <= 390
    assert len(told["first"]) == len(told["next"]) == 1 and told["first"] != told["next"]
    assert told["wide"] > 0 and told["said"] == told["hints"] == told["wide"], "tables that scroll"
    assert told["versus"] <= 390, "what matters is not cut off"
    assert told["away"] == told["next"], (
        "the episodes are not on the screen: the keys are not theirs"
    )
    assert told["back"] == told["first"]
    assert told["wrong"][0] in {"q0", "q5", "q10", "q15"} and told["place"] == "1 of 4"
    assert (told["dearest"], told["cheapest"]) == ("best single = large", "small")
    assert told["sorted"] == "ascending"
