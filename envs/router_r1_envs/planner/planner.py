"""A planner on a recorded table: whom to ask next, when to stop, and what to answer, at every price.

A training table holds every counterfactual, so nothing has to be explored. What to believe after some answers
(`beliefs.py`) and what asking each candidate next is worth (`value.py`) are fitted on the training questions.

The planner is a router of its own (`method`, for a tournament) and a teacher (`plan`): its decisions say whom to ask,
in which order, and which answer leads at each step. Needs torch.

Not covered: routes that run at once, repeated samples, budgets (only what an answer is worth), and the candidates'
texts.
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
from router_r1.data.splits import Split
from router_r1.errors import ConfigError, DataError
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.posterior import Beliefs, Cells, View, lengths
from router_r1_envs.planner.value_function import Value
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.arrays import Grid
from router_r1_envs.worlds.recorded_world.runs import Method, Run, sensitivities, utility
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

_VERSION = 2


@dataclass(frozen=True)
class Belief:
    """What a candidate said, and what is thought of it now."""

    answer: str | None
    """None: it gave no answer, or was asked before and has nothing else to say."""
    confidence: float
    """How likely the answer is right."""


@dataclass(frozen=True)
class Decision:
    """What the planner does about one question."""

    question: Question
    calls: tuple[str, ...]
    """Candidates in the order they are asked. The planner asks none twice, but it may have been told to begin so."""
    beliefs: tuple[tuple[Belief, ...], ...]
    """Of the calls so far, one each; before each call, and at the end."""
    cost_usd: float
    value: float
    """How right the last leader is."""
    begun: int = 0
    """How many of the calls were not the planner's choice."""

    @property
    def leaders(self) -> tuple[str | None, ...]:
        """The likeliest answer before each call, and at the end; None where nobody has answered."""
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
    """A fitted planner. See the module."""

    def __init__(
        self, world: RecordedWorld, settings: PlannerConfig, view: View | None = None
    ) -> None:
        """An untrained planner; use `fit` or `load`."""
        self.world = world
        self.view = view or lengths
        self.settings = settings
        self.names = world.table.names
        self.seed = 0
        self.history: list[dict[str, float]] = []
        """Validation utility at the checkpoints, mean over the levels."""
        models, context = len(self.names), len(world.categories) + 8
        self._beliefs = Beliefs(models, context, settings)
        self._value = Value(models, context, settings)

    @classmethod
    def fit(
        cls,
        world: RecordedWorld,
        seed: int = 0,
        settings: PlannerConfig | None = None,
        view: View | None = None,
    ) -> Planner:
        """Fit on the training questions, and choose among checkpoints on the validation questions.

        Args:
            world: the table, its splits and levels.
            seed: of weights and draws.
            settings: see `PlannerConfig`.
            view: what is seen of a response beside its answer; how long it is by default.

        Raises:
            ConfigError: no level of the world states a worth.
        """
        levels = sensitivities(world)
        prices = (min(levels.values()), max(levels.values()))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            planner = cls(world, settings or PlannerConfig(), view)
            planner.seed = seed
            cells = planner._cells(Grid.of(world, world.questions(Split.TRAIN)))
            folds = torch.arange(len(cells)) % planner.settings.folds
            planner._beliefs.fit(cells, folds)
            held_out = Grid.of(world, world.questions(Split.VALIDATION))

            def mean_utility() -> float:
                """Over the levels."""
                found = [
                    utility(planner.method().run(held_out, name), price, world.reference_usd)
                    for name, price in levels.items()
                ]
                return math.fsum(found) / len(found)

            planner.history = planner._value.fit(
                planner._beliefs, cells, folds, prices, mean_utility
            )
        return planner

    # --- use

    def plan(
        self,
        questions: Sequence[Question],
        level: Level,
        *,
        fold: int | None = None,
        begin: Sequence[Sequence[str]] | None = None,
    ) -> list[Decision]:
        """What to do about each of these questions of the world, at this level.

        Letters are those of the questions given: permuted ones get permuted answers.

        Args:
            questions: of the world, of any split.
            level: what an answer is worth.
            fold: believe the posterior that was not fitted on training questions `fold`, `fold + folds`, ...; for plans
                about these. None: the mean of all.
            begin: candidates that are asked first about each question, whatever the planner thinks of it; none by default.
                Who is asked a second time says nothing, and that costs nothing: a miss.

        Raises:
            ConfigError: the level states no worth, or a budget, which the planner can not keep to.
        """
        if level.worth_usd is None or level.budget_usd is not None:
            raise ConfigError(
                f"level {level.name!r}: the planner needs worth_usd and no budget_usd; budgets are not planned for"
            )
        grid = Grid.of(self.world, questions)
        begin = begin or [()] * len(grid)
        steps = self._roll(grid, self.world.reference_usd / level.worth_usd, fold, begin)
        return [_decision(self.world, grid, steps, i, len(begin[i])) for i in range(len(grid))]

    def method(self, name: str = "planner") -> Method:
        """This planner as a row of a report, with a setting for each level."""
        levels = sensitivities(self.world)

        def run(grid: Grid, setting: str) -> Run:
            steps = self._roll(grid, levels[setting])
            rows = np.arange(len(grid))
            last = steps.leaders[-1]
            value = np.where(last >= 0, grid.value[rows, last], 0.0)
            cost = np.zeros(len(grid))
            for chosen in steps.calls:
                cost += np.where(chosen >= 0, grid.cost[rows, chosen], 0.0)
            calls = sum((chosen >= 0).astype(float) for chosen in steps.calls)
            return Run(value, cost, np.asarray(calls))

        return Method(name, "router", tuple(levels), run)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _roll(
        self,
        grid: Grid,
        sensitivity: float,
        fold: int | None = None,
        begin: Sequence[Sequence[str]] = (),
    ) -> _Steps:
        """Ask, all questions at once, until the value function says to stop everywhere."""
        forced = np.full((len(grid), self.settings.max_calls), -1)
        for i, names in enumerate(begin):
            forced[i, : len(names)] = [self.names.index(name) for name in names]
        cells = self._cells(grid)
        rows = torch.arange(len(cells))
        asked = torch.zeros(len(cells), cells.models)
        going = torch.ones(len(cells), dtype=torch.bool)
        price = torch.full((len(cells),), sensitivity)
        calls: list[Any] = []
        leaders, chances = [], []
        for call in range(self.settings.max_calls + 1):
            seen = self._beliefs.see(cells, rows, asked, fold)
            leaders.append(torch.where(seen.top > 0, seen.leader, -1).numpy())
            chances.append(seen.logits.softmax(1)[:, :-1].numpy())
            if call == self.settings.max_calls:
                break
            best = self._value.gain(seen, price).max(1)
            told = torch.from_numpy(forced[:, call])
            going &= (best.values > 0) | (call == 0) | (told >= 0)
            if not going.any():
                break
            chosen = torch.where(told >= 0, told, best.indices)
            calls.append(torch.where(going, chosen, -1).numpy())
            asked[rows[going], chosen[going]] = 1.0
        return _Steps(calls, leaders, chances)

    def _cells(self, grid: Grid) -> Cells:
        return Cells.of(self.world, grid, self.view)

    # --- files

    def save(self, path: str | Path) -> None:
        """Write the planner to a file. Raises `ConfigError` for one with a view of its own, which a file can not hold."""
        if self.view is not lengths:
            raise ConfigError("a planner with a view of its own can not be saved; fit it again")
        content = {
            "version": _VERSION,
            "names": list(self.names),
            "categories": list(self.world.categories),
            "questions": _questions(self.world),
            "levels": sensitivities(self.world),
            "seed": self.seed,
            "settings": self.settings.model_dump(),
            "history": self.history,
            "beliefs": self._beliefs.state_dict(),
            "value": self._value.state_dict(),
        }
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)

    @classmethod
    def load(cls, path: str | Path, world: RecordedWorld) -> Planner:
        """Read a planner that was fitted on this world.

        Raises:
            DataError: no such file, no planner, or one that was fitted on another world: other candidates, levels, or
                training questions, which may be among those it would be tested on.
        """
        try:
            content = torch.load(path, weights_only=True)
        except OSError as error:
            raise DataError(
                f"{path}: can not be read ({error.strerror}); fit a planner first"
            ) from error
        except Exception as error:  # torch raises many kinds for a file that is something else
            raise DataError(f"{path}: is no planner ({type(error).__name__})") from error
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            raise DataError(f"{path}: is no planner of this version; fit it anew")
        for what, here in (
            ("names", list(world.table.names)),
            ("categories", list(world.categories)),
            ("questions", _questions(world)),
            ("levels", sensitivities(world)),
        ):
            if content[what] != here:
                raise DataError(
                    f"{path}: fitted with other {what} than {world.name} has; fit it anew"
                )
        planner = cls(world, config.validate(PlannerConfig, content["settings"], str(path)))
        planner.seed, planner.history = content["seed"], content["history"]
        planner._beliefs.load_state_dict(content["beliefs"])
        planner._value.load_state_dict(content["value"])
        planner._beliefs.eval()
        planner._value.eval()
        return planner


