"""The HTML document: numbered figures and tables in sections, inside the frame of page.html.

Style, script and figures are part of the page, which fetches nothing. Figures are also written as SVG files beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TypeVar

from router_r1_eval.report.markup import escaped
from router_r1_eval.report.svg import NARROW, WIDE, Drawing, style

T = TypeVar("T")


class Document:
    """Collects the sections of a page, and writes it into the folder of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sections: list[tuple[str, str]] = []
        self._figures = self._tables = 0

    def section(self, title: str, *parts: str) -> None:
        """Append a section, unless all its parts are empty."""
        if any(parts):
            self._sections.append((title, "\n".join(filter(None, parts))))

    def figure(self, name: str, draw: Callable[[float], Drawing | None], caption: str) -> str:
        """A figure in two widths, for a page and a phone; the wide one is also written to a file.

        Args:
            name: name of the file, without `.svg`.
            draw: draws it for a width in pixels; returns None if there is nothing to draw.
            caption: markup.

        Returns:
            Its markup; empty if there is nothing to draw.
        """
        file = self.folder / f"{name}.svg"
        file.unlink(missing_ok=True)  # from an earlier report
        wide, narrow = draw(WIDE), draw(NARROW)
        if wide is None or narrow is None:
            return ""
        self._figures += 1
        file.write_text(wide.standalone() + "\n")
        return (
            f"<figure>{wide.inline('wide')}{narrow.inline('narrow')}"
            f"<figcaption><b>Figure {self._figures}.</b> {caption}</figcaption></figure>"
        )

    def table(self, make: Callable[[T, str], str], content: T, caption: str) -> str:
        """A table with its number.

        Args:
            make: takes `content` and the caption, and returns markup, which is empty if there is nothing to show.
            content: what the table shows.
            caption: markup.

        Returns:
            Its markup; may be empty.
        """
        markup = make(content, f"<b>Table {self._tables + 1}.</b> {caption}")
        self._tables += bool(markup)
        return markup

    def write(self, title: str, lead: str) -> Path:
        """Write report.html.

        Args:
            title: what the routers were compared on, not escaped.
            lead: markup below the heading.
        """
        resources = files(__package__)
        sections = [
            (f"s{number}", heading, body)
            for number, (heading, body) in enumerate(self._sections, 1)
        ]
        text = Template(resources.joinpath("page.html").read_text()).substitute(
            title=escaped(f"Router-R1: {title}"),
            heading=escaped(f"Routers on {title}"),
            lead=lead,
            style=resources.joinpath("page.css").read_text() + style(),
            contents="".join(f'<a href="#{key}">{heading}</a>' for key, heading, _ in sections),
            sections="\n".join(
                f'<section id="{key}" aria-labelledby="{key}-title">'
                f'<h2 id="{key}-title">{heading}</h2>\n{body}</section>'
                for key, heading, body in sections
            ),
            script=resources.joinpath("page.js").read_text(),
        )
        path = self.folder / "report.html"
        path.write_text(text)
        return path
