"""Tables as markup: columns with their notes, a caption, and a frame that scrolls on a phone.

Cells and titles are escaped unless they are `Markup`. A column without any content is left out, with its note.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from router_r1_eval.report.markup import escaped

T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a table; T is the type of a line."""

    title: str
    text: Callable[[T], str]
    """A line's cell, which is escaped unless it is `Markup`; may be empty."""
    note: str = ""
    """What the column means, for the notes below the table."""
    by: Callable[[T], float | None] | None = None
    """The value that the column is sorted by; its text if this is None."""
    words: bool = False
    """Whether cells are words, which are aligned to the left."""


def table(
    columns: Sequence[Column[T]],
    lines: Sequence[T],
    caption: str,
    *,
    strong: Callable[[T], bool] = lambda _: False,
    sortable: bool = True,
) -> str:
    """A table with its notes.

    Args:
        columns: the first one names the line; others without any content are left out.
        lines: in their initial order.
        caption: markup.
        strong: which lines are in bold.
        sortable: whether the reader can sort the lines by a column.
    """
    cells = [[column.text(line) for line in lines] for column in columns]
    used = [n for n, column in enumerate(cells) if n == 0 or any(column)]
    head = "".join(_heading(columns[n], n == 0) for n in used)
    body = []
    for number, line in enumerate(lines):
        row = []
        for n in used:
            column = columns[n]
            value = column.by(line) if column.by else None
            order = f' data-by="{value:.9g}"' if value is not None else ""
            words = ' class="words"' if column.words or n == 0 else ""
            tag = 'th scope="row"' if n == 0 else "td"
            row.append(f"<{tag}{words}{order}>{escaped(cells[n][number])}</{tag[:2]}>")
        mark = ' class="strong"' if strong(line) else ""
        body.append(f"<tr{mark}>{''.join(row)}</tr>")
    notes = [(columns[n].title, columns[n].note) for n in used if columns[n].note]
    text = " ".join(f"<b>{escaped(title)}</b>: {note}." for title, note in notes)
    kind = " data-sortable" if sortable else ' class="compact"'
    return framed(caption, kind, head, "".join(body), text)


def framed(caption: str, kind: str, head: str, body: str, note: str) -> str:
    """A table below its caption, in a box that scrolls sideways.

    Args:
        caption: markup.
        kind: attributes of the table element.
        head: cells of the heading.
        body: rows of the body.
        note: markup below the table; may be empty.
    """
    notes = f'<p class="note">{note}</p>' if note else ""
    label = escaped(html.unescape(re.sub("<[^>]*>", "", caption)))
    return (
        f'<figure class="table"><figcaption>{caption}</figcaption>'
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">'
        f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{notes}</figure>"
    )


def _heading(column: Column[T], first: bool) -> str:
    # The page's script turns the title into a button.
    words = ' class="words"' if column.words or first else ""
    return f'<th scope="col"{words}>{escaped(column.title)}</th>'
