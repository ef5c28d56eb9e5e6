"""Finds the Python literal that a reply states as its answer.

The place is where the project's one reader of replies finds the final statement (`router_r1.answers`); from there on the
text is read as Python, because quotes, brackets and line ends belong to a literal and not to prose. What stands right of
the last `==` of a completed assertion counts. A reply that states nothing has its answer in the last `==`, in its last
block of code, or at the end of one of its last lines.

A reading is a value, or a text without quotes, which may be a string whose quotes were left out.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

from router_r1.answers import without_thoughts
from router_r1.answers.run_on import turn_end
from router_r1.answers.statements import Form, Statement, last_statement, view_of
from router_r1.answers.typography import one_for_one
from router_r1_reward.metrics.python_literal.value import Found, Value, parse, parse_at

MAX_REPLY = 60_000
"""Of a longer reply, the end is read."""
_LAST_LINES = 3
_TRIES = 40
_BEFORE = " \t\"'([{)]}`*|#>"
"""What may stand between the words of a statement and what the reader takes for its content."""

_OPEN, _CLOSE = "[ANSWER]", "[/ANSWER]"
"""The tags that CRUXEval's prompts ask for."""
_FENCED = re.compile(r"```[\w+-]*[ \t]*\n?(.{0,20000}?)```", re.DOTALL)
_MARKUP = re.compile(r"(?:\s|[*$>|#]|```(?:python|py|json|text|plaintext)?(?=\s)|`)*")
_JSON_KEY = re.compile(r'"[^"\n]{1,40}"\s{0,5}:\s{0,5}\Z')
_ANSWER_KEY = re.compile(r"[\"']\w{0,20}answer[\"']\s{0,5}:", re.IGNORECASE)
_EQUALS = re.compile(r"(?<![=!<>])==(?!=)")
_CONTINUED = re.compile(
    r"[ \t]*(?:[-+*/%@&|^<>\[(]|\.(?=\w)|==|!=|\b(?:if|for|and|or|in|is|not)\b)"
)
_SENTENCE_END = re.compile(r"[ \t]*(?:$|[.;,](?:\s|$)|[`*$)\]}\"'])", re.MULTILINE)
_LINE_END = re.compile(r"[\s.`*$)]*\Z")
_ASSERTION = re.compile(r"(?:>>>\s*)?(?:assert\b|[\w.]{1,80}\()[^\n]*\Z")
_WORDS = re.compile(r"[A-Za-z]\w*\s")
_TOKEN = re.compile(r"(?<![\w.\])'\"(\[{])(?=[-+(\[{'\"\d.]|[A-Za-z])")


class Reading(NamedTuple):
    """What a reply may state."""

    values: tuple[Value, ...]
    """The literals; several where quotes may belong to JSON or to Python."""
    texts: tuple[str, ...]
    """The same without quotes around it, as written."""


@lru_cache(maxsize=64)
def read(reply: str) -> Reading:
    """What a reply states as its answer.

    Args:
        reply: a whole reply or a short answer.
    """
    text = without_thoughts(reply)[-MAX_REPLY:]
    text = text[: turn_end(text)]
    whole = _Piece(text).reading()
    if whole is not None and not (whole.values[0][0] == "dict" and _ANSWER_KEY.search(text)):
        return whole
    if _OPEN in text:
        tagged = text[text.rindex(_OPEN) + len(_OPEN) :].partition(_CLOSE)[0]
        found = _Piece(tagged).reading() or _unstated(tagged)
        return found or Reading((), (tagged.strip(),))
    stated = last_statement(text, view_of(text))
    if stated is not None:
        found = _stated(text, stated)
        return found if whole is None else Reading((*found.values, *whole.values), found.texts)
    if whole is not None:
        return whole
    found = _unstated(text)
    return Reading(() if found is None else found.values, (text, text.strip("\n")))


class _Piece:
    """A text that may be a literal, or an assertion that ends in one, and nothing else."""

    def __init__(self, text: str) -> None:
        self._whole = text
        fenced = _FENCED.fullmatch(text.strip())
        self._text = (fenced[1] if fenced else text.strip().strip("`*$")).strip()

    def reading(self) -> Reading | None:
        """The literal that the text is, or that stands right of its last `==`; None if neither."""
        value = parse(self._text)
        if value is None and '"' not in self._text:
            value = parse(one_for_one(self._text))
        if value is None and _ASSERTION.match(self._text):
            value = _right_side(self._text)
        return (
            None
            if value is None
            else Reading((value,), () if value[0] == "str" else (self._whole,))
        )


