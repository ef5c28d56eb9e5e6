"""Groups of questions: categories where there are any, the nearest for an unseen one, and clusters of texts without."""

import random
from collections import Counter

import pytest

from router_r1.data.questions import Question
from router_r1_envs.worlds.recorded_world.question_groups import NO_CATEGORY, QuestionGroups

pytest.importorskip("sklearn")

KINDS = {
    "sums": "What is {} plus {}? Give the sum as a number.",
    "poems": "Write a poem about river {} and mountain {}, in rhymes.",
    "law": "Is contract {} void under article {} of the civil code?",
}


def questions(count: int, *, categories: bool) -> list[Question]:
    source = random.Random(0)
    made = []
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        text = KINDS[kind].format(source.randrange(10**6), source.randrange(10**6))
        made.append(
            Question(
                id=f"{kind}{number}",
                question=text,
                answer="1",
                metric="em",
                category=kind if categories else None,
            )
        )
    return made


def test_groups_are_categories_and_no_text_is_read(monkeypatch) -> None:
    monkeypatch.setattr("router_r1_envs.worlds.recorded_world.question_groups.make_embedding", None)
    train = questions(90, categories=True)
    groups = QuestionGroups(train)
    assert groups.names == ("law", "poems", "sums")
    assert groups.of(train) == [q.category for q in train]
    assert groups.places(train[:3]).tolist() == [2, 1, 0]


def test_an_unseen_category_is_in_the_group_with_the_most_similar_texts() -> None:
    groups = QuestionGroups(questions(90, categories=True))
    for asked in questions(30, categories=True):
        kind = asked.category
        unseen = asked.model_copy(update={"id": f"new {asked.id}", "category": "unheard of"})
        assert groups(unseen) == kind
    without = asked.model_copy(update={"id": "without", "category": None})
    assert groups(without) == kind


def test_questions_without_a_category_beside_others_are_a_group() -> None:
    train = [
        q.model_copy(update={"category": None}) if q.category == "law" else q
        for q in questions(90, categories=True)
    ]
    groups = QuestionGroups(train)
    assert groups.names == ("poems", "sums", NO_CATEGORY)
    assert {groups(q) for q in train if q.category is None} == {NO_CATEGORY}


def test_a_table_without_categories_is_clustered_by_text() -> None:
    train = questions(180, categories=False)
    groups = QuestionGroups(train)
    assert groups.names == ("cluster1", "cluster2", "cluster3")
    new = questions(300, categories=False)[180:]
    pairs = Counter((q.id.rstrip("0123456789"), groups(q)) for q in [*train, *new])
    assert len(pairs) == 3, "each kind is one cluster"
    again = QuestionGroups(train)
    assert again.of(new) == groups.of(new)


def test_few_questions_without_categories_are_one_group() -> None:
    train = questions(60, categories=False)
    groups = QuestionGroups(train)
    assert groups.names == (NO_CATEGORY,)
    assert set(groups.of(train)) == {NO_CATEGORY}
