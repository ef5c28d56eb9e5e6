"""Muon: steps along the orthogonalised momentum of a weight matrix.

K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon/.

torch.optim.Muon computes in bfloat16. A CPU without instructions for it emulates them; a step then takes as long as the
forward and backward pass of a small model. This implementation computes in float32, all matrices of one shape at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the polynomial in Jordan et al. (2024): steep at zero, and bounded on [0, 1]."""
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """For matrices; AdamW is better for embeddings, norms and biases."""

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95
    ) -> None:
        """
        Args:
            params: weight matrices.
            lr: learning rate; for a matrix with more rows than columns it is multiplied by the root of their ratio.
            momentum: decay of the running mean of the gradients, with Nesterov's look-ahead; from 0 to 1.

        Raises:
            ValueError: a parameter is not a matrix.
        """
        super().__init__(params, {"lr": lr, "momentum": momentum})
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim != 2:
                    shape = tuple(parameter.shape)
                    raise ValueError(
                        f"Muon is for matrices, got a tensor of shape {shape}; use AdamW for it"
                    )

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Any = None) -> None:
        """Make one step; parameters without a gradient do not change."""
        if closure is not None:
            raise ValueError("Muon does not take a closure")
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for (rows, columns), matrices in by_shape.items():
                momenta = [self._nesterov(matrix, group["momentum"]) for matrix in matrices]
                rate = group["lr"] * math.sqrt(max(1.0, rows / columns))
                updates = orthogonalize(torch.stack(momenta))
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.sub_(update, alpha=rate)

    def _nesterov(self, matrix: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        """Update the running mean of the gradients; return the gradient interpolated with it."""
        gradient = matrix.grad
        assert gradient is not None
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        average: torch.Tensor = state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum)


def orthogonalize(matrices: torch.Tensor) -> torch.Tensor:
    """Set the singular values of matrices to about 1, keeping their singular vectors.

    Five Newton-Schulz iterations with the quintic polynomial of Jordan et al. (2024); the resulting singular values lie
    between 0.5 and 1.5. A zero matrix stays zero.

    Args:
        matrices: (matrices, rows, columns).
    """
    is_tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if is_tall else matrices
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    first, third, fifth = _QUINTIC
    for _ in range(_ITERATIONS):
        square = found @ found.mT
        found = first * found + (third * square + fifth * (square @ square)) @ found
    return found.mT if is_tall else found
