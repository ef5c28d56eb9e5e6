"""What this sample can show: figures first, then caveats and a verdict for each router."""


def first_section(page) -> str:
    words = page.words
    return words[words.rindex("What this sample can show") : words.index("Figure 1.")]


def test_the_smallest_difference_and_the_headroom_come_first(results, write_page):
    results["headroom"] = {
        "best_single": 0.6,
        "oracle": 0.95,
        "oracle_less_chance": 0.93,
        "oracle_cross_fitted": {"accuracy": 0.9, "oracle": 0.94, "questions": 50, "samples": 4},
        "smallest_difference": 0.0616,
        "ties": {"a tie": 0.5, "nobody": 0.25, "one best model": 0.25},
    }
    section = first_section(write_page(results))
    for part in (
        "6.2 points: the smallest difference",
        "60.0 % right: the best single model (large)",
        "95.0 % right: the oracle",
        "93.0 % the same without lucky guesses",
        "90.0 % the oracle without the luck of a single draw, estimated from 4 samples of 50 questions; with it 94.0 %",
        "50 % of the questions: several models are best",
        "25 % of the questions: no model is right",
    ):
        assert part in section, part
    assert "assumes" not in section


def test_without_a_stated_difference_it_is_an_assumption(results, write_page):
    section = first_section(write_page(results))
    assert "assumes that two routers differ on a fifth of the questions" in section


def test_failed_left_out_and_estimated_questions_are_stated(benchmark_run, write_page):
    assert "spent on" not in write_page(benchmark_run).words
    benchmark_run |= {"spent_usd": 1.23456, "left_out": 12}
    benchmark_run["rows"][0]["failed"] = 3
    benchmark_run["settings"]["costs_estimated"] = 0.25
    section = first_section(write_page(benchmark_run))
    for part in (
        "$1.23 spent on this run",
        "12 questions left out",
        "3 episodes failed and count as wrong",
        "Costs are estimates in 25% of the outcomes",
    ):
        assert part in section, part


def test_notes_are_sentences_and_stay_text(results, write_page):
    results["notes"] = [
        "24 of 1,000 questions are left out: not every model was asked them",
        "a <b> note.",
    ]
    section = first_section(write_page(results))
    assert "not every model was asked them. A <b> note. Against the best" in section


def test_baselines_that_a_table_cannot_have_are_named(results, write_page):
    results["not_listed"] = {"self-consistency": "needs several <recorded> answers"}
    section = first_section(write_page(results))
    assert "Not listed: self-consistency needs several <recorded> answers." in section


def test_verdicts_count_their_comparisons(results, write_page):
    section = first_section(write_page(results))
    assert "policy: significantly more accurate , +20.0 points" in section
    assert "looks significant" not in section, "knn has no level under the cap"
    del results["rows"][0]["within"]
    section = first_section(write_page(results))
    assert "knn: no significant difference , +0.5 points" in section
    assert "there are 2 here." in section


def test_a_router_without_a_level_under_the_cap_says_so(results, write_page):
    results["rows"][0]["within"] = {"its cost": None}
    assert "policy: no level is that cheap" in first_section(write_page(results))
