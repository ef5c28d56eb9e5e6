"""Scales of a plot's axes: from values to pixels, and where the ticks are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Scale(Protocol):
    """Maps values to pixels."""

    def __call__(self, value: float) -> float:
        """The position of a value, in pixels."""
        ...

    def ticks(self, most: int) -> list[float]:
        """Round values within the scale, roughly `most` of them or fewer."""
        ...


@dataclass(frozen=True)
class Linear:
    """Equal distances for equal differences, from `low` at the pixel `start` to `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value, in pixels."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Multiples of 1, 2, 2.5 or 5 times a power of ten."""
        return _round_values(self.low, self.high, most)


@dataclass(frozen=True)
class Log:
    """Equal distances for equal ratios, from `low` at pixel `start` to `high` at `end`; 0 may have its own place."""

    low: float
    high: float
    start: float
    end: float
    zero: float | None = None
    """Pixel of the value 0; None if the scale has no place for it."""

    def __call__(self, value: float) -> float:
        """The position of a value, in pixels.

        Raises:
            ValueError: the value is negative, or 0 and the scale has no place for it.
        """
        if value <= 0:
            if self.zero is None or value < 0:
                raise ValueError(f"a logarithmic scale has no place for {value}")
            return self.zero
        share = math.log(value / self.low) / (math.log(self.high / self.low) or 1)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """1, 2 and 5, or 1 and 3, or 1 times powers of ten: the first of these that is few enough. In a short range,
        other round values."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [
                step * 10.0**decade
                for decade in decades
                for step in steps
                if self.low <= step * 10.0**decade <= self.high
            ]
            if len(found) <= most:
                break
        found = found[:: -(-len(found) // most) or 1]
        if len(found) < min(3, most):
            found = _round_values(self.low, self.high, most)
        return ([0.0] if self.zero is not None else []) + found


def cost_scale(values: Iterable[float], start: float, end: float) -> Scale:
    """A scale for costs: logarithmic, with a place for 0 if one of them is 0; linear if all are.

    Args:
        values: the costs that are shown, 0 or more.
        start, end: pixels of the left and the right end.
    """
    values = list(values)
    paid = [value for value in values if value > 0]
    if not paid:
        return Linear(0, 1, start + 20, end)
    free = len(paid) < len(values)
    low, high = min(paid), max(paid)
    room = max(1.15, (high / low) ** 0.06)  # keeps points off the frame
    return Log(
        low / room, high * room, start + (44 if free else 0), end, start + 14 if free else None
    )


def _round_values(low: float, high: float, most: int) -> list[float]:
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / max(1, most)))
    for step in (power * factor for factor in (1, 2, 2.5, 5, 10, 20)):
        first = math.ceil(low / step - 1e-9)
        count = math.floor(high / step + 1e-9) - first + 1
        if count <= most:
            return [round(step * (first + number), 12) for number in range(count)]
    return [low, high]
