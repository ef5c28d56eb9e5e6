"""Episodes by their number of calls."""


def test_each_number_of_calls_has_its_episodes_share_and_accuracy(
    results, write_page, write_traces
):
    write_traces(40)
    table = write_page(results).from_text("by number of calls.")
    assert "calls episodes share right $ per 1,000 1 36 90% 88.9 " in table
    assert " 2 4 10% 0.0 " in table
