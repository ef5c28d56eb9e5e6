"""A planner on a recorded table: whom to ask next, when to stop, and what to answer, at every price.

A training table holds every counterfactual, so nothing has to be explored. Two small networks are fitted on the training
questions:

    posterior    after some candidates answered: how likely each of their answers is right, or none of them
    value        what asking each candidate next is worth beyond stopping now, at the price stated (fitted Q iteration)

The posterior treats a question's answers alike (letters, numbers or names: it sees who gave which, never what it is).
It is cross-fitted: the value function is trained on posteriors of questions they were not trained on, because a
posterior is too sure of the questions it knows, and a planner that believes it stops too early.

The planner is a router of its own (`method`, for `bars.measure`) and a teacher (`plan`): its decisions say whom to ask,
in which order, and which answer leads at each step. Needs torch.

Not covered: routes that run at once, repeated samples, budgets (only what an answer is worth), and the candidates'
texts.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from router_r1 import config
from router_r1.config import StrictModel
from router_r1.errors import ConfigError, DataError
from router_r1.questions import Question, Split
from router_r1_envs.bars import Method, sensitivities, utility
from router_r1_envs.grid import Floats, Grid
from router_r1_envs.recorded import RecordedWorld
from router_r1_envs.results import Run
from router_r1_envs.world import Level

_VERSION = 1
_NEVER = -1e4
_IMPOSSIBLE = -30.0
Count = Annotated[int, Field(ge=1)]


View = Callable[[Grid], Floats]
"""One number for each response, [n, m], shown once the candidate was asked."""


def lengths(grid: Grid) -> Floats:
    """[n, m] how long each response is: the logarithm of its tokens."""
    return np.log1p(grid.tokens)


class PlannerConfig(StrictModel):
    """How a planner is fitted. The defaults take about a minute of one core for ten candidates."""

    max_calls: Count = 5
    """Most candidates asked about one question."""
    folds: Annotated[int, Field(ge=2)] = 3
    """Parts of the training questions; each has a posterior fitted on the others."""
    posterior_steps: Count = 700
    """Optimiser steps of each posterior."""
    value_steps: Count = 1000
    """Optimiser steps of the value function. Three times as many gain nothing: it learns the questions by heart."""
    value_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """Dropout in the value function; for the same reason."""
    batch: Count = 512
    """Questions in a step."""
    members: Count = 3
    """Value functions that are averaged."""
    hidden: Count = 64
    """Width of the posterior; the value function is half as wide again."""
    checkpoints: Count = 3
    """Value functions compared on the validation split, all from the second half of the steps."""


@dataclass(frozen=True)
class Belief:
    """What is thought of one answer."""

    answer: str
    support: int
    """How many of those asked gave it."""
    confidence: float
    """How likely it is right."""


@dataclass(frozen=True)
class Decision:
    """What the planner does about one question."""

    question: Question
    calls: tuple[str, ...]
    """Candidates in the order they are asked."""
    beliefs: tuple[tuple[Belief, ...], ...]
    """All answers given before each call, and at the end; the likeliest first."""
    cost_usd: float
    value: float
    """How right the last leader is."""
    begun: int = 0
    """How many of the calls were not the planner's choice."""

    @property
    def leaders(self) -> tuple[str | None, ...]:
        """The likeliest answer before each call, and at the end; None where nobody has answered."""
        return tuple(given[0].answer if given else None for given in self.beliefs)

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
        self.history: list[dict[str, float]] = []
        """Validation utility at the checkpoints, mean over the levels."""
        models = len(self.names)
        self._features = len(world.categories) + 8
        self._mean, self._scale = torch.zeros(models), torch.ones(models)
        self._posteriors = nn.ModuleList(
            _Posterior(models, self._features, settings.hidden) for _ in range(settings.folds)
        )
        self._value = _Value(models, self._features, settings)

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
        levels = list(sensitivities(world).values())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            planner = cls(world, settings or PlannerConfig(), view)
            table = _Table.of(planner, Grid.of(world, world.questions(Split.TRAIN)))
            known = table.voted.sum(0).clamp(min=1)
            planner._mean = (table.length * table.voted).sum(0) / known
            spread = ((table.length - planner._mean) ** 2 * table.voted).sum(0) / known
            planner._scale = spread.sqrt().clamp(min=1e-3)
            folds = torch.arange(len(table)) % planner.settings.folds
            planner._fit_posteriors(table, folds)
            planner._fit_value(table, folds, min(levels), max(levels))
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
        table = _Table.of(self, grid)
        self.eval()
        rows = torch.arange(len(table))
        asked = torch.zeros(len(table), table.models)
        going = torch.ones(len(table), dtype=torch.bool)
        price = torch.full((len(table),), sensitivity)
        calls: list[Any] = []
        leaders, chances = [], []
        for call in range(self.settings.max_calls + 1):
            seen = self._see(table, rows, asked, fold)
            leaders.append(torch.where(seen.top > 0, seen.leader, -1).numpy())
            chances.append(seen.logits.softmax(1)[:, :-1].numpy())
            if call == self.settings.max_calls:
                break
            best = self._gain(seen, price).max(1)
            told = torch.from_numpy(forced[:, call])
            going &= (best.values > 0) | (call == 0) | (told >= 0)
            if not going.any():
                break
            chosen = torch.where(told >= 0, told, best.indices)
            calls.append(torch.where(going, chosen, -1).numpy())
            asked[rows[going], chosen[going]] = 1.0
        return _Steps(calls, leaders, chances)

    def eval(self) -> None:
        """Switch dropout off."""
        self._posteriors.eval()
        self._value.eval()

    # --- files

    def save(self, path: str | Path) -> None:
        """Write the planner to a file. Raises `ConfigError` for one with a view of its own, which a file can not hold."""
        if self.view is not lengths:
            raise ConfigError("a planner with a view of its own can not be saved; fit it again")
        content = {
            "version": _VERSION,
            "names": list(self.names),
            "categories": list(self.world.categories),
            "settings": self.settings.model_dump(),
            "history": self.history,
            "scaling": torch.stack([self._mean, self._scale]),
            "posteriors": self._posteriors.state_dict(),
            "value": self._value.state_dict(),
        }
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)

    @classmethod
    def load(cls, path: str | Path, world: RecordedWorld) -> Planner:
        """Read a planner that was fitted on this world, or on one with the same candidates and categories.

        Raises:
            DataError: no such file, no planner, or one of other candidates.
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
        for what, here in (("names", world.table.names), ("categories", world.categories)):
            if content[what] != list(here):
                raise DataError(
                    f"{path}: fitted with other {what} than {world.name} has; fit it anew"
                )
        planner = cls(world, config.validate(PlannerConfig, content["settings"], str(path)))
        planner.history = content["history"]
        planner._mean, planner._scale = content["scaling"]
        planner._posteriors.load_state_dict(content["posteriors"])
        planner._value.load_state_dict(content["value"])
        planner.eval()
        return planner

    # --- seeing

    def _see(self, table: _Table, rows: Tensor, asked: Tensor, fold: int | None) -> _Seen:
        """The state of questions `rows` after `asked` [n, models] answered; `fold` says whose posterior, None: all."""
        votes = table.votes[rows] * asked[:, None]
        counts = votes.sum(2)
        ranked = counts.sort(1, descending=True).values[:, :3]
        statistics = torch.cat([ranked, (counts > 0).sum(1, keepdim=True).float()], 1) / 3
        length = (table.length[rows] - self._mean) / self._scale * asked
        voted = table.voted[rows] * asked
        context = table.context[rows]
        inputs = (votes, asked, voted, context, statistics, length)
        chosen = self._posteriors if fold is None else [self._posteriors[fold]]
        logits = torch.stack([posterior(*inputs) for posterior in chosen]).mean(0)
        chances = logits.softmax(1)
        top = chances[:, :-1].max(1)
        leader = top.indices
        return _Seen(
            rows,
            asked,
            logits,
            torch.where(counts.sum(1) > 0, top.values, 0.0),
            leader,
            torch.cat(
                [
                    asked,
                    voted,
                    table.agreement(rows, asked),
                    context,
                    chances[:, :-1].sort(1, descending=True).values[:, :3],
                    chances[:, -1:],
                    votes[torch.arange(len(rows)), leader],
                    length,
                ],
                1,
            ),
        )

    def _gain(self, seen: _Seen, price: Tensor, value: nn.Module | None = None) -> Tensor:
        """[n, models] what asking each next gains over stopping; never what was asked already."""
        gain: Tensor = (value or self._value)(seen.features, price)
        gain = gain.masked_fill(seen.asked > 0, _NEVER)
        full = seen.asked.sum(1) >= self.settings.max_calls
        return gain.masked_fill(full[:, None], _NEVER)

    # --- fitting

    def _fit_posteriors(self, table: _Table, folds: Tensor) -> None:
        settings = self.settings
        most = min(settings.max_calls, table.models)
        for fold, posterior in enumerate(self._posteriors):
            known = (folds != fold).nonzero()[:, 0]
            optimizer = torch.optim.AdamW(posterior.parameters(), lr=2e-3, weight_decay=0.02)
            posterior.train()
            for step in range(settings.posterior_steps):
                _decay(optimizer, 2e-3, step / settings.posterior_steps)
                rows = known[torch.randint(len(known), (settings.batch,))]
                size = torch.randint(1, most + 1, (len(rows), 1))
                asked = (torch.rand(len(rows), table.models).argsort(1).argsort(1) < size).float()
                seen = self._see(table, rows, asked, fold)
                right = table.value[rows] * ((table.votes[rows] * asked[:, None]).sum(2) > 0)
                none = (1 - right.sum(1, keepdim=True)).clamp(min=0)
                target = torch.cat([right, none], 1)
                loss = F.cross_entropy(seen.logits, target / target.sum(1, keepdim=True))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    def _fit_value(self, table: _Table, folds: Tensor, lowest: float, highest: float) -> None:
        """Fitted Q iteration over episodes that mostly follow the present value function."""
        settings = self.settings
        target = copy.deepcopy(self._value).eval()
        optimizer = torch.optim.AdamW(self._value.parameters(), lr=1e-3, weight_decay=0.01)
        parts = [(folds == fold).nonzero()[:, 0] for fold in range(settings.folds)]
        range_of_prices = (math.log(lowest / 1.7), math.log(highest * 1.7))
        first, every = (
            settings.value_steps // 2,
            max(1, settings.value_steps // 2 // settings.checkpoints),
        )
        best: tuple[float, dict[str, Tensor]] | None = None
        for step in range(settings.value_steps):
            done = step / settings.value_steps
            _decay(optimizer, 1e-3, done)
            fold = step % settings.folds
            rows = parts[fold][torch.randint(len(parts[fold]), (settings.batch,))]
            price = torch.empty(len(rows)).uniform_(*range_of_prices).exp()
            self.eval()
            features, taken, prices, goals = self._episodes(
                table, rows, price, fold, 0.5 * (1 - done) + 0.15, target
            )
            self._value.train()
            gains = self._value.each(features, prices)
            predicted = gains[:, torch.arange(len(taken)), taken]
            loss = ((predicted - goals) ** 2).mean(1).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for ours, theirs in zip(target.parameters(), self._value.parameters(), strict=True):
                    ours.lerp_(theirs, 0.02)
            if step >= first and (step - first + 1) % every == 0:
                last = copy.deepcopy(self._value.state_dict())
                self._value.load_state_dict(target.state_dict())  # the average of the last steps
                net = self._utility()
                self.history.append({"step": step + 1, "utility": net})
                if best is None or net > best[0]:
                    best = (net, copy.deepcopy(target.state_dict()))
                self._value.load_state_dict(last)
        self._value.load_state_dict(target.state_dict() if best is None else best[1])
        self.eval()

    def _utility(self) -> float:
        """Mean over the levels of the validation utility."""
        grid = Grid.of(self.world, self.world.questions(Split.VALIDATION))
        method = self.method()
        found = [
            utility(method.run(grid, name), sensitivity, self.world.reference_usd)
            for name, sensitivity in sensitivities(self.world).items()
        ]
        return math.fsum(found) / len(found)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _episodes(
        self,
        table: _Table,
        rows: Tensor,
        price: Tensor,
        fold: int,
        random: float,
        target: nn.Module,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Calls made, one row each: features of the state, candidate, price, and what the call turned out to gain."""
        seen = self._see(table, rows, torch.zeros(len(rows), table.models), fold)
        found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for _ in range(min(self.settings.max_calls, table.models)):
            gain = self._gain(seen, price)
            best = gain.max(1)
            free = (torch.rand_like(seen.asked) - 2 * seen.asked).argmax(1)
            taken = torch.where(torch.rand(len(seen.rows)) < random, free, best.indices)
            after = seen.asked.clone()
            after[torch.arange(len(taken)), taken] = 1.0
            then = self._see(table, seen.rows, after, fold)
            further = self._gain(then, price, target).max(1).values.clamp(min=0)
            spent = price * table.cost[seen.rows, taken]
            found.append((seen.features, taken, price, then.top + further - spent - seen.top))
            # Follow what the value function would, and now and then go on where it would stop.
            on = (self._gain(then, price).max(1).values > 0) | (torch.rand(len(taken)) < random)
            on &= after.sum(1) < min(self.settings.max_calls, table.models)
            if not on.any():
                break
            seen, price = then.only(on), price[on]
        features, taken, prices, goals = (torch.cat(part) for part in zip(*found, strict=True))
        return features, taken, prices, goals


