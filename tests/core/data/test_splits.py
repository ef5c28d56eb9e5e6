"""Splits: which one a question is in, and that no id and no text is in two."""

import pytest

from router_r1.data.questions import Question
from router_r1.data.splits import Split, larger_share, split_of, split_questions
from router_r1.errors import DataError


def question(name: str, text: str | None = None) -> Question:
    return Question(id=name, question=text or f"What is {name}?", answer="x", metric="em")


def ids_in(split: Split, count: int) -> list[str]:
    """The first ids of a series that belong to a split."""
    ids = (f"q{n}" for n in range(1000))
    return [name for name in ids if split_of(name) is split][:count]


def test_every_question_is_in_the_split_of_its_id():
    splits = split_questions(question(f"q{n}") for n in range(300))
    assert sum(map(len, splits.values())) == 300
    assert all(split_of(q.id) is split for split, found in splits.items() for q in found)
    assert all(splits.values())


def test_more_questions_move_none_to_another_split():
    few, many = (
        {q.id: s for s, found in split_questions(map(question, ids)).items() for q in found}
        for ids in ([f"q{n}" for n in range(50)], [f"q{n}" for n in range(500)])
    )
    assert all(many[name] is split for name, split in few.items())


def test_a_repeated_id_is_an_error():
    with pytest.raises(DataError, match="two questions have the id 'q1'"):
        split_questions([question("q1"), question("q1", "Another text?")])


def test_the_same_text_in_two_splits_is_an_error_whatever_its_case_and_spaces():
    (train,), (test,) = ids_in(Split.TRAIN, 1), ids_in(Split.TEST, 1)
    pair = [question(train, "What is  it?"), question(test, "what IS it?")]
    with pytest.raises(DataError) as caught:
        split_questions(pair)
    assert repr(train) in str(caught.value) and repr(test) in str(caught.value)
    assert "(train)" in str(caught.value) and "(test)" in str(caught.value)


def test_the_same_text_with_other_options_or_images_is_another_question():
    (train,), (test,) = ids_in(Split.TRAIN, 1), ids_in(Split.TEST, 1)

    def pair(field, one, other):
        found = (question(train, "Which is true?"), question(test, "Which is true?"))
        return [q.model_copy(update={field: v}) for q, v in zip(found, (one, other), strict=True)]

    split_questions(pair("choices", ("a", "b"), ("a", "c")))
    split_questions(pair("metadata", {"images": ["1.png"]}, {"images": ["2.png"]}))
    with pytest.raises(DataError, match="have the same text and options"):
        split_questions(pair("choices", ("a", "b"), ("B", "a")))
    with pytest.raises(DataError, match="have the same text;"):
        split_questions(pair("metadata", {"images": ["1.png"]}, {"images": ["1.png"], "level": 2}))


def test_the_same_text_twice_in_one_split_is_allowed():
    first, second = ids_in(Split.TRAIN, 2)
    splits = split_questions([question(first, "What?"), question(second, "What?")])
    assert len(splits[Split.TRAIN]) == 2


def test_the_split_of_a_question_never_changes():
    # A promise: another hash would move test questions into training.
    found = {name: str(split_of(name)) for name in ("q1", "q2", "q3", "q4", "q5")}
    assert found == {
        "q1": "train",
        "q2": "train",
        "q3": "validation",
        "q4": "test",
        "q5": "test",
    }


def test_splits_have_the_requested_shares():
    keys = [f"question {n}" for n in range(20_000)]

    def share(split, **shares):
        return sum(split_of(key, **shares) is split for key in keys) / len(keys)

    assert share(Split.TEST) == pytest.approx(0.3, abs=0.02)
    assert share(Split.VALIDATION) == pytest.approx(0.1, abs=0.02)
    assert share(Split.TRAIN, validation=0, test=0) == 1
    assert share(Split.TEST, validation=0.0, test=0.5) == pytest.approx(0.5, abs=0.02)


def test_a_small_table_is_told_the_share_that_fills_an_empty_split():
    ids = [*ids_in(Split.TRAIN, 8), *ids_in(Split.TEST, 4)]
    share = larger_share(ids, Split.VALIDATION, validation=0.1, test=0.3)
    assert share is not None and share > 0.1
    assert {split_of(key, validation=share, test=0.3) for key in ids} == set(Split)
    assert larger_share(ids[:1], Split.VALIDATION, validation=0.1, test=0.3) is None
