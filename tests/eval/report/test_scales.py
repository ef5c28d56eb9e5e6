"""Scales: round ticks inside the axis, and a place for costs of 0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_r1_eval.report.scales import Linear, Log, cost_scale


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.03, 0.9, [0.05, 0.1, 0.2, 0.5]),
        (0.001, 1000, [0.001, 0.01, 0.1, 1, 10, 100, 1000]),
        (0.21, 0.44, [0.25, 0.3, 0.35, 0.4]),
    ],
)
def test_ticks_of_a_logarithmic_scale(low, high, expected):
    assert Log(low, high, 0, 100).ticks(8) == pytest.approx(expected)


@given(st.floats(1e-6, 1e6), st.floats(1.0001, 1e6), st.integers(2, 12))
def test_ticks_are_few_and_inside_the_scale(low, ratio, most):
    for scale in (Log(low, low * ratio, 0, 100), Linear(low, low * ratio, 0, 100)):
        ticks = scale.ticks(most)
        assert 1 <= len(ticks) <= max(most, 2)
        assert all(-1e-6 <= scale(tick) <= 100 + 1e-6 for tick in ticks)


def test_a_cost_scale_has_a_place_for_zero_only_if_something_is_free():
    scale = cost_scale([0.0, 0.1, 1.0], 0, 100)
    assert scale(0) < scale(0.1) < scale(1.0) and scale.ticks(9)[0] == 0
    with pytest.raises(ValueError, match="no place for 0"):
        cost_scale([0.1, 1.0], 0, 100)(0)
