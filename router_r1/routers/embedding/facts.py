"""Facts of a question that its words do not show: how many images it has, whether it is all in an image, its options.

A sentence model does not count `<image 1> ... <image 2>`, and models differ in who reads several images. Each fact is
one of a few kinds, so that the cosine of two questions' facts is the share of facts in which they agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from router_r1.data.questions import Question
from router_r1.errors import DataError, shown_name
from router_r1.routers.embedding.base import text_of
from router_r1.routers.libraries import Arrays, Floats, Ints, np

_MARK = re.compile(r"<image (\d+)>")
_MOST_IMAGES = 3  # this many or more
_OPTIONS = (1, 5, 10)  # least numbers of options of the second to fourth kind
_KINDS = (_MOST_IMAGES + 1, 2, len(_OPTIONS) + 1, 4)  # of images, place, options, length


def image_count(question: Question) -> int:
    """How many images a question has: `metadata.images`, a list of ids, or the distinct marks `<image 1>` in the text.

    Raises:
        DataError: `metadata.images` is no list.
    """
    images = question.metadata.get("images")
    if images is None:
        return len(set(_MARK.findall(text_of(question))))
    if not isinstance(images, list):
        raise DataError(
            f"question {shown_name(question.id)!r}: metadata.images: expected a list with an id for each image, "
            f"got {shown_name(images)!r}"
        )
    return len(images)


def is_all_image(question: Question) -> bool:
    """Whether models see the question and its options as an image alone: `metadata.setting` is `vision` (MMMU-Pro)."""
    return question.metadata.get("setting") == "vision"


class QuestionFacts:
    """Vectors of facts: number of images (0, 1, 2, more), all in an image, number of options, length in quarters."""

    def __init__(self, lengths: Floats) -> None:
        """
        Args:
            lengths: three bounds of the length in characters, between quarters of the training questions.
        """
        self._lengths = lengths

    @classmethod
    def fit(cls, questions: Sequence[Question]) -> QuestionFacts:
        """Learn the bounds of the length; all other kinds are fixed."""
        return cls(np.percentile([len(text_of(q)) for q in questions], [25, 50, 75]))

    def __call__(self, questions: Sequence[Question]) -> Floats:
        """[n, 14] vectors of length 1: a column for each kind of each fact."""
        kinds = self._kinds(questions)
        parts = [np.eye(count)[kinds[:, fact]] for fact, count in enumerate(_KINDS)]
        vectors: Floats = np.hstack(parts) / len(_KINDS) ** 0.5
        return vectors

    def beside(self, vectors: Floats, questions: Sequence[Question], share: float) -> Floats:
        """[n, d + 14]: the facts appended to vectors [n, d] of the texts; lengths stay 1.

        The cosine of two rows is `(1 - share) x cosine of the texts + share x share of facts that agree`.
        """
        joined: Floats = np.hstack(
            [(1 - share) ** 0.5 * vectors, share**0.5 * self(questions)],
        )
        return joined

    def arrays(self) -> Arrays:
        """What `__init__` takes, by name."""
        return {"lengths": self._lengths}

    def _kinds(self, questions: Sequence[Question]) -> Ints:
        """[n, facts] the kind of each fact."""
        rows = [
            (
                min(image_count(q), _MOST_IMAGES),
                int(is_all_image(q)),
                np.searchsorted(_OPTIONS, len(q.choices or ()), side="right"),
                np.searchsorted(self._lengths, len(text_of(q)), side="left"),
            )
            for q in questions
        ]
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(_KINDS))
