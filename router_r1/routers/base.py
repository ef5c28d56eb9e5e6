"""The base class of one-shot routers, which predict each model's score and cost and then choose, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError, MissingDependencyError
from router_r1.extensions import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Router(ABC):
    """A router over the models of the table it was fitted on."""

    name: str
    """Its name in `ROUTERS`."""

    def __init__(self) -> None:
        self.models: tuple[str, ...] = ()
        """The models, in the order of the columns of scores and costs; empty before `fit`."""

    def fit(self, table: OutcomeTable) -> Self:
        """Learn from the questions of a table on which every model has an outcome; several samples are averaged.

        Raises:
            DataError: no question has an outcome of every model.
        """
        np = _numpy()
        questions, means = [], []
        for question in table.questions:
            cells = [_mean(table, question.id, name) for name in table.names]
            if None not in cells:
                questions.append(question)
                means.append(cells)
        if not means:
            raise DataError(f"{table.source}: no question has an outcome of every model")
        score_and_cost = np.array(means, dtype=np.float64)
        self.models = table.names
        self._cost = score_and_cost[:, :, 1].mean(0)
        self._fit(questions, score_and_cost[:, :, 0])
        return self

    def scores(self, questions: Sequence[Question]) -> Floats:
        """Predict the score of each model, [n, m] in the order of `models`. Raises `ConfigError` before `fit`."""
        if not self.models:
            raise ConfigError(f"router {self.name!r} is not fitted; call fit(table) first")
        return self._scores(questions)

    def costs(self, questions: Sequence[Question]) -> Floats:
        """Predict the dollars of a call, [n, m]: each model's mean cost in the table the router was fitted on."""
        costs: Floats = _numpy().tile(self._cost, (len(questions), 1))
        return costs

    def choose(self, questions: Sequence[Question], willingness_to_pay: float) -> list[str]:
        """Choose for each question the model with the highest `willingness_to_pay x score - cost`.

        On a tie, the cheaper model wins.

        Args:
            questions: n questions.
            willingness_to_pay: dollars a right answer is worth, 0 or more; infinity ignores the cost.

        Returns:
            The names of n models.

        Raises:
            ConfigError: the router is not fitted, or `willingness_to_pay` is negative or NaN.
        """
        return self.decide(self.scores(questions), self.costs(questions), willingness_to_pay)

    def decide(self, scores: Floats, costs: Floats, willingness_to_pay: float) -> list[str]:
        """Choose as `choose` does, from predictions made once: they do not depend on the willingness to pay.

        Args:
            scores: [n, m] from `scores`.
            costs: [n, m] dollars, from `costs`.
            willingness_to_pay: as in `choose`.

        Raises:
            ConfigError: `willingness_to_pay` is negative or NaN.
        """
        np = _numpy()
        if not willingness_to_pay >= 0:
            raise ConfigError(
                f"willingness_to_pay must be dollars of 0 or more, got {willingness_to_pay}"
            )
        # In units of score, so that infinity needs no case of its own.
        price = costs / max(willingness_to_pay, 1e-30)
        cheapest = np.argsort(self._cost, kind="stable")
        best = cheapest[(scores - price)[:, cheapest].argmax(1)]
        return [self.models[j] for j in best]

    @abstractmethod
    def _fit(self, questions: Sequence[Question], scores: Floats) -> None:
        """Learn from score vectors [n, m]."""

    @abstractmethod
    def _scores(self, questions: Sequence[Question]) -> Floats:
        """Predict scores [n, m]."""


ROUTERS: Registry[Callable[..., Router]] = Registry(
    "router", folder="router_r1.routers", group="router_r1.routers"
)
"""All routers by name. Each value is called with the settings and returns an unfitted `Router`."""


def _mean(table: OutcomeTable, question: str, model: str) -> tuple[float, float] | None:
    """Mean score and dollars over the samples of a cell; None for an empty cell."""
    samples: list[tuple[float, float]] = []
    while (outcome := table.outcome(question, model, len(samples))) is not None:
        samples.append((outcome.score, table.cost_usd(outcome)))
    if not samples:
        return None
    scores, costs = zip(*samples, strict=True)
    return sum(scores) / len(scores), sum(costs) / len(costs)


def _numpy() -> Any:
    """Import numpy late: importing the core must not import it."""
    try:
        import numpy
    except ImportError as error:
        raise MissingDependencyError(
            "routers need numpy: pip install 'router-r1[routers]'"
        ) from error
    return numpy
