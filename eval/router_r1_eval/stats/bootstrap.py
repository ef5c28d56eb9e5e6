"""Bootstrap intervals of means, paired where two routers answered the same questions.

A pair is resampled together: what makes a question hard for both cancels. Intervals say how far another draw of
questions could move a number, not another training seed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
DRAWS = 2000
_KEPT = 16_000_000  # counts that are kept, 8 bytes each


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
    means = np.concatenate([counts @ values for counts in _resamples(len(values), draws, seed)])
    # Rounded: sums of equal questions differ in the last bits, and an interval that ends at 0 holds it.
    low, high = np.round(np.percentile(means, [2.5, 97.5]), 12) + 0.0
    return Interval(float(values.mean()), float(low), float(high))


def _resamples(questions: int, draws: int, seed: int) -> Iterable[Values]:
    """Pieces [some draws, n] of how often each question is drawn, over n; kept, because every router is resampled alike."""
    if draws * questions <= _KEPT:
        return [_kept(questions, draws, seed)]
    rng = np.random.default_rng(seed)
    # In pieces, so that memory does not grow with draws times questions.
    pieces = np.array_split(np.arange(draws), draws * questions // _KEPT + 1)
    return (_counted(rng, questions, len(piece)) for piece in pieces)


@functools.lru_cache(maxsize=2)
def _kept(questions: int, draws: int, seed: int) -> Values:
    return _counted(np.random.default_rng(seed), questions, draws)


def _counted(rng: np.random.Generator, questions: int, draws: int) -> Values:
    drawn = rng.integers(0, questions, (draws, questions))
    drawn += questions * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * questions)
    return counts.reshape(draws, questions) / questions


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
