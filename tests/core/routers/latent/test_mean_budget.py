"""Choosing under a mean budget: never more expensive, and at most one step from the best choice."""

import itertools

import numpy as np
import pytest

from router_r1.errors import ConfigError
from router_r1.routers.latent.mean_budget import within_budget


@pytest.mark.parametrize("seed", range(20))
def test_it_keeps_to_the_budget_and_misses_the_best_by_less_than_a_step(seed) -> None:
    source = np.random.default_rng(seed)
    scores, costs = source.random((4, 3)), source.random((4, 3))
    least, most = costs.min(1).mean(), costs.max(1).mean()
    rows = np.arange(4)
    for budget in np.linspace(least, most, 7):
        chosen = within_budget(scores, costs, budget)
        assert costs[rows, chosen].mean() <= budget + 1e-12
        best = max(
            scores[rows, list(choice)].sum()
            for choice in itertools.product(range(3), repeat=4)
            if costs[rows, list(choice)].mean() <= budget + 1e-12
        )
        assert scores[rows, chosen].sum() >= best - (scores.max(1) - scores.min(1)).max() - 1e-12
    assert (within_budget(scores, costs, np.inf) == scores.argmax(1)).all()
    assert (within_budget(scores, costs, least) == costs.argmin(1)).all()


def test_money_goes_where_it_buys_most() -> None:
    scores = np.array([[0.2, 0.9], [0.5, 0.6]])
    costs = np.array([[1.0, 3.0], [1.0, 3.0]])
    assert within_budget(scores, costs, 1.9).tolist() == [0, 0]
    assert within_budget(scores, costs, 2.0).tolist() == [1, 0]
    assert within_budget(scores, costs, 3.0).tolist() == [1, 1]


def test_a_model_that_costs_more_and_is_no_better_is_never_chosen() -> None:
    scores, costs = np.array([[0.5, 0.5, 0.4]]), np.array([[2.0, 1.0, 1.5]])
    assert within_budget(scores, costs, 100.0).tolist() == [1]
    free = np.array([[0.3, 0.8]])
    assert within_budget(free, np.zeros((1, 2)), 0.0).tolist() == [1]


def test_a_step_that_is_too_dear_does_not_stop_the_others() -> None:
    scores = np.array([[0.0, 1.0], [0.0, 0.01]])
    costs = np.array([[0.0, 10.0], [0.0, 1.0]])
    assert within_budget(scores, costs, 2.0).tolist() == [0, 1]


def test_a_budget_below_the_cheapest_choices_is_an_error() -> None:
    scores, costs = np.ones((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ConfigError, match=r"budget \$1\.5 .*cheapest choices cost \$2 on average"):
        within_budget(scores, costs, 1.5)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ConfigError, match="dollars of 0 or more"):
            within_budget(scores, costs, wrong)
