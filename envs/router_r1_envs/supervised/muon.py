"""Muon (Jordan et al., 2024): steps along the orthogonalised momentum of a weight matrix.

torch has one too. It computes in bfloat16, which a CPU without such instructions emulates: there its step takes as long as
the forward and backward pass of a small model. This one computes in float32, and all matrices of a shape at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Jordan et al. (2024): steepest at zero, and bounded on [0, 1]."""
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """For matrices; embeddings, norms and biases are better with AdamW."""

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95
    ) -> None:
        """
        Args:
            params: weight matrices.
            lr: the learning rate; the step of a matrix with more rows than columns is larger by the root of their ratio.
            momentum: of the gradients, with Nesterov's look-ahead.

        Raises:
            ValueError: a parameter is no matrix.
        """
        super().__init__(params, {"lr": lr, "momentum": momentum})
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim != 2:
                    shape = tuple(parameter.shape)
                    raise ValueError(f"Muon is for matrices, not for a tensor of shape {shape}")

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Any = None) -> None:
        """One step; parameters without a gradient stay."""
        if closure is not None:
            raise ValueError("Muon does not take a closure")
        for group in self.param_groups:
            alike: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike.setdefault(parameter.shape, []).append(parameter)
            for (rows, columns), matrices in alike.items():
                updates = [self._ahead(matrix, group["momentum"]) for matrix in matrices]
                size = group["lr"] * math.sqrt(max(1.0, rows / columns))
                for matrix, update in zip(matrices, orthogonal(torch.stack(updates)), strict=True):
                    matrix.sub_(update, alpha=size)

    def _ahead(self, matrix: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        gradient = matrix.grad
        assert gradient is not None
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        average: torch.Tensor = state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """[n, rows, columns] brought near to matrices with the same singular vectors and singular values of about 1.

    Newton-Schulz iterations with a quintic polynomial; singular values end between 0.5 and 1.5.
    """
    upright = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if upright else matrices
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    first, third, fifth = _QUINTIC
    for _ in range(_ITERATIONS):
        square = found @ found.mT
        found = first * found + (third * square + fifth * (square @ square)) @ found
    return found.mT if upright else found
