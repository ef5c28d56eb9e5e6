"""`hybrid`: labels of the three kinds, and thresholds that no other threshold beats."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError
from router_r1.routers.lookup.hybrid import _blocks, _most_different
from router_r1.routers.training_set import TrainingSet

pytest.importorskip("sklearn")


def sampled(table: OutcomeTable, scores: dict[str, tuple[float, float]]) -> OutcomeTable:
    """Two samples of each model, with the same scores on every question."""
    outcomes = [
        o.model_copy(update={"sample": sample, "score": scores[o.model][sample]})
        for o in table
        for sample in (0, 1)
    ]
    return OutcomeTable(table.cards, table.questions, outcomes)


@pytest.mark.parametrize(
    ("target", "label"),
    [
        ("det", 0.0),  # 0.5 on average is less than 0.6
        ("prob", 0.5),  # 1 of the two beats 0.6, the other does not
    ],
)
def test_a_label_says_how_often_the_smaller_model_is_good_enough(
    target, label, topic_table
) -> None:
    table = sampled(topic_table(0, 4), {"lawyer": (0.0, 1.0), "solver": (0.6, 0.6)})
    labels = routers.make("hybrid", target=target)._labels(TrainingSet.of(table), large=1)
    assert labels[:, 0].tolist() == [label] * 4
    assert labels[:, 1].tolist() == [1.0] * 4


def test_the_transformed_label_forgives_the_loss_that_splits_questions_best() -> None:
    gaps = [np.array([gap]) for gap in (-0.9, -0.8, -0.2, -0.1)]
    # Exact labels are all 0; forgiving 0.2 makes two of four 1.
    assert _most_different(gaps) == pytest.approx(0.2)
    assert _most_different([np.array([0.1]), np.array([-0.3])]) == 0.0


def test_no_other_threshold_has_a_higher_utility() -> None:
    source = np.random.default_rng(0)
    logits = source.normal(size=300)
    pair = np.column_stack([(source.random(300) < 1 / (1 + np.exp(-logits))), np.full(300, 0.6)])
    starts, means = _blocks(logits, pair.astype(float), constant=False)
    gap = (means[:, 0] - means[:, 1])[np.searchsorted(starts, logits, side="right")]
    for saved in (-0.2, 0.0, 0.1, 0.3):  # what the smaller model saves, in units of score
        gains = pair[:, 0] - pair[:, 1] + saved
        chosen = gains[gap + saved > 0].sum()
        order = np.argsort(-logits)
        best = max(0.0, gains[order].cumsum().max())
        assert chosen == pytest.approx(best)
    assert (np.diff(means[:, 0] - means[:, 1]) >= -1e-12).all()


def test_more_models_are_each_compared_with_the_strongest(topic_table) -> None:
    table = topic_table(0)
    idle = table.cards[0].model_copy(update={"name": "idle"})
    outcomes = [
        *table,
        *(
            o.model_copy(update={"model": "idle", "score": 0.0})
            for o in table
            if o.model == "lawyer"
        ),
    ]
    fitted = routers.make("hybrid").fit(
        OutcomeTable([*table.cards, idle], table.questions, outcomes)
    )
    unseen = topic_table(1)
    wanted = ["lawyer" if q.category == "law" else "solver" for q in unseen.questions]
    chosen = fitted.choose(unseen.questions, float("inf"))
    assert np.mean([a == b for a, b in zip(chosen, wanted, strict=True)]) > 0.95
    assert len(fitted.explain(unseen.questions[0]).because) == 2


def test_an_unknown_target_is_an_error() -> None:
    with pytest.raises(ConfigError, match="target: expected one of det, prob, trans, got 'soft'"):
        routers.make("hybrid", target="soft")
