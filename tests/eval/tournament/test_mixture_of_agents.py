"""Mixture-of-Agents on a table: the most frequent answer, at the price of all calls and of all that is read."""

import numpy as np
import pytest

from router_r1_envs.worlds.recorded_world.table_arrays import TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.mixture_of_agents import mixture_of_agents, most_frequent


def arrays_of(answer: list[list[int]], score: list[list[float]]) -> TableArrays:
    n = len(answer)
    return TableArrays(
        names=("a", "b", "c"),
        questions=(),
        answer=np.array(answer),
        score=np.array(score),
        cost=np.ones((n, 3)),
        category=np.zeros(n, dtype=np.int64),
        options=np.full(n, 10.0),
    )


def test_the_most_frequent_answer_counts_and_ties_go_to_the_best_model() -> None:
    arrays = arrays_of(
        [[0, 0, 1], [0, 1, 2], [-1, 0, 1], [-1, -1, -1], [0, -1, 0]],
        [[0, 0, 1], [0, 0, 1], [1, 0, 1], [0.0, 0.0, 0.3], [1, 0, 0.5]],
    )
    trusted = np.array([0.5, 0.2, 0.9])
    assert most_frequent(arrays, trusted).tolist() == [0, 1, 1, 0.3, 0.75]


def test_every_call_and_all_that_is_read_is_paid_for(world_of, halves) -> None:
    splits = TableSplits.of(world_of(halves, size=400))
    one, three = mixture_of_agents(splits)
    assert one.name == "mixture of agents, 1 layer"
    first, third = one.run(splits.test, ""), three.run(splits.test, "")
    assert first.value.tolist() == third.value.tolist()
    assert (first.calls == 4).all()
    assert (third.calls == 10).all()
    table = splits.table
    question = splits.test.questions[0]
    outcomes = [table.outcome(question.id, name) for name in table.names]
    written = sum(outcome.output_tokens for outcome in outcomes)
    once = sum(table.cost_usd(outcome) for outcome in outcomes)
    again = table.cost_usd(outcomes[splits.best_column])
    price = [card.price.input / 1e6 for card in table.cards]
    read = written * price[splits.best_column]
    assert first.cost[0] == pytest.approx(once + again + read)
    assert third.cost[0] == pytest.approx(3 * once + again + read + 2 * written * sum(price))
