"""Tables with coloured cells: categories, corpus metrics, candidates called."""

import pytest


def test_single_models_are_in_the_table_of_categories(results, benchmark_run, write_page):
    """In a run they have no other row; in a tournament the best one has a row of its own."""
    accuracy = write_page(benchmark_run).from_text("Accuracy by category.")
    assert "cola 120 sst2 80 policy 25 55 large 25 35 small 25 45 Percent" in accuracy
    for row in results["rows"][1:]:
        row["categories"] = results["rows"][0]["categories"]
    accuracy = write_page(results).from_text("Accuracy by category.")
    for name in ("policy", "knn", "small", "best single = large", "random", "oracle"):
        assert f" {name} 50 75 " in accuracy


@pytest.mark.parametrize("categories", [20, 21])
def test_a_table_with_many_categories_is_transposed(results, write_page, categories):
    names = [f"category {number}" for number in range(categories)]
    for row in results["rows"][:3]:
        row["categories"] = {
            name: {"questions": 10 + number, "accuracy": number / categories}
            for number, name in enumerate(names)
        }
    table = write_page(results).from_text("Accuracy by category.")
    if categories > 20:
        assert table.startswith(
            "Accuracy by category. category policy knn small category 0 10 0 0 0"
        )
        assert f"category 20 30 {2000 / categories:.0f} " in table
    else:
        assert table.startswith("Accuracy by category. router category 0 10 category 1 11 ")
        assert "policy 0 5 10 15 " in table


def test_regrets_are_in_points_and_negative_ones_have_another_colour(results, write_page):
    page = write_page(results)
    assert "law 150 maths 50 policy 12 −3 Points" in page.from_text("Regret by category.")
    assert '<td class="above" style="--heat:0.60">12</td>' in page.source
    assert '<td class="below" style="--heat:0.15">−3</td>' in page.source


def test_candidates_called_are_shown_for_each_level_that_has_them(results, write_page):
    table = write_page(results).from_text("Candidates called.")
    assert table.startswith("Candidates called. router, level small large policy, rich 90 40 ")


def test_corpus_metrics_of_a_benchmark(benchmark_run, write_page):
    table = write_page(benchmark_run).from_text("Metrics over all answers together")
    assert "router cola/matthews score policy 0.310 0.700 small −0.052 " in table
