"""Greedy choice of complementary models: at least 1 - 1/e of the best choice of as many."""

import itertools
import math

import numpy as np
import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.routers.latent.universe import universe
from router_r1.token_prices import Price


def table_of(scores: np.ndarray, prices: list[float] | None = None) -> OutcomeTable:
    n, m = scores.shape
    prices = prices or [1.0] * m
    return OutcomeTable(
        [ModelCard(name=f"m{j}", price=Price(input=p, output=p)) for j, p in enumerate(prices)],
        [Question(id=str(i), question="?", answer="1", metric="em") for i in range(n)],
        [
            Outcome(
                id=str(i),
                model=f"m{j}",
                text="",
                score=float(scores[i, j]),
                input_tokens=1,
                output_tokens=1,
            )
            for i in range(n)
            for j in range(m)
        ],
    )


@pytest.mark.parametrize("seed", range(20))
def test_it_reaches_the_bound_of_greedy_choice(seed) -> None:
    source = np.random.default_rng(seed)
    scores = (source.random((12, 6)) < source.uniform(0.1, 0.5, 6)).astype(float)
    table = table_of(scores)
    chosen = [int(name[1:]) for name in universe(table, 6)]
    assert sorted(chosen) == list(range(6))
    for size in range(1, 7):
        got = scores[:, chosen[:size]].max(1).mean()
        best = max(scores[:, list(c)].max(1).mean() for c in itertools.combinations(range(6), size))
        assert got >= (1 - 1 / math.e) * best - 1e-12
        if size == 1:
            assert got == best
    gains = np.diff([0.0, *(scores[:, chosen[:k]].max(1).mean() for k in range(1, 7))])
    assert (np.diff(gains) <= 1e-12).all()  # each model adds at most what the one before added


def test_it_prefers_a_weaker_model_that_knows_what_the_others_do_not() -> None:
    strong, copy, other = [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]
    assert universe(table_of(np.array([strong, copy, other], float).T), 2) == ["m0", "m2"]


def test_among_equals_the_cheaper_model_is_chosen() -> None:
    assert universe(table_of(np.ones((3, 2)), [5.0, 1.0]), 1) == ["m1"]


def test_the_size_has_to_fit_the_table() -> None:
    table = table_of(np.ones((3, 2)))
    for size in (0, 3):
        with pytest.raises(ConfigError, match=f"size: expected 1 to 2, .* got {size}"):
            universe(table, size)
