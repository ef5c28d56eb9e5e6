"""`switch`: a gate that is balanced by the loss of Switch Transformers."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError
from router_r1.routers.traffic.capacity import DROPPED
from router_r1.routers.traffic.switch import balance_gradient, balance_loss, softmax, used

pytest.importorskip("sklearn")


def test_the_loss_is_1_at_uniform_use_and_the_number_of_models_at_collapse() -> None:
    uniform = 50 * np.eye(4)[np.arange(40) % 4]
    assert balance_loss(uniform, 1.0) == pytest.approx(1)
    assert balance_loss(50 * np.eye(4)[np.zeros(40, dtype=int)], 1.0) == pytest.approx(4)
    # Where f is P, N x sum of squares is least at 1/N for all: no sharp gate is below.
    rng = np.random.default_rng(0)
    for _ in range(20):
        shares = rng.dirichlet(np.ones(4))
        gates = 50 * np.eye(4)[rng.choice(4, 400, p=shares)]
        assert balance_loss(gates, 1.0) == pytest.approx(4 * (used(gates) ** 2).sum())
        assert balance_loss(gates, 1.0) >= 1
    # With wanted shares, it is least, and 1, at these.
    wanted = np.array([0.7, 0.1, 0.1, 0.1])
    as_wanted = 50 * np.eye(4)[[0] * 7 + [1, 2, 3]]
    assert balance_loss(as_wanted, 1.0, wanted) == pytest.approx(1)
    assert balance_loss(uniform, 1.0, wanted) > 1


def test_the_gradient_is_that_of_the_loss_with_constant_shares() -> None:
    rng = np.random.default_rng(1)
    gates, wanted = rng.normal(size=(6, 3)), np.array([0.5, 0.3, 0.2])
    shares, step = used(gates), 1e-6
    found = balance_gradient(gates, 0.5, wanted)
    for place in np.ndindex(gates.shape):
        losses = []
        for sign in (1, -1):
            moved = gates.copy()
            moved[place] += sign * step
            losses.append((shares * softmax(moved / 0.5).mean(0) / wanted).sum())
        assert found[place] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-6)


def one_sided(table):
    """`solver` is always a little better: without balancing it takes everything."""
    rows = [
        o.model_copy(update={"score": 0.9 * o.score + 0.05 if o.model == "solver" else 0.4})
        for o in table
    ]
    rows = [
        o.model_copy(update={"score": max(o.score, 0.5)}) if o.model == "solver" else o
        for o in rows
    ]
    return OutcomeTable(table.cards, table.questions, rows)


def test_balancing_spreads_the_load_and_without_it_this_is_the_linear_router(topic_table) -> None:
    table, questions = one_sided(topic_table(0)), topic_table(1).questions
    plain = routers.make("switch", balance=0.0).fit(table)
    assert plain.scores(questions) == pytest.approx(
        routers.make("linear").fit(table).scores(questions)
    )
    assert used(plain.scores(questions)).tolist() == [0, 1]
    spread = routers.make("switch", balance=1.0).fit(table)
    shares = used(spread.scores(questions))
    assert shares[0] == pytest.approx(0.5, abs=0.1)
    # The topic that needs `solver` most keeps it.
    maths = np.array([q.category == "maths" for q in questions])
    assert (spread.scores(questions)[maths].argmax(1) == 1).mean() > 0.8
    wanted = routers.make("switch", balance=1.0, load="lawyer=1;solver=9").fit(table)
    assert used(wanted.scores(questions))[0] < shares[0]


def test_the_capacity_factor_bounds_what_an_endpoint_takes_of_a_window(topic_table) -> None:
    questions = topic_table(1).questions
    fitted = routers.make("switch", balance=0.0, capacity_factor=0.75).fit(
        one_sided(topic_table(0))
    )
    given = fitted.assign(questions)
    assert np.bincount(given.columns[given.columns != DROPPED]).tolist() == [45, 45]
    assert (given.overflowed, given.dropped) == (45, 30)
    assert fitted.assign(questions, choices=1).dropped == 75


def test_a_load_that_names_no_model_is_an_error(topic_table) -> None:
    for load in ("judge=1", "lawyer=0", "lawyer", "lawyer=many"):
        with pytest.raises(ConfigError, match="load: expected MODEL=WEIGHT"):
            routers.make("switch", load=load).fit(topic_table(0))
