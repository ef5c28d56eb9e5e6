"""The planner: a fitted router that reads answers, and the teacher that small policies imitate.

A training table holds the answer of every candidate, so nothing has to be explored: the posterior (`posterior.py`) and
the value function (`value_function.py`) are fitted on it directly.

As a router, the planner routes all questions at once (`run`). As a teacher, it also states which candidates it asks, in
which order, and how likely each answer is right after each call (`plan`).

Not covered: parallel routes, repeated samples, budgets (levels must state the value of a right answer), and the texts
of responses.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from router_r1 import config
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.files import check_input
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.posterior import Posterior
from router_r1_envs.planner.tensors import ResponseView, TableTensors, response_lengths
from router_r1_envs.planner.value_function import ValueFunction
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.answer_permutation import translate
from router_r1_envs.worlds.recorded_world.table_arrays import (
    RouterRun,
    TableArrays,
    context_width,
)
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits

_FILE_VERSION = 2


@dataclass(frozen=True)
class Belief:
    """What a candidate answered, and the planner's confidence in that answer at some point of its plan."""

    answer: str | None
    """None if the candidate gave no answer, or was asked before: a second call shows nothing new."""
    confidence: float
    """Probability that the answer is right."""


@dataclass(frozen=True)
class Decision:
    """What the planner does about one question."""

    question: Question
    calls: tuple[str, ...]
    """Candidates in the order of the calls. Only prescribed calls may repeat a candidate."""
    beliefs: tuple[tuple[Belief, ...], ...]
    """Before each call, and at the end: one belief for each call so far."""
    cost_usd: float
    value: float
    """Score of the final answer."""
    prescribed: int = 0
    """Number of first calls that were prescribed, not chosen by the planner."""

    @property
    def leaders(self) -> tuple[str | None, ...]:
        """The most probable answer before each call, and at the end; None while there is no answer."""
        nothing = Belief(None, 0.0)
        return tuple(
            max(
                (belief for belief in given if belief.answer is not None),
                key=lambda belief: belief.confidence,
                default=nothing,
            ).answer
            for given in self.beliefs
        )

    @property
    def answer(self) -> str | None:
        """The final answer."""
        return self.leaders[-1]


