"""Routing between two models: performance gap recovered (PGR), its mean, and calls at a threshold (CPT)."""

import numpy as np
import pytest

from router_r1_eval.tournament.two_models import Gap, gap, oracle_order


def test_the_gap_of_four_questions_by_hand() -> None:
    weak, strong = np.array([0, 0, 1, 1.0]), np.array([1, 1, 1, 0.0])
    found = gap(weak, strong, np.array([4, 3, 2, 1.0]))  # gains 1, 1, 0, -1 over a gap of 1/4
    assert found.share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.pgr.tolist() == [0, 1, 2, 2, 1]
    assert found.apgr == pytest.approx((0.5 + 1.5 + 2 + 1.5) / 4)
    assert found.cpt(0.5) == pytest.approx(0.125)
    assert found.cpt(2) == 0.5
    assert found.cpt(2.1) is None
    assert found.cpt(0) == 0


def test_questions_with_equal_scores_are_swapped_together() -> None:
    rng = np.random.default_rng(0)
    weak, strong = rng.random(50).round(), rng.random(50).round()
    found = gap(weak, strong, np.zeros(50))
    assert found.share.tolist() == [0, 1]
    assert found.apgr == pytest.approx(0.5)
    # As the mean over many orders of the same groups.
    order = rng.integers(0, 3, 50).astype(float)
    drawn = [gap(weak, strong, order + 1e-6 * rng.random(50)).apgr for _ in range(4000)]
    assert gap(weak, strong, order).apgr == pytest.approx(np.mean(drawn), abs=0.02)


def test_cpt_is_where_the_curve_first_reaches_the_threshold() -> None:
    falls = Gap(np.array([0, 0.25, 0.5, 1]), np.array([0, 0.4, 0.2, 1]))
    # From .2 at a half to 1 at the end: .5 is 3/8 of the way, .8 is 3/4.
    assert falls.cpt(0.5) == pytest.approx(0.6875)
    assert falls.cpt(0.8) == pytest.approx(0.875)
    assert falls.cpt(0.3) == pytest.approx(0.1875)  # on the first rise, not the second
    shares = np.linspace(0, 1, 100_001)
    heights = np.interp(shares, falls.share, falls.pgr)
    for x in (0.1, 0.4, 0.41, 0.95):
        assert falls.cpt(x) == pytest.approx(shares[np.argmax(heights >= x)], abs=1e-4)
    # 1, then 0, then 1 again: half the gap is recovered at the first rise.
    found = gap(np.array([0, 1, 0, 0.0]), np.array([1, 0, 1, 0.0]), np.array([4, 3, 2, 1.0]))
    assert found.pgr.tolist() == [0, 1, 0, 1, 1]
    assert found.cpt(0.5) == pytest.approx(0.125)


def test_no_order_beats_the_oracle() -> None:
    rng = np.random.default_rng(1)
    weak, strong = rng.random(80), rng.random(80) + 0.1
    best = gap(weak, strong, oracle_order(weak, strong))
    for _ in range(20):
        other = gap(weak, strong, rng.random(80))
        assert other.apgr < best.apgr
    assert (np.diff(best.pgr, 2) < 1e-9).all(), "the oracle's curve is concave"


def test_models_without_a_gap_are_an_error() -> None:
    with pytest.raises(ValueError, match="no gap to recover"):
        gap(np.array([0, 1.0]), np.array([1, 0.0]), np.array([1, 2.0]))
    with pytest.raises(ValueError, match="three rows for the same questions"):
        gap(np.zeros(2), np.ones(3), np.zeros(2))
