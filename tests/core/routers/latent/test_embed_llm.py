"""`embedllm`: the score is a product of a model's vector and a projection of the question."""

import numpy as np
import pytest

from router_r1 import routers

pytest.importorskip("sklearn")


def test_two_seeds_reach_the_same_predictions(topic_table) -> None:
    # With a penalty on both factors the least loss is that of a convex problem, the nuclear norm of their product.
    questions = topic_table(1).questions
    one, other = (
        routers.make("embedllm", seed=seed, penalty=1.0, steps=2000).fit(topic_table(0))
        for seed in (0, 1)
    )
    assert not np.allclose(one.learned["models"], other.learned["models"], atol=0.1)
    assert one.scores(questions) == pytest.approx(other.scores(questions), abs=0.01)


def test_a_strong_penalty_leaves_the_mean_scores(topic_table) -> None:
    table = topic_table(0)
    fitted = routers.make("embedllm", penalty=1e6).fit(table)
    means = [np.mean([table.outcome(q.id, n).score for q in table.questions]) for n in table.names]
    assert fitted.scores(topic_table(1).questions) == pytest.approx(
        np.tile(means, (120, 1)), abs=1e-3
    )


def test_scores_are_a_product_of_few_dimensions(topic_table) -> None:
    fitted = routers.make("embedllm", dimensions=1, penalty=0.5).fit(topic_table(0))
    scores = fitted.scores(topic_table(1).questions)
    logits = np.log(scores / (1 - scores)) - fitted.learned["biases"]
    assert np.linalg.matrix_rank(logits, tol=1e-6) == 1


def test_a_model_that_answered_alike_gets_a_like_vector(topic_table) -> None:
    table = topic_table(0)
    fitted = routers.make("embedllm", penalty=1.0).fit(table)
    twin = [o.model_copy(update={"model": "twin"}) for o in table if o.model == "lawyer"]
    card = table.cards[0].model_copy(update={"name": "twin"})
    before = fitted.scores(table.questions)
    fitted.add_model("twin", type(table)([card], table.questions, twin))
    after = fitted.scores(table.questions)
    assert np.array_equal(after[:, :2], before)
    assert after[:, 2] == pytest.approx(after[:, 0], abs=0.02)
    law = next(q for q in table.questions if q.category == "law")
    assert any(
        "by cosine: twin 1.00" in s or "by cosine: lawyer 1.00" in s
        for s in fitted.explain(law).because
    )
