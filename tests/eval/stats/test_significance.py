"""McNemar's test and detectable differences: exact values, and the promised power by simulation."""

import numpy as np
import pytest

from router_r1_eval.stats.significance import detectable_difference, mcnemar, smallest_difference


def test_mcnemar_is_the_exact_binomial_test() -> None:
    ours = np.array([1] * 9 + [0] * 1 + [1] * 20 + [0] * 5)
    theirs = np.array([0] * 9 + [1] * 1 + [1] * 20 + [0] * 5)
    found = mcnemar(ours, theirs)
    assert (found.ours, found.theirs) == (9, 1)
    assert found.p == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(ours, ours).p == 1
    assert mcnemar(theirs, ours).p == pytest.approx(found.p)
    assert mcnemar(np.ones(3000), np.zeros(3000)).p < 1e-300
    with pytest.raises(ValueError, match="same questions"):
        mcnemar(np.ones(3), np.ones(4))


def test_the_smallest_difference_is_found_with_the_promised_power() -> None:
    n, differ = 1000, 0.2
    size = smallest_difference(n, differ=differ)
    rng = np.random.default_rng(0)
    up, down = (differ + size) / 2, (differ - size) / 2
    found = 0
    for _ in range(500):
        draw = rng.choice([1, -1, 0], n, p=[up, down, 1 - differ])
        only, other = int((draw == 1).sum()), int((draw == -1).sum())
        ours = np.array([1] * only + [0] * other)
        found += mcnemar(ours, 1 - ours).p < 0.05
    assert found / 500 == pytest.approx(0.8, abs=0.07)
    assert smallest_difference(4 * n) == pytest.approx(size / 2)
    with pytest.raises(ValueError, match="questions"):
        smallest_difference(0)


def test_partial_scores_count_as_right_from_one_half() -> None:
    found = mcnemar(np.array([0.5, 0.5, 0.49]), np.array([0.49, 1.0, 0.5]))
    assert (found.ours, found.theirs) == (1, 1)


def test_the_detectable_difference_depends_on_the_size_of_differences() -> None:
    ours, theirs = np.zeros((2, 100))
    ours[:12], theirs[12:20] = 1, 1
    assert detectable_difference(ours, theirs) == pytest.approx(2.8016 * 0.2**0.5 / 10, rel=1e-4)
    # Half the difference on the same questions: half the detectable difference.
    assert detectable_difference(ours / 2, theirs / 2) == pytest.approx(
        2.8016 * 0.2**0.5 / 20, rel=1e-4
    )
    # At least six questions are assumed to differ, by the mean of the others.
    assert detectable_difference(theirs, theirs) == pytest.approx(2.8016 * 0.06**0.5 / 10, rel=1e-4)
    few = np.where(np.arange(100) < 2, 0.5, 0.0)
    assert detectable_difference(few, 0 * few) == pytest.approx(2.8016 * 0.06**0.5 / 20, rel=1e-4)
    assert detectable_difference(np.ones(2), np.zeros(2)) == 1
    with pytest.raises(ValueError, match="same questions"):
        detectable_difference(ours, theirs[:50])


@pytest.mark.parametrize("samples", [1, 5])
def test_the_detectable_difference_of_means_over_samples_is_found_with_the_promised_power(
    samples,
) -> None:
    """Two routers with the same random accuracies per question, one of them better by the detectable difference."""
    rng = np.random.default_rng(0)
    n = 500

    def drawn(better: float):
        rate = rng.uniform(0.2, 0.7, n)
        return (rng.binomial(samples, rate + gain) / samples for gain in (better, 0))

    size = float(np.mean([detectable_difference(*drawn(0)) for _ in range(50)]))
    found = 0
    for _ in range(600):
        ours, theirs = drawn(size)
        d = ours - theirs
        found += d.mean() > 1.96 * d.std() / n**0.5
    assert found / 600 == pytest.approx(0.8, abs=0.06)
