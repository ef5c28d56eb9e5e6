"""`mlp`: the slope of its loss is right, networks of models are apart, and it fits what no line can."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.errors import ConfigError
from router_r1.routers.regression.mlp import MlpRouter, _gradients

pytest.importorskip("sklearn")


def forward(values, vectors):
    units = vectors[None]
    for weights, bias in zip(values[:-2:2], values[1:-2:2], strict=True):
        units = np.maximum(units @ weights + bias, 0)
    return units @ values[-2] + values[-1]


def test_the_slope_of_the_loss_is_that_of_small_steps() -> None:
    source = np.random.default_rng(0)
    vectors, targets = source.normal(size=(6, 3)), source.normal(size=(2, 6, 1))
    shapes = [(2, 3, 4), (2, 1, 4), (2, 4, 5), (2, 1, 5), (2, 5, 1), (2, 1, 1)]
    values = [source.normal(size=shape) for shape in shapes]
    slopes = _gradients(values, vectors, targets)

    def loss() -> float:
        return float(((forward(values, vectors) - targets) ** 2).sum() / 2 / len(vectors))

    for value, slope in zip(values, slopes, strict=True):
        assert slope.shape == value.shape
        place = tuple(source.integers(size) for size in value.shape)
        before = value[place]
        value[place] = before + 1e-6
        above = loss()
        value[place] = before - 1e-6
        below = loss()
        value[place] = before
        assert slope[place] == pytest.approx((above - below) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("nets", ["each", "shared"])
def test_it_fits_the_exclusive_or_which_no_line_fits(nets) -> None:
    corners = np.array([[a, b] for a in (-0.7, 0.7) for b in (-0.7, 0.7)]).repeat(16, 0)
    right = (corners[:, 0] * corners[:, 1] > 0).astype(float)
    router = MlpRouter(nets=nets, passes=400, learning_rate=0.01, decay=0.0, width=16)
    scores = np.column_stack([right, 1 - right])
    targets = scores.T[:, :, None] if nets == "each" else scores[None]
    router.models = ("a", "b")
    router.learned = router._train(corners, targets)
    assert np.abs(router.scores_of_vectors(corners) - scores).max() < 0.1


def test_with_a_network_each_another_model_changes_nothing(topic_table) -> None:
    table = topic_table(0)
    settings = {"nets": "each", "passes": 5}
    both = routers.make("mlp", **settings).fit(table)
    vectors = both.vectors(table.questions)
    alone = MlpRouter(**settings)
    alone.models, right = (
        ("solver",),
        [table.outcome(q.id, "solver").score for q in table.questions],
    )
    alone.learned = alone._train(vectors, np.array(right)[None, :, None])
    assert np.allclose(
        alone.scores_of_vectors(vectors)[:, 0], both.scores_of_vectors(vectors)[:, 1]
    )


@pytest.mark.parametrize("nets", ["each", "shared"])
def test_an_added_model_leaves_the_others_as_they_were(nets, topic_table) -> None:
    whole = topic_table(0)
    fitted = routers.make("mlp", nets=nets, passes=80).fit(whole)
    before = fitted.scores(whole.questions)
    renamed = type(whole)(
        [whole.cards[1].model_copy(update={"name": "new"})],
        whole.questions,
        [o.model_copy(update={"model": "new"}) for o in whole if o.model == "solver"],
    )
    after = fitted.add_model("new", renamed).scores(whole.questions)
    assert np.allclose(after[:, :2], before)
    law = np.array([q.category == "law" for q in whole.questions])
    assert after[~law, 2].mean() > after[law, 2].mean() + 0.3


def test_other_networks_are_an_error() -> None:
    with pytest.raises(ConfigError, match="nets: expected 'each' or 'shared', got 'one'"):
        routers.make("mlp", nets="one")
