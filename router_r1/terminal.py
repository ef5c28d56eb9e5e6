"""What the program writes to a terminal: every text passes through here, so that text from outside stays data.

A reply, an error of a server, a name in a file may hold control sequences, which move the cursor, set the title or
the clipboard, or hide text. `printable` shows such characters as escapes (`\\x1b`, `\\u202e`); line breaks and tabs
stay. It applies to terminals and to pipes alike, since what is piped is often shown later.

    echo, echo_json          lines and JSON
    styled                   text for rich, in which neither markup (`[red]`) nor emoji codes (`:x:`) are read
    escape_log_messages      what Python's logging prints where nothing configured it
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.text import Text

# Control characters (C0, DEL, C1) without tab and newline; the line and paragraph separator; lone surrogates; and the
# characters without a glyph that Unicode calls default ignorable: marks of direction, zero-width characters, fillers,
# interlinear annotations and tags. Variation selectors are left alone: emoji need them, and they hide nothing.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    """The text with hidden characters as Python would escape them; a line break of Windows becomes a newline."""
    return _HIDDEN.sub(_escaped, text.replace("\r\n", "\n"))


def echo(text: str, *, err: bool = False, ends_line: bool = True) -> None:
    """Print a line to standard output, or to standard error.

    Args:
        text: any text.
        err: print to standard error.
        ends_line: False for a question, which is answered on its line.
    """
    typer.echo(printable(text), err=err, nl=ends_line)


def echo_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON to standard output: the exact value, with hidden characters in JSON's own escapes.

    Args:
        value: what `json.dumps` takes.
        indent: spaces per level; None for one line.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    typer.echo(_HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text))


def styled(*parts: str | tuple[str, str]) -> Text:
    """A line for rich's console or table.

    Args:
        parts: texts, plain or with a style of rich: `("4 of 6", "dim")`.
    """
    from rich.text import Text

    line = Text()
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        line.append(printable(text), style=style)
    return line


class _PrintableFormatter(logging.Formatter):
    """Formats a record as usual, hidden characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def escape_log_messages() -> None:
    """Escape hidden characters in what logging prints to standard error as long as no handler is configured."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_PrintableFormatter())


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
