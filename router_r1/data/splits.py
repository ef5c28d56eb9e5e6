"""TODO."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from enum import StrEnum

from router_r1.data.questions import Question
from router_r1.errors import DataError


class Split(StrEnum):
    """What a question may be used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    """For choices: checkpoints, levels, thresholds."""
    TEST = "test"
    """For numbers that are quoted."""


def split_of(key: str, *, validation: float = 0.1, test: float = 0.3) -> Split:
    """The split a question belongs to, for ever: a hash of its id, so that it does not depend on what else there is.

    Args:
        key: the id.
        validation, test: the shares of these splits; training gets the rest.
    """
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if place < test:
        return Split.TEST
    return Split.VALIDATION if place < test + validation else Split.TRAIN


def split_questions(
    questions: Iterable[Question],
    *,
    validation: float = 0.1,
    test: float = 0.3,
    tested: Collection[str] | None = None,
) -> dict[Split, list[Question]]:
    """Questions by the split that a hash of their id gives them.

    Args:
        questions: all of them.
        validation, test: shares of these splits.
        tested: ids that are the test split; then the others are never in it, and `test` does not count.

    Raises:
        DataError: two questions have the same id, or the same text in different splits: a model could have seen the
            answer in training.
    """
    splits: dict[Split, list[Question]] = {split: [] for split in Split}
    ids: set[str] = set()
    texts: dict[str, tuple[str, Split]] = {}
    for question in questions:
        if question.id in ids:
            raise DataError(f"two questions have the id {question.id!r}; ids are unique")
        ids.add(question.id)
        if tested is None:
            split = split_of(question.id, validation=validation, test=test)
        elif question.id in tested:
            split = Split.TEST
        else:
            split = split_of(question.id, validation=validation, test=0.0)
        text = " ".join(question.question.casefold().split())
        other, of = texts.setdefault(text, (question.id, split))
        if of is not split:
            raise DataError(
                f"the questions {other!r} ({of}) and {question.id!r} ({split}) have the same text; "
                f"remove one of them"
            )
        splits[split].append(question)
    return splits
