"""SVG drawings: their elements, and the colours of the report in a light and a dark scheme.

Colours are CSS classes, so that one drawing fits a page in either scheme. A standalone drawing includes the style. The
style uses no CSS variables, because programs that convert SVG to PDF do not support them.

Not covered: scales (`scales.py`) and the placement of labels (`labels.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from router_r1_eval.report.markup import escaped

WIDE, NARROW = 960, 358
"""Widths of drawings in pixels: in a file or on a page, and on a phone."""
SERIES = 8
"""Number of curve colours: classes `s0` to `s7`."""
_COLOURS = {
    "ink": ("#1f2937", "#e5e7eb"),
    "quiet": ("#5b677a", "#9aa8bc"),
    "grid": ("#e2e8f0", "#263449"),
    "paper": ("#ffffff", "#0f172a"),
    "baseline": ("#64748b", "#94a3b8"),
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
Shape = Literal["circle", "ring", "square", "diamond"]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def style() -> str:
    """The CSS rules of drawings: `f-NAME` fills and `l-NAME` strokes, for the reader's light or dark colour scheme."""

    def rules(scheme: int) -> str:
        return "".join(
            f".f-{name}{{fill:{pair[scheme]}}}.l-{name}{{stroke:{pair[scheme]}}}"
            for name, pair in _COLOURS.items()
        )

    return f"{rules(0)}@media screen and (prefers-color-scheme:dark){{{rules(1)}}}"


class Drawing:
    """Collects the elements of one drawing. All lengths are pixels."""

    def __init__(self, width: float, height: float, label: str, *, size: float = 12) -> None:
        """
        Args:
            width: width of the drawing.
            height: height of the drawing.
            label: what it shows, for screen readers.
            size: font size.
        """
        self.width, self.height, self.label, self.size = width, height, label, size
        self._parts: list[str] = []

    def add(self, tag: str, content: str = "", **attributes: str | float | None) -> None:
        """Add an element.

        Args:
            tag: name of the element.
            content: escaped text or markup inside it.
            attributes: its attributes, without those that are None. A trailing `_` of a name is dropped, and other
                underscores become hyphens.
        """
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
        """Add one line of text.

        Args:
            x, y: the anchor, on the base line.
            text: not escaped.
            colour: name of its colour.
            anchor: which part of the text is at `x`: `start`, `middle` or `end`.
            size: font size, if not that of the drawing.
            weight: font weight.
            halo: draw an outline in the colour of the paper, so that it can be read on top of lines.
        """
        self.add(
            "text",
            escaped(text),
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
        """Add a line through points.

        Args:
            points: two or more.
            colour: name of its colour.
            width: width of the stroke.
            dash: pattern of dashes and gaps.
            opacity: 0 to 1.
            clip: a frame that `clip` returned.
        """
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
        self, x: float, y: float, shape: Shape, colour: str, title: str, *, radius: float = 4
    ) -> None:
        """Add a point.

        Args:
            x, y: its centre.
            shape: shape of the marker.
            colour: name of its colour.
            title: what is shown when the mouse is over it; not escaped.
            radius: in pixels; points of radius 4 or more have an edge, because large points may touch.
        """
        content = f"<title>{escaped(title)}</title>"
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
        """Define a frame that clips lines.

        Args:
            name: unique on the page.
            left, top, right, bottom: the edges.

        Returns:
            The value for the argument `clip` of `line`.
        """
        self._parts.append(
            f'<clipPath id="{name}"><rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}"/></clipPath>'
        )
        return f"url(#{name})"

    def inline(self, class_: str = "") -> str:
        """The markup for a page that includes `style`."""
        return self._svg(f' class="{class_}"' if class_ else "", "")

    def standalone(self) -> str:
        """The content of an SVG file."""
        paper = '<rect class="f-paper" width="100%" height="100%"/>'
        xmlns = ' xmlns="http://www.w3.org/2000/svg"'  # an identifier, never fetched
        return self._svg(xmlns, f"<style>{style()}</style>{paper}")

    def _svg(self, attributes: str, first: str) -> str:
        return (
            f'<svg{attributes} viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" '
            f'font-family="{escaped(FONT)}" font-size="{self.size:g}" role="img" '
            f'aria-label="{escaped(self.label)}">{first}{"".join(self._parts)}</svg>'
        )


def _attribute(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else f"{round(value, 1):g}"
