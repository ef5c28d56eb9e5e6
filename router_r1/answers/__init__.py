"""Answers: what a reply finally states, and when two answers are equal.

This is the one reader of replies. Graders, votes, aggregators and the evaluation all use it.
"""

from router_r1.answers.extraction import (
    FinalAnswer,
    abstains,
    extract_answer,
    final_answer,
    is_unfinished,
)
from router_r1.answers.keys import answer_key, normalize_answer
from router_r1.answers.statements import Form
from router_r1.answers.thoughts import without_thoughts

__all__ = [
    "FinalAnswer",
    "Form",
    "abstains",
    "answer_key",
    "extract_answer",
    "final_answer",
    "is_unfinished",
    "normalize_answer",
    "without_thoughts",
]
