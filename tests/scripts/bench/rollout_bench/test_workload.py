"""The drawn batch: its latencies are lognormal, and a query carries all that the server needs."""

import math

import pytest

from rollout_bench.workload import Draw, read_query


def test_latencies_are_lognormal_and_the_server_computes_the_same_ones():
    draw = Draw(seed=5, episodes=2000, rounds=4, mean_s=0.5, sigma=1.0)
    latencies = [seconds for episode in draw.latencies() for seconds in episode]
    logs = [math.log(seconds) for seconds in latencies]
    mean_log = math.fsum(logs) / len(logs)
    spread = math.sqrt(math.fsum((x - mean_log) ** 2 for x in logs) / len(logs))
    assert mean_log == pytest.approx(math.log(0.5) - 0.5, abs=0.1)
    assert spread == pytest.approx(1.0, abs=0.1)
    assert {len(episode) for episode in draw.latencies()} == {1, 2, 3, 4}
    assert read_query(draw.query(17, 2)) == (draw.latency_s(17, 2), draw.reply(17, 2))


def test_another_text_than_a_query_is_an_error():
    with pytest.raises(ValueError, match=r"expected a query of `Draw\.query`, got 'hello'"):
        read_query("hello")
