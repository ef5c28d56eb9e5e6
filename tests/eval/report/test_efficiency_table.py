"""The calls to each model of a run."""


def test_calls_speeds_and_prices_of_each_model(benchmark_run, write_page):
    page = write_page(benchmark_run)
    assert "Speed and price" in page.sections
    small = " <small> 1,200 3 17 ≈ 45,678 ≈ 912 81.2 0.15 0.6 2026-11-01 "
    assert page.line_of("<small>").startswith(small)
    assert page.line_of("policy (policy)").startswith(" policy (policy) 10 0 5 0 0.432 ")
    assert "Peak memory of the run: process 1,234 MiB, gpu 80 MiB." in page.words
    assert "≈: estimated from the texts" in page.words
