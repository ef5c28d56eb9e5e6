"""What is asking each candidate next worth beyond stopping now, at the price stated?

A value function fitted on the training questions (fitted Q iteration): their table holds every counterfactual, so what a
call turns out to gain is known for whichever candidate is drawn. It is the difference in how likely the leading answer
is right (`beliefs.py`) and what may be gained further, less the price of the call.

Needs torch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from router_r1_envs.planner.posterior import Beliefs, Cells, Seen, decay

if TYPE_CHECKING:
    from router_r1_envs.planner.config import PlannerConfig

_NEVER = -1e4
_RATE = 1e-3
_FOLLOWING = 0.02  # how far the average of the weights moves towards them in a step
_BEYOND = 1.7  # prices a little beyond the levels are learned too


class Value(nn.Module):  # type: ignore[misc]
    """The mean of several networks over the same features."""

    def __init__(self, models: int, context: int, settings: PlannerConfig) -> None:
        """
        Args:
            models: how many candidates.
            context: features of a question.
            settings: see `PlannerConfig`.
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
        """features [n, ...], price [n] as a sensitivity; gives [members, n, models]."""
        level = (price.log()[:, None] + 3) / 2
        inputs = torch.cat([features, level], 1)
        return torch.stack([member(inputs) for member in self.members])

    def gain(self, seen: Seen, price: Tensor) -> Tensor:
        """[n, models] what asking each next gains over stopping; never what was asked already."""
        gain: Tensor = self(seen.features, price).mean(0)
        gain = gain.masked_fill(seen.asked > 0, _NEVER)
        full = seen.asked.sum(1) >= self.settings.max_calls
        return gain.masked_fill(full[:, None], _NEVER)

    def fit(
        self,
        beliefs: Beliefs,
        cells: Cells,
        folds: Tensor,
        prices: tuple[float, float],
        utility: Callable[[], float],
    ) -> list[dict[str, float]]:
        """Fit on episodes that mostly follow the present value function, and keep the best of some checkpoints.

        Args:
            beliefs: fitted; each question is seen with the posterior that does not know it.
            cells: the training questions.
            folds: [N] the fold of each.
            prices: the lowest and the highest.
            utility: how good the value function is as it stands, on questions it was not fitted on.

        Returns:
            Step and utility of each checkpoint.
        """
        settings = self.settings
        average = copy.deepcopy(self).eval()
        optimizer = torch.optim.AdamW(self.parameters(), lr=_RATE, weight_decay=0.01)
        parts = [(folds == fold).nonzero()[:, 0] for fold in range(settings.folds)]
        lowest, highest = math.log(prices[0] / _BEYOND), math.log(prices[1] * _BEYOND)
        first = settings.value_steps // 2
        every = max(1, settings.value_steps // 2 // settings.checkpoints)
        best: tuple[float, dict[str, Tensor]] | None = None
        history: list[dict[str, float]] = []
        for step in range(settings.value_steps):
            done = step / settings.value_steps
            decay(optimizer, _RATE, done)
            fold = step % settings.folds
            rows = parts[fold][torch.randint(len(parts[fold]), (settings.batch,))]
            price = torch.empty(len(rows)).uniform_(lowest, highest).exp()
            self.eval()
            features, taken, at, goals = self._episodes(
                beliefs, cells, rows, price, fold, 0.5 * (1 - done) + 0.15, average
            )
            self.train()
            predicted = self(features, at)[:, torch.arange(len(taken)), taken]
            loss = ((predicted - goals) ** 2).mean(1).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for ours, theirs in zip(average.parameters(), self.parameters(), strict=True):
                    ours.lerp_(theirs, _FOLLOWING)
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

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _episodes(
        self,
        beliefs: Beliefs,
        cells: Cells,
        rows: Tensor,
        price: Tensor,
        fold: int,
        random: float,
        average: Value,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Calls made, one row each: features of the state, candidate, price, and what the call turned out to gain."""
        most = min(self.settings.max_calls, cells.models)
        seen = beliefs.see(cells, rows, torch.zeros(len(rows), cells.models), fold)
        found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for _ in range(most):
            best = self.gain(seen, price).max(1)
            free = (torch.rand_like(seen.asked) - 2 * seen.asked).argmax(1)
            taken = torch.where(torch.rand(len(seen.rows)) < random, free, best.indices)
            after = seen.asked.clone()
            after[torch.arange(len(taken)), taken] = 1.0
            then = beliefs.see(cells, seen.rows, after, fold)
            further = average.gain(then, price).max(1).values.clamp(min=0)
            spent = price * cells.cost[seen.rows, taken]
            found.append((seen.features, taken, price, then.top + further - spent - seen.top))
            # Follow what the value function would, and now and then go on where it would stop.
            on = (self.gain(then, price).max(1).values > 0) | (torch.rand(len(taken)) < random)
            on &= after.sum(1) < most
            if not on.any():
                break
            seen, price = then.only(on), price[on]
        features, taken, prices, goals = (torch.cat(part) for part in zip(*found, strict=True))
        return features, taken, prices, goals
