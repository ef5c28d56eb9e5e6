"""Lengths compared within a category: four buckets that hold about equally many of the training lengths."""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

BUCKETS = 4
_PRIOR = 5.0
"""How many lengths of all categories weigh in the mean of one."""


@dataclass(frozen=True)
class RelativeLengths:
    """Buckets of length; fitted on training questions by `fit`."""

    usual: dict[str, float]
    """Category -> mean log length, drawn towards that of all categories."""
    usual_elsewhere: float
    """That of all categories, for any other."""
    edges: tuple[float, ...]
    """Inner edges of the buckets, in log length beyond the usual one."""

    @classmethod
    def fit(cls, lengths: Collection[tuple[str, int]]) -> RelativeLengths:
        """Learn usual lengths and buckets.

        Args:
            lengths: (category, length) pairs, in any unit of length.
        """
        by_category: dict[str, list[float]] = defaultdict(list)
        for category, length in lengths:
            by_category[category].append(math.log1p(length))
        total = math.fsum(map(math.fsum, by_category.values()))
        overall = total / max(1, len(lengths))
        usual = {
            category: (math.fsum(found) + _PRIOR * overall) / (len(found) + _PRIOR)
            for category, found in by_category.items()
        }
        beyond = sorted(
            length - usual[category] for category, found in by_category.items() for length in found
        )
        places = range(len(beyond), BUCKETS * len(beyond), max(1, len(beyond)))
        return cls(usual, overall, tuple(beyond[place // BUCKETS] for place in places))

    def bucket(self, category: str, length: int) -> int:
        """The bucket of a length, from 0 (short) to 3."""
        usual = self.usual.get(category, self.usual_elsewhere)
        return bisect.bisect_right(self.edges, math.log1p(length) - usual)
