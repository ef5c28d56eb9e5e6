"""After some candidates answered: how likely is each of their answers right, or none of them?

A posterior over a question's answers, fitted on the training questions. It treats the answers alike (letters, numbers or
names: it sees who gave which, never what it is), and is fitted once for each fold of the questions: a posterior is too
sure of the questions it knows, and whoever is taught by it (`value.py`, `imitation.py`) must see it on others.

Not covered: whom to ask next (`value.py`), the candidates' texts. Needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from router_r1_envs.worlds.recorded_world.arrays import Floats, Grid

if TYPE_CHECKING:
    from router_r1_envs.planner.config import PlannerConfig
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld

View = Callable[[Grid], Floats]
"""One number for each response, [n, m], shown once the candidate was asked."""
_IMPOSSIBLE = -30.0
_RATE = 2e-3


def lengths(grid: Grid) -> Floats:
    """[n, m] how long each response is: the logarithm of its tokens."""
    return np.log1p(grid.tokens)


@dataclass(frozen=True)
class Cells:
    """A grid of N questions as tensors."""

    votes: Tensor
    """[N, answers, models] who gave which answer."""
    voted: Tensor
    """[N, models] who gave any."""
    value: Tensor
    """[N, answers] what each answer scores."""
    cost: Tensor
    """[N, models] in mean calls of the best single model."""
    view: Tensor
    """[N, models] what is shown of each response beside its answer."""
    context: Tensor
    """[N, features] what is known of each question."""
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
    def of(cls, world: RecordedWorld, grid: Grid, view: View) -> Cells:
        """The tensors of a grid of this world."""
        answer = torch.from_numpy(grid.answer)
        models = answer.shape[1]
        votes = F.one_hot(answer + 1, models + 1)[..., 1:].transpose(1, 2).float()
        pairs = torch.triu_indices(models, models, 1)
        same = (answer[:, pairs[0]] == answer[:, pairs[1]]) & (answer[:, pairs[0]] >= 0)
        return cls(
            votes,
            (answer >= 0).float(),
            torch.from_numpy(grid.value).float(),
            torch.from_numpy(grid.cost / world.reference_usd).float(),
            torch.from_numpy(view(grid)).float(),
            torch.from_numpy(grid.context).float(),
            pairs,
            2 * same.float() - 1,
        )

    def agreement(self, rows: Tensor, asked: Tensor) -> Tensor:
        """[n, pairs] 1 where both of a pair were asked and agree, -1 where they do not, else 0."""
        first, second = self.pairs
        return self.same[rows] * asked[:, first] * asked[:, second]


@dataclass(frozen=True)
class Seen:
    """States of n questions: who was asked, and what is believed now."""

    rows: Tensor
    """[n] which questions."""
    asked: Tensor
    """[n, models] 1 for who was asked."""
    logits: Tensor
    """[n, answers + 1] of each answer being right; last, of none."""
    top: Tensor
    """[n] how likely the leading answer is right; 0 where there is none."""
    leader: Tensor
    """[n] which answer leads."""
    features: Tensor
    """[n, ...] all of it for the value function."""

    def only(self, which: Tensor) -> Seen:
        """These rows of it."""
        return Seen(
            self.rows[which],
            self.asked[which],
            self.logits[which],
            self.top[which],
            self.leader[which],
            self.features[which],
        )


class Beliefs(nn.Module):  # type: ignore[misc]
    """One posterior for each fold."""

    mean: Tensor
    scale: Tensor

    def __init__(self, models: int, context: int, settings: PlannerConfig) -> None:
        """
        Args:
            models: how many candidates.
            context: features of a question.
            settings: see `PlannerConfig`.
        """
        super().__init__()
        self.settings = settings
        # Of the view over a candidate's training responses.
        self.register_buffer("mean", torch.zeros(models))
        self.register_buffer("scale", torch.ones(models))
        self.posteriors = nn.ModuleList(
            _Posterior(models, context, settings.hidden) for _ in range(settings.folds)
        )

    def see(self, cells: Cells, rows: Tensor, asked: Tensor, fold: int | None = None) -> Seen:
        """The state of questions `rows` after `asked` [n, models] answered.

        `fold` says whose posterior: that which was not fitted on these questions. None: the mean of all.
        """
        votes = cells.votes[rows] * asked[:, None]
        counts = votes.sum(2)
        ranked = counts.sort(1, descending=True).values[:, :3]
        statistics = torch.cat([ranked, (counts > 0).sum(1, keepdim=True).float()], 1) / 3
        view = (cells.view[rows] - self.mean) / self.scale * asked
        voted = cells.voted[rows] * asked
        context = cells.context[rows]
        inputs = (votes, asked, voted, context, statistics, view)
        chosen = self.posteriors if fold is None else [self.posteriors[fold]]
        logits = torch.stack([posterior(*inputs) for posterior in chosen]).mean(0)
        chances = logits.softmax(1)
        top = chances[:, :-1].max(1)
        leader = top.indices
        return Seen(
            rows,
            asked,
            logits,
            torch.where(counts.sum(1) > 0, top.values, 0.0),
            leader,
            torch.cat(
                [
                    asked,
                    voted,
                    cells.agreement(rows, asked),
                    context,
                    chances[:, :-1].sort(1, descending=True).values[:, :3],
                    chances[:, -1:],
                    votes[torch.arange(len(rows)), leader],
                    view,
                ],
                1,
            ),
        )

    def fit(self, cells: Cells, folds: Tensor) -> None:
        """Fit each posterior on the questions of the other folds, after one to `max_calls` candidates drawn at random."""
        known = cells.voted.sum(0).clamp(min=1)
        self.mean = (cells.view * cells.voted).sum(0) / known
        spread = ((cells.view - self.mean) ** 2 * cells.voted).sum(0) / known
        self.scale = spread.sqrt().clamp(min=1e-3)
        settings = self.settings
        most = min(settings.max_calls, cells.models)
        for fold, posterior in enumerate(self.posteriors):
            others = (folds != fold).nonzero()[:, 0]
            optimizer = torch.optim.AdamW(posterior.parameters(), lr=_RATE, weight_decay=0.02)
            posterior.train()
            for step in range(settings.posterior_steps):
                decay(optimizer, _RATE, step / settings.posterior_steps)
                rows = others[torch.randint(len(others), (settings.batch,))]
                size = torch.randint(1, most + 1, (len(rows), 1))
                asked = (torch.rand(len(rows), cells.models).argsort(1).argsort(1) < size).float()
                seen = self.see(cells, rows, asked, fold)
                right = cells.value[rows] * ((cells.votes[rows] * asked[:, None]).sum(2) > 0)
                none = (1 - right.sum(1, keepdim=True)).clamp(min=0)
                target = torch.cat([right, none], 1)
                loss = F.cross_entropy(seen.logits, target / target.sum(1, keepdim=True))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.eval()


def decay(optimizer: torch.optim.Optimizer, rate: float, done: float) -> None:
    """A constant learning rate for the first half, then linearly down to 0."""
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1.0, 2 * (1 - done))


class _Posterior(nn.Module):  # type: ignore[misc]
    """One logit for each answer, from who gave it and who did not; and one for "none of them"."""

    def __init__(self, models: int, context: int, hidden: int) -> None:
        super().__init__()
        self.answer = nn.Sequential(
            nn.Linear(3 * models + context + 4, hidden),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, 1),
        )
        self.none = nn.Sequential(
            nn.Linear(3 * models + context + 4, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, 1)
        )

    def forward(
        self,
        votes: Tensor,
        asked: Tensor,
        voted: Tensor,
        context: Tensor,
        statistics: Tensor,
        view: Tensor,
    ) -> Tensor:
        """votes [n, answers, models], the others [n, ...]; gives [n, answers + 1]."""
        given = votes.sum(2) > 0
        rows, places = given.nonzero(as_tuple=True)  # most of the places hold no answer
        here = votes[rows, places]
        parts = (here, asked[rows] - here, here * view[rows], context[rows], statistics[rows])
        each = self.answer(torch.cat(parts, 1))[:, 0]
        logits = torch.full(given.shape, _IMPOSSIBLE).masked_scatter(given, each)
        none = self.none(torch.cat([asked, voted, view, context, statistics], 1))
        return torch.cat([logits, none], 1)
