"""Training, validation and test splits of questions, by a hash of the question's id."""

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
    """Used to choose checkpoints, levels and thresholds."""
    TEST = "test"
    """Used for the reported figures."""


def split_of(key: str, *, validation: float = 0.1, test: float = 0.3) -> Split:
    """The split of a question, from a hash of its id: it does not depend on what other questions there are.

    Args:
        key: the question's id.
        validation: share of the validation split, 0 to 1.
        test: share of the test split, 0 to 1; training gets the rest.
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
    """Divide questions into splits; see `split_of`.

    Args:
        questions: all questions.
        validation: share of the validation split, 0 to 1.
        test: share of the test split, 0 to 1; not used when `tested` is given.
        tested: the ids of the test split; all other questions are divided into training and validation.

    Raises:
        DataError: two questions have the same id; or the same text and options (`Question.content_key`) in different
            splits, so that a model could have seen the answer in training.
    """
    splits: dict[Split, list[Question]] = {split: [] for split in Split}
    ids: set[str] = set()
    seen: dict[tuple[str, ...], tuple[str, Split]] = {}
    for question in questions:
        if question.id in ids:
            raise DataError(f"two questions have the id {question.id!r}; give each its own")
        ids.add(question.id)
        if tested is None:
            split = split_of(question.id, validation=validation, test=test)
        elif question.id in tested:
            split = Split.TEST
        else:
            split = split_of(question.id, validation=validation, test=0.0)
        other, of = seen.setdefault(question.content_key, (question.id, split))
        if of is not split:
            options = " and options" if question.choices else ""
            raise DataError(
                f"the questions {other!r} ({of}) and {question.id!r} ({split}) have the same text{options}; "
                f"remove one of them"
            )
        splits[split].append(question)
    return splits


def larger_share(
    keys: Iterable[str], split: Split, *, validation: float, test: float
) -> float | None:
    """A share of an empty validation or test split with which no split is empty; None if there is none up to a half.

    Args:
        keys: ids of all questions.
        split: the one that is empty.
        validation: its present share.
        test: its present share.
    """
    ids = tuple(keys)
    shares = {Split.VALIDATION: validation, Split.TEST: test}
    for share in (0.2, 0.3, 0.4, 0.5) if split in shares else ():
        tried = shares | {split: share}
        found = {
            split_of(key, validation=tried[Split.VALIDATION], test=tried[Split.TEST]) for key in ids
        }
        if len(found) == len(Split):
            return share
    return None
