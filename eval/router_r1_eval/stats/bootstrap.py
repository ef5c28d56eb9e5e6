"""Bootstrap intervals of means, paired if two routers answered the same questions.

Pairs are resampled together, so what makes a question hard for both cancels out. An interval says how far another
draw of questions could move a mean; it does not cover another training seed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
DRAWS = 2000
_CACHED_COUNTS = 16_000_000  # 8 bytes each


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the interval that holds 95 % of its resampled means."""

    mean: float
    low: float
    high: float

    @property
    def bounds(self) -> list[float]:
        """`[low, high]`, the form in `results.json`."""
        return [self.low, self.high]


def interval(values: Values, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The mean with its 95 % percentile bootstrap interval.

    Args:
        values: [n], one per question.
        draws: number of resamples.
        seed: seed of the resampling.

    Raises:
        ValueError: no values.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected one value per question, got an array of shape {values.shape}")
    means = np.concatenate([counts @ values for counts in _resamples(len(values), draws, seed)])
    # Rounded: sums of the same numbers differ in the last bits, and an interval that ends at 0 should contain 0.
    low, high = np.round(np.percentile(means, [2.5, 97.5]), 12) + 0.0
    return Interval(float(values.mean()), float(low), float(high))


def interval_over_sets(sets: Sequence[Values], *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The mean of the means of several question sets, all with the same weight; questions are resampled within sets.

    Args:
        sets: for each set [n of the set], one value per question.
        draws: number of resamples.
        seed: seed of the resampling; each set has draws of its own.

    Raises:
        ValueError: no set, or a set without values.
    """
    if not sets or not all(len(values) for values in sets):
        raise ValueError("expected question sets with one value per question")
    drawn = [
        np.concatenate([counts @ values for counts in _resamples(len(values), draws, seed + place)])
        for place, values in enumerate(sets)
    ]
    low, high = np.round(np.percentile(np.mean(drawn, axis=0), [2.5, 97.5]), 12) + 0.0
    mean = float(np.mean([values.mean() for values in sets]))
    return Interval(mean, float(low), float(high))


def paired(ours: Values, theirs: Values, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The mean of `ours - theirs`, question by question.

    Args:
        ours: [n], one value per question.
        theirs: [n], on the same questions in the same order.
        draws: number of resamples.
        seed: seed of the resampling.

    Raises:
        ValueError: the numbers of questions differ.
    """
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(
            f"expected values of the same questions, got {ours.shape} and {theirs.shape}"
        )
    return interval(ours - theirs, draws=draws, seed=seed)


def _resamples(questions: int, draws: int, seed: int) -> Iterable[Values]:
    """Chunks [draws of the chunk, n] of the weight of each question in each draw.

    Cached if small, because every router is resampled alike; otherwise in chunks, so that memory stays bounded.
    """
    if draws * questions <= _CACHED_COUNTS:
        return [_cached_weights(questions, draws, seed)]
    rng = np.random.default_rng(seed)
    chunks = np.array_split(np.arange(draws), draws * questions // _CACHED_COUNTS + 1)
    return (_weights(rng, questions, len(chunk)) for chunk in chunks)


@functools.lru_cache(maxsize=2)
def _cached_weights(questions: int, draws: int, seed: int) -> Values:
    return _weights(np.random.default_rng(seed), questions, draws)


def _weights(rng: np.random.Generator, questions: int, draws: int) -> Values:
    drawn = rng.integers(0, questions, (draws, questions))
    drawn += questions * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * questions)
    return counts.reshape(draws, questions) / questions
