"""The questions of an outcome table as arrays: what every candidate answered, its score, and what the answer cost.

Baselines are computed on these arrays, all questions at once. The answers to a question are the different short answers
of its candidates, compared by `answer_key` and numbered in the order of the candidates; letters, numbers and names are
treated alike. (The planner reads all samples: `router_r1_envs.planner.responses`.)

An outcome that is not recorded counts as a call without an answer that scores 0 and costs nothing, as in an episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_r1.answers import answer_key
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1_envs.worlds.recorded_world.question_features import FeatureExtractor, category_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_OPEN_QUESTION_OPTIONS = 10  # assumed for an open question, where the chance of a guess matters


@dataclass(frozen=True)
class TableArrays:
    """n questions x m candidates."""

    names: tuple[str, ...]
    """The candidates, in the order of columns."""
    questions: tuple[Question, ...]
    answer: Ints
    """[n, m] equal numbers for equal answers to a question, counted from 0; -1 for no answer."""
    score: Floats
    """[n, m] score of each candidate, 0 to 1."""
    cost: Floats
    """[n, m] dollars."""
    category: Ints
    """[n] index into the training categories; one past the last for a category that training does not have."""
    options: Floats
    """[n] number of options; 10 for an open question."""

    def __len__(self) -> int:
        return len(self.questions)

    @classmethod
    def of(
        cls, table: OutcomeTable, questions: Sequence[Question], features: FeatureExtractor
    ) -> TableArrays:
        """The arrays of some questions of a table.

        Args:
            table: the recorded outcomes; the first sample of each counts.
            questions: n questions of the table.
            features: fitted on the training questions.
        """
        n, m = len(questions), len(table.names)
        answer = np.full((n, m), -1, dtype=np.int64)
        score, cost = np.zeros((n, m)), np.zeros((n, m))
        for i, question in enumerate(questions):
            keys: dict[str, int] = {}
            for j, name in enumerate(table.names):
                outcome = table.outcome(question.id, name)
                if outcome is None:
                    continue
                score[i, j] = outcome.score
                cost[i, j] = table.cost_usd(outcome)
                short = outcome.short_answer
                if short is not None:
                    answer[i, j] = keys.setdefault(answer_key(short), len(keys))
        counts = [len(q.choices) if q.choices else _OPEN_QUESTION_OPTIONS for q in questions]
        return cls(
            names=table.names,
            questions=tuple(questions),
            answer=answer,
            score=score,
            cost=cost,
            category=category_places(questions, features.categories),
            options=np.array(counts, dtype=float),
        )


def category_places(questions: Sequence[Question], categories: Sequence[str]) -> Ints:
    """[n] index of each question's category; one past the last for a category that is not listed."""
    places = {name: place for place, name in enumerate(categories)}
    return np.array([places.get(category_of(q), len(places)) for q in questions], dtype=np.int64)


@dataclass(frozen=True)
class RouterRun:
    """What a router did about n questions; all arrays are [n]."""

    value: Floats
    """Score of its final answer, 0 to 1."""
    cost: Floats
    """Dollars."""
    calls: Floats
    """Number of candidates asked."""

    def utility(self, sensitivity: float, reference_usd: float) -> float:
        """Mean score less `sensitivity` x mean cost / reference cost.

        Args:
            sensitivity: the score that `reference_usd` dollars must buy (`TableSplits.sensitivities`).
            reference_usd: the unit of cost, in dollars.
        """
        return float(self.value.mean() - sensitivity * self.cost.mean() / reference_usd)
