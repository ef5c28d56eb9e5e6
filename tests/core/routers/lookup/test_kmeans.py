"""`kmeans`: means of clusters, shrunk towards the overall mean by a number of questions."""

import numpy as np
import pytest

from router_r1 import routers

pytest.importorskip("sklearn")


def test_a_cluster_is_shrunk_towards_the_overall_mean_by_the_prior(topic_table) -> None:
    table = topic_table(0)
    scores = np.array(
        [[table.outcome(q.id, n).score for n in table.names] for q in table.questions]
    )
    law = np.array([q.category == "law" for q in table.questions])
    for prior in (0.0, 60.0):
        fitted = routers.make("kmeans", clusters=2, prior=prior).fit(table)
        assert (fitted.learned["centres"].shape[0], law.sum()) == (2, 60)
        expected = (scores[law].sum(0) + prior * scores.mean(0)) / (60 + prior)
        assert fitted.scores(table.questions)[law][0] == pytest.approx(expected)
