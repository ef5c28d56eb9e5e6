"""What a one-shot router is: predicted quality and cost of each model for each question, and the choice that follows."""

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
    """As in `routers.names()`."""

    def __init__(self) -> None:
        self.models: tuple[str, ...] = ()
        """The models in the order of columns; empty before `fit`."""

    def fit(self, table: OutcomeTable) -> Self:
        """Learn from an outcome table: every question on which every model has an outcome; of several samples the mean.

        Raises:
            DataError: no question has an outcome of every model.
        """
        np = _numpy()
        questions, rows = [], []
        for question in table.questions:
            row = [_mean(table, question.id, name) for name in table.names]
            if None not in row:
                questions.append(question)
                rows.append(row)
        if not rows:
            raise DataError(f"{table.source}: no question has an outcome of every model")
        found = np.array(rows, dtype=np.float64)
        self.models = table.names
        self._cost = found[:, :, 1].mean(0)
        self._fit(questions, found[:, :, 0])
        return self

    def scores(self, questions: Sequence[Question]) -> Floats:
        """[n, m] the predicted score of each model, in the order of `models`. Raises `ConfigError` before `fit`."""
        if not self.models:
            raise ConfigError(f"router {self.name!r} is not fitted; call fit(table) first")
        return self._scores(questions)

    def costs(self, questions: Sequence[Question]) -> Floats:
        """[n, m] the predicted dollars of a call: the mean of each model over the table it was fitted on."""
        costs: Floats = _numpy().tile(self._cost, (len(questions), 1))
        return costs

    def choose(self, questions: Sequence[Question], willingness_to_pay: float) -> list[str]:
        """The model with the highest `willingness_to_pay x score - cost` for each question; the cheaper one of equals.

        Args:
            questions: what is asked.
            willingness_to_pay: dollars that a right answer is worth; infinite: the best, whatever it costs.

        Raises:
            ConfigError: not fitted, or a willingness that is negative or no number.
        """
        return self.decide(self.scores(questions), self.costs(questions), willingness_to_pay)

    def decide(self, scores: Floats, costs: Floats, willingness_to_pay: float) -> list[str]:
        """What `choose` does with predictions [n, m]: the same ones serve every willingness to pay."""
        np = _numpy()
        if not willingness_to_pay >= 0:
            raise ConfigError(
                f"willingness_to_pay is dollars of 0 or more, got {willingness_to_pay}"
            )
        # In units of score, so that infinity is a willingness like any other.
        price = costs / max(willingness_to_pay, 1e-30)
        cheapest = np.argsort(self._cost, kind="stable")
        best = cheapest[(scores - price)[:, cheapest].argmax(1)]
        return [self.models[j] for j in best]

    @abstractmethod
    def _fit(self, questions: Sequence[Question], scores: Floats) -> None:
        """Learn from score vectors [n, m]."""

    @abstractmethod
    def _scores(self, questions: Sequence[Question]) -> Floats:
        """[n, m] predictions."""


ROUTERS: Registry[Callable[..., Router]] = Registry(
    "router", folder="router_r1.routers", group="router_r1.routers"
)
"""All routers by name: what makes an unfitted one of its settings."""


def _mean(table: OutcomeTable, question: str, model: str) -> tuple[float, float] | None:
    """Mean score and dollars over the samples of a cell; None for an empty one."""
    found, sample = [], 0
    while (outcome := table.outcome(question, model, sample)) is not None:
        found.append((outcome.score, table.cost_usd(outcome)))
        sample += 1
    if not found:
        return None
    scores, costs = zip(*found, strict=True)
    return sum(scores) / len(scores), sum(costs) / len(costs)


def _numpy() -> Any:
    """numpy, imported late: importing the core must not import it."""
    try:
        import numpy
    except ImportError as error:
        raise MissingDependencyError(
            "routers need numpy: pip install 'router-r1[routers]'"
        ) from error
    return numpy
