"""Lengths compared within a group of questions: four buckets that hold about equally many of the training lengths."""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

BUCKETS = 4
_PRIOR = 5.0
"""How many lengths of all groups weigh in the mean of one."""


@dataclass(frozen=True)
class RelativeLengths:
    """Buckets of length; fitted on training questions by `fit`."""

    usual: dict[str, float]
    """Group -> mean log length, drawn towards that of all groups."""
    usual_elsewhere: float
    """That of all groups, for any other."""
    edges: tuple[float, ...]
    """Inner edges of the buckets, in log length beyond the usual one."""

    @classmethod
    def fit(cls, lengths: Collection[tuple[str, int]]) -> RelativeLengths:
        """Learn usual lengths and buckets.

        Args:
            lengths: (group, length) pairs, in any unit of length.
        """
        by_group: dict[str, list[float]] = defaultdict(list)
        for group, length in lengths:
            by_group[group].append(math.log1p(length))
        total = math.fsum(map(math.fsum, by_group.values()))
        overall = total / max(1, len(lengths))
        usual = {
            group: (math.fsum(found) + _PRIOR * overall) / (len(found) + _PRIOR)
            for group, found in by_group.items()
        }
        beyond = sorted(
            length - usual[group] for group, found in by_group.items() for length in found
        )
        places = range(len(beyond), BUCKETS * len(beyond), max(1, len(beyond)))
        return cls(usual, overall, tuple(beyond[place // BUCKETS] for place in places))

    def bucket(self, group: str, length: int) -> int:
        """The bucket of a length, from 0 (short) to 3."""
        usual = self.usual.get(group, self.usual_elsewhere)
        return bisect.bisect_right(self.edges, math.log1p(length) - usual)
