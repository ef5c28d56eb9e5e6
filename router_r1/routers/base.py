"""The base class of one-shot routers, which predict each model's score and cost and then choose, and the registry.

A router is a dataclass: its fields are its settings. What it learns are arrays, `learned`, so that every router is
saved, loaded and inspected alike. A subclass writes two methods: `_learn` makes the arrays from a training set, and
`_predict` reads them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError, shown_name
from router_r1.extensions import Registry
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet


def setting(default: Any, *, least: float | None = None, most: float | None = None) -> Any:
    """A field of a router that users set, with its default and bounds (inclusive)."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True)
class Explanation:
    """Why a router chooses what it chooses for one question."""

    question: Question
    model: str
    """The choice."""
    scores: Mapping[str, float]
    """Predicted score of each model."""
    costs: Mapping[str, float]
    """Predicted dollars of a call of each model."""
    because: tuple[str, ...]
    """What the prediction rests on, a line each: nearest questions, the cluster, the category, ..."""


@dataclass(kw_only=True, eq=False)
class Router(ABC):
    """A router over the models of the table it was fitted on."""

    name: ClassVar[str]
    """Its name in `ROUTERS`."""
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    """Values of settings that `tuning.tune` tries."""
    models: tuple[str, ...] = field(init=False, default=())
    """The models, in the order of the columns of scores and costs; empty before `fit`."""
    learned: Arrays = field(init=False, default_factory=dict, repr=False)
    """What was learned, by name. `mean_cost` [m] is always there: mean dollars of a call of each model."""

    def __post_init__(self) -> None:
        for name, value in self.settings.items():
            self._check_setting(name, value)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    # --- fitting

    def fit(self, table: OutcomeTable) -> Self:
        """Learn from the questions of a table on which every model has an outcome; several samples are averaged.

        Raises:
            DataError: the table has a single model, or no question has an outcome of every model.
        """
        data = TrainingSet.of(table)
        if len(data.models) < 2:
            raise DataError(f"{table.source}: has one model; a router chooses between at least two")
        self.models = data.models
        self.learned = {"mean_cost": data.costs.mean(0)}
        self.learned |= self._learn(data)
        return self

    def add_model(self, name: str, calibration: OutcomeTable) -> Self:
        """Learn a further model from a few questions that it answered, without fitting the others again.

        Args:
            name: the model, which this router does not know yet.
            calibration: a table with its outcomes; other models in it are ignored.

        Raises:
            ConfigError: the router is not fitted or knows the model, or its method cannot take a model.
            DataError: the table has no outcome of the model.
        """
        self._check_fitted()
        if name in self.models:
            raise ConfigError(f"router {self.name!r} knows {shown_name(name)!r} already")
        data = TrainingSet.of(calibration, [name])
        added = self._learn_model(data)
        self.learned = {
            **self.learned,
            **added,
            "mean_cost": np.append(self.learned["mean_cost"], data.costs.mean()),
        }
        self.models = (*self.models, name)
        return self

    # --- predicting and choosing

    def scores(self, questions: Sequence[Question]) -> Floats:
        """Predict the score of each model, [n, m] in the order of `models`. Raises `ConfigError` before `fit`."""
        self._check_fitted()
        if not questions:
            return np.zeros((0, len(self.models)))
        return self._predict(questions)

    def costs(self, questions: Sequence[Question]) -> Floats:
        """Predict the dollars of a call, [n, m]: by default each model's mean cost in the table of the fit."""
        self._check_fitted()
        costs: Floats = np.tile(self.learned["mean_cost"], (len(questions), 1))
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
        if not willingness_to_pay >= 0:
            raise ConfigError(
                f"willingness_to_pay must be dollars of 0 or more, got {willingness_to_pay}"
            )
        worth = self.utilities(scores, costs, willingness_to_pay)
        cheapest = np.argsort(self.learned["mean_cost"], kind="stable")
        best = cheapest[worth[:, cheapest].argmax(1)]
        return [self.models[j] for j in best]

    def utilities(self, scores: Floats, costs: Floats, willingness_to_pay: float) -> Floats:
        """[n, m] what `decide` compares: score less cost / willingness to pay, so that infinity needs no case of its own."""
        worth: Floats = scores - costs / max(willingness_to_pay, 1e-30)
        return worth

    def replay(
        self, table: OutcomeTable, questions: Sequence[Question], worths: Sequence[float]
    ) -> list[tuple[Floats, Floats]]:
        """What the router would have scored and paid on recorded questions; several samples are averaged.

        Args:
            table: the outcomes of this router's models.
            questions: n questions of the table.
            worths: willingness to pay, in dollars; see `choose`.

        Returns:
            For each worth, the scores [n] and the dollars [n].

        Raises:
            ConfigError: as `choose`.
            DataError: a model has no outcome of a question.
        """
        data = TrainingSet.of(table.subset(q.id for q in questions), self.models)
        place = {question.id: row for row, question in enumerate(data.questions)}
        missing = [q.id for q in questions if q.id not in place]
        if missing:
            raise DataError(f"{table.source}: {missing[0]!r} was not asked of every model")
        rows = [place[q.id] for q in questions]
        scores, costs = self.scores(questions), self.costs(questions)
        column = {model: number for number, model in enumerate(self.models)}
        found = []
        for worth in worths:
            chosen = [column[model] for model in self.decide(scores, costs, worth)]
            found.append((data.scores[rows, chosen], data.costs[rows, chosen]))
        return found

    def explain(self, question: Question, willingness_to_pay: float = math.inf) -> Explanation:
        """Why the router chooses what it chooses for this question. Raises as `choose`."""
        scores, costs = self.scores([question]), self.costs([question])
        chosen = self.decide(scores, costs, willingness_to_pay)[0]
        return Explanation(
            question,
            chosen,
            dict(zip(self.models, map(float, scores[0]), strict=True)),
            dict(zip(self.models, map(float, costs[0]), strict=True)),
            tuple(self._because(question)),
        )

    # --- files

    def save(self, folder: str | Path) -> None:
        """Write the fitted router to a folder, in formats that run no code when they are read.

        Raises:
            ConfigError: the router is not fitted.
            OSError: the folder cannot be written.
        """
        from router_r1.routers.saved_router import write_router

        self._check_fitted()
        write_router(self, Path(folder))

    # --- what a subclass writes

    @abstractmethod
    def _learn(self, data: TrainingSet) -> Arrays:
        """Learn from score vectors; return what `_predict` needs. `models` is set."""

    @abstractmethod
    def _predict(self, questions: Sequence[Question]) -> Floats:
        """Predict scores [n, m] of at least one question."""

    def _learn_model(self, data: TrainingSet) -> Arrays:
        """The arrays that change when a model is added; `data` has one column. Optional."""
        raise ConfigError(
            f"router {self.name!r} cannot add a model; fit it again on a table with all models"
        )

    def _because(self, question: Question) -> list[str]:
        """Lines for `explain`. Optional."""
        return []

    def _save_more(self, folder: Path) -> None:  # noqa: B027
        """Write what is not in `learned`, such as a checkpoint. Optional."""

    def _load_more(self, folder: Path) -> None:  # noqa: B027
        """Read what `_save_more` wrote. Optional."""

    # --- checks

    def _check_fitted(self) -> None:
        if not self.models:
            raise ConfigError(f"router {self.name!r} is not fitted; call fit(table) first")

    def _check_setting(self, name: str, value: Any) -> None:
        """Raise `ConfigError` for a value of another type than the default's, or beyond its bounds."""
        described = next(f for f in fields(self) if f.name == name)
        default = described.default
        if default is MISSING or default is None:
            return
        kind = type(default)
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if isinstance(value, bool) and kind is not bool:
            fits = False
        what = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        problem = None if fits else f"expected {what.get(kind, kind.__name__)}"
        if problem is None and kind in (int, float):
            least, most = described.metadata.get("least"), described.metadata.get("most")
            if not math.isfinite(value):
                problem = "expected a finite number"
            elif least is not None and value < least:
                problem = f"expected {least} or more"
            elif most is not None and value > most:
                problem = f"expected {most} or less"
        if problem is not None:
            raise ConfigError(
                f"router {self.name!r}: {name}: {problem}, got {shown_name(str(value))!r}"
            )


ROUTERS: Registry[Callable[..., Router]] = Registry(
    "router", folder="router_r1.routers", group="router_r1.routers", subfolders=True
)
"""All routers by name. Each value is called with the settings and returns an unfitted `Router`."""
