"""Grading: a reply and the answer in it are both graded."""

import pytest

from router_r1.data.questions import Question
from router_r1_eval.run.grader import MetricGrader

FILM = Question(id="q", question="?", answer="It's a Wonderful Life", metric="em")


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("It's a Wonderful Life", 1),  # although "It's" often is no part of an answer
        ("I know this one.\nThe answer is It's a Wonderful Life.", 1),
        ("<think>It's a Wonderful Life?</think>I don't know.", 0),
        (None, 0),
    ],
)
def test_a_reply_and_the_answer_in_it_are_both_graded(reply: str | None, score: float) -> None:
    assert MetricGrader()(FILM, reply) == score
