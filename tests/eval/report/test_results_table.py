"""The results table: order of the columns, marks of significance, merged rows, notes."""

import re

from router_r1_eval.results import Results


def test_the_comparison_comes_right_after_the_accuracy(results, write_page):
    page = write_page(results)
    assert "router accuracy vs best single $ per 1,000" in page.words
    assert re.match(r" policy 80.0 \[\d+.\d, \d+.\d\] ▲ \+20.0 \[", page.line_of("policy"))


def test_only_significant_differences_are_marked(results, write_page):
    page = write_page(results)
    assert page.line_of("policy").startswith(" policy 80.0 [")
    assert "▲ +20.0 [" in page.line_of("policy")
    knn = page.line_of("knn")
    assert "+0.5 [" in knn and "▲" not in knn.partition("]")[2].partition("]")[0]
    assert "▼ −30.0 [" in page.line_of("small")
    assert "▲" not in page.line_of("oracle")[:60], "it is not a router"


def test_equal_baselines_are_one_line_unless_they_are_free(results, make_row, make_run):
    names = [row.name for row in Results(**results).distinct]
    assert names == ["policy", "knn", "small", "best single = large", "random", "oracle"]
    rows = [make_row(name, "baseline", {"": make_run(50, cost=0)}) for name in ("a", "b")]
    assert len(Results(**results | {"rows": rows}).distinct) == 2


def test_the_note_on_cost_says_what_is_paid_for(results, benchmark_run, write_page):
    words = write_page(benchmark_run).words
    assert "cost of candidate calls and, if it has a price, of the policy, in US" in words
    del results["rows"][0]
    assert "cost of candidate calls, in US" in write_page(results).words


def test_a_small_p_value_is_valid_markup(results, write_page):
    results["rows"][2]["mcnemar"] = {"only_ours": 1, "only_theirs": 61, "p": 1e-9}
    source = write_page(results).source
    assert ">&lt; 0.001</td>" in source and ">< " not in source
