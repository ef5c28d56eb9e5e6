"""The blocks of code in a reply: fences of Markdown as CommonMark defines them, and as models write them.

Backticks or tildes, three or more; a closing fence of the same character is at least as long and says nothing else; a
fence may be indented, in a list or in a quotation; one that is never closed ends with the text. Beyond CommonMark, a
fence may open at the end of a line of prose, and the code in a list may lack the list's indentation.

Time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CONTAINERS = re.compile(r"(?:[ \t]|>(?!>>)|[-*+][ \t]|\d{1,9}[.)][ \t])*")
_OPENING = re.compile(r"(?P<run>`{3,})(?P<info>[^`]*)$|(?P<tildes>~{3,})(?P<other>.*)$")
_WORD = re.compile(r"[\w+#-]+")
_PYTHON = frozenset(["python", "python2", "python3", "py", "py2", "py3", "pycon", "ipython", "ipython3", "python-repl", "pyi", "sage"])  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A fenced block of a reply."""

    text: str
    """What stands between the fences, without the indentation or the marks of the list or the quotation around it."""
    language: str
    """The first word after the opening fence, in small letters; empty if there is none."""
    rest: str
    """What follows the closing fence, up to the end of the reply; empty if the fence is never closed."""

    @property
    def is_python(self) -> bool:
        """Whether the fence names Python."""
        return self.language.removesuffix(".py") in _PYTHON or self.language.startswith("python")

    @property
    def is_other(self) -> bool:
        """Whether the fence names another language."""
        return self.language != "" and not self.is_python


def blocks_of(reply: str) -> list[Block]:
    """The fenced blocks of a reply, in their order."""
    lines = reply.split("\n")
    found: list[Block] = []
    number, looked = 0, False
    while number < len(lines):
        opening = _opening(lines[number])
        number += 1
        if opening is None:
            continue
        prefix, run, info = opening
        first = number
        while number < len(lines) and not _closes(lines[number], prefix, run):
            number += 1
        if (
            number == len(lines) and not looked
        ):  # perhaps it closes after the code, on the same line
            looked = True
            ends = (at for at in range(first, number) if lines[at].rstrip().endswith(run))
            number = next(ends, number)
            if number < len(lines):
                lines.insert(number + 1, run)
                lines[number] = lines[number].rstrip()[: -len(run)]
                number += 1
        inner = [_inside(line, prefix) for line in lines[first:number]]
        number += 1
        word = _WORD.search(info)
        found.append(Block("\n".join(inner), word[0].lower() if word else "", "\n".join(lines[number:]) if len(found) < _MOST_RESTS else ""))  # fmt: skip
    return found


_MOST_RESTS = 50  # the texts after more blocks than this would be quadratic


def _opening(line: str) -> tuple[str, str, str] | None:
    """What stands before an opening fence, its characters, and what stands after it."""
    containers = _CONTAINERS.match(line)
    prefix = containers[0] if containers else ""
    found = _OPENING.match(line, len(prefix))
    if found is not None:
        return prefix, found["run"] or found["tildes"], found["info"] or found["other"] or ""
    before, run, info = line.rpartition("```")
    info = info.strip()
    if (
        run and "`" not in before and (not info or info.lower() in _PYTHON)
    ):  # it ends a line of prose
        return "", run, info
    return None


def _closes(line: str, prefix: str, run: str) -> bool:
    """Whether a line closes the fence: nothing but a run at least as long, indented by at most three more columns."""
    text = _unquoted(line, prefix)
    fence = text.strip()
    if len(fence) < len(run) or fence != run[0] * len(fence):
        return False
    return _indentation(text) <= _width(prefix) + 3


def _inside(line: str, prefix: str) -> str:
    """A line in a fence without the marks of the quotation, and without the indentation of the fence as far as it has it."""
    text = _unquoted(line, prefix)
    least = min(_width(prefix), _indentation(text))
    while least > 0 and text:
        least -= 4 if text[0] == "\t" else 1
        text = text[1:]
    return text


def _unquoted(line: str, prefix: str) -> str:
    for _ in range(prefix.count(">")):
        stripped = line.lstrip(" \t")
        if not stripped.startswith(">"):
            break
        line = stripped[1:].removeprefix(" ")
    return line


def _width(prefix: str) -> int:
    """Columns that the containers indent their content, besides the marks of quotations."""
    return len(prefix.rpartition(">")[2].removeprefix(" ") if ">" in prefix else prefix.expandtabs(4))  # fmt: skip


def _indentation(text: str) -> int:
    blank = text[: len(text) - len(text.lstrip(" \t"))]
    return len(blank.expandtabs(4))
