"""Facts of questions in their vectors: routers learn who reads several images."""

import random

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.model_cards import ModelCard
from router_r1.routers.embedding.facts import QuestionFacts, image_count
from router_r1.token_prices import Price

pytest.importorskip("sklearn")
ROUTERS = {"knn": {"k": 20}, "linear": {}, "kmeans": {"clusters": 16}}
WORDS = [
    "chart",
    "axis",
    "slope",
    "label",
    "figure",
    "organ",
    "cell",
    "river",
    "map",
    "tone",
    "chord",
]


def asked(number: int, source: random.Random, **metadata) -> Question:
    text = " ".join(source.choices(WORDS, k=8))
    return Question(
        id=str(number),
        question=f"{text}?",
        answer="A",
        metric="choice",
        choices=("x",) * source.choice([4, 10]),
        metadata=metadata,
    )


def image_table(seed: int, count: int = 200) -> OutcomeTable:
    """A third of the questions have two images, on which `single` fails; no word shows it."""
    source = random.Random(seed)
    questions, outcomes = [], []
    for number in range(count):
        several = number % 3 == 0
        images = ["a.png", "b.png"] if several else ["a.png"]
        questions.append(asked(number, source, images=images))
        for name, rate in {"single": 0.0 if several else 0.9, "several": 0.6}.items():
            score = float(source.random() < rate)
            outcomes.append(
                Outcome(
                    id=str(number),
                    model=name,
                    text="A",
                    score=score,
                    input_tokens=9,
                    output_tokens=1,
                )
            )
    cards = [ModelCard(name=n, price=Price(input=1, output=1)) for n in ("single", "several")]
    return OutcomeTable(cards, questions, outcomes)


@pytest.mark.parametrize("name", ROUTERS)
def test_a_router_with_facts_learns_who_fails_on_two_images(name) -> None:
    table, unseen = image_table(0), image_table(1).questions
    wanted = ["several" if len(q.metadata["images"]) == 2 else "single" for q in unseen]
    right = {}
    for facts in (0.0, 0.5):
        router = routers.make(name, facts=facts, **ROUTERS[name]).fit(table)
        chosen = router.choose(unseen, float("inf"))
        right[facts] = np.mean([a == b for a, b in zip(chosen, wanted, strict=True)])
    assert right[0.5] > 0.9
    assert right[0.0] < 0.8  # the words say nothing: "single" for all is right on two thirds


def test_the_cosine_mixes_that_of_the_words_with_the_share_of_facts_that_agree() -> None:
    source = random.Random(0)
    one, two = asked(1, source, images=["a"]), asked(2, source, images=["a", "b"])
    one = one.model_copy(update={"choices": ("x",) * 4})
    two = two.model_copy(update={"choices": ("x",) * 10, "question": "x" * 500})
    facts = QuestionFacts.fit([one, one, two, two])
    # Images, options and length differ; that no question is all image is the one fact in which they agree.
    assert facts([one])[0] @ facts([two])[0] == pytest.approx(1 / 4)
    words = np.array([[1.0, 0.0], [0.6, 0.8]])
    joined = facts.beside(words, [one, two], 0.3)
    assert np.linalg.norm(joined, axis=1) == pytest.approx(1)
    assert joined[0] @ joined[1] == pytest.approx(0.7 * 0.6 + 0.3 / 4)
    assert np.array_equal(facts.beside(words, [one, two], 0)[:, :2], words)
    in_image = two.model_copy(update={"metadata": {"images": ["a", "b"], "setting": "vision"}})
    assert facts([two])[0] @ facts([in_image])[0] == pytest.approx(3 / 4)


def test_images_are_counted_by_the_metadata_or_the_marks_in_the_text() -> None:
    source = random.Random(0)
    marks = {"question": "Is <image 1> or <image 2> larger? See <image 1>.", "metadata": {}}
    marked = asked(1, source).model_copy(update=marks)
    assert image_count(marked) == 2
    assert image_count(asked(1, source)) == 0
    assert image_count(marked.model_copy(update={"metadata": {"images": []}})) == 0
    with pytest.raises(DataError, match=r"question '1': metadata\.images: expected a list .* 'a'"):
        image_count(asked(1, source, images="a"))


def test_a_router_with_facts_is_saved_and_takes_a_model(tmp_path) -> None:
    table, unseen = image_table(0), image_table(1).questions
    router = routers.from_text("knn:facts=0.5,k=20").fit(table)
    router.save(tmp_path)
    assert np.array_equal(routers.load(tmp_path).scores(unseen), router.scores(unseen))
    renamed = [o.model_copy(update={"model": "late"}) for o in image_table(2, 60)]
    late = [o for number, o in enumerate(renamed) if number % 2 == 0]
    card = ModelCard(name="late", price=Price(input=1, output=1))
    router.add_model("late", OutcomeTable([card], image_table(2, 60).questions, late))
    assert router.scores(unseen).shape == (200, 3)
