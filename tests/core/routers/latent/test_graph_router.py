"""`graphrouter`: a model is what its edges say, and a question of no known category belongs to its cluster."""

import numpy as np
import pytest

from router_r1 import routers
from router_r1.errors import ConfigError

pytest.importorskip("sklearn")
pytest.importorskip("torch")


@pytest.fixture(scope="module")
def fitted(topic_table):
    return routers.make("graphrouter", steps=80).fit(topic_table(0))


def test_a_model_with_the_edges_of_another_is_the_same_model(fitted, topic_table, tmp_path) -> None:
    table = topic_table(0)
    fitted.save(tmp_path)
    grown = routers.load(tmp_path)
    card = table.cards[0].model_copy(update={"name": "twin"})
    rows = [o.model_copy(update={"model": "twin"}) for o in table if o.model == "lawyer"]
    grown.add_model("twin", type(table)([card], table.questions, rows))
    questions = topic_table(1).questions
    scores = grown.scores(questions)
    assert scores[:, 2] == pytest.approx(scores[:, 0], abs=1e-6)
    assert np.array_equal(scores[:, :2], fitted.scores(questions))


def test_the_order_of_the_models_does_not_matter(fitted, topic_table) -> None:
    table, questions = topic_table(0), topic_table(1).questions
    turned = type(table)(tuple(reversed(table.cards)), table.questions, list(table))
    other = routers.make("graphrouter", steps=80).fit(turned)
    assert other.scores(questions)[:, ::-1] == pytest.approx(fitted.scores(questions), abs=1e-3)


def test_the_category_decides_where_the_text_says_nothing(fitted, topic_table) -> None:
    question = topic_table(1).questions[0].model_copy(update={"question": "zzz?"})
    lawyer, solver = fitted.scores([question])[0]
    maths = question.model_copy(update={"category": "maths"})
    assert lawyer - solver > np.subtract(*fitted.scores([maths])[0])
    assert fitted.explain(maths).because[0] == "task node: category 'maths'"


def test_without_a_known_category_the_cluster_is_the_task(fitted, topic_table) -> None:
    labelled = topic_table(1).questions
    odd = [q.model_copy(update={"category": "unheard-of"}) for q in labelled]
    unlabelled = topic_table(1, labels=False).questions
    scores = fitted.scores(unlabelled)
    assert np.array_equal(fitted.scores(odd), scores)
    assert np.array_equal(fitted.scores_of_vectors(fitted.vectors(labelled)), scores)
    law = np.array([q.category == "law" for q in labelled])
    assert ((scores[:, 0] > scores[:, 1]) == law).mean() > 0.9
    assert fitted.explain(unlabelled[0]).because[0].startswith("task node: cluster ")


def test_a_table_without_categories_has_clusters_alone(topic_table) -> None:
    table = topic_table(0, labels=False)
    alone = routers.make("graphrouter", steps=80, clusters=2).fit(table)
    assert len(alone.learned["tasks"]) == 2
    unseen = topic_table(1)
    law = np.array([q.category == "law" for q in unseen.questions])
    scores = alone.scores(unseen.questions)
    assert ((scores[:, 0] > scores[:, 1]) == law).mean() > 0.9


def test_settings_have_bounds() -> None:
    with pytest.raises(ConfigError, match=r"shown: expected 1 or less, got '1\.5'"):
        routers.make("graphrouter", shown=1.5)
