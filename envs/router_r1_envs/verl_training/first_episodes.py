"""Ends a run whose policy writes no valid episode at its start: without one there is nothing to learn from.

All episodes then earn the same, no group has a difference, and every gradient is zero, while the candidates are paid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from router_r1.errors import ConfigError

ENOUGH = 64
"""Episodes after which a run without a valid one ends. If one in twenty were valid, 64 invalid ones have a chance of
4 percent."""


class FirstEpisodes:
    """Watches the first training episodes of a run."""

    def __init__(self) -> None:
        self._reasons: Counter[str] = Counter()
        self._done = False

    def see(self, extra_fields: Sequence[Mapping[str, Any]]) -> None:
        """Take a step's episodes.

        Args:
            extra_fields: what the agent loop reported for each episode. Episodes of other agent loops are not judged.

        Raises:
            ConfigError: the first `ENOUGH` episodes, or all of the first steps up to there, have no valid one.
        """
        if self._done or not all("stop_reason" in fields for fields in extra_fields):
            return
        self._reasons.update(str(fields["stop_reason"]) for fields in extra_fields)
        if any(fields["reward_extra_info"]["valid"] for fields in extra_fields):
            self._done = True
        elif (count := self._reasons.total()) >= ENOUGH:
            ends = ", ".join(f"{reason} {number}" for reason, number in self._reasons.most_common())
            raise ConfigError(
                f"none of the first {count} episodes has an answer (they ended: {ends}), so there is nothing to learn from. "
                f"The policy does not follow the protocol: start from a larger or instruction-tuned MODEL, or train it first "
                f"(`router-r1 train cold-start` for the generated world, `router-r1 train imitate`); see docs/training.md"
            )
