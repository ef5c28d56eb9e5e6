"""Grading: which texts of a reply are graded."""

from router_r1.data.questions import Question
from router_r1_eval.run.grader import MetricGrader
from router_r1_eval.run.grading import graded_texts


def test_a_reply_and_the_answer_in_it_are_both_graded() -> None:
    question = Question(id="q", question="?", answer="It's a Wonderful Life", metric="em")
    assert "It's a Wonderful Life" in graded_texts("It's a Wonderful Life", "em")
    grader = MetricGrader()
    assert max(grader(question, p) for p in graded_texts("It's a Wonderful Life", "em")) == 1
    long = "I know this one.\nThe answer is It's a Wonderful Life."
    assert max(grader(question, p) for p in graded_texts(long, "em")) == 1
    assert graded_texts(long, "math") == (long,)
