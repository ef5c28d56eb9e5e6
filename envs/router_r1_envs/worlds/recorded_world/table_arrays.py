"""The questions of an outcome table as arrays: what every candidate answered, its score, and what the answer cost.

Baselines and planner are computed on these arrays, all questions at once. The *answers* to a question are the different
short answers of its candidates, compared by `answer_key` and numbered in the order of the candidates; letters, numbers
and names are treated alike.

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
from router_r1_envs.worlds.recorded_world.question_features import (
    LENGTH_BUCKETS,
    OPTION_KINDS,
    FeatureExtractor,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_OPEN_QUESTION_OPTIONS = 10  # assumed for an open question, where the chance of a guess matters


@dataclass(frozen=True)
class TableArrays:
    """n questions x m candidates."""

    names: tuple[str, ...]
    """The candidates, in the order of columns."""
    questions: tuple[Question, ...]
    answers: tuple[tuple[str, ...], ...]
    """The different answers to each question, as first written."""
    answer: Ints
    """[n, m] index into `answers` of what a candidate answered; -1 for no answer."""
    value: Floats
    """[n, m] score of each answer: the mean score of the candidates that gave it; 0 beyond the last answer."""
    score: Floats
    """[n, m] score of each candidate, 0 to 1."""
    cost: Floats
    """[n, m] dollars."""
    tokens: Floats
    """[n, m] output tokens."""
    category: Ints
    """[n] index into the training categories; one past the last for a category that training does not have."""
    context: Floats
    """[n, f] one-hot features: category, kind of options, length bucket."""
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
            questions: n questions of the table; their options may be permuted.
            features: fitted on the training questions.
        """
        n, m = len(questions), len(table.names)
        answer = np.full((n, m), -1, dtype=np.int64)
        value, score, cost, tokens = (np.zeros((n, m)) for _ in range(4))
        answers: list[tuple[str, ...]] = []
        for i, question in enumerate(questions):
            keys: dict[str, int] = {}
            words: list[str] = []
            for j, name in enumerate(table.names):
                outcome = table.outcome(question.id, name)
                if outcome is None:
                    continue
                score[i, j] = outcome.score
                cost[i, j] = table.cost_usd(outcome)
                tokens[i, j] = outcome.output_tokens
                short = outcome.short_answer
                if short is None:
                    continue
                answer[i, j] = keys.setdefault(answer_key(short), len(keys))
                if len(words) < len(keys):
                    words.append(short)
            for k in range(len(words)):
                value[i, k] = score[i, answer[i] == k].mean()
            answers.append(tuple(words))
        category, context = _one_hot(questions, features)
        counts = [len(q.choices) if q.choices else _OPEN_QUESTION_OPTIONS for q in questions]
        return cls(
            names=table.names,
            questions=tuple(questions),
            answers=tuple(answers),
            answer=answer,
            value=value,
            score=score,
            cost=cost,
            tokens=tokens,
            category=category,
            context=context,
            options=np.array(counts, dtype=float),
        )


def context_width(features: FeatureExtractor) -> int:
    """Number of one-hot features in `TableArrays.context`."""
    return len(features.categories) + 1 + len(OPTION_KINDS) + LENGTH_BUCKETS


def _one_hot(questions: Sequence[Question], features: FeatureExtractor) -> tuple[Ints, Floats]:
    """[n] category index, and [n, f] one-hot features."""
    found = [features(question) for question in questions]
    places = {name: place for place, name in enumerate(features.categories)}
    category = np.array([places.get(f.category, len(places)) for f in found], dtype=np.int64)
    options = np.array([OPTION_KINDS.index(f.options) for f in found], dtype=np.int64)
    length = np.array([f.length - 1 for f in found], dtype=np.int64)
    context = np.concatenate(
        [
            np.eye(len(places) + 1)[category],
            np.eye(len(OPTION_KINDS))[options],
            np.eye(LENGTH_BUCKETS)[length],
        ],
        axis=1,
    )
    return category, context


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
