"""A drawing as inline SVG: elements, scales, ticks and the colours of a report, light and dark.

Colours are classes, so that one drawing fits a page in either scheme; a drawing that stands alone (`alone`) brings its style along. The style
takes no CSS variables, which programs that turn SVG into PDF do not know.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

WIDE, NARROW = 960, 358
"""Widths in pixels: of a file and a page, and of a phone."""
SERIES = 8
"""How many curves can be told apart by colour: classes `s0` to `s7`."""
_COLOURS = {
    "ink": ("#1f2937", "#e5e7eb"),
    "quiet": ("#5b677a", "#9aa8bc"),
    "grid": ("#e2e8f0", "#263449"),
    "paper": ("#ffffff", "#0f172a"),
    "bar": ("#64748b", "#94a3b8"),
    "oracle": ("#a16207", "#fbbf24"),
    "s0": ("#1d4ed8", "#60a5fa"),
    "s1": ("#c2410c", "#fb923c"),
    "s2": ("#047857", "#34d399"),
    "s3": ("#7e22ce", "#c084fc"),
    "s4": ("#be185d", "#f472b6"),
    "s5": ("#0e7490", "#22d3ee"),
    "s6": ("#854d0e", "#e3b341"),
    "s7": ("#b91c1c", "#f87171"),
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def style() -> str:
    """The rules that drawings need: `f-NAME` fills and `l-NAME` draws a line in a colour, on screen in the scheme of the reader."""

    def rules(scheme: int) -> str:
        return "".join(
            f".f-{name}{{fill:{pair[scheme]}}}.l-{name}{{stroke:{pair[scheme]}}}"
            for name, pair in _COLOURS.items()
        )

    return f"{rules(0)}@media screen and (prefers-color-scheme:dark){{{rules(1)}}}"


class Drawing:
    """Collects the elements of one picture."""

    def __init__(self, width: float, height: float, label: str, *, size: float = 12) -> None:
        """
        Args:
            width: in pixels, as all lengths.
            height: of the whole.
            label: what it shows, for those who can not see it.
            size: of the font.
        """
        self.width, self.height, self.label, self.size = width, height, label, size
        self._parts: list[str] = []

    def add(self, tag: str, content: str = "", **attributes: str | float | None) -> None:
        """An element; `content` is escaped text, or markup of `titled`. A trailing or inner `_` of a name is dropped or a hyphen."""
        given = "".join(
            f' {name.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
            for name, value in attributes.items()
            if value is not None
        )
        self._parts.append(f"<{tag}{given}>{content}</{tag}>" if content else f"<{tag}{given}/>")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = "ink",
        *,
        anchor: str = "start",
        size: float | None = None,
        weight: str | None = None,
        halo: bool = False,
    ) -> None:
        """One line of text; with a `halo` it can be read on top of lines."""
        self.add(
            "text",
            html.escape(text),
            x=x,
            y=y,
            class_=f"f-{colour} l-paper" if halo else f"f-{colour}",
            paint_order="stroke" if halo else None,
            stroke_width=3 if halo else None,
            text_anchor=None if anchor == "start" else anchor,
            font_size=size,
            font_weight=weight,
        )

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        *,
        width: float = 1,
        dash: str | None = None,
        opacity: float | None = None,
        clip: str | None = None,
    ) -> None:
        """A line through points."""
        self.add(
            "polyline",
            points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
            class_=f"l-{colour}",
            fill="none",
            stroke_width=width,
            stroke_dasharray=dash,
            stroke_linejoin="round",
            opacity=opacity,
            clip_path=clip,
        )

    def marker(
        self, x: float, y: float, shape: str, colour: str, title: str, *, radius: float = 4
    ) -> None:
        """A point that says what it is when it is pointed at: circle, ring, square or diamond; large ones have an edge, for they may touch."""
        content = f"<title>{html.escape(title)}</title>"
        r = radius
        class_, edge = (f"f-{colour} l-paper", 1.0) if r >= 4 else (f"f-{colour}", None)
        if shape == "ring":
            self.add(
                "circle", content, cx=x, cy=y, r=r, class_=f"f-paper l-{colour}", stroke_width=1.5
            )
        elif shape == "circle":
            self.add("circle", content, cx=x, cy=y, r=r, class_=class_, stroke_width=edge)
        elif shape == "square":
            r *= 0.9
            side = 2 * r
            self.add(
                "rect",
                content,
                x=x - r,
                y=y - r,
                width=side,
                height=side,
                class_=class_,
                stroke_width=edge,
            )
        else:
            r *= 1.3
            corners = f"M{x:.1f},{y - r:.1f}l{r:.1f},{r:.1f}l{-r:.1f},{r:.1f}l{-r:.1f},{-r:.1f}z"
            self.add("path", content, d=corners, class_=class_, stroke_width=edge)

    def clip(self, name: str, left: float, top: float, right: float, bottom: float) -> str:
        """A frame that lines do not leave; returns what to give as `clip`. `name` must be unique on the page."""
        self._parts.append(
            f'<clipPath id="{name}"><rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}"/></clipPath>'
        )
        return f"url(#{name})"

    def inline(self, class_: str = "") -> str:
        """The drawing for a page that has `style`."""
        return self._svg(f' class="{class_}"' if class_ else "", "")

    def alone(self) -> str:
        """The drawing as a file of its own."""
        paper = '<rect class="f-paper" width="100%" height="100%"/>'
        xmlns = ' xmlns="http://www.w3.org/2000/svg"'  # a name, nothing that is fetched
        return self._svg(xmlns, f"<style>{style()}</style>{paper}")

    def _svg(self, attributes: str, first: str) -> str:
        return (
            f'<svg{attributes} viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" font-family="{html.escape(FONT)}" font-size="{self.size:g}" role="img" '
            f'aria-label="{html.escape(self.label)}">{first}{"".join(self._parts)}</svg>'
        )


def _attribute(value: str | float) -> str:
    return html.escape(value) if isinstance(value, str) else f"{round(value, 1):g}"


class Scale(Protocol):
    """From values to pixels."""

    def __call__(self, value: float) -> float:
        """Pixels."""
        ...

    def ticks(self, most: int) -> list[float]:
        """Round values, about this many at most."""
        ...


@dataclass(frozen=True)
class Linear:
    """Equal distances for equal differences."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixels."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Multiples of 1, 2, 2.5 or 5 times a power of ten."""
        return _round_values(self.low, self.high, most)


@dataclass(frozen=True)
class Log:
    """Equal distances for equal ratios. What costs nothing has a place of its own, left of the smallest value."""

    low: float
    high: float
    start: float
    end: float
    zero: float | None = None
    """Pixels of the value 0; None where there is none."""

    def __call__(self, value: float) -> float:
        """Pixels. Raises `ValueError` for 0 without a place for it, and for less."""
        if value <= 0:
            if self.zero is None or value < 0:
                raise ValueError(f"a logarithmic scale has no place for {value}")
            return self.zero
        share = math.log(value / self.low) / (math.log(self.high / self.low) or 1)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """1, 2, 5; or 1, 3; or 1 times powers of ten, or some of these; round values where too few of them are in the range."""
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


def costs(values: Iterable[float], start: float, end: float) -> Scale:
    """A scale for dollars: logarithmic, with a place for 0 if something is free; linear if all is."""
    values = list(values)
    paid = [value for value in values if value > 0]
    if not paid:
        return Linear(0, 1, start + 20, end)
    free = len(paid) < len(values)
    low, high = min(paid), max(paid)
    room = max(1.15, (high / low) ** 0.06)  # so that no point lies on the frame
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


def number(value: float) -> str:
    """Up to three significant digits, never with an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}".replace("-", "−")
    return text.rstrip("0").rstrip(".") if "." in text else text
