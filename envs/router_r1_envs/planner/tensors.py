"""A table as tensors, and the evidence about its questions after some candidates answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from router_r1_envs.worlds.recorded_world.table_arrays import Floats, TableArrays

LEADING = 3
"""The planner looks at this many leading answers; a table of fewer models has empty places for the rest."""
ResponseView = Callable[[TableArrays], Floats]
"""One number for each response, [n, m], which the planner sees once it has asked the candidate."""


def response_lengths(arrays: TableArrays) -> Floats:
    """[n, m] length of each response: log(1 + output tokens)."""
    return np.log1p(arrays.tokens)


@dataclass(frozen=True)
class TableTensors:
    """N questions as tensors."""

    votes: Tensor
    """[N, answers, models] 1 where a model gave an answer."""
    voted: Tensor
    """[N, models] 1 where a model gave any answer."""
    value: Tensor
    """[N, answers] score of each answer."""
    cost: Tensor
    """[N, models] cost, in mean calls of the best single model."""
    view: Tensor
    """[N, models] what is visible of each response besides its answer."""
    context: Tensor
    """[N, features] features of each question."""
    pairs: Tensor
    """[2, pairs] all pairs of models."""
    same: Tensor
    """[N, pairs] 1 where both models give the same answer, else -1."""

    def __len__(self) -> int:
        return len(self.votes)

    @property
    def models(self) -> int:
        """Number of candidates."""
        return int(self.votes.shape[2])

    @classmethod
    def of(cls, arrays: TableArrays, reference_usd: float, view: ResponseView) -> TableTensors:
        """The tensors of N questions.

        Args:
            arrays: the questions.
            reference_usd: the unit of cost, in dollars.
            view: what is visible of a response besides its answer.
        """
        answer = torch.from_numpy(arrays.answer)
        models = answer.shape[1]
        places = max(models, LEADING)
        votes = F.one_hot(answer + 1, places + 1)[..., 1:].transpose(1, 2).float()
        value = F.pad(torch.from_numpy(arrays.value).float(), (0, places - models))
        pairs = torch.triu_indices(models, models, 1)
        same = (answer[:, pairs[0]] == answer[:, pairs[1]]) & (answer[:, pairs[0]] >= 0)
        return cls(
            votes=votes,
            voted=(answer >= 0).float(),
            value=value,
            cost=torch.from_numpy(arrays.cost / reference_usd).float(),
            view=torch.from_numpy(view(arrays)).float(),
            context=torch.from_numpy(arrays.context).float(),
            pairs=pairs,
            same=2 * same.float() - 1,
        )

    def agreement(self, rows: Tensor, asked: Tensor) -> Tensor:
        """[n, pairs] 1 where both models of a pair were asked and agree, -1 where they disagree, else 0."""
        first, second = self.pairs
        return self.same[rows] * asked[:, first] * asked[:, second]


@dataclass(frozen=True)
class Evidence:
    """The state of n questions: which candidates were asked, and what follows from their answers."""

    rows: Tensor
    """[n] which questions."""
    asked: Tensor
    """[n, models] 1 for each candidate asked."""
    logits: Tensor
    """[n, answers + 1] logits that each answer is right; the last one, that none is."""
    top: Tensor
    """[n] probability that the leading answer is right; 0 if there is no answer."""
    leader: Tensor
    """[n] index of the leading answer."""
    features: Tensor
    """[n, features] the state as input of the value function."""

    def only(self, which: Tensor) -> Evidence:
        """The evidence about the questions that `which` [n] selects."""
        return Evidence(
            self.rows[which],
            self.asked[which],
            self.logits[which],
            self.top[which],
            self.leader[which],
            self.features[which],
        )
