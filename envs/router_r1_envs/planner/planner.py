"""The planner: a fitted router that reads answers, and the teacher that small policies imitate.

A training table holds the answers of every candidate, so nothing has to be explored: how likely a response is right
(`posterior.py`), what a further call gains (`gain.py`) and which strategy suits a category (`strategies.py`) are fitted
on it directly. Asking a candidate again is a call like any other where the table has further samples.

As a router, the planner routes all questions at once (`run`). As a teacher, it also states which candidates it asks, in
which order, and how likely each answer is right after each call (`plan`).

Not covered: parallel routes, budgets (levels must state the value of a right answer), and the texts of responses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from router_r1.data.outcome_table import Outcome
from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1_envs.planner.category_tables import CategoryTables
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.gain import Gain
from router_r1_envs.planner.posterior import Evidence, Posterior, Table
from router_r1_envs.planner.responses import Responses, ResponseView, response_lengths
from router_r1_envs.planner.states import ALL
from router_r1_envs.planner.strategies import Choice, Played, Strategies, play
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.table_arrays import Ints, RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits


@dataclass(frozen=True)
class Decision:
    """What the planner does about one question."""

    question: Question
    calls: tuple[str, ...]
    """Candidates in the order of the calls; one that occurs again gives its next recorded sample."""
    outcomes: tuple[Outcome | None, ...]
    """What each call gets; None for one beyond the recorded samples."""
    beliefs: tuple[tuple[float, ...], ...]
    """Before each call, and at the end: for each call so far, the probability that its answer is right. Equal answers
    have equal probabilities, and those of different answers sum to 1 at most."""
    leaders: tuple[int | None, ...]
    """Before each call, and at the end: the call with the most probable answer; None while there is no answer."""
    cost_usd: float
    value: float
    """Score of the response whose answer is final."""
    prescribed: int = 0
    """Number of first calls that were prescribed, not chosen by the planner."""

    @property
    def final(self) -> Outcome | None:
        """The response whose answer is final; None if there is no answer."""
        leader = self.leaders[-1]
        return None if leader is None else self.outcomes[leader]


@dataclass(frozen=True)
class Fitted:
    """What is fitted, and what a planner's file holds besides its table."""

    means: CategoryTables
    posterior: Posterior
    gain: Gain
    strategies: Strategies


