"""The questions of a table as arrays: answers compared by meaning, missing outcomes, and the utility of a run."""

import numpy as np
import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.recorded_world.question_features import FeatureExtractor
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits


def test_answers_are_compared_by_meaning_and_scored_by_the_models_that_gave_them() -> None:
    answers = {"a": "$20.00", "b": "20", "c": "21"}
    cards = [ModelCard(name=name, price=Price(input=1, output=1)) for name in answers]
    question = Question(id="q", question="?", answer="20", metric="math")
    tokens = {"input_tokens": 1, "output_tokens": 1}
    outcomes = [
        Outcome(id="q", model=model, text="", answer=a, score=float(a != "21"), **tokens)
        for model, a in answers.items()
    ]
    table = OutcomeTable(cards, [question], outcomes)
    arrays = TableArrays.of(table, [question], FeatureExtractor.fit([question], 0))
    assert arrays.answer.tolist() == [[0, 0, 1]]
    assert arrays.score.tolist() == [[1, 1, 0]]


def test_an_outcome_that_is_not_recorded_is_a_free_call_without_an_answer(colours, find) -> None:
    """`small` has no outcome on q0."""
    world = colours()
    arrays = TableSplits.of(world).arrays([find(world, 0)])
    small, large = (arrays.names.index(name) for name in ("small", "large"))
    assert arrays.answer[0, small] == -1
    assert arrays.score[0].tolist() == [float(column == large) for column in range(2)]
    assert arrays.cost[0, small] == 0 < arrays.cost[0, large] == pytest.approx(0.0005)


def test_a_category_that_training_lacks_is_one_past_the_last(colours, question) -> None:
    splits = TableSplits.of(colours())
    known, unseen = question(1), question(1, category="unheard of")
    assert splits.arrays([known, unseen]).category.tolist() == [0, 1]


def test_utility_is_the_mean_score_less_the_price_of_the_cost() -> None:
    run = RouterRun(np.array([1.0, 0.0]), np.array([0.01, 0.03]), np.ones(2))
    assert run.utility(0.1, 0.02) == pytest.approx(0.5 - 0.1)
    assert run.utility(0.0, 0.02) == 0.5
