"""The pool of math-verify workers: threads, limits, and workers that fail."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest

from router_r1_reward import ScorerError, grade
from router_r1_reward.metrics.maths.expression_verifier import Verifier

pytestmark = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed"
)


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    pool = Verifier(1, wall_s=60)
    yield pool
    pool.close()


def test_expressions_can_be_graded_from_any_thread() -> None:
    pairs = [("x+1", "1+x"), ("x+1", "x+2")] * 4
    with ThreadPoolExecutor(4) as threads:
        scores = list(threads.map(lambda pair: grade(pair[0], [pair[1]], "math"), pairs))
    assert scores == [1, 0] * 4


def test_an_expression_that_exceeds_the_time_limit_is_wrong(
    verifier: Verifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    assert not verifier.equal("5", "9^{9^{9^{9}}}")
    assert "took more than 0.4 s of processor time, the answer counts as wrong" in caplog.text
    assert verifier.equal("x+1", "1+x")


@pytest.mark.parametrize(
    ("gold", "answer", "message"),
    [
        ("x+1", r"\frac{1}{", "cannot be read (Exception: I expected something else here"),
        ("x < y", "x < z", "cannot be compared (ValueError"),
    ],
)
def test_an_answer_that_cannot_be_compared_is_wrong_and_the_log_says_why(
    verifier: Verifier, caplog: pytest.LogCaptureFixture, gold: str, answer: str, message: str
) -> None:
    caplog.set_level("DEBUG")
    assert not verifier.equal(gold, answer)
    assert f"the answer {message}" in caplog.text and "it counts as wrong" in caplog.text
    caplog.clear()
    assert not verifier.equal("x+1", "x+2") and verifier.equal("x+1", "1+x")
    assert not caplog.text


def test_a_gold_answer_that_exceeds_the_time_limit_is_an_error(verifier: Verifier) -> None:
    with pytest.raises(ScorerError, match=r"with itself takes more than 0\.4 s"):
        verifier.equal("9^{9^{9^{9}}}", "5")
    assert verifier.equal("x+1", "1+x")


def test_a_worker_is_not_started_anew_after_a_slow_answer(verifier: Verifier) -> None:
    assert verifier.equal("x+1", "1+x")
    (worker,) = verifier._all
    for _ in range(3):
        assert not verifier.equal("5", r"\sum_{n=1}^{10^{9}} n^n")
    assert verifier._all == {worker}
    assert worker._process.poll() is None


def test_slow_answers_do_not_hold_up_the_others() -> None:
    pairs = [("1+x", "x+1"), ("x+2", "x+1")] * 45 + [
        ("9^{9^{9^{9}}}", "5"),
        (r"\int_0^1 \sin(x^x) dx", r"\sqrt{2}"),
    ] * 5
    pairs = pairs[::7] + [pair for n, pair in enumerate(pairs) if n % 7]
    grade("x+1", ["1+x"], "math")  # starts a worker
    began = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        scores = list(threads.map(lambda pair: grade(pair[0], [pair[1]], "math"), pairs))
    assert scores == [float(pair == ("1+x", "x+1")) for pair in pairs]
    assert (
        time.monotonic() - began < 60
    )  # ten slow answers cost 4 s of processor time; the rest is the machine's load


@pytest.mark.parametrize(
    "answer", ["(" * 100 + "x" + ")" * 100, r"\sqrt{" * 60 + "x" + "}" * 60, "x+" * 1000 + "x"]
)
def test_an_answer_that_is_too_long_or_too_deep_is_wrong_without_a_worker(
    verifier: Verifier, answer: str
) -> None:
    assert not verifier.equal("x", answer)
    assert not verifier._all, "no worker was started for it"


def test_a_worker_that_does_not_reply_is_an_error_and_not_a_score() -> None:
    pool = Verifier(1, wall_s=0.001)
    with pytest.raises(ScorerError, match="did not reply within"):
        pool.equal("x+1", "1+x")
    pool.close()


def test_a_worker_that_dies_is_an_error_and_is_replaced(verifier: Verifier) -> None:
    assert verifier.equal("x+1", "1+x")
    (worker,) = verifier._all
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(ScorerError, match="status -9"):
        verifier.equal("x+1", "1+x")
    assert verifier.equal("x+1", "1+x")


def test_the_number_of_workers_is_limited(verifier: Verifier) -> None:
    threads = [threading.Thread(target=verifier.equal, args=("x+1", "1+x")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(verifier._all) == 1
