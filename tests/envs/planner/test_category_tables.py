"""Means by category: shrinkage by hand, and that a fold's tables do not read the fold."""

import numpy as np
import pytest

from router_r1_envs.planner.category_tables import CategoryTables, shrunken_means
from router_r1_envs.planner.responses import Responses, response_lengths


def test_a_mean_is_drawn_towards_that_of_all_categories() -> None:
    """Overall 2/3. (2 + 2 x 2/3) / (2 + 2) and (0 + 2 x 2/3) / (1 + 2); the last row is for any other category."""
    found = shrunken_means(np.array([1.0, 1.0, 0.0]), np.array([0, 0, 1]), 2, 2.0)
    assert found.tolist() == pytest.approx([5 / 6, 4 / 9, 2 / 3])


def test_weights_count_as_so_many_questions() -> None:
    values, category = np.array([1.0, 0.0]), np.array([0, 0])
    found = shrunken_means(values, category, 1, 1.0, np.array([3.0, 1.0]))
    assert found.tolist() == pytest.approx([(3 + 0.75) / 5, 0.75])
    nothing = shrunken_means(values, category, 1, 1.0, np.zeros(2))
    assert nothing.tolist() == [0.0, 0.0]


def responses_of(score, answer) -> Responses:
    """[n, m] scores and answers of one sample; all questions in one category."""
    n, m = score.shape

    def padded(values, empty):
        return np.stack([values, np.full((n, m), empty)], 2)

    return Responses(
        names=tuple("abc"[:m]),
        questions=(),
        category=np.zeros(n, dtype=np.int64),
        length=np.ones(n),
        options=np.zeros(n),
        recorded=padded(np.ones((n, m), dtype=bool), False),
        answer=padded(answer, -1),
        score=padded(score, 0.0),
        cost=padded(np.ones((n, m)), 0.0),
        tokens=padded(np.full((n, m), 9.0), 0.0),
        answer_length=padded(np.ones((n, m)), 0.0),
    )


def test_the_tables_of_a_fold_do_not_read_it() -> None:
    score = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    responses = responses_of(score, np.zeros((4, 2), dtype=np.int64))
    fold = np.array([0, 1, 0, 1])
    tables = CategoryTables.of(responses, response_lengths(responses), fold, 2, 1.0)
    # Fold 0 is right throughout and fold 1 never; so each table says what the other fold did.
    assert tables.score[:, 0, 0].tolist() == pytest.approx([0.0, 1.0, 0.5])
    assert tables.cost.shape == (3, 2, 2) and (tables.cost == 1).all()


def test_pairs_say_how_often_two_agree_and_what_that_means() -> None:
    """They agree on three of four questions, and are right on two of these; where they differ, the first is right."""
    answer = np.array([[0, 0], [0, 0], [0, 0], [0, 1]])
    score = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    responses = responses_of(score, answer)
    tables = CategoryTables.of(
        responses, response_lengths(responses), np.zeros(4, dtype=np.int64), 1, 1.0
    )
    assert tables.agree[-1, 0, 0, 1] == pytest.approx(0.75)
    assert tables.right_if_agree[-1, 0, 0, 1] == pytest.approx(2 / 3)
    assert tables.right_if_not[-1, 0, 0, 1] == pytest.approx(1.0)
    assert tables.right_if_not[-1, 0, 1, 0] == pytest.approx(0.0)
