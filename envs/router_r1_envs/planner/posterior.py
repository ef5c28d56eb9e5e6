"""The posterior: how likely each answer is right, or none of them, after some candidates answered.

It is fitted on the training questions and treats all answers alike (letters, numbers or names): it sees which
candidates gave the same answer, never the answer itself. A posterior is overconfident on the questions it was fitted
on, but the value function and imitation need its probabilities on the training questions. So each fold has a posterior
that was fitted on the other folds.

Not covered: which candidate to ask next (`value_function.py`), and the texts of responses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.tensors import Evidence, TableTensors

_IMPOSSIBLE = -30.0  # logit of an answer that no asked candidate gave
_LEARNING_RATE = 2e-3


class Posterior(nn.Module):  # type: ignore[misc]
    """One network for each fold of the training questions."""

    mean: Tensor
    scale: Tensor

    def __init__(self, models: int, context: int, settings: PlannerConfig) -> None:
        """
        Args:
            models: number of candidates.
            context: number of features of a question.
            settings: settings of the fit.
        """
        super().__init__()
        self.settings = settings
        # Mean and standard deviation of the view over each candidate's training responses.
        self.register_buffer("mean", torch.zeros(models))
        self.register_buffer("scale", torch.ones(models))
        self.posteriors = nn.ModuleList(
            _FoldPosterior(models, context, settings.hidden) for _ in range(settings.folds)
        )

    def evidence(
        self, tensors: TableTensors, rows: Tensor, asked: Tensor, fold: int | None = None
    ) -> Evidence:
        """The evidence about questions after some candidates answered.

        Args:
            tensors: the table.
            rows: [n] the questions.
            asked: [n, models] 1 for each candidate that answered.
            fold: use the network that was not fitted on this fold; None: the mean of all networks.
        """
        votes = tensors.votes[rows] * asked[:, None]
        counts = votes.sum(2)
        ranked = counts.sort(1, descending=True).values[:, :3]
        statistics = torch.cat([ranked, (counts > 0).sum(1, keepdim=True).float()], 1) / 3
        view = (tensors.view[rows] - self.mean) / self.scale * asked
        voted = tensors.voted[rows] * asked
        context = tensors.context[rows]
        inputs = (votes, asked, voted, context, statistics, view)
        chosen = self.posteriors if fold is None else [self.posteriors[fold]]
        logits = torch.stack([posterior(*inputs) for posterior in chosen]).mean(0)
        probabilities = logits.softmax(1)
        top = probabilities[:, :-1].max(1)
        leader = top.indices
        return Evidence(
            rows,
            asked,
            logits,
            torch.where(counts.sum(1) > 0, top.values, 0.0),
            leader,
            torch.cat(
                [
                    asked,
                    voted,
                    tensors.agreement(rows, asked),
                    context,
                    probabilities[:, :-1].sort(1, descending=True).values[:, :3],
                    probabilities[:, -1:],
                    votes[torch.arange(len(rows)), leader],
                    view,
                ],
                1,
            ),
        )

    def fit(self, tensors: TableTensors, folds: Tensor) -> None:
        """Fit each network on the questions of the other folds, each with one to `max_calls` random candidates asked.

        Args:
            tensors: N training questions.
            folds: [N] the fold of each question.
        """
        known = tensors.voted.sum(0).clamp(min=1)
        self.mean = (tensors.view * tensors.voted).sum(0) / known
        spread = ((tensors.view - self.mean) ** 2 * tensors.voted).sum(0) / known
        self.scale = spread.sqrt().clamp(min=1e-3)
        settings = self.settings
        most = min(settings.max_calls, tensors.models)
        for fold, posterior in enumerate(self.posteriors):
            others = (folds != fold).nonzero()[:, 0]
            optimizer = torch.optim.AdamW(
                posterior.parameters(), lr=_LEARNING_RATE, weight_decay=0.02
            )
            posterior.train()
            for step in range(settings.posterior_steps):
                decay(optimizer, _LEARNING_RATE, step / settings.posterior_steps)
                rows = others[torch.randint(len(others), (settings.batch,))]
                size = torch.randint(1, most + 1, (len(rows), 1))
                asked = (torch.rand(len(rows), tensors.models).argsort(1).argsort(1) < size).float()
                state = self.evidence(tensors, rows, asked, fold)
                right = tensors.value[rows] * ((tensors.votes[rows] * asked[:, None]).sum(2) > 0)
                none = (1 - right.sum(1, keepdim=True)).clamp(min=0)
                target = torch.cat([right, none], 1)
                loss = F.cross_entropy(state.logits, target / target.sum(1, keepdim=True))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.eval()


def decay(optimizer: torch.optim.Optimizer, rate: float, done: float) -> None:
    """Set the learning rate: constant for the first half of the steps, then linear to 0.

    Args:
        optimizer: its learning rate is set.
        rate: the initial learning rate.
        done: share of the steps that are done, 0 to 1.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1.0, 2 * (1 - done))


class _FoldPosterior(nn.Module):  # type: ignore[misc]
    """One logit for each answer, computed from the models that gave it and those that did not; and one for "none"."""

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
        """Logits [n, answers + 1] from votes [n, answers, models] and the other inputs [n, ...]."""
        given = votes.sum(2) > 0
        rows, places = given.nonzero(as_tuple=True)  # most places hold no answer
        here = votes[rows, places]
        parts = (here, asked[rows] - here, here * view[rows], context[rows], statistics[rows])
        each = self.answer(torch.cat(parts, 1))[:, 0]
        logits = torch.full(given.shape, _IMPOSSIBLE).masked_scatter(given, each)
        none = self.none(torch.cat([asked, voted, view, context, statistics], 1))
        return torch.cat([logits, none], 1)
