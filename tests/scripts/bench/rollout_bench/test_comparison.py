"""A driver that cheats ends the run with an error instead of a figure."""

import pytest

from rollout_bench.comparison import measure
from rollout_bench.drivers import asynchronous
from rollout_bench.server import server_process
from rollout_bench.workload import Draw


def loses_an_answer(draw, base_url, limit):
    return draw.expected_answers()[1:]


def changes_an_answer(draw, base_url, limit):
    return [*asynchronous(draw, base_url, limit)[:-1], "something else"]


def invents_the_answers(draw, base_url, limit):
    return draw.expected_answers()


def exceeds_the_limit(draw, base_url, limit):
    return asynchronous(draw, base_url, limit + 2)


@pytest.fixture(scope="module")
def server():
    with server_process(None) as process:
        yield process


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (loses_an_answer, "2 answers to 3 questions"),
        (changes_an_answer, "1 of 3 answers are wrong.*'something else'"),
        (invents_the_answers, "0 calls reached the server"),
        (exceeds_the_limit, "calls were in flight at once, 1 are allowed"),
    ],
)
def test_a_driver_that_cheats_ends_the_run(server, driver, message):
    draw = Draw(seed=0, episodes=3, rounds=2, mean_s=0.05, sigma=0.0)
    with pytest.raises(SystemExit, match=message):
        measure(driver.__name__, driver, draw, server, 1)
