"""`svm`: errors within epsilon are free, and scores of 0 and 1 give means, not medians."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable

pytest.importorskip("sklearn")


def test_scores_within_epsilon_of_each_other_need_no_weights(topic_table) -> None:
    table = topic_table(0)
    near = [o.model_copy(update={"score": 0.5 + 0.1 * (o.score - 0.5)}) for o in table]
    flat = routers.make("svm", epsilon=0.2).fit(OutcomeTable(table.cards, table.questions, near))
    assert np.allclose(flat.scores(table.questions), flat.scores(table.questions)[0])
    bent = routers.make("svm", epsilon=0.0).fit(OutcomeTable(table.cards, table.questions, near))
    assert bent.scores(table.questions).std(0).min() > 0.01


def test_a_model_that_is_right_seven_times_in_ten_is_not_taken_to_be_always_right(
    topic_table,
) -> None:
    table = topic_table(0)
    fitted = routers.make("svm", c=0.001, epsilon=0.0).fit(table)
    overall = np.mean(
        [[table.outcome(q.id, n).score for n in table.names] for q in table.questions], 0
    )
    assert fitted.scores(table.questions).mean(0) == pytest.approx(overall, abs=0.02)
