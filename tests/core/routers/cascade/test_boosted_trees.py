"""Boosted trees: they find what features say together, and are calibrated."""

import numpy as np
import pytest

from router_r1.routers.cascade.boosted_trees import fit_trees, predict_trees


def test_they_learn_an_interaction_that_no_single_feature_shows() -> None:
    draw = np.random.default_rng(0)
    x = draw.random((3000, 5))
    rate = np.where((x[:, 1] > 0.5) ^ (x[:, 3] > 0.3), 0.9, 0.2)
    y = (draw.random(3000) < rate).astype(float)
    model = fit_trees(x[:2000], y[:2000])
    p = predict_trees(model, x[2000:])
    assert np.abs(p - rate[2000:]).mean() < 0.1
    assert p.mean() == pytest.approx(y[2000:].mean(), abs=0.03)


def test_a_row_is_predicted_alone_as_among_others() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.random((300, 3)), draw.random(300)
    model = fit_trees(x, y, trees=10)
    together = predict_trees(model, x)
    assert [predict_trees(model, row[None])[0] for row in x] == pytest.approx(together.tolist())
    assert predict_trees(model, x[:0]).shape == (0,)


def test_the_same_rows_give_the_same_trees_in_parts_too() -> None:
    draw = np.random.default_rng(0)
    x = draw.random((4000, 3))
    y = (x[:, 0] > 0.5).astype(float)
    for parts in (1, 3):
        first, second = (fit_trees(x, y, trees=20, parts=parts) for _ in range(2))
        assert all(np.array_equal(first[name], second[name]) for name in first)
        assert (predict_trees(first, x).round() == y).mean() > 0.99


def test_nothing_to_learn_gives_the_mean() -> None:
    x, y = np.ones((40, 2)), np.repeat([0.0, 1.0], [10, 30])
    assert predict_trees(fit_trees(x, y, trees=5), x) == pytest.approx(np.full(40, 0.75), abs=1e-6)
    one = predict_trees(fit_trees(np.zeros((1, 2)), np.ones(1), trees=5), np.zeros((1, 2)))
    assert 0.5 < one[0] < 1
