"""What mixtures reach, and on which questions they were chosen."""


def mixture(*corners: str, aiq: float) -> dict:
    found = {"aiq": aiq, "cost_ratio_at_100": 0.5, "cost_ratio_at_95": None}
    if corners:
        found |= {"corners": corners, "in_hindsight": {"aiq": aiq + 0.0123}}
        found |= {"accuracy_at": {"25%": 0.5, "100%": 0.8}}
    return found


def test_the_page_says_which_questions_chose_what_is_mixed(results, write_page):
    results["zero_router"] = mixture("small", "large", aiq=0.6)
    results["rows"][0]["hull"] = mixture("rich", aiq=0.7)
    page = write_page(results)
    assert (
        "without looking at the question; the models are chosen on validation questions."
        in page.words
    )
    assert "at random reaches; the levels are chosen on validation questions." in page.words
    table = page.from_text("What mixing the levels")
    assert "router AIQ in hindsight at 25 % at 100 % cost at its accuracy" in table
    assert "policy 0.700 0.712 50.0 80.0 0.50 single models, mixed 0.600 0.612" in table


def test_mixtures_of_old_files_are_chosen_on_the_test_questions(results, write_page):
    results["zero_router"] = mixture(aiq=0.6)
    results["rows"][0]["hull"] = mixture(aiq=0.7)
    page = write_page(results)
    assert page.words.count("chosen on these test questions, which flatters the result") == 2
    assert "in hindsight" not in page.from_text("What mixing the levels")


def test_two_models_have_a_table_of_the_recovered_gap(results, write_page):
    assert "APGR" not in write_page(results).words
    results["two_models"] = {"weak": "small", "strong": "<large>", "gap": 0.3}
    results["rows"][0] |= {"apgr": 0.61, "cpt": {"50%": 0.25, "80%": None}}
    results["rows"][1] |= {"apgr": None, "cpt": None}
    table = write_page(results).from_text("Between two models")
    assert "the share of calls to <large>, the others going to small," in table
    assert "gap of 30.0 points. router APGR calls for 50% policy 0.610 25.0 % APGR" in table
