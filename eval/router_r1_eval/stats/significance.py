"""Significance of a difference between two routers, and the differences that a number of questions can show at all.

    mcnemar                 exact test for two routers that are right or wrong on the same questions
    smallest_difference     what n questions can show, from an assumed share of disagreement
    detectable_difference   the same, from the differences of two routers on a sample

Bootstrap intervals are in `bootstrap.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_MIN_UNEQUAL = 6  # the fewest that can be significant: 2 / 2**6 < 0.05


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test of two routers on the same questions."""

    ours: int
    """Questions that only our router has right."""
    theirs: int
    """Questions that only their router has right."""
    p: float
    """Two-sided: the probability of a split at least as uneven if both are equally good."""


def mcnemar(ours: Floats, theirs: Floats) -> McNemar:
    """McNemar's exact (binomial, two-sided) test. Partial scores count as right from 0.5.

    Args:
        ours: [n] scores, 0 to 1.
        theirs: [n] scores on the same questions.

    Raises:
        ValueError: the numbers of questions differ.
    """
    our_right, their_right = np.asarray(ours) >= 0.5, np.asarray(theirs) >= 0.5
    if our_right.shape != their_right.shape or our_right.ndim != 1:
        raise ValueError(
            f"expected values of the same questions, got {our_right.shape} and {their_right.shape}"
        )
    only_ours = int((our_right & ~their_right).sum())
    only_theirs = int((their_right & ~our_right).sum())
    p = _two_sided(min(only_ours, only_theirs), only_ours + only_theirs)
    return McNemar(only_ours, only_theirs, p)


def _two_sided(few: int, tosses: int) -> float:
    """The probability of at most `few` or at least `tosses - few` heads."""
    logs = [
        math.lgamma(tosses + 1) - math.lgamma(k + 1) - math.lgamma(tosses - k + 1)
        for k in range(few + 1)
    ]
    below = math.fsum(math.exp(log - tosses * math.log(2)) for log in logs)
    return min(1.0, 2 * below)


def smallest_difference(
    questions: int, *, differ: float = 0.2, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest mean difference that a paired comparison finds with probability `power`.

    Normal approximation `(z(1 - alpha/2) + z(power)) * sd / sqrt(n)`. The difference on a question is -1, 0 or 1, so
    its standard deviation is at most `sqrt(differ)`.

    Args:
        questions: n.
        differ: share of questions on which the scores differ; 0.2 is usual for routers over the same pool.
        alpha: level of the two-sided test.
        power: probability of finding the difference.

    Raises:
        ValueError: no questions, or a share, level or power outside (0, 1).
    """
    if questions < 1 or not all(0 < part < 1 for part in (differ, alpha, power)):
        raise ValueError(
            f"expected 1 or more questions, and a share, level and power between 0 and 1; got {questions}, {differ}, "
            f"{alpha} and {power}"
        )
    return _smallest(questions, differ, alpha, power)


def detectable_difference(ours: Floats, theirs: Floats) -> float:
    """The smallest mean difference that these questions can show between two routers that differ as these do.

    As `smallest_difference` at level 0.05 and power 0.8, for differences of any size; at most 1. The standard deviation
    is taken about 0, as if either sign were equally likely, which McNemar's test assumes too. For scores of 0 and 1
    it is the root of the share of questions that differ.

    The routers are assumed to differ on at least six questions, because fewer can never be significant. If they differ
    on fewer, the missing differences are assumed to be as large as the others, or 1 if there are none.

    Args:
        ours: [n] scores, 0 to 1.
        theirs: [n] scores on the same questions.

    Raises:
        ValueError: no questions, or the numbers of questions differ.
    """
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if ours.shape != theirs.shape or ours.ndim != 1 or not len(ours):
        raise ValueError(
            f"expected values of the same questions, got {ours.shape} and {theirs.shape}"
        )
    squares = (ours - theirs) ** 2
    unequal = squares[squares > 0]
    size = float(unequal.mean()) if len(unequal) else 1.0
    return min(1.0, _smallest(len(ours), size * max(_MIN_UNEQUAL, len(unequal)) / len(ours)))


def _smallest(questions: int, variance: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest difference, given the variance of the difference on one question."""
    z = NormalDist().inv_cdf
    return (z(1 - alpha / 2) + z(power)) * math.sqrt(variance / questions)
