"""The order of a world's questions: by a hash of their ids.

Files are often sorted by subject, or are several data sets one after the other. `limit` takes the first questions of a
split, and these must be like the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from router_r1.data.questions import Question


def in_hash_order(questions: Iterable[Question], seed: int = 0) -> list[Question]:
    """The questions in an order that depends on their ids and the seed only, not on the order they come in.

    Args:
        questions: questions with different ids.
        seed: another one gives another order.
    """

    def place(question: Question) -> bytes:
        return hashlib.sha256(f"{seed}:{question.id}".encode()).digest()

    return sorted(questions, key=place)
