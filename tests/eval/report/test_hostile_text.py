"""No text of a results.json or a trace becomes an element, an attribute, a script or a hidden character of the page."""

import copy
import html
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import pytest

from router_r1 import terminal
from router_r1_eval.report.markup import Markup, escaped
from router_r1_eval.report.table import Column, table
from router_r1_eval.results import Results

PROBE = "xqz"
HOSTILE = [
    f"<img src={PROBE} onerror=alert(1)>",
    f"</script><script>{PROBE}()</script>",
    f"\" onmouseover={PROBE} x='",
    f"' onfocus='{PROBE}' autofocus='",
    f"]]></title></style><svg onload={PROBE}>",
    f"--><a href=javascript:{PROBE}>x</a>",
    f"${{title}} $title {{0}} %s {PROBE}",
    f"\x1b[2J\u202e\x00 {PROBE}",
]
FIXED = {"kind", "as_of", "best_single"}
"""Fields that hold one of a few words, or a date; and the name that two fields share."""


def with_everything(results: dict[str, Any], benchmark_run: dict[str, Any]) -> dict[str, Any]:
    """Results with every field that can hold text."""
    found = copy.deepcopy(results)
    found |= {
        "not_listed": {"knn": "which needs a table"},
        "notes": ["a note", "Another one."],
        "unfinished": {"slow": 3},
        "efficiency": benchmark_run["efficiency"],
        "two_models": {"weak": "small", "strong": "large", "gap": 0.1},
        "zero_router": {"corners": ["small", "large"], "aiq": 0.5, "accuracy_at": {"50%": 0.4}},
        "headroom": {
            "best_single": 0.6,
            "oracle": 0.9,
            "ties": {"a tie": 0.5},
            "smallest_difference": 0.05,
        },
        "versions": {"python": "3.11", "torch": "2"},
    }
    found["settings"] |= {
        "peak_mib": {"process": 1.5},
        "costs_estimated": 0.2,
        "judge": {"model": "judge", "pool": "p.yaml"},
        "fixed": {"agent": {"pool": ["a"]}},
        "reward": {"kind of": "r"},
    }
    row = found["rows"][0]
    row |= {
        "corpus": {"cola/matthews": 0.31},
        "failure": [["timeout", 3]],
        "failed": 3,
        "hull": {"corners": ["poor"], "aiq": 0.5, "accuracy_at": {"50%": 0.4}},
        "apgr": 0.5,
        "cpt": {"50%": 0.3},
    }
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """The path of every string, and of every key of a mapping with names of the user's own (True)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in FIXED:
                yield (*path, key), True
                yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))
    elif isinstance(value, str):
        yield path, False


def replaced(found: dict[str, Any], path: tuple[Any, ...], text: str, *, key: bool) -> Any:
    changed = copy.deepcopy(found)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    if key:
        inner[text] = inner.pop(path[-1])
    else:
        inner[path[-1]] = text
    return changed


def readable(content: dict[str, Any]) -> bool:
    try:
        Results.model_validate(content)
    except ValueError:
        return False
    return True


def check(page: Any) -> None:
    for tag, attributes in page.elements:
        assert PROBE not in tag
        for name, value in attributes.items():
            assert PROBE not in name and not name.startswith("on"), (tag, name)
            assert name in ("title", "aria-label") or PROBE not in (value or ""), (tag, name, value)
    assert not {"img", "a"} & {t for t, a in page.elements if t == "img" or PROBE in str(a)}
    assert len(page.all("script")) == 1
    assert terminal.printable(html.unescape(page.source)) == html.unescape(page.source)


def test_no_string_of_a_results_file_becomes_markup(results, benchmark_run, write_page, tmp_path):
    found, text = with_everything(results, benchmark_run), " ".join(HOSTILE)
    before = len(write_page(found).elements)
    tried = shown = 0
    for path, key in places(found):
        content = replaced(found, path, text, key=key)
        if not readable(content):
            continue  # a key of ours, not a name of the user's own
        page = write_page(content)
        check(page)
        assert abs(len(page.elements) - before) < 60, path  # a section may go, nothing may come
        for figure in tmp_path.glob("*.svg"):
            ElementTree.parse(figure)
        tried, shown = tried + 1, shown + (PROBE in page.words)
    assert tried > 60 and shown > 25


@pytest.mark.parametrize("text", HOSTILE)
def test_no_string_of_a_results_file_becomes_markup_if_all_are_hostile(
    results, benchmark_run, write_page, text
):
    content = with_everything(results, benchmark_run)
    for path, key in list(places(content)):
        if not key and readable(changed := replaced(content, path, text, key=False)):
            content = changed
    page = write_page(content)
    check(page)
    assert page.words.count(PROBE) > 10


def test_text_is_escaped_in_a_cell_unless_it_is_markup():
    lines = ["<i>", "x"]
    columns = [
        Column[str]("name & <b>", lambda line: line, words=True),
        Column[str]("own", lambda line: Markup(f"<b>{escaped(line)}</b>")),
    ]
    made = table(columns, lines, "A caption.")
    assert "&lt;i&gt;</th>" in made and "<b>&lt;i&gt;</b>" in made and "<i>" not in made


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_trace_becomes_markup(results, write_page, write_traces, text):
    write_traces(3, lambda number: text, question=text)
    page = write_page(results)
    check(page)
    assert PROBE in page.words
