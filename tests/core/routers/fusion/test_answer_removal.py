"""A reply without its final answer."""

import pytest

from router_r1.answers import answer_key, extract_answer
from router_r1.data.questions import Question
from router_r1.routers.fusion.answer_removal import MARK, answers_of, without_answer


@pytest.mark.parametrize(
    ("reply", "answers", "kept", "gone"),
    [
        ("16 - 7 = 9 eggs.\n9 * 2 = 18.\nThe answer is 18.", ["18"], ["16 - 7 = 9"], ["18"]),
        ("Half of 2,400 is 1,200.\n\\boxed{1200}", ["1200"], ["2,400"], ["1,200", "1200"]),
        ("118 pages and 18 more, 0.18 each. So 18.", ["18"], ["118", "0.18"], [" 18"]),
        (
            "<think>It is Rome!</think>It lies on the Tiber. Answer: Rome",
            ["Rome"],
            ["Tiber"],
            ["Rome", "think"],
        ),
        ("A rule of thumb: ask first. The answer is (A).", ["A"], ["A rule of thumb"], ["(A)"]),
        ("Wrong sum, 5 + 5 = 11.\nAnswer: 11", ["10"], ["5 + 5"], ["11"]),
    ],
)
def test_the_way_is_kept_and_the_answer_goes(reply, answers, kept, gone) -> None:
    left = without_answer(reply, answers)
    assert all(text in left for text in kept), left
    assert not any(text in left for text in gone), left
    stated = extract_answer(left)
    assert stated is None or answer_key(stated) not in map(answer_key, answers)


@pytest.mark.parametrize("reply", ["18", "The answer is 18.", "<answer>18</answer>", ""])
def test_a_reply_that_is_nothing_but_its_answer_leaves_nothing(reply) -> None:
    assert without_answer(reply, ["18"]) == ""


def test_the_text_of_the_right_option_is_an_answer_too() -> None:
    question = Question(
        id="1", question="Who?", answer="B", metric="choice", choices=("Kant", "Hume")
    )
    assert answers_of(question) == ["B", "Hume"]
    left = without_answer("Empiricists doubt causes. Hume did. (B)", answers_of(question))
    assert "Hume" not in left and "Empiricists" in left
    assert MARK in without_answer("Hume did, as all know well. Kant woke up.", ["Hume"])
