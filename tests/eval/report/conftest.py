"""Results and traces to make reports of, and the parsed page of a report."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import router_r1 as rr
from router_r1.trace import TraceWriter
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_eval.report.page import write_report
from router_r1_eval.results import Kind, Row

VOID_ELEMENTS = {"meta", "link", "wbr", "br", "img", "input", "hr"}
VOID_ELEMENTS |= {"rect", "circle", "path", "polyline", "line"}
SECTIONS = (
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
)


class Page(HTMLParser):
    """A parsed page; fails if elements are not closed in the reverse order of their opening."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag}: an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_ELEMENTS:  # a circle with a title has an end tag, one without has none
            assert self.open and self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements with this tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        """The whole text, with single spaces."""
        return " ".join(" ".join(self.text).split())

    @property
    def sections(self) -> list[str]:
        """The titles in the list of contents."""
        text = self.words[self.words.index(SECTIONS[0]) :]
        found = []
        for title in SECTIONS:
            if text.startswith(title):
                found.append(title)
                text = text[len(title) :].lstrip()
        return found

    def from_text(self, start: str) -> str:
        """The text from the first place where it reads `start`."""
        return self.words[self.words.index(start) :]

    def line_of(self, name: str) -> str:
        """The start of the first table line with this name."""
        text = self.from_text("Table 1.")
        return text[text.index(f" {name} ") :][:120]


def run_with(right: int, of: int = 200, cost: float = 0.001, calls: float = 1.0) -> RouterRun:
    """A run that answers the first questions correctly."""
    return RouterRun((np.arange(of) < right).astype(float), np.full(of, cost), np.full(of, calls))


BASELINE = run_with(120, cost=0.004)


def row_of(
    name: str, kind: Kind, levels: Mapping[str, RouterRun], main: str | None = None
) -> dict[str, Any]:
    """A row of results.json, compared with BASELINE; the first level is the main one unless another is named."""
    main = next(iter(levels)) if main is None else main
    return Row.of_runs(name, kind, levels, main, BASELINE).to_json()


def standard_rows() -> list[dict[str, Any]]:
    """A policy far above the best single model, a router slightly above it, and baselines."""
    levels = {"poor": run_with(110, cost=0.0005), "rich": run_with(160, cost=0.003, calls=2.5)}
    policy = row_of("policy", "agent", levels, "rich")
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
    # As many correct answers, to other questions, and one more: higher, but not significantly.
    shuffled = np.random.default_rng(0).permutation(200)
    near = RouterRun(run_with(121).value[shuffled], np.full(200, 0.0035), np.ones(200))
    return [
        policy,
        row_of("knn", "router", {"": near}),
        row_of("small", "baseline", {"": run_with(60, cost=0.0002)}),
        row_of("large", "baseline", {"": BASELINE}),
        row_of("best single", "baseline", {"": BASELINE}),
        row_of("random", "baseline", {"": run_with(90, cost=0.002)}),
        row_of("oracle", "oracle", {"": run_with(190, cost=0.0008)}),
    ]


def results_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "table": "tables/drawn",
        "questions": 200,
        "pool": ["small", "large"],
        "rows": rows,
        "settings": {"best_single": "large", "split": "test"},
        "versions": {"python": "3.11"},
        "seed": 0,
    }


@pytest.fixture
def results() -> dict[str, Any]:
    """The content of a tournament's results.json."""
    return results_of(standard_rows())


@pytest.fixture
def benchmark_run() -> dict[str, Any]:
    """Results as `router-r1 eval` writes them: no levels, and figures that tournaments do not have."""
    policy, _, small, large, *_ = standard_rows()
    for row, accuracy in ((policy, 0.55), (small, 0.45), (large, 0.35)):
        row |= {"curve": [], "within": {}, "regret": {}}
        row["categories"] = {
            "cola": {"questions": 120, "accuracy": 0.25},
            "sst2": {"questions": 80, "accuracy": accuracy},
        }
    policy["corpus"] = {"cola/matthews": 0.31, "score": 0.7}
    small["corpus"] = {"cola/matthews": -0.052}
    found = results_of([policy, small, large])
    found["settings"]["peak_mib"] = {"process": 1234.5, "gpu": 80.2}
    found["efficiency"] = {
        "<small>": {
            "attempts": 1200,
            "failed": 3,
            "cut": 17,
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
    return found


@pytest.fixture
def crowded_results() -> dict[str, Any]:
    """Rows with levels whose main points are close together, and whose cheap ends are at the same place."""
    found = results_of(standard_rows())
    names: list[tuple[str, Kind]] = [("ours", "agent"), ("theirs", "router")]
    names += [("a rather long name of a baseline", "baseline")]
    names += [(f"baseline number {number}", "baseline") for number in range(6)]
    for place, (name, kind) in enumerate(names):
        levels = {
            "poor": run_with(61 + place % 3, cost=0.0002),
            "rich": run_with(122 + 2 * (place % 4), cost=0.0035 * (1 + 0.02 * place)),
        }
        found["rows"].append(row_of(name, kind, levels, "rich"))
    return found


@pytest.fixture
def make_row() -> Callable[..., dict[str, Any]]:
    """`row_of`."""
    return row_of


@pytest.fixture
def make_run() -> Callable[..., RouterRun]:
    """`run_with`."""
    return run_with


@pytest.fixture
def write_page(tmp_path: Path) -> Callable[..., Page]:
    """Writes results.json and the report into a folder, checks what holds for every page, and parses it."""

    def write(found: dict[str, Any], log: Path | None = None, folder: str = ".") -> Page:
        run = tmp_path / folder
        run.mkdir(exist_ok=True)
        (run / "results.json").write_text(json.dumps(found))
        page = Page(write_report(run, log).read_text())
        fetched = page.all("link") or any("src" in a for _, a in page.elements)
        head = page.source[: page.source.index("</style>")]
        assert not fetched and not re.search(r"https?:|url\(|@import", head)
        ids = [a["id"] for _, a in page.elements if "id" in a]
        assert len(ids) == len(set(ids))
        assert {a["href"] for a in page.all("a")} <= {f"#{name}" for name in ids}
        assert all(a.get("scope") in ("row", "col") for a in page.all("th"))
        assert all(a.get("role") == "img" and a.get("aria-label") for a in page.all("svg"))
        for word in ("None", "nan", "inf"):
            assert not re.search(rf"\b{word}\b", page.words), word
        return page

    return write


@pytest.fixture
def write_traces(tmp_path: Path) -> Callable[..., Path]:
    """Writes traces.jsonl: episodes of a scripted policy.

    Every fifth answer is wrong. Every tenth episode calls two models, which is more expensive.
    """

    def write(
        count: int,
        reply: Callable[[int], str] = lambda number: "It is 4.",
        question: str = "What is 2+2?",
    ) -> Path:
        path = tmp_path / "traces.jsonl"
        path.unlink(missing_ok=True)
        route = '<think>Ask.</think><route model="{}">2+2?</route>'
        with TraceWriter(path) as writer:
            for number in range(count):
                turns = [route.format("small"), *([route.format("large")] * (number % 10 == 0))]
                answer = "5" if number % 5 == 0 else "4"
                policy = rr.testing.ScriptedPolicy([*turns, f"<answer>{answer}</answer>"])
                pool = rr.testing.ScriptedPool({"small": reply(number), "large": reply(number)})
                with rr.RouterAgent(policy=policy, pool=pool) as agent:
                    trace = agent.ask(question).trace
                about = {"id": f"q{number}", "gold": ["4"], "score": float(answer == "4")}
                writer.write(replace(trace, metadata=about))
        return path

    return write
