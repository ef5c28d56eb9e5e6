"""Answers: what a reply finally states, and when two answers are equal.

This is the one reader of replies. Graders, votes, aggregators and the evaluation all use it.
"""

from router_r1.answers.extraction import abstains, extract_answer
from router_r1.answers.keys import answer_key, normalize_answer
from router_r1.answers.thoughts import without_thoughts

__all__ = ["abstains", "answer_key", "extract_answer", "normalize_answer", "without_thoughts"]
