"""The metrics em, f1 and contains."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1_reward import grade, metrics

MANY = settings(max_examples=200, deadline=None)

words = st.text(st.sampled_from("ab c.-'the"), min_size=1).filter(str.strip)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("Paris", "Paris", 1),
        ("  the PARIS. ", "paris", 1),
        ("An apple", "apple", 1),
        ("J.K. Rowling", "JK Rowling", 1),
        ("it's", "its", 1),
        ("1,000", "1000", 1),
        ("theory", "ory", 0),  # articles are words
        ("Paris, France", "Paris", 0),
        ("well-known", "well known", 0),
        ("", "Paris", 0),
        ("The", "A", 0),  # nothing is left of either
        ("+", "+", 1),
        ("+", "-", 0),
    ],
)
def test_exact_match(answer: str, gold: str, expected: float) -> None:
    assert grade(answer, [gold], "em") == expected


@pytest.mark.parametrize(
    ("reply", "gold", "expected"),
    [
        ("The answer is water (H<sub>2</sub>O).", "water (H2O)", 1),  # markup within a word
        (r"So \boxed{a\text{b}c} and \boxed{d}", "nothing", 0),
        ("Answer:Rome. It is old.", "Rome", 1),  # punctuation glues words together
        ("It is old.\n\nAnswer: A", "The", 0),
        ("I would pick A.", "A", 1),  # normalisation leaves nothing of it
        ("The answer is Rome.", "Paris", 0),
    ],
)
def test_the_answer_in_a_reply_is_found_where_it_may_score(
    reply: str, gold: str, expected: float
) -> None:
    assert grade(reply, [gold], "em") == expected


def test_no_answer_is_extracted_where_no_part_of_the_reply_can_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "extract_answer", lambda text: pytest.fail(f"read {text!r}"))
    assert grade("The answer is Rome.", ["Paris", "Paris, France"], "em") == 0


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("Paris", "Paris", 1),
        ("Paris France", "Paris", 2 / 3),
        ("the city of Paris", "Paris", 2 / 4),
        ("a a b", "a b b", 1 / 2 * 4 / 3),  # the article a goes: "b" and "b b"
        ("x x y", "x y y", 2 / 3),  # multisets: one x and one y are shared
        ("x x x", "x", 1 / 2),
        ("yes", "yes", 1),
        ("yes it is", "yes", 0),
        ("no", "no way", 0),
        ("noanswer", "no answer", 0),
        ("London", "Paris", 0),
        ("", "Paris", 0),
    ],
)
def test_f1(answer: str, gold: str, expected: float) -> None:
    assert grade(answer, [gold], "f1") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("It is Paris, of course.", "Paris", 1),
        ("The answer: the Eiffel-Tower", "eiffeltower", 1),
        ("parish", "Paris", 0),
        ("1999", "99", 0),
        ("in New York City", "New York", 1),
        ("New", "New York", 0),
        ("", "Paris", 0),
        ("a", "the", 0),
    ],
)
def test_contains(answer: str, gold: str, expected: float) -> None:
    assert grade(answer, [gold], "contains") == expected


@pytest.mark.parametrize("metric", ["em", "f1", "contains"])
@MANY
@given(st.lists(words, min_size=1, max_size=3), words)
def test_gold_answers_score_1_and_all_scores_are_from_0_to_1(
    metric: str, golds: list[str], other: str
) -> None:
    assert all(grade(gold, golds, metric) == 1 for gold in golds)
    assert 0 <= grade(other, golds, metric) <= 1


@MANY
@given(words, words)
def test_em_implies_f1_and_contains(answer: str, gold: str) -> None:
    if grade(answer, [gold], "em"):
        assert grade(answer, [gold], "f1") == grade(answer, [gold], "contains") == 1
