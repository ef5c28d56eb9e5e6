"""`question_length`: it knows the length of a question and nothing else."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable


@pytest.fixture
def by_length(topic_table) -> OutcomeTable:
    """`solver` is right on the longer half of the questions, `lawyer` on the others."""
    table = topic_table(0)
    middle = np.median([len(q.question) for q in table.questions])
    long = {q.id for q in table.questions if len(q.question) >= middle}
    outcomes = [
        o.model_copy(update={"score": float((o.model == "solver") == (o.id in long))})
        for o in table
    ]
    return OutcomeTable(table.cards, table.questions, outcomes)


def test_long_questions_go_to_the_model_that_is_good_at_them(by_length) -> None:
    fitted = routers.make("question_length", bins=2, prior=0).fit(by_length)
    middle = np.median([len(q.question) for q in by_length.questions])
    wanted = ["solver" if len(q.question) >= middle else "lawyer" for q in by_length.questions]
    assert fitted.choose(by_length.questions, float("inf")) == wanted
    assert set(map(tuple, fitted.scores(by_length.questions))) == {(0.0, 1.0), (1.0, 0.0)}


def test_other_words_of_the_same_length_change_nothing(by_length) -> None:
    fitted = routers.make("question_length").fit(by_length)
    turned = [q.model_copy(update={"question": q.question[::-1]}) for q in by_length.questions]
    assert np.array_equal(fitted.scores(turned), fitted.scores(by_length.questions))


def test_one_bin_is_the_overall_mean(topic_table) -> None:
    table = topic_table(0)
    fitted = routers.make("question_length", bins=1).fit(table)
    overall = np.mean(
        [[table.outcome(q.id, n).score for n in table.names] for q in table.questions], 0
    )
    assert fitted.scores(table.questions) == pytest.approx(np.tile(overall, (120, 1)))
