"""The choice of strategies from what each did on the training questions."""

import math

import numpy as np
import pytest

from router_r1_envs.planner.strategies import PRICES, Strategies

N, ONE_CALL = 400, len(PRICES) - 1


def strategies_of(score, cost) -> Strategies:
    """[prices, F, n]; two categories that alternate, five folds."""
    number = np.arange(N)
    return Strategies(np.arange(score.shape[1]) + 3, score, cost, number % 2, (number // 2) % 5)


@pytest.fixture
def flat():
    """Two first candidates, both right on half of all questions whatever the price; a call costs 1."""
    right = np.random.default_rng(0).random(N) < 0.5
    score = np.broadcast_to(right, (len(PRICES), 2, N)).astype(float)
    return score.copy(), np.ones_like(score)


def test_without_a_gain_it_is_a_table_of_one_call(flat) -> None:
    choice = strategies_of(*flat).choose(0.1)
    assert not choice.planned and choice.gain == 0
    assert (choice.price == math.inf).all() and len(choice.first) == 3


def test_a_category_in_which_further_calls_gain_gets_a_price_of_its_own(flat) -> None:
    """In category 1 the second candidate with the third price is always right, for twice the cost."""
    score, cost = flat
    score[2, 1, 1::2], cost[2, 1, 1::2] = 1.0, 2.0
    score[2, 1, 0::2], cost[2, 1, 0::2] = 0.0, 2.0
    choice = strategies_of(score, cost).choose(0.1)
    assert choice.planned and choice.gain > 0.1 > 3 * choice.standard_error
    assert choice.first[1] == 4 and choice.price[1] == PRICES[2]
    assert choice.price[0] != PRICES[2]
    # Where a right answer is worth little, the further call is not worth its cost.
    assert not strategies_of(score, cost).choose(0.9).planned


def test_an_unknown_category_gets_what_is_best_over_all(flat) -> None:
    score, cost = flat
    cost[ONE_CALL, 0] = 0.5
    choice = strategies_of(score, cost).choose(0.1)
    assert choice.first.tolist() == [3, 3, 3]


def test_a_lucky_strategy_of_few_questions_is_not_believed(flat) -> None:
    """Noise alone, in many strategies: on questions that did not choose them, none gains."""
    rng = np.random.default_rng(1)
    score = (rng.random((len(PRICES), 6, N)) < 0.5).astype(float)
    choice = strategies_of(score, np.ones_like(score)).choose(0.1)
    assert abs(choice.gain) < 3 * choice.standard_error
