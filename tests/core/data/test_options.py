"""Options in the text of a question."""

import pytest

from router_r1.data.options import with_options
from router_r1.data.questions import Question
from router_r1.errors import DataError


def question(text: str = "Which colour?", choices: tuple[str, ...] = ("red", "green")) -> Question:
    return Question(id="q1", question=text, choices=choices, answer="A", metric="choice")


def test_options_are_added_to_the_question_once() -> None:
    once = question(with_options(question()))
    assert with_options(once) == with_options(question()) == "Which colour?\n(A) red\n(B) green"


def test_more_options_than_letters_are_an_error() -> None:
    with pytest.raises(DataError, match="30 options; at most 26"):
        with_options(question(choices=tuple("x" * 30)))
