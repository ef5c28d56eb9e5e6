"""`carrot`: it predicts dollars per question, never negative, right on average, and pays where a question is cheap."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.token_prices import Price

pytest.importorskip("sklearn")


@pytest.fixture
def uneven(topic_table) -> OutcomeTable:
    """`solver` writes 50 times as many tokens in law."""
    table = topic_table(0)
    law = {q.id for q in table.questions if q.category == "law"}
    outcomes = [
        o.model_copy(update={"output_tokens": 5000}) if o.model == "solver" and o.id in law else o
        for o in table
    ]
    return OutcomeTable(table.cards, table.questions, outcomes)


def test_costs_are_those_of_the_question(uneven, topic_table) -> None:
    fitted = routers.make("carrot", cost_penalty=0.1).fit(uneven)
    unseen = topic_table(1).questions
    costs = fitted.costs(unseen)
    law = np.array([q.category == "law" for q in unseen])
    assert np.median(costs[law, 1]) > 5 * np.median(costs[~law, 1])
    assert costs[:, 0] == pytest.approx(0.0002)
    # Between the least and the highest recorded cost, but for the scale of the mean.
    odd = Question(id="x", question="court " * 20_000, answer="1", metric="em")
    assert 0 < fitted.costs([odd])[0, 1] < 0.2
    assert fitted.costs([]).shape == (0, 2)


def test_mean_predicted_dollars_are_mean_recorded_dollars(uneven) -> None:
    fitted = routers.make("carrot", cost_penalty=30.0).fit(uneven)
    assert fitted.costs(uneven.questions).mean(0) == pytest.approx(fitted.learned["mean_cost"])


def test_dollars_are_never_negative_and_a_free_model_is_free(uneven, topic_table) -> None:
    free = uneven.with_prices({"lawyer": Price(input=0, output=0)})
    fitted = routers.make("carrot", cost_penalty=0.0).fit(free)
    costs = fitted.costs(topic_table(5, 400).questions)
    assert (costs[:, 0] == 0).all()
    assert (costs[:, 1] > 0).all() and np.isfinite(costs).all()


def test_an_added_model_has_costs_per_question(uneven, topic_table) -> None:
    table = topic_table(0)
    fitted = routers.make("carrot", cost_penalty=0.1).fit(table)
    added = OutcomeTable(
        [uneven.cards[1].model_copy(update={"name": "new"})],
        uneven.questions,
        [o.model_copy(update={"model": "new"}) for o in uneven if o.model == "solver"],
    )
    costs = fitted.add_model("new", added).costs(table.questions)
    law = np.array([q.category == "law" for q in table.questions])
    assert costs[:, :2] == pytest.approx(np.tile([0.0002, 0.002], (120, 1)))
    assert costs[law, 2].mean() > 5 * costs[~law, 2].mean()
