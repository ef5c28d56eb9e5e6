"""Bootstrap intervals of means, paired where two routers answered the same questions.

A pair is resampled together: what makes a question hard for both cancels. Intervals say how far another draw of
questions could move a number, not another training seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the interval in which 95 % of its resampled means lie."""

    mean: float
    low: float
    high: float

    @property
    def bounds(self) -> list[float]:
        """`[low, high]`, as `results.json` has it."""
        return [self.low, self.high]


def interval(values: Values, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The mean of `values` [n] with its 95 % percentile bootstrap interval.

    Raises:
        ValueError: no values.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected a row of values, got an array of shape {values.shape}")
    rng = np.random.default_rng(seed)
    # In pieces, so that memory does not grow with draws times questions.
    pieces = np.array_split(np.arange(draws), max(1, draws * len(values) // 4_000_000))
    means = np.concatenate(
        [
            values[rng.integers(0, len(values), (len(piece), len(values)))].mean(1)
            for piece in pieces
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def paired(ours: Values, theirs: Values, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The mean of `ours - theirs`, question by question.

    Raises:
        ValueError: not the same number of questions.
    """
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(
            f"expected values of the same questions, got {ours.shape} and {theirs.shape}"
        )
    return interval(ours - theirs, draws=draws, seed=seed)
