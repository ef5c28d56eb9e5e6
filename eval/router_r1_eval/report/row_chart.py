"""A chart with one line per row on a horizontal axis: the row's name on the left, a figure on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from router_r1_eval.report.labels import LETTER_WIDTH
from router_r1_eval.report.number_format import compact
from router_r1_eval.report.row_names import shortened
from router_r1_eval.report.row_style import is_routing
from router_r1_eval.report.scales import Linear
from router_r1_eval.report.svg import Drawing
from router_r1_eval.results import Row

_LINE = 22.0  # pixels from one line to the next
_TOP = 8


class RowChart:
    """The frame of the chart; the caller draws the marks of each row at `height_of`."""

    def __init__(
        self,
        rows: Sequence[Row],
        width: float,
        ends: tuple[float, float],
        title: str,
        figure: Callable[[Row], str],
    ) -> None:
        """
        Args:
            rows: from top to bottom.
            width: in pixels.
            ends: the smallest and the largest value; 0 lies between them or is one of them.
            title: title of the axis.
            figure: the text on the right.
        """
        narrow = width < 600
        size = 11.0 if narrow else 12.0
        names = [shortened(row.name, 22 if narrow else 40) for row in rows]
        left = 8 + LETTER_WIDTH * size * max(map(len, names))
        right = width - 10 - LETTER_WIDTH * size * max(len(figure(row)) for row in rows)
        bottom = _TOP + _LINE * len(rows)
        margin = 0.03 * (ends[1] - ends[0]) or 1
        low, high = ends[0] - margin * (ends[0] < 0), ends[1] + margin * (ends[1] > 0)
        self.scale = Linear(low, high, left + 6, right - 8)
        self.drawing = Drawing(width, bottom + 42, title, size=size)
        for value in self.scale.ticks(max(3, int((right - left) / 50))):
            x = self.scale(value)
            self.drawing.line([(x, 4), (x, bottom)], "grid")
            self.drawing.text(x, bottom + 16, compact(value), "quiet", anchor="middle")
        zero = self.scale(0)
        self.drawing.line([(zero, 4), (zero, bottom)], "quiet")
        self.drawing.text((left + right) / 2, bottom + 35, title, "quiet", anchor="middle")
        for place, (row, name) in enumerate(zip(rows, names, strict=True)):
            y = self.height_of(place) + 4
            self.drawing.text(
                left, y, name, anchor="end", weight="600" if is_routing(row) else None
            )
            self.drawing.text(width - 4, y, figure(row), "quiet", anchor="end")

    @staticmethod
    def height_of(place: int) -> float:
        """The middle of a line, in pixels from the top; lines count from 0."""
        return _TOP + _LINE * (place + 0.5)
