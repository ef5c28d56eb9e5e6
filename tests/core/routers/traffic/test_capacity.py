"""Assignment under capacities: no endpoint takes more than its limit, and with room for all it is the plain choice."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.errors import ConfigError
from router_r1.model_cards import CallLimits, ModelCard
from router_r1.routers.traffic.capacity import DROPPED, Capacity, assign, utilities
from router_r1.token_prices import Price

RNG = np.random.default_rng(0)
WORTH = RNG.random((200, 4))
TOKENS = RNG.integers(10, 500, (200, 4)).astype(float)


@pytest.mark.parametrize("order", ["arrival", "regret"])
def test_no_endpoint_takes_more_than_its_limits(order) -> None:
    capacity = Capacity.of([20, 50, None, 0], [None, 3000, 9000, None])
    given = assign(WORTH, capacity, TOKENS, order=order)
    for column in range(4):
        rows = given.columns == column
        assert rows.sum() <= capacity.requests[column]
        assert TOKENS[rows, column].sum() <= capacity.tokens[column]
        assert given.left.requests[column] == capacity.requests[column] - rows.sum()
    # Only where no endpoint has room is a request dropped: the least one needs more tokens than are left.
    assert given.dropped == (given.columns == DROPPED).sum() > 0
    for row in np.flatnonzero(given.columns == DROPPED):
        assert not ((given.left.requests >= 1) & (given.left.tokens >= TOKENS[row])).any()


def test_with_room_for_all_it_is_the_plain_choice(topic_table) -> None:
    fitted = routers.make("label").fit(topic_table(0))
    questions = topic_table(1).questions
    for worth in (float("inf"), 0.0018 / 0.7 / 2, 0.0018 / 0.7 * 2):
        given = assign(utilities(fitted, questions, worth), Capacity.of([None, None]))
        assert [fitted.models[j] for j in given.columns] == fitted.choose(questions, worth)
        assert (given.overflowed, given.dropped) == (0, 0)


def test_overflow_goes_to_the_next_choice_and_one_choice_drops_it() -> None:
    worth = np.array([[3.0, 2.0, 1.0]] * 5)
    given = assign(worth, Capacity.of([2, 2, 0]))
    assert given.columns.tolist() == [0, 0, 1, 1, DROPPED]
    assert (given.overflowed, given.dropped) == (2, 1)
    once = assign(worth, Capacity.of([2, 2, 0]), choices=1)
    assert once.columns.tolist() == [0, 0, DROPPED, DROPPED, DROPPED]


def test_by_regret_the_order_of_arrival_does_not_matter_and_more_is_kept() -> None:
    capacity = Capacity.of([40, 50, 60, 60])
    mixed = RNG.permutation(len(WORTH))
    plain, shuffled = (assign(w, capacity, order="regret").columns for w in (WORTH, WORTH[mixed]))
    assert np.array_equal(plain[mixed], shuffled)
    arrival = assign(WORTH, capacity).columns
    assert not np.array_equal(arrival[mixed], assign(WORTH[mixed], capacity).columns)

    def kept(columns):
        return WORTH[np.arange(len(WORTH)), columns].sum()

    assert kept(plain) > kept(arrival)


def test_a_window_continues_with_what_is_left() -> None:
    capacity = Capacity.of([30, 30, 30, 200])
    whole = assign(WORTH, capacity).columns
    first = assign(WORTH[:90], capacity)
    second = assign(WORTH[90:], first.left)
    assert np.array_equal(np.concatenate([first.columns, second.columns]), whole)


def test_limits_of_a_pool_and_of_the_capacity_factor() -> None:
    limits = CallLimits(requests_per_minute=60, tokens_per_minute=9000)
    cards = [
        ModelCard(name="a", price=Price(input=1, output=1), limits=limits),
        ModelCard(name="b", price=Price(input=1, output=1)),
    ]
    capacity = Capacity.per_minute(cards, share=0.5)
    assert capacity.requests.tolist() == [30, np.inf]
    assert capacity.tokens.tolist() == [4500, np.inf]
    assert Capacity.of_factor(100, 8, 1.25).requests.tolist() == [16] * 8
    assert assign(WORTH, Capacity.of_factor(200, 4, 1.0)).dropped == 0


def test_bad_input_is_one_clear_error() -> None:
    for message, call in {
        "limits for 2 models": lambda: assign(WORTH, Capacity.of([1, 1])),
        "finite numbers": lambda: assign(np.full((1, 1), np.nan), Capacity.of([1])),
        "tokens have the shape": lambda: assign(WORTH, Capacity.of([1] * 4), TOKENS[:1]),
        "must be arrival or regret": lambda: assign(WORTH, Capacity.of([1] * 4), order="first"),
        "choices must be 1 or more": lambda: assign(WORTH, Capacity.of([1] * 4), choices=0),
        "0 or more": lambda: Capacity.of([-1]),
    }.items():
        with pytest.raises(ConfigError, match=message):
            call()
