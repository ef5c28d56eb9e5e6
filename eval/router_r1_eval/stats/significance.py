"""Is a difference more than chance, and which one could be seen at all.

    McNemar               exact test of who is right where the other is wrong
    smallest difference   what n questions can show, to be printed before a comparison and not after

Bootstrap intervals are in `intervals.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_FEWEST = 6  # 2 / 2**6 < 0.05


@dataclass(frozen=True)
class McNemar:
    """Two routers on the same questions, each right or wrong."""

    ours: int
    """Questions that only ours has right."""
    theirs: int
    """Questions that only theirs has right."""
    p: float
    """Two-sided: how likely a split at least as uneven is, if both are as good."""


def mcnemar(ours: Floats, theirs: Floats) -> McNemar:
    """The exact test (binomial, two-sided) on [n] values of 0 or 1; partial scores count as right from 0.5.

    Raises:
        ValueError: not the same number of questions.
    """
    mine, yours = np.asarray(ours) >= 0.5, np.asarray(theirs) >= 0.5
    if mine.shape != yours.shape or mine.ndim != 1:
        raise ValueError(
            f"expected values of the same questions, got {mine.shape} and {yours.shape}"
        )
    only, other = int((mine & ~yours).sum()), int((yours & ~mine).sum())
    return McNemar(only, other, _two_sided(min(only, other), only + other))


def _two_sided(few: int, many: int) -> float:
    """The probability of at most `few` or at least `many - few` heads in `many` tosses."""
    logs = [
        math.lgamma(many + 1) - math.lgamma(k + 1) - math.lgamma(many - k + 1)
        for k in range(few + 1)
    ]
    below = math.fsum(math.exp(log - many * math.log(2)) for log in logs)
    return min(1.0, 2 * below)


def smallest_difference(
    questions: int, *, differ: float = 0.2, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest mean difference that a paired comparison on this many questions finds with probability `power`.

    By the normal approximation `(z(1 - alpha/2) + z(power)) * sd / sqrt(n)`, where the difference is -1, 0 or 1 and its standard deviation at most
    `sqrt(differ)`.

    Args:
        questions: n.
        differ: the share of questions on which the two do not score the same; 0.2 is usual for routers over the same pool.
        alpha: of the test, two-sided.
        power: probability to find it.

    Raises:
        ValueError: no questions, or a share, level or power outside (0, 1).
    """
    if questions < 1 or not all(0 < part < 1 for part in (differ, alpha, power)):
        raise ValueError("expected questions, and a share, a level and a power between 0 and 1")
    return _smallest(questions, differ, alpha, power)


def detectable_difference(ours: Floats, theirs: Floats) -> float:
    """The smallest difference between routers that differ as these two do on a sample, each [n], found with probability 0.8 at level 0.05; at most 1.

    As `smallest_difference`, of differences of any size: their standard deviation is taken about 0, as if either sign were as likely, which is what
    McNemar's test assumes too. With values of 0 and 1 that is the root of the share that differs.

    Two are taken to differ on six questions at least, by what they differ elsewhere, or 1: fewer can not be significant, whoever has them.

    Raises:
        ValueError: no questions, or not the same number of them.
    """
    mine, yours = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if mine.shape != yours.shape or mine.ndim != 1 or not len(mine):
        raise ValueError(
            f"expected values of the same questions, got {mine.shape} and {yours.shape}"
        )
    square = (mine - yours) ** 2
    unequal = square[square > 0]
    size = float(unequal.mean()) if len(unequal) else 1.0
    return min(1.0, _smallest(len(mine), size * max(_FEWEST, len(unequal)) / len(mine)))


def _smallest(questions: int, variance: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """By the variance of the difference on one question."""
    z = NormalDist().inv_cdf
    return (z(1 - alpha / 2) + z(power)) * math.sqrt(variance / questions)
