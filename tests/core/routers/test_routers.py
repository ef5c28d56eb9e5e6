"""One-shot routers: they learn from score vectors which model is good at what, and weigh that against its cost."""

import random

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

TOPICS = {
    "law": ("court judge contract statute appeal tort", (0.9, 0.2)),
    "maths": ("triangle integral prime matrix vector sum", (0.2, 0.9)),
}


def table_of(seed: int, count: int = 120, *, labels: bool = True) -> OutcomeTable:
    """Two topics with disjoint words. `lawyer` is good at one and cheap, `solver` at the other and expensive."""
    source = random.Random(seed)
    asked, outcomes = [], []
    for number in range(count):
        topic = ("law", "maths")[number % 2]
        words, rates = TOPICS[topic]
        text = f"About {' and '.join(source.sample(words.split(), 3))}: what of number {number}?"
        question = Question(
            id=f"{seed}-{number}",
            question=text,
            answer="1",
            metric="math",
            category=topic if labels else None,
        )
        asked.append(question)
        for name, rate in zip(("lawyer", "solver"), rates, strict=True):
            outcomes.append(
                Outcome(
                    id=question.id,
                    model=name,
                    text="1",
                    score=float(source.random() < rate),
                    input_tokens=100,
                    output_tokens=100,
                )
            )
    cards = [
        ModelCard(name=n, price=Price(input=p, output=p))
        for n, p in (("lawyer", 1), ("solver", 10))
    ]
    return OutcomeTable(cards, asked, outcomes)


@pytest.fixture(scope="module", params=routers.names())
def router(request):
    if request.param != "label":
        pytest.importorskip("sklearn")
    settings = {"knn": {"k": 20}, "kmeans": {"clusters": 2}}
    return routers.make(request.param, **settings.get(request.param, {})).fit(table_of(0))


def wanted(table: OutcomeTable) -> list[str]:
    return ["lawyer" if q.category == "law" else "solver" for q in table.questions]


def test_it_learns_which_model_is_good_at_what(router) -> None:
    unseen = table_of(1)
    scores = router.scores(unseen.questions)
    assert scores.shape == (120, 2)
    assert router.models == ("lawyer", "solver")
    chosen = router.choose(unseen.questions, float("inf"))
    assert np.mean([a == b for a, b in zip(chosen, wanted(unseen), strict=True)]) > 0.95
    law = np.array([q.category == "law" for q in unseen.questions])
    assert scores[law].mean(0) == pytest.approx((0.9, 0.2), abs=0.12)


def test_it_pays_for_the_expensive_model_only_what_a_better_answer_is_worth(router) -> None:
    questions = table_of(1).questions
    assert router.costs(questions)[0].tolist() == pytest.approx([0.0002, 0.002])
    # In mathematics `solver` is right 0.7 more often, and costs $0.0018 more.
    assert set(router.choose(questions, 0.0018 / 0.7 / 2)) == {"lawyer"}
    assert set(router.choose(questions, 0.0018 / 0.7 * 2)) == {"lawyer", "solver"}
    assert set(router.choose(questions, 0)) == {"lawyer"}


def test_the_same_table_gives_the_same_router(router) -> None:
    questions = table_of(1).questions
    again = routers.make(router.name).fit(table_of(0))
    once_more = routers.make(router.name).fit(table_of(0))
    assert np.array_equal(again.scores(questions), once_more.scores(questions))


def test_unknown_words_and_categories_get_a_prediction(router) -> None:
    odd = [
        Question(id="x", question="Xyzzy plugh?", answer="1", metric="em", category="magic"),
        Question(id="y", question="!?", answer="1", metric="em"),
    ]
    scores = router.scores(odd)
    assert scores.shape == (2, 2)
    assert np.isfinite(scores).all()
    assert len(router.choose(odd, 1.0)) == 2


@pytest.mark.parametrize("name", routers.names())
def test_a_handful_of_questions_is_enough(name) -> None:
    if name != "label":
        pytest.importorskip("sklearn")
    few = table_of(0, 3)
    scores = routers.make(name).fit(few).scores(few.questions)
    assert scores.shape == (3, 2)
    assert np.isfinite(scores).all()


def test_a_category_without_training_questions_gets_the_overall_mean() -> None:
    table = table_of(0)
    rare = Question(id="r", question="?", answer="1", metric="em", category="rare")
    fitted = routers.make("label").fit(table)
    overall = np.mean(
        [[table.outcome(q.id, n).score for n in table.names] for q in table.questions], 0
    )
    assert fitted.scores([rare])[0] == pytest.approx(overall)


def test_samples_are_averaged_and_questions_with_empty_cells_are_left_out() -> None:
    table = table_of(0)
    first = table.questions[0].id
    rows = [o for o in table if not (o.id == first and o.model == "solver")]
    second = [o.model_copy(update={"sample": 1, "score": 0.0}) for o in rows]
    fitted = routers.make("label", prior=0).fit(
        OutcomeTable(table.cards, table.questions, [*rows, *second])
    )
    law = [q for q in table.questions if q.category == "law" and q.id != first]
    mean = np.mean([[table.outcome(q.id, n).score for n in table.names] for q in law], 0)
    assert fitted.scores(law[:1])[0] == pytest.approx(mean / 2)
    alone = [o for o in table if o.model == "lawyer"]
    with pytest.raises(DataError, match="no question has an outcome of every model"):
        routers.make("label").fit(OutcomeTable(table.cards, table.questions, alone))


def test_equal_predictions_go_to_the_cheaper_model() -> None:
    table = table_of(0)
    same = [o.model_copy(update={"score": 0.5}) for o in table]
    cards = tuple(reversed(table.cards))
    fitted = routers.make("label").fit(OutcomeTable(cards, table.questions, same))
    assert set(fitted.choose(table.questions, float("inf"))) == {"lawyer"}


def test_unknown_names_settings_and_values_are_errors() -> None:
    with pytest.raises(ConfigError, match="there is no router 'best'; choose one of kmeans, knn"):
        routers.make("best")
    with pytest.raises(ConfigError, match=r"router 'label': .*unexpected"):
        routers.make("label", k=3)
    unfitted = routers.make("label")
    with pytest.raises(ConfigError, match="is not fitted"):
        unfitted.scores([])
    fitted = unfitted.fit(table_of(0))
    for willingness_to_pay in (-1.0, float("nan")):
        with pytest.raises(ConfigError, match="dollars of 0 or more"):
            fitted.choose([], willingness_to_pay)


def test_a_name_with_settings_makes_a_router() -> None:
    table = table_of(0)
    three_clusters = routers.from_text("kmeans:clusters=3,seed=1").fit(table)
    assert (
        three_clusters.scores(table.questions)
        == routers.make("kmeans", clusters=3, seed=1).fit(table).scores(table.questions)
    ).all()
    for text, message in {
        "kmeans:3": "expected NAME:SETTING=VALUE",
        "kmeans:": "expected NAME:SETTING=VALUE",
        "kmeans:clusters=null": "'null' is not a number",
        "kmeans:clusters=many": "'many' is not a number",
        "kmeans:k=3": "unexpected keyword argument 'k'",
        "none": "there is no router 'none'",
    }.items():
        with pytest.raises(ConfigError, match=message):
            routers.from_text(text)
