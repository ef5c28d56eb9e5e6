"""Metrics of cost and quality: against small cases worked by hand, published figures, and the properties they must have."""

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
from router_r1_eval.stats.oracles import cross_fitted, less_chance, raw
from router_r1_eval.stats.significance import mcnemar, smallest_difference, visible_difference
from router_r1_eval.tournament.two_models import Gap, gap, oracle_order

POINTS = st.lists(
    st.tuples(st.floats(0, 10, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False)),
    min_size=1,
    max_size=12,
)


# --- two models


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


def test_equal_scores_are_in_no_order() -> None:
    rng = np.random.default_rng(0)
    weak, strong = rng.random(50).round(), rng.random(50).round()
    found = gap(weak, strong, np.zeros(50))
    assert found.share.tolist() == [0, 1]
    assert found.apgr == pytest.approx(0.5)
    # As the mean over many orders of the same groups.
    order = rng.integers(0, 3, 50).astype(float)
    drawn = [gap(weak, strong, order + 1e-6 * rng.random(50)).apgr for _ in range(4000)]
    assert gap(weak, strong, order).apgr == pytest.approx(np.mean(drawn), abs=0.02)


def test_a_threshold_is_where_the_curve_first_reaches_it() -> None:
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


def test_no_order_is_better_than_the_oracle() -> None:
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


# --- hulls


def test_a_hull_by_hand() -> None:
    # (2, .5) lies below the line from (1, .4) to (4, .9); (5, .8) is dearer and worse.
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


def test_a_point_that_mixing_with_nothing_beats_is_no_corner() -> None:
    assert hull([(1, 0.1), (2, 0.9)]).points == ((2, 0.9),)
    assert hull([(0, 0.3), (2, 0.9)]).points == ((0, 0.3), (2, 0.9))
    assert hull([(1, 0.4), (1, 0.6)]).points == ((1, 0.6),)


@given(POINTS)
def test_a_hull_rises_bends_down_and_is_above_every_router(points) -> None:
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
def test_what_mixing_two_routers_reaches_is_below_the_hull(points, a, b, share) -> None:
    first, second = points[a % len(points)], points[b % len(points)]
    cost, quality = interpolate(first, second, share)
    assert hull(points).at(cost) >= quality - 1e-9


def test_a_curve_goes_through_what_was_chosen_elsewhere_up_and_down() -> None:
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
def test_what_is_chosen_elsewhere_is_never_above_the_hull(points) -> None:
    for chosen in (points[::2], points[:1]):
        found = through(chosen)
        for cost in np.linspace(0, 12, 40):
            assert found.at(cost) <= hull(points).at(cost) + 1e-9


def test_corners_chosen_on_the_questions_that_are_measured_flatter_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    cost = np.linspace(1, 2, 20)
    true = 0.5 + 0.1 * (cost - 1)  # one line: every choice of settings is as good
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
def test_the_cost_of_a_quality_reaches_it(points, quality) -> None:
    found = hull(points)
    cost = found.cost_of(quality)
    if cost is None:
        assert quality > max(q for _, q in points)
    else:
        assert found.at(cost) == pytest.approx(quality, abs=1e-6) or cost == 0


def test_what_is_no_point_is_an_error() -> None:
    for points in ([], [(-1, 0.5)], [(1, math.nan)], [(math.inf, 0.5)]):
        with pytest.raises(ValueError, match=r"curve needs points|numbers of 0 or more"):
            hull(points)
        with pytest.raises(ValueError, match=r"curve needs points|numbers of 0 or more"):
            through(points)
    with pytest.raises(ValueError, match="0 <= low < high"):
        hull([(1, 1)]).mean(2, 2)
    with pytest.raises(ValueError, match="0 or more"):
        hull([(1, 1)]).at(-1)


def test_routerbench_begins_at_a_routers_own_first_point() -> None:
    """By hand, where the dearest router costs 10: areas 2.7 + 1.55; 1.05 + 4.2; 1.35 + 2.7 + 1.55."""
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
def test_routerbenchs_area_is_that_under_all_chords(points) -> None:
    """At every cost the highest of all chords between two settings, or of cheaper settings themselves."""
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


# --- significance


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


def test_a_difference_of_the_smallest_size_is_found_as_often_as_promised() -> None:
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


def test_partial_scores_count_as_right_from_a_half_on() -> None:
    found = mcnemar(np.array([0.5, 0.5, 0.49]), np.array([0.49, 1.0, 0.5]))
    assert (found.ours, found.theirs) == (1, 1)


def test_what_a_sample_shows_counts_how_much_two_differ_and_not_how_often_alone() -> None:
    ours, theirs = np.zeros((2, 100))
    ours[:12], theirs[12:20] = 1, 1
    assert visible_difference(ours, theirs) == pytest.approx(2.8016 * 0.2**0.5 / 10, rel=1e-4)
    # Half as large on as many questions: half as coarse.
    assert visible_difference(ours / 2, theirs / 2) == pytest.approx(
        2.8016 * 0.2**0.5 / 20, rel=1e-4
    )
    # Six questions at least differ, by as much as others do.
    assert visible_difference(theirs, theirs) == pytest.approx(2.8016 * 0.06**0.5 / 10, rel=1e-4)
    few = np.where(np.arange(100) < 2, 0.5, 0.0)
    assert visible_difference(few, 0 * few) == pytest.approx(2.8016 * 0.06**0.5 / 20, rel=1e-4)
    assert visible_difference(np.ones(2), np.zeros(2)) == 1
    with pytest.raises(ValueError, match="same questions"):
        visible_difference(ours, theirs[:50])


