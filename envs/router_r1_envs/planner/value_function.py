"""The value function: what asking each candidate next gains over stopping now, at a stated price.

Fitted Q iteration (Ernst et al. 2005) on the training questions. The table holds the answer of every candidate, so the
gain of any call is known. The target of a call is

    P(leader is right, after) + max(0, gain of the best further call) - price x cost - P(leader is right, before)

with the probabilities of the posterior (`posterior.py`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.posterior import Posterior, decay
from router_r1_envs.planner.tensors import Evidence, TableTensors

_NEVER = -1e4  # gain of a call that is not allowed
_LEARNING_RATE = 1e-3
_AVERAGING_RATE = 0.02  # of the moving average of the weights, per step
_BEYOND = 1.7  # factor by which the learned prices extend beyond those of the levels

Calls = tuple[Tensor, Tensor, Tensor, Tensor]
"""One row for each call: features before it, the candidate asked, the price, and the gain of the call (the target)."""


class ValueFunction(nn.Module):  # type: ignore[misc]
    """The mean of several networks over the same features."""

    def __init__(self, models: int, context: int, settings: PlannerConfig) -> None:
        """
        Args:
            models: number of candidates.
            context: number of features of a question.
            settings: settings of the fit.
        """
        super().__init__()
        self.settings = settings
        pairs = models * (models - 1) // 2
        wide = settings.hidden + settings.hidden // 2
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Linear(4 * models + pairs + context + 4 + 1, wide),
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
        """Gains [members, n, models] from features [n, features] and prices [n], as sensitivities."""
        level = (price.log()[:, None] + 3) / 2
        inputs = torch.cat([features, level], 1)
        return torch.stack([member(inputs) for member in self.members])

    def gain(self, state: Evidence, price: Tensor) -> Tensor:
        """[n, models] what asking each candidate next gains over stopping; very negative if the call is not allowed."""
        gain: Tensor = self(state.features, price).mean(0)
        gain = gain.masked_fill(state.asked > 0, _NEVER)
        full = state.asked.sum(1) >= self.settings.max_calls
        return gain.masked_fill(full[:, None], _NEVER)

    def fit(
        self,
        posterior: Posterior,
        tensors: TableTensors,
        folds: Tensor,
        prices: tuple[float, float],
        utility: Callable[[], float],
    ) -> list[dict[str, float]]:
        """Fit on episodes that mostly follow the current value function, and keep the best of several checkpoints.

        Args:
            posterior: fitted; each question is seen through the network that was not fitted on it.
            tensors: N training questions.
            folds: [N] the fold of each question.
            prices: the lowest and the highest sensitivity.
            utility: utility of the current value function on questions it was not fitted on.

        Returns:
            `step` and `utility` of each checkpoint.
        """
        settings = self.settings
        average = copy.deepcopy(self).eval()
        optimizer = torch.optim.AdamW(self.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)
        parts = [(folds == fold).nonzero()[:, 0] for fold in range(settings.folds)]
        lowest, highest = math.log(prices[0] / _BEYOND), math.log(prices[1] * _BEYOND)
        first = settings.value_steps // 2
        every = max(1, settings.value_steps // 2 // settings.checkpoints)
        best: tuple[float, dict[str, Tensor]] | None = None
        history: list[dict[str, float]] = []
        for step in range(settings.value_steps):
            done = step / settings.value_steps
            decay(optimizer, _LEARNING_RATE, done)
            fold = step % settings.folds
            rows = parts[fold][torch.randint(len(parts[fold]), (settings.batch,))]
            price = torch.empty(len(rows)).uniform_(lowest, highest).exp()
            self.eval()
            calls = self._episodes(
                posterior, tensors, rows, price, fold, 0.5 * (1 - done) + 0.15, average
            )
            self._learn(optimizer, calls, average)
            if step >= first and (step - first + 1) % every == 0:
                last = copy.deepcopy(self.state_dict())
                self.load_state_dict(average.state_dict())
                self.eval()
                net = utility()
                history.append({"step": step + 1, "utility": net})
                if best is None or net > best[0]:
                    best = (net, copy.deepcopy(average.state_dict()))
                self.load_state_dict(last)
        self.load_state_dict(average.state_dict() if best is None else best[1])
        self.eval()
        return history

    def _learn(
        self, optimizer: torch.optim.Optimizer, calls: Calls, average: ValueFunction
    ) -> None:
        """One optimiser step on some calls, and a step of the moving average of the weights."""
        features, taken, price, targets = calls
        self.train()
        predicted = self(features, price)[:, torch.arange(len(taken)), taken]
        loss = ((predicted - targets) ** 2).mean(1).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for ours, theirs in zip(average.parameters(), self.parameters(), strict=True):
                ours.lerp_(theirs, _AVERAGING_RATE)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _episodes(
        self,
        posterior: Posterior,
        tensors: TableTensors,
        rows: Tensor,
        price: Tensor,
        fold: int,
        random: float,
        average: ValueFunction,
    ) -> Calls:
        """Play episodes of the questions `rows` at these prices.

        Args:
            posterior: fitted.
            tensors: the training questions.
            rows: [n] the questions, all of one fold.
            price: [n] sensitivities.
            fold: their fold.
            random: probability of a random call, and of continuing where the value function would stop.
            average: states the gain of further calls.

        Returns:
            The calls made, one row each.
        """
        most = min(self.settings.max_calls, tensors.models)
        state = posterior.evidence(tensors, rows, torch.zeros(len(rows), tensors.models), fold)
        found: list[Calls] = []
        for _ in range(most):
            best = self.gain(state, price).max(1)
            free = (torch.rand_like(state.asked) - 2 * state.asked).argmax(1)
            taken = torch.where(torch.rand(len(state.rows)) < random, free, best.indices)
            after = state.asked.clone()
            after[torch.arange(len(taken)), taken] = 1.0
            then = posterior.evidence(tensors, state.rows, after, fold)
            further = average.gain(then, price).max(1).values.clamp(min=0)
            spent = price * tensors.cost[state.rows, taken]
            found.append((state.features, taken, price, then.top + further - spent - state.top))
            # Mostly follow the value function; sometimes continue where it would stop.
            on = (self.gain(then, price).max(1).values > 0) | (torch.rand(len(taken)) < random)
            on &= after.sum(1) < most
            if not on.any():
                break
            state, price = then.only(on), price[on]
        features, taken, prices, targets = (torch.cat(part) for part in zip(*found, strict=True))
        return features, taken, prices, targets
