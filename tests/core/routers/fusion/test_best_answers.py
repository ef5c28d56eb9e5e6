"""The best answers of a table: ranked by score, then cost; nothing is lost without being counted."""

from collections import Counter

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.model_cards import ModelCard
from router_r1.routers.fusion.best_answers import best_answers, question_key
from router_r1.token_prices import Price

CARDS = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in (("dear", 9), ("cheap", 1))]


def asked(key: str, text: str, **more) -> Question:
    return Question(id=key, question=text, answer="4", metric="em", **more)


def said(key: str, model: str, text: str, score: float, sample: int = 0) -> Outcome:
    return Outcome(
        id=key, model=model, text=text, score=score, input_tokens=5, output_tokens=5, sample=sample
    )


QUESTIONS = [asked("a", "2 + 2?"), asked("b", "What is 1 + 3?"), asked("c", "3 + 1?")]
OUTCOMES = [
    said("a", "dear", "It is 4.", 1.0),
    said("a", "cheap", "Two and two: 4.", 1.0),
    said("a", "cheap", "Two  and two: 4.", 1.0, sample=1),
    said("a", "dear", "Nearly 4.", 0.7, sample=1),
    said("b", "dear", " ", 0.0),
    said("b", "cheap", "Five.", 0.0),
    said("c", "cheap", "4", 1.0),
]


def test_they_are_ranked_by_score_then_cost_and_equal_texts_count_once() -> None:
    counts = Counter()
    found = best_answers(OutcomeTable(CARDS, QUESTIONS, OUTCOMES), most=5, counts=counts)
    assert [best.question.id for best in found] == ["a", "c"]
    texts = [outcome.text for outcome in found[0].outcomes]
    assert texts == ["Two and two: 4.", "It is 4.", "Nearly 4."]
    assert counts == {
        "questions used": 2,
        "answers used": 4,
        "answers that repeat another": 1,
        "empty answers": 1,
        "answers below the least score": 1,
        "questions without a good answer": 1,
    }


def test_excluded_questions_are_recognised_by_id_and_by_text() -> None:
    table, counts = OutcomeTable(CARDS, QUESTIONS, OUTCOMES), Counter()
    test = [asked("other", "2 + 2"), asked("b", "Something else")]
    found = best_answers(table, exclude=test, counts=counts)
    assert [best.question.id for best in found] == ["c"]
    assert counts["questions left out by text"] == counts["questions left out by id"] == 1
    with pytest.raises(DataError, match="no answer can be learned from"):
        best_answers(table, exclude=QUESTIONS, counts=Counter())


def test_the_same_stem_with_other_options_is_another_question() -> None:
    one = asked("1", "Which is true?", choices=("a cat", "a dog"))
    other = asked("2", "Which is true?", choices=("a cat", "a cow"))
    assert question_key(one) != question_key(other)
    assert question_key(one) == question_key(one.model_copy(update={"question": "which is TRUE"}))