# --- networks


class _Posterior(nn.Module):  # type: ignore[misc]
    """One logit for each answer, from who gave it and who did not; and one for "none of them"."""

    def __init__(self, models: int, features: int, hidden: int) -> None:
        super().__init__()
        self.answer = nn.Sequential(
            nn.Linear(3 * models + features + 4, hidden),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, 1),
        )
        self.none = nn.Sequential(
            nn.Linear(3 * models + features + 4, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, 1)
        )

    def forward(
        self,
        votes: Tensor,
        asked: Tensor,
        voted: Tensor,
        context: Tensor,
        statistics: Tensor,
        length: Tensor,
    ) -> Tensor:
        """votes [n, answers, models], the others [n, ...]; gives [n, answers + 1]."""
        given = votes.sum(2) > 0
        rows, places = given.nonzero(as_tuple=True)  # most of the places hold no answer
        here = votes[rows, places]
        parts = (here, asked[rows] - here, here * length[rows], context[rows], statistics[rows])
        each = self.answer(torch.cat(parts, 1))[:, 0]
        logits = torch.full(given.shape, _IMPOSSIBLE).masked_scatter(given, each)
        none = self.none(torch.cat([asked, voted, length, context, statistics], 1))
        return torch.cat([logits, none], 1)


class _Value(nn.Module):  # type: ignore[misc]
    """What asking each candidate next gains over stopping."""

    def __init__(self, models: int, features: int, settings: PlannerConfig) -> None:
        super().__init__()
        pairs = models * (models - 1) // 2
        wide = settings.hidden + settings.hidden // 2
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Linear(4 * models + pairs + features + 4 + 1, wide),
                nn.GELU(),
                nn.Dropout(settings.value_dropout),
                nn.Linear(wide, wide),
                nn.GELU(),
                nn.Dropout(settings.value_dropout),
                nn.Linear(wide, models),
            )
            for _ in range(settings.members)
        )

    def forward(self, features: Tensor, price: Tensor) -> Tensor:
        """features [n, ...], price [n] as a sensitivity; gives [n, models], the mean over the members."""
        return self.each(features, price).mean(0)

    def each(self, features: Tensor, price: Tensor) -> Tensor:
        """The same of every member, [members, n, models]."""
        level = (price.log()[:, None] + 3) / 2
        inputs = torch.cat([features, level], 1)
        return torch.stack([member(inputs) for member in self.members])


