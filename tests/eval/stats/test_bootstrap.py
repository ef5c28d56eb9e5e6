"""Bootstrap intervals: width and coverage, pairs, and resampling in chunks."""

import numpy as np
import pytest

from router_r1_eval.stats import bootstrap
from router_r1_eval.stats.bootstrap import interval, interval_over_sets, paired


def test_an_interval_contains_the_mean_and_shrinks_with_more_questions() -> None:
    rng = np.random.default_rng(0)
    small, large = (interval(rng.random(n)) for n in (100, 10000))
    assert small.low < small.mean < small.high
    assert large.high - large.low == pytest.approx((small.high - small.low) / 10, rel=0.25)
    # 95 % of the means of n uniform numbers lie within 1.96 sd / sqrt(n) of the expectation.
    assert large.high - large.low == pytest.approx(2 * 1.96 * np.sqrt(1 / 12) / 100, rel=0.1)


def test_a_paired_interval_is_narrower_if_both_routers_fail_on_the_same_questions() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(1000) < 0.5
    ours = np.where(hard, 0.0, 1.0)
    theirs = np.where(rng.random(1000) < 0.05, 0.0, ours)
    difference = paired(ours, theirs)
    assert 0 < difference.low < difference.mean == pytest.approx((ours - theirs).mean())
    assert difference.high - difference.low < interval(ours).high - interval(ours).low
    assert paired(ours, ours).bounds == [0, 0]
    assert paired(ours, theirs) == paired(ours, theirs, seed=0)


def test_sets_have_the_same_weight_and_only_their_own_questions_are_drawn() -> None:
    # Sets that differ, without a difference inside them: nothing is left to chance.
    sure = interval_over_sets([np.ones(500), np.zeros(125)])
    assert (sure.mean, sure.low, sure.high) == (0.5, 0.5, 0.5)
    rng = np.random.default_rng(0)
    large, small = (rng.random(n) < 0.5 for n in (500, 125))
    both = interval_over_sets([large.astype(float), small.astype(float)])
    assert both.mean == pytest.approx((large.mean() + small.mean()) / 2)
    expected = 1.96 * np.sqrt((0.25 / 500 + 0.25 / 125) / 4)
    assert (both.high - both.low) / 2 == pytest.approx(expected, rel=0.1)
    # Sets of equal sizes are drawn independently: the width falls with their number.
    alike = [rng.random(200) for _ in range(4)]
    narrow, wide = interval_over_sets(alike), interval_over_sets(alike[:1])
    assert narrow.high - narrow.low == pytest.approx((wide.high - wide.low) / 2, rel=0.2)


def test_no_values_or_values_of_different_questions_are_errors() -> None:
    with pytest.raises(ValueError, match="expected one value per question"):
        interval(np.array([]))
    for sets in ([], [np.ones(2), np.array([])]):
        with pytest.raises(ValueError, match="expected question sets"):
            interval_over_sets(sets)
    with pytest.raises(ValueError, match="same questions"):
        paired(np.zeros(3), np.zeros(2))


def test_resampling_in_chunks_gives_the_same_interval_as_at_once(monkeypatch) -> None:
    values = np.random.default_rng(0).random(50)
    whole = interval(values, draws=400)
    monkeypatch.setattr(bootstrap, "_CACHED_COUNTS", 50 * 99)  # makes five chunks
    chunks = list(bootstrap._resamples(50, 400, 0))
    assert len(chunks) == 5
    assert sum(len(chunk) for chunk in chunks) == 400
    assert all(np.allclose(chunk.sum(1), 1) for chunk in chunks)
    assert interval(values, draws=400) == whole
