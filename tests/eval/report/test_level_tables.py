"""Levels of rows: all of them, and those under a cost cap."""


def test_each_cost_cap_with_a_level_has_a_table(results, write_page):
    words = write_page(results).words
    assert "Against the best single model, at no more than its cost:" in words
    assert "a tenth" not in words, "no row has a level under it"


def test_the_comparison_with_the_best_model_of_each_category(results, write_page):
    assert "vs best per category" not in write_page(results).words
    point = results["rows"][0]["within"]["its cost"]
    point["vs_best_per_category"] = {"accuracy_diff": 0.015, "ci95": [-0.002, 0.032]}
    words = write_page(results).words
    assert " rich +1.5 [−0.2, +3.2] " in words and "vs best per category" in words


def test_every_level_of_rows_that_have_several(results, write_page):
    results["rows"][0]["curve"][0]["valid"] = 0.5
    text = write_page(results).from_text("Every level. Columns as")
    assert "policy poor 55.0 [" in text and "policy rich 80.0 [" in text
    assert " knn " not in text and " 50.0 policy rich" in text