def _decay(optimizer: torch.optim.Optimizer, rate: float, done: float) -> None:
    """A constant learning rate for the first half, then linearly down to 0."""
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1.0, 2 * (1 - done))


# --- arrays


@dataclass(frozen=True)
class _Table:
    """A grid as tensors."""

    votes: Tensor
    """[N, answers, models] who gave which answer."""
    voted: Tensor
    value: Tensor
    cost: Tensor
    """In mean calls of the best single model."""
    length: Tensor
    context: Tensor
    pairs: Tensor
    """[2, pairs] all pairs of models."""
    same: Tensor
    """[N, pairs] 1 where they give the same answer, else -1."""

    def __len__(self) -> int:
        return len(self.votes)

    @property
    def models(self) -> int:
        """How many candidates there are."""
        return int(self.votes.shape[2])

    @classmethod
    def of(cls, planner: Planner, grid: Grid) -> _Table:
        """The tensors of a grid."""
        answer = torch.from_numpy(grid.answer)
        models = answer.shape[1]
        votes = F.one_hot(answer + 1, models + 1)[..., 1:].transpose(1, 2).float()
        pairs = torch.triu_indices(models, models, 1)
        same = (answer[:, pairs[0]] == answer[:, pairs[1]]) & (answer[:, pairs[0]] >= 0)
        return cls(
            votes,
            (answer >= 0).float(),
            torch.from_numpy(grid.value).float(),
            torch.from_numpy(grid.cost / planner.world.reference_usd).float(),
            torch.from_numpy(planner.view(grid)).float(),
            torch.from_numpy(grid.context).float(),
            pairs,
            2 * same.float() - 1,
        )

    def agreement(self, rows: Tensor, asked: Tensor) -> Tensor:
        """[n, pairs] 1 where both of a pair were asked and agree, -1 where they do not, else 0."""
        first, second = self.pairs
        return self.same[rows] * asked[:, first] * asked[:, second]


@dataclass(frozen=True)
class _Seen:
    """States of some questions."""

    rows: Tensor
    asked: Tensor
    logits: Tensor
    top: Tensor
    """[n] how likely the leading answer is right; 0 where there is none."""
    leader: Tensor
    features: Tensor

    def only(self, which: Tensor) -> _Seen:
        """These rows of it."""
        return _Seen(
            self.rows[which],
            self.asked[which],
            self.logits[which],
            self.top[which],
            self.leader[which],
            self.features[which],
        )


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
    beliefs = []
    for call in range(len(asked) + 1):
        given = Counter(k for j in asked[:call] if (k := int(grid.answer[i, j])) >= 0)
        chances = steps.chances[call][i]
        beliefs.append(
            tuple(
                Belief(world.shown(question, grid.said[i][k]), given[k], float(chances[k]))
                for k in sorted(given, key=lambda k: -chances[k])
            )
        )
    last = int(steps.leaders[len(asked)][i])
    return Decision(
        question,
        tuple(grid.names[j] for j in asked),
        tuple(beliefs),
        float(sum(grid.cost[i, j] for j in asked)),
        float(grid.value[i, last]) if last >= 0 else 0.0,
        begun,
    )
