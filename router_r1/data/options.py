"""TODO."""

from __future__ import annotations

import string

from router_r1.data.questions import Question
from router_r1.errors import DataError

LETTERS = string.ascii_uppercase
"""Of options, in order."""


def with_options(question: Question) -> str:
    """The question's text with its options below, lettered; unless they stand there already."""
    if not question.choices:
        return question.question
    if len(question.choices) > len(LETTERS):
        raise DataError(
            f"the question {question.id!r} has {len(question.choices)} options; the most is {len(LETTERS)}"
        )
    text, options = question.question.rstrip(), options_below(question)
    return text if text.endswith(options) else f"{text}\n{options}"


def options_below(question: Question) -> str:
    """The options of a question, lettered, one a line; empty without options."""
    pairs = zip(LETTERS, question.choices or (), strict=False)
    return "\n".join(f"({letter}) {text}" for letter, text in pairs)
