"""Permuted options and digits: a policy that reads short answers learns which models agree, not which letter is right.

A permuted question carries its permutation in `metadata`: `letters` holds the new letter of each original option,
`digits` the new digit for each digit. Recorded answers are translated with it when a policy reads them.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable
from typing import Any

from router_r1.data.options import LETTERS, with_options
from router_r1.data.questions import Question

# A decimal number, with or without currency, thousands separators and percent. A fraction (1/2) has two notations, which
# permuted digits would make unequal.
_DECIMAL = re.compile(
    r"[+-]?[$€£]?[+-]?(?:\d{1,3}(?:,\d{3})+|\d*)(?:\.\d+)?\s?[$€£%]?\.?", re.ASCII
)


def permute(original: Question, recorded: Iterable[str], seed: int) -> Question | None:
    """The question with its options in another order or, where every answer is a number, with other digits.

    Zero stays zero, so that equal numbers stay equal (1.50 and 1.5). The permutation depends only on the question's id
    and the seed.

    Args:
        original: the question as stored in the table, without options in its text.
        recorded: the short answers that the table holds for it.
        seed: seed of the permutation.

    Returns:
        The permuted question, its gold answers translated; None if its answers can be neither permuted nor translated.
    """
    source = random.Random(f"{seed}:{original.id}")
    if original.choices:
        order = list(range(len(original.choices)))
        source.shuffle(order)
        letters = [""] * len(order)
        for place, option in enumerate(order):
            letters[option] = LETTERS[place]
        change: dict[str, Any] = {
            "choices": tuple(original.choices[option] for option in order),
            "metadata": original.metadata | {"letters": "".join(letters)},
        }
    elif all(map(_is_decimal, (*original.answers, *recorded))):
        digits = "0" + "".join(source.sample(string.digits[1:], 9))
        change = {"metadata": original.metadata | {"digits": digits}}
    else:
        return None
    moved = original.model_copy(update=change)
    answers = tuple(translate(moved, answer) for answer in original.answers)
    answer = answers[0] if isinstance(original.answer, str) else answers
    return moved.model_copy(update={"question": with_options(moved), "answer": answer})


def _is_decimal(text: str) -> bool:
    return _DECIMAL.fullmatch(text.strip()) is not None and any(map(str.isdigit, text))


def translate(question: Question, answer: str) -> str:
    """A recorded answer in the letters or digits of a permuted question; unchanged for any other question."""
    if digits := question.metadata.get("digits"):
        return answer.translate(str.maketrans(string.digits, digits))
    letters: str = question.metadata.get("letters", "")
    place = LETTERS.find(answer) if len(answer) == 1 else -1
    return letters[place] if 0 <= place < len(letters) else answer
