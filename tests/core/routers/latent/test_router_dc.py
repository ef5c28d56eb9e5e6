"""`routerdc`: contrasts of models and of questions."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.routers.latent import router_dc

pytest.importorskip("sklearn")
torch = pytest.importorskip("torch")


def test_models_with_equal_scores_are_treated_alike() -> None:
    scores = np.array(
        [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [0.9, 0.6, 0.8, 0.2]]
    )
    positive, negative = router_dc._contrasted(scores, 1, 1)
    assert positive.tolist()[0] == [True, True, False, False]
    assert negative.tolist()[0] == [False, False, True, True]
    assert not negative[1].any()  # all right: nobody is pushed away
    assert not positive[2].any()  # all wrong: nobody is drawn near
    _, more = router_dc._contrasted(scores, 1, 4)
    assert more.tolist()[3] == [False, False, False, True]  # 0.6 and 0.8 are right enough


def test_the_contrast_is_the_mean_of_softmax_losses_of_rows_that_have_both() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [5.0, 1.0, 2.0, 3.0]], dtype=torch.float64)
    positive = torch.tensor([[True, True, False, False], [True, True, True, True]])
    negative = torch.tensor([[False, False, True, True], [False, False, False, False]])
    e = np.exp([2.0, 1.0, 0.0, -1.0])
    wanted = np.mean([-np.log(e[t] / (e[t] + e[2] + e[3])) for t in (0, 1)])
    assert float(router_dc._contrast(logits, positive, negative)) == pytest.approx(wanted)


def test_pairs_are_of_the_same_cluster_and_negatives_of_others_even_if_it_has_a_single_question() -> (
    None
):
    labels = torch.tensor([1, 0, 2, 0, 1, 0, 0])
    draw = torch.Generator().manual_seed(0)
    seen = {row: set() for row in range(7)}
    for _ in range(100):
        pairs = router_dc._pairs(labels, labels.bincount(), labels.argsort(stable=True), 3, draw)
        assert pairs.shape == (7, 4)
        assert (labels[pairs[:, 0]] == labels).all()
        assert (labels[pairs[:, 1:]] != labels[:, None]).all()
        for row in range(7):
            seen[row] |= set(pairs[row, 1:].tolist())
    assert seen[2] == {0, 1, 3, 4, 5, 6}
    assert seen[0] == {1, 2, 3, 5, 6}


def test_the_order_of_the_models_does_not_matter(topic_table) -> None:
    table, questions = topic_table(0), topic_table(1).questions
    turned = type(table)(tuple(reversed(table.cards)), table.questions, list(table))
    one = routers.make("routerdc", steps=100).fit(table)
    other = routers.make("routerdc", steps=100).fit(turned)
    assert other.models == ("solver", "lawyer")
    assert other.scores(questions)[:, ::-1] == pytest.approx(one.scores(questions), abs=1e-4)


def test_training_leaves_the_callers_random_numbers_alone(topic_table) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    routers.make("routerdc", steps=10).fit(topic_table(0))
    assert torch.equal(torch.rand(3), wanted)
