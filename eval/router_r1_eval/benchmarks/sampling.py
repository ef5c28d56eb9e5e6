"""Which questions a limited run asks: those whose ids have the smallest hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from router_r1.data.questions import Question


def sample(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """At most `limit` questions, in their order. A larger sample contains a smaller one, on every machine."""
    if limit is None or limit >= len(questions):
        return list(questions)
    chosen = {question.id for question in sorted(questions, key=_id_hash)[:limit]}
    return [question for question in questions if question.id in chosen]


def _id_hash(question: Question) -> bytes:
    return hashlib.sha256(f"sample {question.id}".encode()).digest()