def _questions(world: RecordedWorld) -> str:
    """A hash of the training questions in their order, which says whose fold each is in."""
    ids = [question.id for question in world.questions(Split.TRAIN)]
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


@dataclass(frozen=True)
class _Steps:
    """What was done about the questions of a grid, call by call; -1: nothing, or nobody."""

    calls: list[Any]
    leaders: list[Any]
    chances: list[Any]
    """[n, answers] how likely each is right."""


def _decision(world: RecordedWorld, grid: Grid, steps: _Steps, i: int, begun: int) -> Decision:
    question = grid.questions[i]
    asked = [int(chosen[i]) for chosen in steps.calls if chosen[i] >= 0]
    answers = [-1 if j in asked[:call] else int(grid.answer[i, j]) for call, j in enumerate(asked)]
    beliefs = tuple(
        tuple(
            Belief(world.shown(question, grid.said[i][k]), float(steps.chances[call][i][k]))
            if k >= 0
            else Belief(None, 0.0)
            for k in answers[:call]
        )
        for call in range(len(asked) + 1)
    )
    last = int(steps.leaders[len(asked)][i])
    return Decision(
        question,
        tuple(grid.names[j] for j in asked),
        beliefs,
        float(sum(grid.cost[i, j] for j in set(asked))),
        float(grid.value[i, last]) if last >= 0 else 0.0,
        begun,
    )
