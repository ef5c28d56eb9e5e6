"""Settings and versions."""


def test_long_settings_are_folded_and_short_ones_are_not(results, write_page):
    results["settings"] |= {"fixed": {"pool": ["<b>" * 400]}, "reward": {"kinds": ["<u>"] * 50}}
    page = write_page(results)
    assert len(page.all("summary")) == 1 and not page.all("u") and "characters" in page.words
    assert page.words.count("<b>") == 400 and page.words.count("<u>") == 50


def test_versions_of_a_run_are_shown_once_unless_they_differ(benchmark_run, write_page):
    benchmark_run["settings"]["versions"] = {"python": "3.11"}
    words = write_page(benchmark_run).words
    assert words.count("3.11") == 1 and "versions {" not in words
    benchmark_run["settings"]["versions"] = {"python": "3.10"}
    assert 'versions {"python": "3.10"}' in write_page(benchmark_run).words