@pytest.mark.parametrize("samples", [1, 5])
def test_a_visible_difference_of_means_over_samples_is_found_as_often_as_promised(samples) -> None:
    """Two routers that are right with probabilities of their own on each question; one is better by what is said to be visible."""
    rng = np.random.default_rng(0)
    n = 500

    def drawn(better: float):
        rate = rng.uniform(0.2, 0.7, n)
        return (rng.binomial(samples, rate + gain) / samples for gain in (better, 0))

    size = float(np.mean([visible_difference(*drawn(0)) for _ in range(50)]))
    found = 0
    for _ in range(600):
        ours, theirs = drawn(size)
        d = ours - theirs
        found += d.mean() > 1.96 * d.std() / n**0.5
    assert found / 600 == pytest.approx(0.8, abs=0.06)


# --- oracles


def test_the_raw_oracle_of_guessers_is_luck_and_the_corrected_ones_know_it() -> None:
    rng = np.random.default_rng(0)
    guesses = (rng.random((4000, 8, 4)) < 0.25).astype(float)  # four options, four samples
    assert raw(guesses[:, :, 0]).mean() == pytest.approx(1 - 0.75**8, abs=0.02)
    assert cross_fitted(guesses).mean() == pytest.approx(0.25, abs=0.02)
    # Eight rates that are a little above chance by chance look like some knowledge.
    assert 0.22 < less_chance(guesses[:, :, 0], np.full(4000, 4), 0).mean() < 0.3


def test_corrections_leave_what_is_known_alone() -> None:
    knows = np.zeros((300, 3, 2))
    knows[np.arange(300), np.arange(300) % 3] = 1  # each question one model knows for certain
    assert raw(knows).mean() == 1
    assert cross_fitted(knows).mean() == 1
    assert less_chance(knows[:, :, 0], np.full(300, np.inf), 0).mean() == 1


@pytest.mark.parametrize(
    "groups",
    [
        {4: (0.5,)},
        {2: (0.6, 0.5)},
        {4: (0.5, 0.3, 0.0)},
        {2: (0.1, 0.7), 10: (0.8, 0.2), np.inf: (0.3, 0.4)},  # inf: open questions
    ],
)
def test_the_oracle_less_chance_is_a_router_that_knows_who_knows(groups) -> None:
    """Models that know independently, and else guess: it is drawn beside them who knew, which scores alone do not say."""
    rng = np.random.default_rng(0)
    n = 40_000
    right, options, router = [], [], []
    for count, known in groups.items():
        knows = rng.random((n, len(known))) < known
        guess = rng.random((n, len(known))) < 1 / count
        answers = knows | guess
        asked = np.where(knows.any(1), knows.argmax(1), 0)
        right.append(answers)
        options.append(np.full(n, count))
        router.append(answers[np.arange(n), asked])
    score, kinds = np.concatenate(right).astype(float), np.concatenate(options)
    best = int(score.mean(0).argmax())
    found = less_chance(score, kinds, best)
    assert found.mean() == pytest.approx(np.mean(router), abs=0.005)
    assert (found <= raw(score)).all()
    assert (found >= score[:, best]).all(), "the best single model guesses too"
    for number, reached in enumerate(router):  # each kind of question by itself
        here = slice(number * n, (number + 1) * n)
        assert found[here].mean() == pytest.approx(np.mean(reached), abs=0.01)


def test_the_oracle_less_chance_of_four_questions_by_hand() -> None:
    """Of two options; right on 3/4 and 1/2: the first knows half, and guesses a third of what it has right; the second guesses all."""
    score = np.array([[1, 1], [1, 0], [0, 1], [1, 0.0]])
    found = less_chance(score, np.full(4, 2.0), 0)
    assert found.tolist() == pytest.approx([1, 1, 0, 1])  # the second one's right answer is luck
    assert less_chance(score, np.full(4, 2.0), 1).tolist() == pytest.approx([1, 2 / 3, 1, 2 / 3])
    for wrong in (score / 2, score * 2):
        with pytest.raises(ValueError, match="scores of 0 and 1"):
            less_chance(wrong, np.full(4, 2.0), 0)
    with pytest.raises(ValueError, match="two or more options"):
        less_chance(score, np.full(4, 1.0), 0)


def test_cross_fitting_shares_ties_and_needs_samples() -> None:
    one = np.array(
        [[[1, 0], [1, 1.0]]]
    )  # without sample 1 both are best; without sample 0 the second is
    assert cross_fitted(one).tolist() == [pytest.approx(((0 + 1) / 2 + 1) / 2)]
    with pytest.raises(ValueError, match="2 or more samples"):
        cross_fitted(np.ones((3, 2)))
