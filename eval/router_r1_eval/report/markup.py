"""Text as markup: what comes from a file is escaped, and only what the report itself writes is markup.

`escaped` is the one way of text into the page and its figures. Sinks such as the cells of a table call it themselves,
so a text is shown as it is unless the report declares it to be `Markup`.
"""

from __future__ import annotations

import html

from router_r1.terminal import printable


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """The text as markup, for content and for quoted attributes; markup is unchanged.

    Control characters and marks of direction are shown as escapes: XML has no control characters, and a mark of
    direction reorders what follows it.
    """
    return text if isinstance(text, Markup) else Markup(html.escape(printable(text)))
