"""What a small policy and the planner know about a question without reading it: category, kind of options, length.

All thresholds come from the training questions.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question

LENGTH_BUCKETS = 4
"""Number of buckets of question length, which hold about equally many training questions."""
OPTION_KINDS = ("full", "fewer", "open")
"""`full`: as many options as the table's question with the most; `fewer`: fewer than that; `open`: no options."""
NO_CATEGORY = "none"
"""Category of a question that states none."""


@dataclass(frozen=True, slots=True)
class QuestionFeatures:
    """What a small policy reads instead of the question's text."""

    category: str
    options: str
    """One of `OPTION_KINDS`."""
    length: int
    """1 (short) to `LENGTH_BUCKETS`, by the quantiles of the training questions."""

    def __str__(self) -> str:
        return f"category {self.category}; options {self.options}; length {self.length}"


@dataclass(frozen=True)
class FeatureExtractor:
    """Maps questions to features; fitted on the training questions by `fit`."""

    categories: tuple[str, ...]
    """Categories of the training questions, sorted."""
    length_edges: tuple[int, ...]
    """Inner edges of the length buckets, in characters."""
    most_options: int
    """Largest number of options of any question in the table."""

    @classmethod
    def fit(cls, train: Sequence[Question], most_options: int) -> FeatureExtractor:
        """Learn categories and length buckets.

        Args:
            train: the training questions.
            most_options: largest number of options of any question in the table.
        """
        return cls(
            tuple(sorted({question.category or NO_CATEGORY for question in train})),
            tuple(quantile_edges([len(question.question) for question in train], LENGTH_BUCKETS)),
            most_options,
        )

    def __call__(self, question: Question) -> QuestionFeatures:
        """The features of one question."""
        count = len(question.choices or ())
        return QuestionFeatures(
            question.category or NO_CATEGORY,
            "open" if not count else "full" if count == self.most_options else "fewer",
            1 + bisect.bisect_right(self.length_edges, len(question.question)),
        )


def quantile_edges(values: Sequence[int], buckets: int) -> list[int]:
    """Inner edges of `buckets` buckets that hold about equally many values; empty without values."""
    ordered = sorted(values)
    if not ordered:
        return []
    return [ordered[len(ordered) * bucket // buckets] for bucket in range(1, buckets)]