class Planner:
    """A fitted planner; see the module."""

    def __init__(
        self,
        splits: TableSplits,
        settings: PlannerConfig,
        fitted: Fitted,
        seed: int = 0,
        view: ResponseView = response_lengths,
    ) -> None:
        """A planner of what is fitted; use `fit`, or `planner_file.load_planner`.

        Args:
            splits: the table.
            settings: settings of the fit.
            fitted: what was fitted on its training questions.
            seed: seed of the fit.
            view: what is visible of a response besides its answer.
        """
        self.splits = splits
        self.settings = settings
        self.fitted = fitted
        self.seed = seed
        self.view = view
        self.names = splits.table.names
        self._kept: tuple[tuple[str, ...], Table] | None = None
        self._chosen: dict[float, Choice] = {}

    @classmethod
    def fit(
        cls,
        splits: TableSplits,
        seed: int = 0,
        settings: PlannerConfig | None = None,
        view: ResponseView = response_lengths,
    ) -> Planner:
        """Fit on the training questions. Validation and test questions are never read.

        Args:
            splits: the table, with its splits and levels.
            seed: seed of the draws.
            settings: settings of the fit.
            view: what is visible of a response besides its answer; its length by default.
        """
        settings = settings or PlannerConfig()
        rng = np.random.default_rng(seed)
        table, fold = _training(splits, settings, view)
        posterior = Posterior.fit(table, fold, settings, rng)
        gain = Gain.fit(table, fold, posterior, settings, rng)
        strategies = Strategies.fit(table, fold, posterior, gain, settings)
        return cls(splits, settings, Fitted(table.means, posterior, gain, strategies), seed, view)

    def at_prices_of(self, splits: TableSplits) -> Planner:
        """This planner for the same table at other prices: what it knows of responses does not depend on prices, so only
        its strategies are chosen anew, in seconds. It equals a planner that is fitted at those prices.

        Args:
            splits: the same questions, candidates and responses.
        """
        table, fold = _training(splits, self.settings, self.view)
        posterior, gain = self.fitted.posterior, self.fitted.gain
        strategies = Strategies.fit(table, fold, posterior, gain, self.settings)
        fitted = Fitted(table.means, posterior, gain, strategies)
        return Planner(splits, self.settings, fitted, self.seed, self.view)

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """Level -> the strategies that decide there, and how they proved themselves."""
        return {
            level: self._choice(sensitivity)
            for level, sensitivity in self.splits.sensitivities.items()
        }

    def run(self, arrays: TableArrays, level: str) -> RouterRun:
        """Route n questions at one level.

        Args:
            arrays: the questions.
            level: a level that states a value.
        """
        played = self._play(self._known_table(arrays.questions), self.choices[level])
        return RouterRun(
            played.score,
            played.cost * self.splits.reference_usd,
            played.states.made.sum(1).astype(float),
        )

    def plan(
        self,
        questions: Sequence[Question],
        level: Level,
        *,
        fold: int = ALL,
        begin: Sequence[Sequence[str]] | None = None,
    ) -> list[Decision]:
        """What the planner does about each question at this level.

        Args:
            questions: questions of the table, of any split.
            level: states the value of a right answer.
            fold: use what was not fitted on training questions `fold`, `fold + folds`, ..., to plan for exactly these.
                -1: all that was fitted.
            begin: for each question, the candidates that are asked first, whatever the planner would choose; none by
                default. A call of a candidate that has no further sample gives no answer and costs nothing.

        Raises:
            ConfigError: the level states no value, or states a budget, which the planner cannot plan for.
        """
        if level.worth_usd is None or level.budget_usd is not None:
            raise ConfigError(
                f"level {level.name!r}: the planner needs worth_usd and no budget_usd, because it does not plan for "
                f"budgets"
            )
        sensitivity = self.splits.reference_usd / level.worth_usd
        choice = self._choice(sensitivity)
        begin = begin or [()] * len(questions)
        played = self._play(self._table(questions), choice, fold, begin, sensitivity)
        return [
            self._decision(questions[i], played, i, len(begin[i])) for i in range(len(questions))
        ]

    def _choice(self, sensitivity: float) -> Choice:
        if sensitivity not in self._chosen:
            self._chosen[sensitivity] = self.fitted.strategies.choose(sensitivity)
        return self._chosen[sensitivity]

    def _known_table(self, questions: tuple[Question, ...]) -> Table:
        """The table of these questions, kept for the next level."""
        ids = tuple(question.id for question in questions)
        if self._kept is None or self._kept[0] != ids:
            self._kept = ids, self._table(questions)
        return self._kept[1]

    def _table(self, questions: Sequence[Question]) -> Table:
        responses = _responses(self.splits, questions)
        return Table(responses, self.view(responses), self.fitted.means)

    def _play(
        self,
        table: Table,
        choice: Choice,
        fold: int = ALL,
        begin: Sequence[Sequence[str]] = (),
        sensitivity: float = math.inf,
    ) -> Played:
        category = table.responses.category
        price = choice.price[category]
        prescribed = np.full((len(category), self.settings.max_calls), -1)
        prescribed[:, 0] = choice.first[category]
        for i, names in enumerate(begin):
            models = [self.names.index(name) for name in names]
            if models and models != [prescribed[i, 0]]:
                # No strategy was meant for such a beginning, so a further call must be worth what the level says.
                price[i] = min(price[i], sensitivity)
            prescribed[i, : len(models)] = models
        return play(
            table,
            np.arange(len(category)),
            np.full(len(category), fold),
            self.fitted.posterior,
            self.fitted.gain,
            price,
            prescribed,
        )

    def _decision(self, question: Question, played: Played, i: int, prescribed: int) -> Decision:
        """The decision about question `i`, whose first `prescribed` calls were prescribed."""
        models, samples = played.states.models[i], played.states.samples[i]
        calls = [int(model) for model in models if model >= 0]
        steps = played.seen[: len(calls) + 1]
        leaders = [int(step.leader[i]) for step in steps]
        return Decision(
            question=question,
            calls=tuple(self.names[model] for model in calls),
            outcomes=tuple(
                self.splits.table.outcome(question.id, self.names[model], int(sample))
                for model, sample in zip(calls, samples, strict=False)
            ),
            beliefs=tuple(_confidences(step, i, number) for number, step in enumerate(steps)),
            leaders=tuple(None if leader < 0 else leader for leader in leaders),
            cost_usd=float(played.cost[i] * self.splits.reference_usd),
            value=float(played.score[i]),
            prescribed=prescribed,
        )


def _training(
    splits: TableSplits, settings: PlannerConfig, view: ResponseView
) -> tuple[Table, Ints]:
    """The training questions, and [n] the fold of each."""
    responses = _responses(splits, splits.train.questions)
    seen = view(responses)
    fold = np.arange(len(responses)) % settings.folds
    means = CategoryTables.of(responses, seen, fold, settings.folds, settings.category_prior)
    return Table(responses, seen, means), fold


def _responses(splits: TableSplits, questions: Sequence[Question]) -> Responses:
    return Responses.of(splits.table, questions, splits.features.groups, splits.reference_usd)


def _confidences(step: Evidence, i: int, calls: int) -> tuple[float, ...]:
    """One probability for each call: equal answers have that of their best response, and different ones sum to 1 at most."""
    best: dict[int, float] = {}
    for call in range(calls):
        answer = int(step.answer[i, call])
        if answer >= 0:
            best[answer] = max(best.get(answer, 0.0), float(step.right[i, call]))
    total = max(1.0, sum(best.values()))
    return tuple(best.get(int(answer), 0.0) / total for answer in step.answer[i, :calls])
