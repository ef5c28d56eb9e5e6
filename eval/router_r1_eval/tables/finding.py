"""A finding: one defect of an outcome table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from router_r1.errors import one_line

Weight = Literal["error", "warning", "note"]
WEIGHTS: tuple[str, ...] = get_args(Weight)
"""All weights, the worst first."""


@dataclass(frozen=True)
class Finding:
    """One defect."""

    weight: Weight
    """`error`: figures from this table are wrong. `warning`: they may be. `note`: worth knowing."""
    kind: str
    """Which defect, such as `duplicates`."""
    message: str
    """What was found, where and how often."""

    def __str__(self) -> str:
        return f"{self.weight:8s}{self.kind}: {one_line(self.message)}"
