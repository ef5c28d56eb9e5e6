"""What a small policy and the planner know about a question without reading it: its group, kind of options, length.

All thresholds come from the training questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1_envs.worlds.recorded_world.question_groups import NO_CATEGORY, QuestionGroups
from router_r1_envs.worlds.recorded_world.relative_lengths import RelativeLengths

OPTION_KINDS = ("full", "fewer", "open")
"""`full`: as many options as the table's question with the most; `fewer`: fewer than that; `open`: no options."""


@dataclass(frozen=True, slots=True)
class QuestionFeatures:
    """What a small policy reads instead of the question's text."""

    category: str
    """Its group (`question_groups.py`)."""
    options: str
    """One of `OPTION_KINDS`."""
    length: int
    """1 (short) to 4, within the group."""

    def __str__(self) -> str:
        return f"category {self.category}; options {self.options}; length {self.length}"


@dataclass(frozen=True)
class FeatureExtractor:
    """Maps questions to features; fitted on the training questions by `fit`."""

    categories: tuple[str, ...]
    """Categories of the training questions, sorted."""
    groups: QuestionGroups
    """Their groups: the same, or clusters."""
    lengths: RelativeLengths
    """Buckets of length in characters."""
    most_options: int
    """Largest number of options of any question in the table."""

    @classmethod
    def fit(cls, train: Sequence[Question], most_options: int) -> FeatureExtractor:
        """Learn categories and length buckets.

        Args:
            train: the training questions.
            most_options: largest number of options of any question in the table.
        """
        groups = QuestionGroups(train)
        lengths = [len(question.question) for question in train]
        return cls(
            tuple(sorted(set(map(category_of, train)))),
            groups,
            RelativeLengths.fit(list(zip(groups.of(train), lengths, strict=True))),
            most_options,
        )

    def __call__(self, question: Question) -> QuestionFeatures:
        """The features of one question."""
        count, group = len(question.choices or ()), self.groups(question)
        return QuestionFeatures(
            group,
            "open" if not count else "full" if count == self.most_options else "fewer",
            1 + self.lengths.bucket(group, len(question.question)),
        )


def category_of(question: Question) -> str:
    """The category of a question; `NO_CATEGORY` if it states none."""
    return question.category or NO_CATEGORY