def _right_side(text: str) -> Value | None:
    """The literal right of the last `==` that has one and nothing after it on its line."""
    for equals in list(_EQUALS.finditer(text))[-_TRIES:][::-1]:
        found = parse_at(text, equals.end())
        if found is not None and _ends(text, found):
            return found.value
    return None


def _ends(text: str, found: Found) -> bool:
    """Whether a literal is a whole expression."""
    return not _CONTINUED.match(text, found.end) and bool(_SENTENCE_END.match(text, found.end))


def _stated(text: str, stated: Statement) -> Reading:
    """What the final statement of a reply says."""
    content = (stated.content or "").strip()
    if stated.form in (Form.BOX, Form.TAG):
        found = _Piece(content).reading() or _unstated(content)
        return found or Reading((), (content,))
    stated_at = start = min(stated.start, len(text))
    while start > 0 and text[start - 1] in _BEFORE:
        start -= 1
    for place in (start, max(0, stated_at - 1)):  # the place of a bare value in JSON is one too far
        if _JSON_KEY.search(text[max(0, place - 60) : place]):
            found = _json_value(text, place)
            if found is not None:
                return found
    rest = text[start:].removeprefix(" ")
    markup = _MARKUP.match(text, start)
    start = markup.end() if markup else start
    line = text[start:].partition("\n")[0]
    bare = [rest, rest.partition("\n")[0]]
    if markup and markup[0].strip():
        bare.append(line.rstrip("`*$| "))
    for place in dict.fromkeys((start, stated_at)):
        literal = parse_at(text, place)
        if literal is None or not _ends(text, literal):
            continue
        if text[literal.end - 1] == "." and literal.value[0] == "float":  # the full stop after 17
            literal = parse_at(text[: literal.end - 1], place) or literal
        tail = text[place:].partition("\n")[0].rstrip(" .`*$|")
        row = parse(tail) if text.startswith(",", literal.end) else None
        is_string = literal.value[0] == "str"
        return Reading((row or literal.value,), () if is_string else tuple(bare))
    # An assertion, perhaps in a block of code, or a sentence that ends in the literal.
    in_code = "```" in text[max(0, start - 12) : start]
    value = _right_side(text[start:] if in_code else line)
    if value is None and _WORDS.match(line):
        value = _at_line_end(line)
    if line.strip() != content:  # more stands on the line
        bare.append(content)
    return Reading(() if value is None else (value,), tuple(filter(None, bare)))


def _json_value(text: str, start: int) -> Reading | None:
    """The value of a field in JSON; a string may be a literal, or a string whose quotes are those of JSON."""
    while text[start : start + 1] in (" ", "\t", "\n"):
        start += 1
    if text[start : start + 1] != '"':
        found = parse_at(text, start, json_names=True)
        return None if found is None else Reading((found.value,), (text[start : found.end],))
    try:
        written, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    value = parse(written.strip())
    if value is None:
        value = _right_side(written)
    values = (("str", written),) if value is None else (value, ("str", written))
    return Reading(values, (written, _without_quotes(written)))


def _unstated(text: str) -> Reading | None:
    """The answer of a reply that states none: right of its last `==`, its last block of code, or ends a last line."""
    value = _right_side(text)
    if value is not None:
        return Reading((value,), ())
    for block in _FENCED.findall(text)[::-1]:
        value = parse(block.strip())
        if value is not None:
            return Reading((value,), ())
    for line in [line for line in text.splitlines() if line.strip()][-_LAST_LINES:][::-1]:
        value = _at_line_end(line)
        if value is not None:
            return Reading((value,), ())
    return None


def _at_line_end(line: str) -> Value | None:
    """The longest literal with which a line ends."""
    for token in list(_TOKEN.finditer(line[-4000:]))[:_TRIES]:
        start = max(0, len(line) - 4000) + token.start()
        found = parse_at(line, start)
        if found is not None and _LINE_END.match(line, found.end):
            before = line[:start].rstrip()[-1:]
            if before not in tuple("+-*/%=<>,"):
                return found.value
            if before == "=" and not line[:start].rstrip().endswith(("<=", ">=", "!=")):
                return found.value
    return None


def _without_quotes(text: str) -> str:
    """A text without one pair of quotes around it."""
    stripped = text.strip()
    if len(stripped) >= 2 and stripped[0] == stripped[-1] and stripped[0] in "'\"":
        return stripped[1:-1]
    return stripped
