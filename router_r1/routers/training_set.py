"""What a router learns from: the questions of an outcome table that every model answered, with scores and dollars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.routers.libraries import Floats, np


@dataclass(frozen=True)
class TrainingSet:
    """n questions x m models."""

    questions: tuple[Question, ...]
    scores: Floats
    """[n, m] mean score of each model's samples, 0 to 1."""
    costs: Floats
    """[n, m] mean dollars of a call."""
    table: OutcomeTable
    """The whole table, for routers that read replies, prices or descriptions."""
    models: tuple[str, ...]
    """The models, in the order of columns."""

    @classmethod
    def of(cls, table: OutcomeTable, models: Sequence[str] | None = None) -> TrainingSet:
        """The questions of a table that have an outcome of every model; several samples are averaged.

        Args:
            table: the outcomes.
            models: only these columns; by default all models of the table.

        Raises:
            DataError: there is no such question, or the table has no such model.
        """
        names = table.names if models is None else tuple(table.card(name).name for name in models)
        questions, means = [], []
        for question in table.questions:
            cells = [_mean(table, question.id, name) for name in names]
            if None not in cells:
                questions.append(question)
                means.append(cells)
        if not means:
            raise DataError(f"{table.source}: no question has an outcome of every model")
        score_and_cost = np.array(means, dtype=np.float64)
        return cls(tuple(questions), score_and_cost[:, :, 0], score_and_cost[:, :, 1], table, names)


def _mean(table: OutcomeTable, question: str, model: str) -> tuple[float, float] | None:
    """Mean score and dollars over the samples of a cell; None for an empty cell."""
    samples: list[tuple[float, float]] = []
    while (outcome := table.outcome(question, model, len(samples))) is not None:
        samples.append((outcome.score, table.cost_usd(outcome)))
    if not samples:
        return None
    scores, costs = zip(*samples, strict=True)
    return sum(scores) / len(scores), sum(costs) / len(costs)