class Planner:
    """A fitted planner; see the module."""

    def __init__(
        self, splits: TableSplits, settings: PlannerConfig, view: ResponseView | None = None
    ) -> None:
        """An unfitted planner; use `fit` or `load`.

        Args:
            splits: the table.
            settings: settings of the fit.
            view: what is visible of a response besides its answer; its length by default.
        """
        self.splits = splits
        self.view = view or response_lengths
        self.settings = settings
        self.names = splits.table.names
        self.seed = 0
        self.history: list[dict[str, float]] = []
        """`step` and validation `utility`, the mean over the levels, of each checkpoint."""
        models, context = len(self.names), context_width(splits.features)
        self._posterior = Posterior(models, context, settings)
        self._value = ValueFunction(models, context, settings)

    @classmethod
    def fit(
        cls,
        splits: TableSplits,
        seed: int = 0,
        settings: PlannerConfig | None = None,
        view: ResponseView | None = None,
    ) -> Planner:
        """Fit on the training questions, and choose among checkpoints on the validation questions.

        Args:
            splits: the table, with its splits and levels.
            seed: seed of weights and draws.
            settings: settings of the fit.
            view: what is visible of a response besides its answer; its length by default.
        """
        prices = (min(splits.sensitivities.values()), max(splits.sensitivities.values()))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            planner = cls(splits, settings or PlannerConfig(), view)
            planner.seed = seed
            tensors = planner._tensors(splits.train)
            folds = torch.arange(len(tensors)) % planner.settings.folds
            planner._posterior.fit(tensors, folds)

            def mean_utility() -> float:
                found = [
                    planner.run(splits.validation, name).utility(price, splits.reference_usd)
                    for name, price in splits.sensitivities.items()
                ]
                return math.fsum(found) / len(found)

            planner.history = planner._value.fit(
                planner._posterior, tensors, folds, prices, mean_utility
            )
        return planner

    # --- use

    def run(self, arrays: TableArrays, level: str) -> RouterRun:
        """Route n questions at one level.

        Args:
            arrays: the questions.
            level: a level that states a value.
        """
        steps = self._roll(arrays, self.splits.sensitivities[level])
        rows = np.arange(len(arrays))
        last = steps.leaders[-1]
        value = np.where(last >= 0, arrays.value[rows, last], 0.0)
        cost = np.zeros(len(arrays))
        for chosen in steps.calls:
            cost += np.where(chosen >= 0, arrays.cost[rows, chosen], 0.0)
        calls = sum((chosen >= 0).astype(float) for chosen in steps.calls)
        return RouterRun(value, cost, np.asarray(calls))

    def plan(
        self,
        questions: Sequence[Question],
        level: Level,
        *,
        fold: int | None = None,
        begin: Sequence[Sequence[str]] | None = None,
    ) -> list[Decision]:
        """What the planner does about each question at this level.

        Args:
            questions: questions of the table, of any split. If their options are permuted, so are the answers in the
                decisions.
            level: states the value of a right answer.
            fold: use the posterior that was not fitted on training questions `fold`, `fold + folds`, ..., to plan for
                exactly these. None: the mean of all posteriors.
            begin: for each question, the candidates that are asked first, whatever the planner would choose; none by
                default. A second call of a candidate is a miss: it gives no answer and costs nothing.

        Raises:
            ConfigError: the level states no value, or states a budget, which the planner cannot plan for.
        """
        if level.worth_usd is None or level.budget_usd is not None:
            raise ConfigError(
                f"level {level.name!r}: the planner needs worth_usd and no budget_usd, because it does not plan for "
                f"budgets"
            )
        arrays = self.splits.arrays(questions)
        begin = begin or [()] * len(arrays)
        steps = self._roll(arrays, self.splits.reference_usd / level.worth_usd, fold, begin)
        return [_decision(arrays, steps, i, len(begin[i])) for i in range(len(arrays))]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _roll(
        self,
        arrays: TableArrays,
        sensitivity: float,
        fold: int | None = None,
        begin: Sequence[Sequence[str]] = (),
    ) -> _Steps:
        """Ask candidates, all questions at once, until the value function stops everywhere.

        Args:
            arrays: n questions.
            sensitivity: the score that one mean call of the best single model must buy.
            fold: as in `plan`.
            begin: as in `plan`.
        """
        prescribed = np.full((len(arrays), self.settings.max_calls), -1)
        for i, names in enumerate(begin):
            prescribed[i, : len(names)] = [self.names.index(name) for name in names]
        tensors = self._tensors(arrays)
        rows = torch.arange(len(tensors))
        asked = torch.zeros(len(tensors), tensors.models)
        going = torch.ones(len(tensors), dtype=torch.bool)
        price = torch.full((len(tensors),), sensitivity)
        calls: list[Any] = []
        leaders, probabilities = [], []
        for call in range(self.settings.max_calls + 1):
            evidence = self._posterior.evidence(tensors, rows, asked, fold)
            leaders.append(torch.where(evidence.top > 0, evidence.leader, -1).numpy())
            probabilities.append(evidence.logits.softmax(1)[:, :-1].numpy())
            if call == self.settings.max_calls:
                break
            best = self._value.gain(evidence, price).max(1)
            must = torch.from_numpy(prescribed[:, call])
            going &= (best.values > 0) | (call == 0) | (must >= 0)
            if not going.any():
                break
            chosen = torch.where(must >= 0, must, best.indices)
            calls.append(torch.where(going, chosen, -1).numpy())
            asked[rows[going], chosen[going]] = 1.0
        return _Steps(calls, leaders, probabilities)

    def _tensors(self, arrays: TableArrays) -> TableTensors:
        return TableTensors.of(arrays, self.splits.reference_usd, self.view)

    # --- files

    def save(self, path: str | Path) -> None:
        """Write the planner to a file. Raises `ConfigError` if it has a custom view, which a file cannot hold."""
        if self.view is not response_lengths:
            raise ConfigError("a planner with a custom view cannot be saved; fit it again instead")
        content = {
            "version": _FILE_VERSION,
            **_fitted_on(self.splits),
            "seed": self.seed,
            "settings": self.settings.model_dump(),
            "history": self.history,
            "beliefs": self._posterior.state_dict(),
            "value": self._value.state_dict(),
        }
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)

    @classmethod
    def load(cls, path: str | Path, splits: TableSplits) -> Planner:
        """Read a planner that was fitted on this table.

        Raises:
            DataError: the file is missing or is no planner, or the planner was fitted with other candidates,
                categories, levels or training questions. Other training questions may be test questions here.
        """
        try:
            check_input(path)
            content = torch.load(path, weights_only=True)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}); fit a planner first"
            ) from error
        except Exception as error:  # torch raises many kinds of errors for other files
            raise DataError(f"{path}: is not a planner ({type(error).__name__})") from error
        if not isinstance(content, dict) or content.get("version") != _FILE_VERSION:
            raise DataError(f"{path}: is not a planner of this version; fit it again")
        for what, here in _fitted_on(splits).items():
            if content[what] != here:
                raise DataError(
                    f"{path}: was fitted with other {what} than {splits.name} has; fit it again"
                )
        planner = cls(splits, config.validate(PlannerConfig, content["settings"], str(path)))
        planner.seed, planner.history = content["seed"], content["history"]
        planner._posterior.load_state_dict(content["beliefs"])
        planner._value.load_state_dict(content["value"])
        planner._posterior.eval()
        planner._value.eval()
        return planner


def _fitted_on(splits: TableSplits) -> dict[str, Any]:
    """What a planner's file must share with the table it is used on."""
    # In order, because the place of a training question determines its fold.
    ids = json.dumps([question.id for question in splits.train.questions])
    return {
        "names": list(splits.table.names),
        "categories": list(splits.features.categories),
        "questions": hashlib.sha256(ids.encode()).hexdigest(),
        "levels": dict(splits.sensitivities),
    }


@dataclass(frozen=True)
class _Steps:
    """What the planner did about n questions, call by call."""

    calls: list[Any]
    """One array for each call: [n] the candidate asked; -1 for none."""
    leaders: list[Any]
    """One array before each call, and one at the end: [n] the leading answer; -1 for none."""
    probabilities: list[Any]
    """At the same times: [n, answers] how likely each answer is right."""


def _decision(arrays: TableArrays, steps: _Steps, i: int, prescribed: int) -> Decision:
    """The decision about question `i`, whose first `prescribed` calls were prescribed."""
    question = arrays.questions[i]
    asked = [int(chosen[i]) for chosen in steps.calls if chosen[i] >= 0]
    answers = [
        -1 if j in asked[:call] else int(arrays.answer[i, j]) for call, j in enumerate(asked)
    ]
    beliefs = tuple(
        tuple(
            Belief(
                translate(question, arrays.answers[i][k]), float(steps.probabilities[call][i][k])
            )
            if k >= 0
            else Belief(None, 0.0)
            for k in answers[:call]
        )
        for call in range(len(asked) + 1)
    )
    last = int(steps.leaders[len(asked)][i])
    return Decision(
        question,
        tuple(arrays.names[j] for j in asked),
        beliefs,
        float(sum(arrays.cost[i, j] for j in set(asked))),
        float(arrays.value[i, last]) if last >= 0 else 0.0,
        prescribed,
    )
