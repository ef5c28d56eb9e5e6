"""`irt`: item response theory; abilities help and never harm, and neighbours warm a question up."""

import numpy as np
import pytest

from router_r1 import routers

pytest.importorskip("sklearn")


@pytest.fixture
def fitted(topic_table):
    return routers.make("irt", penalty=2.0, warmup=0.0).fit(topic_table(0))


def test_more_ability_never_lowers_a_score(fitted, topic_table) -> None:
    questions = topic_table(1).questions
    before = fitted.scores(questions)
    for dimension in range(fitted.dimensions):
        abilities = fitted.learned["abilities"].copy()
        abilities[0, dimension] += 0.5
        fitted.learned = {**fitted.learned, "abilities": abilities}
        after = fitted.scores(questions)
        assert (after[:, 0] >= before[:, 0]).all()
        assert np.array_equal(after[:, 1], before[:, 1])
        before = after
    assert (before[:, 0] > fitted.scores(questions)[:, 0] - 1e-12).all()


def test_the_score_is_the_item_response_function(fitted, topic_table) -> None:
    learned, vectors = fitted.learned, fitted.vectors(topic_table(1).questions)
    discrimination = np.log1p(np.exp(vectors @ learned["slopes"] + learned["offset"]))
    difficulty = vectors @ learned["hardness"] + learned["base"]
    logits = discrimination @ learned["abilities"].T - difficulty[:, None]
    assert fitted.scores_of_vectors(vectors) == pytest.approx(1 / (1 + np.exp(-logits)))


def test_a_question_that_all_get_wrong_is_difficult(topic_table) -> None:
    table = topic_table(0)
    rows = [
        o.model_copy(update={"score": float(table.question(o.id).category == "law")}) for o in table
    ]
    hard = type(table)(table.cards, table.questions, rows)
    fitted = routers.make("irt", penalty=1.0).fit(hard)
    scores = fitted.scores(topic_table(1).questions)
    law = np.array([q.category == "law" for q in topic_table(1).questions])
    assert scores[law].min() > 0.7
    assert scores[~law].max() < 0.3
    maths = next(q for q in table.questions if q.category == "maths")
    said = [fitted.explain(q).because[0] for q in (table.questions[0], maths)]
    easy, difficult = (float(s.split()[1].rstrip(";")) for s in said)
    assert easy < difficult


def test_full_warm_up_predicts_what_the_nearest_training_question_gets(topic_table) -> None:
    table, unseen = topic_table(0), topic_table(1).questions
    warm = routers.make("irt", warmup=1.0, neighbours=1).fit(table)
    cold = routers.make("irt", warmup=0.0).fit(table)
    known = cold.vectors(table.questions)
    cosines = cold.vectors(unseen) @ known.T
    nearest, ordered = cosines.argmax(1), np.sort(cosines, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-6  # one training question is the nearest
    assert clear.mean() > 0.8
    wanted = cold.scores_of_vectors(known)[nearest]
    assert warm.scores(unseen)[clear] == pytest.approx(wanted[clear], abs=1e-5)
    half = routers.make("irt", warmup=0.5, neighbours=1).fit(table)
    mixed = 0.5 * cold.vectors(unseen) + 0.5 * known[nearest]
    assert half.scores(unseen)[clear] == pytest.approx(
        cold.scores_of_vectors(mixed)[clear], abs=1e-5
    )


def test_a_model_without_much_evidence_is_taken_for_an_average_one(fitted, topic_table) -> None:
    table = topic_table(0)
    card = table.cards[0].model_copy(update={"name": "new"})
    row = next(o for o in table if o.model == "lawyer").model_copy(update={"model": "new"})
    fitted.ability_penalty = 1e6
    fitted.add_model("new", type(table)([card], table.questions, [row]))
    assert fitted.learned["abilities"][2] == pytest.approx(np.zeros(16), abs=1e-3)
