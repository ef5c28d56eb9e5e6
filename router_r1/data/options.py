"""The options of a multiple-choice question, as lettered lines below its text."""

from __future__ import annotations

import string

from router_r1.data.questions import Question
from router_r1.errors import DataError

LETTERS = string.ascii_uppercase
"""The letters of options, in order."""


def with_options(question: Question) -> str:
    """The question's text with its lettered options below, added unless the text already ends in them.

    Raises:
        DataError: the question has more options than there are letters.
    """
    if not question.choices:
        return question.question
    if len(question.choices) > len(LETTERS):
        raise DataError(
            f"the question {question.id!r} has {len(question.choices)} options; at most {len(LETTERS)} can be lettered"
        )
    text, options = question.question.rstrip(), options_below(question)
    return text if text.endswith(options) else f"{text}\n{options}"


def options_below(question: Question) -> str:
    """The lettered options of a question, one a line; empty without options."""
    pairs = zip(LETTERS, question.choices or (), strict=False)
    return "\n".join(f"({letter}) {text}" for letter, text in pairs)
