"""Curves of cost and quality: small cases worked by hand, published figures, and properties that must hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_r1_eval.stats.cost_curves import (
    arena_score,
    corners,
    hull,
    interpolate,
    routerbench_aiq,
    through,
)

POINTS = st.lists(
    st.tuples(st.floats(0, 10, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False)),
    min_size=1,
    max_size=12,
)


def test_a_hull_by_hand() -> None:
    # (2, .5) lies below the line from (1, .4) to (4, .9); (5, .8) is more expensive and worse.
    found = hull([(4, 0.9), (1, 0.4), (2, 0.5), (5, 0.8)])
    assert found.points == ((1, 0.4), (4, 0.9))
    assert found.at(2.5) == pytest.approx(0.65)
    assert found.at(0.5) == pytest.approx(0.2)
    assert found.at(100) == 0.9
    assert found.cost_of(0.65) == pytest.approx(2.5)
    assert found.cost_of(0.2) == pytest.approx(0.5)
    assert found.cost_of(0) == 0
    assert found.cost_of(0.95) is None
    assert found.mean(1, 4) == pytest.approx(0.65)
    assert found.mean(4, 8) == pytest.approx(0.9)
    assert found.mean(0, 1) == pytest.approx(0.2)


def test_a_point_below_a_mix_with_answering_nothing_is_no_corner() -> None:
    assert hull([(1, 0.1), (2, 0.9)]).points == ((2, 0.9),)
    assert hull([(0, 0.3), (2, 0.9)]).points == ((0, 0.3), (2, 0.9))
    assert hull([(1, 0.4), (1, 0.6)]).points == ((1, 0.6),)


@given(POINTS)
def test_a_hull_is_increasing_concave_and_above_every_router(points) -> None:
    found = hull(points)
    costs, qualities = zip(*found.points, strict=True)
    assert (np.diff(costs) > 0).all()
    assert (np.diff(qualities) > 0).all()
    assert set(found.points) <= set(points)
    for cost, quality in points:
        assert found.at(cost) >= quality - 1e-9
    grid = np.linspace(0, 12, 40)
    heights = np.array([found.at(c) for c in grid])
    assert (np.diff(heights, 2) < 1e-9).all()
    assert (np.diff(heights) > -1e-9).all()


@given(POINTS, st.integers(0, 11), st.integers(0, 11), st.floats(0, 1))
def test_a_mix_of_two_routers_is_below_the_hull(points, a, b, share) -> None:
    first, second = points[a % len(points)], points[b % len(points)]
    cost, quality = interpolate(first, second, share)
    assert hull(points).at(cost) >= quality - 1e-9


def test_a_curve_goes_through_all_given_points_even_falling_ones() -> None:
    validation = {"low": (1, 0.3), "middle": (2, 0.7), "same": (2, 0.7), "bad": (3, 0.5)}
    assert corners(validation | {"high": (4, 0.9)}) == ["middle", "high"]
    assert corners(validation | {"low": (1, 0.5)}) == ["low", "middle"]
    found = through([(1, 0.5), (2, 0.3), (4, 0.9)])
    assert found.at(1.5) == pytest.approx(0.4)
    assert found.at(9) == 0.9
    assert found.cost_of(0.5) == 1
    assert found.cost_of(0.6) == pytest.approx(3)
    assert found.mean(1, 4) == pytest.approx((0.4 + 2 * 0.6) / 3)
    assert through([(2, 0.3), (1, 0.2), (2, 0.5)]).points == ((1, 0.2), (2, 0.5))


@given(POINTS)
def test_a_curve_through_some_points_is_never_above_the_hull(points) -> None:
    for chosen in (points[::2], points[:1]):
        found = through(chosen)
        for cost in np.linspace(0, 12, 40):
            assert found.at(cost) <= hull(points).at(cost) + 1e-9


def test_corners_chosen_on_the_measured_questions_flatter() -> None:
    rng = np.random.default_rng(0)
    cost = np.linspace(1, 2, 20)
    true = 0.5 + 0.1 * (cost - 1)  # a straight line: every choice of settings is equally good
    honest, flattered = [], []
    for _ in range(400):
        here, there = (
            {str(n): (c, q) for n, (c, q) in enumerate(zip(cost, noisy, strict=True))}
            for noisy in true + 0.02 * rng.standard_normal((2, 20))
        )
        flattered.append(hull(here.values()).mean(1, 2))
        honest.append(through(here[n] for n in corners(there)).mean(1, 2))
    assert np.mean(honest) == pytest.approx(0.55, abs=0.004)
    assert np.mean(flattered) > 0.56


@given(POINTS, st.floats(0, 1))
def test_the_cost_of_a_quality_buys_that_quality(points, quality) -> None:
    found = hull(points)
    cost = found.cost_of(quality)
    if cost is None:
        assert quality > max(q for _, q in points)
    else:
        assert found.at(cost) == pytest.approx(quality, abs=1e-6) or cost == 0


def test_invalid_points_and_ranges_are_errors() -> None:
    for points in ([], [(-1, 0.5)], [(1, math.nan)], [(math.inf, 0.5)]):
        with pytest.raises(ValueError, match=r"curve needs points|numbers of 0 or more"):
            hull(points)
        with pytest.raises(ValueError, match=r"curve needs points|numbers of 0 or more"):
            through(points)
    with pytest.raises(ValueError, match="0 <= low < high"):
        hull([(1, 1)]).mean(2, 2)
    with pytest.raises(ValueError, match="0 or more"):
        hull([(1, 1)]).at(-1)


def test_routerbenchs_aiq_starts_at_the_cheapest_setting() -> None:
    """By hand, where the most expensive router costs 10: areas 2.7 + 1.55; 1.05 + 4.2; 1.35 + 2.7 + 1.55."""
    late, steep = [(4, 0.6), (8, 0.75), (10, 0.8)], [(1, 0.1), (4, 0.6), (10, 0.8)]
    assert routerbench_aiq(late, 10) == pytest.approx(0.425)
    assert routerbench_aiq(steep, 10) == pytest.approx(0.525)  # (1, .1) is no corner of `hull`
    assert routerbench_aiq([(1, 0.3), *late], 10) == pytest.approx(0.56)
    assert routerbench_aiq([(1, 0.3), (2, 0.31), (12, 0.1), *late], 20) == pytest.approx(13.6 / 20)
    with pytest.raises(ValueError, match="largest cost of all routers"):
        routerbench_aiq(late, 9)
    with pytest.raises(ValueError, match="largest cost of all routers"):
        routerbench_aiq([(0, 0.5)], 0)


@given(POINTS)
def test_routerbenchs_area_is_the_area_under_all_chords(points) -> None:
    """At every cost: the highest of all chords between two settings, and of all cheaper settings."""
    costs = np.linspace(min(c for c, _ in points), 12, 4001)
    height = np.zeros_like(costs)
    for cost, quality in points:
        height = np.maximum(height, np.where(costs >= cost, quality, 0))
        for other, better in points:
            if other > cost + 1e-6:
                between = np.interp(costs, [cost, other], [quality, better], left=0, right=0)
                height = np.maximum(height, between)
    assert routerbench_aiq(points, 12) == pytest.approx(np.trapezoid(height, costs) / 12, abs=1e-3)


def test_the_arena_score_of_a_published_entry() -> None:
    """Accuracy .7396 at $10.02 per 1,000 questions is .643 in RouterArena."""
    assert arena_score(0.7396, 10.02) == pytest.approx(0.643, abs=5e-4)
    assert arena_score(0.9, 0) == arena_score(0.9, 0.0044)
    assert arena_score(0.9, 500) == 0
    assert arena_score(0, 1) == 0
    with pytest.raises(ValueError, match="accuracy in"):
        arena_score(1.2, 1)
