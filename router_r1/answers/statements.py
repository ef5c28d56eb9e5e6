"""Finds where a reply states an answer outright: tags, boxes, `####`, JSON, "Answer: C", "the answer is C".

A statement has a place and a content; the content is None if the reply announces an answer there and gives none. Which
statement counts is for `extraction.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from router_r1.answers import letters
from router_r1.answers.contents import PLACEHOLDER, Contents
from router_r1.answers.languages import Language, listed
from router_r1.answers.typography import one_for_one
from router_r1.answers.vocabulary import Phrases, before_line, link, nouns, subject


class Form(StrEnum):
    """How a reply states its answer."""

    TAG = "tag"
    """`<answer>C</answer>`."""
    BOX = "box"
    r"""`\boxed{C}`; several boxes in a row are one answer."""
    MARK = "mark"
    """`Answer: C`, `#### 12`, a heading, a field of JSON."""
    PHRASE = "phrase"
    """"The answer is C", "C is the answer", "I choose C"."""
    CONCLUSION = "conclusion"
    """"C is correct", "so the total is 12": weaker than the others, wherever it stands."""
    SHORT = "short reply"
    """The whole reply, or its last line, is the answer."""
    UNFINISHED = "unfinished"
    """The reply ends where its answer should stand."""


class Statement(NamedTuple):
    """A place where a reply states an answer."""

    start: int
    """Where its content begins in the text."""
    form: Form
    content: str | None
    """The answer; None if it is missing or broken off."""


def last_statement(text: str, view: str) -> Statement | None:
    """The last explicit statement.

    Args:
        text: a reply without thoughts.
        view: `view_of(text)`.
    """
    found: list[Statement | None] = []
    if "<" in text or "[" in text or "{" in text or "\\" in text or "#" in text:
        field = _last(_json_fields(text))
        if field is not None and _ONLY_JSON.match(text):
            return field
        found = [field, _last(_hashed(text)), _last(_boxed(text)), _last(_tagged(text))]
    last = _worded(text, view)
    chosen = _chosen(text, view, last.start if last is not None else 0)
    for statement in (chosen, *found):  # the last of those in one place counts
        if statement is not None and (last is None or statement.start >= last.start):
            last = statement
    return last


def _last(found: Iterable[Statement]) -> Statement | None:
    """The last of statements that come in the order of their places."""
    last = None
    for last in found:  # noqa: B007
        pass
    return last


# --- plain text: the places of words, without markup

# A, B, C and E as keyboards of other alphabets write them.
_LOOKALIKE = re.compile(r"(?<!\w)[АВСЕΑΒΕ](?!\w)")
_LATIN = str.maketrans("АВСЕΑΒΕ", "ABCEABE")
_BLANKS = str.maketrans(dict.fromkeys("*_`#>|~", " "))
_ASCII_BLANKS = bytes(range(256)).translate(bytes.maketrans(b"*_`#>|~", b" " * 7))
_STYLE = re.compile(
    r"</?(?:b|strong|i|em|u|mark|span|p|h[1-6]|center|font|code|br|div|li|sup)\b[^<>\n]{0,80}>"
    r"|\\(?:text(?:bf|it|rm|sf|tt)?|math(?:bf|rm|sf|tt)|mbox|bm|boldsymbol|underline|emph|section|subsection|large|Large|bf)\s?\*?\s?\{"
    r"|\\(?:displaystyle|large|Large|bf|quad|qquad)\b|\\[,;!: ]",
)


def view_of(text: str) -> str:
    """The text in plain typography, with spaces in place of markup; every character keeps its place."""
    view = one_for_one(text)
    if "<" in view or "\\" in view:
        view = _STYLE.sub(lambda match: " " * len(match[0]), view)
    if view.isascii():
        return view.encode().translate(_ASCII_BLANKS).decode()
    return _LOOKALIKE.sub(lambda match: match[0].translate(_LATIN), view).translate(_BLANKS)


# --- tags

_TAG = re.compile(
    r"<\s?(?P<close>/?)\s?(?:final[_ -]?)?(?:answer|ans|result|final|respuesta|antwort|réponse|reponse|resposta|risposta|ответ|答案)"
    r"(?:\s[^<>\n]{0,100})?>"
    r"|\[(?P<close_bracket>/?)(?:FINAL[_ ])?ANSWER\]|<\|(?:begin|(?P<close_box>end))_of_(?:box|answer)\|>",
    re.IGNORECASE,
)


def _tagged(text: str) -> Iterator[Statement]:
    if "<" not in text and "[" not in text:
        return
    opened: int | None = None
    for tag in _TAG.finditer(text):
        if not (tag["close"] or tag["close_bracket"] or tag["close_box"]):
            opened = tag.end()
        elif opened is not None:
            content = text[opened : tag.start()].strip()
            named = any(map(str.isalpha, content)) and PLACEHOLDER.fullmatch(content[:_LONGEST_GAP])
            if not named:  # "<answer>your answer</answer>"
                yield Statement(opened, Form.TAG, content or None)
            opened = None
    if opened is not None:
        yield Statement(opened, Form.TAG, None)


# --- boxes

_BOX = re.compile(
    r"\\(?:boxed|fbox|framebox)\s?\*?\s{0,2}(?:(?P<brace>\{)|(?P<token>\\?\w+(?:\.\d+)?))?"
)
_BRACE = re.compile(r"\\[\\{}]|[{}]")
_ONLY_NAMED = re.compile(
    r"\b(?:in|within|inside|into|using|with|a|the|of)\s+[$`\\(\"']*\Z", re.IGNORECASE
)
_AND = re.compile(
    r"[\s$,;&\\(){}.]*(?:\\?\b(?:text|quad|and|or|und|oder|et|ou|y|o|e|en|of|och|eller|i|lub|и|или|ve|veya|và|dan|atau)\b|和|或|と|및|또는)?"
    r"[\s$,;&\\(){}]*(?:(?:\\?[A-Za-z]{1,5})(?:_\{?\w\}?)?\s?(?:=|\\in|\\approx)\s?)?[\s$\\(]*"
)
_NEXT_LINE = re.compile(
    r"[$\s.,;]{0,3}\n[^\S\n]{0,4}(?:[-•]\s)?[$]{0,2}"
)  # each box on a line of its own
_LONGEST_GAP = 40


def _boxed(text: str) -> Iterator[Statement]:
    if "\\boxed" not in text and "\\fbox" not in text and "\\framebox" not in text:
        return
    closing = _closing_braces(text)
    run: list[str] = []
    run_start = run_end = 0
    for box in _BOX.finditer(text):
        brace = box.start("brace")
        if brace < 0:
            content, start, end = box["token"], box.start("token"), box.end()
            if content is None:
                continue
        else:
            start, end = brace + 1, closing.get(brace, len(text))
            content = text[start:end].strip() if brace in closing else None
            if not content:
                if brace in closing and _ONLY_NAMED.search(
                    text, max(0, box.start() - 20), box.start()
                ):
                    continue  # "put it within \boxed{}"
                yield from _joined(run, run_start)
                run = []
                yield Statement(start, Form.BOX, None)
                continue
        if PLACEHOLDER.fullmatch(content[:_LONGEST_GAP]):
            continue
        if box.start() < run_end:  # a box in a box
            run = []
        gap = text[run_end : box.start()] if run and box.start() - run_end <= _LONGEST_GAP else "."
        beside = "\n" not in gap and not gap.strip().startswith(".") and _AND.fullmatch(gap)
        if run and (beside or _NEXT_LINE.fullmatch(gap)):
            run.append(content)
        else:
            yield from _joined(run, run_start)
            run, run_start = [content], start
        run_end = end + 1
    yield from _joined(run, run_start)


def _joined(run: list[str], start: int) -> Iterator[Statement]:
    if run:
        yield Statement(start, Form.BOX, ", ".join(dict.fromkeys(run)))


def _closing_braces(text: str) -> dict[int, int]:
    """The place of the closing brace of each opening one that has one."""
    open_braces: list[int] = []
    closing: dict[int, int] = {}
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            open_braces.append(brace.start())
        elif brace[0] == "}" and open_braces:
            closing[open_braces.pop()] = brace.start()
    return closing


# --- marks of four hashes

_HASHES = re.compile(r"(?<!#)####(?!#)[^\S\n]*(?P<content>[^\n]*)")
_NUMBER_LINE = re.compile(r"[-+$€£¥\\(]*\d[\d.,/:%$\\)\s]*(?:[^\W\d_]+\.?\s*){0,2}")
_NUMBERED_HEADING = re.compile(r"\d{1,2}[.)]\s+\w")


def _hashed(text: str) -> Iterator[Statement]:
    """`#### 12`. A line of words after four hashes is a heading, unless it is the last line."""
    if "####" not in text:
        return
    length = len(text.rstrip())
    for match in _HASHES.finditer(text):
        content = match["content"].strip(" *`")
        last = match.end() >= length
        is_number = _NUMBER_LINE.fullmatch(content) and not _NUMBERED_HEADING.match(content)
        if last or is_number:
            if noun_only(content):
                continue
            yield Statement(match.start("content"), Form.MARK, content or None)


def noun_only(content: str) -> bool:
    """Whether a heading says only "Answer", "Final answer:"."""
    view = view_of(content).strip(" .:")
    return any(
        match.end() == len(view) and before_line(language).match(view[: match.start()])
        for language, match in nouns(view)
    )


# --- words

_NOT_THE_ANSWER = Phrases(
    listed(
        "to|other|others|possible|any|every|each|no|previous|initial|original|student's|user's|reference|what|another|either"
        "|both|if the|whether the|alternative|earlier"
    )
)
_IN_TAG = re.compile(r"<\s?/?\s?(?:final\s)?\Z", re.IGNORECASE)
_JSON_KEY = re.compile(r"[\"'](?<!\\[\"'])(?P<key>[^\"'\n]{1,40})[\"']\s{0,3}:\s{0,3}")
_JSON_VALUE = re.compile(
    r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|\[[^\[\]]*\]|[^\s,}\]"\'\[{][^,}\n]*'
)
_JSON_NAMES = re.compile(
    r"(?:.*[ _-])?(?:answer|answers|ans|choice|option|result|solution|letter|prediction|label)(?:[ _-](?:letter|choice|option|index|key))?"
    r"|(?:final|selected|correct|chosen)?(?:Answer|Choice|Option)",
    re.IGNORECASE,
)


def _chosen(text: str, view: str, first: int) -> Statement | None:
    """The last "I would pick C" from a place on."""
    span = next(letters.chosen_letters(view, first), None)
    return None if span is None else Statement(span[0], Form.PHRASE, text[slice(*span)])


def _worded(text: str, view: str) -> Statement | None:
    """The last statement that words for an answer make."""
    contents: Contents | None = None
    for language, match in nouns(view):
        contents = contents or Contents(text, view)
        found = _with_noun(language, match, view, contents)
        if found is not None:
            return found
    return None


_ONLY_JSON = re.compile(r"[\s`]*(?:json\b)?\s*\{", re.IGNORECASE)


def _json_fields(text: str) -> Iterator[Statement]:
    if "{" not in text or not ('"' in text or "'" in text):
        return
    for match in _JSON_KEY.finditer(text):
        key = match["key"].strip()
        if not (_JSON_NAMES.fullmatch(key) or noun_only(key)):
            continue
        value = _JSON_VALUE.match(text, match.end())
        if value is None:
            yield Statement(match.end(), Form.MARK, None)
            continue
        content = value[0].strip()
        if content.startswith('"'):
            try:
                content = json.loads(content, strict=False)
            except json.JSONDecodeError:  # LaTeX with single backslashes
                content = content[1:-1]
        elif content in ("null", "None", ""):
            content = ""
        else:
            content = content.strip("'[]").replace('"', "").replace("'", "")
        if any(map(str.isalpha, content)) and PLACEHOLDER.fullmatch(content[:_LONGEST_GAP]):
            continue
        yield Statement(match.end() + 1, Form.MARK, content.strip() or None)


def _with_noun(
    language: Language, match: re.Match[str], view: str, contents: Contents
) -> Statement | None:
    """The statement around a noun such as "answer"; None if it makes none."""
    begin, end = match.span()
    before = view[max(0, begin - 25) : begin]
    if "<" in before and _IN_TAG.search(before):
        return None
    said = before.rstrip()
    if len(said) < len(before) and _NOT_THE_ANSWER.ending(said.lower()):
        return None
    if contents.is_wrong(language, begin):
        return None
    tie = link(language).match(view, end)
    if tie is not None:
        mark, colon, copula = tie.group("mark", "colon", "copula")
        marked = bool(mark or colon)
        loose = copula is None and not marked
        unclear = loose or mark == "="
        begins = (
            unclear
            and before_line(language).match(view[_line_start(view, begin) : begin]) is not None
        )
        if mark == "=" and not begins:
            return None  # "Required correct answers = 77"
        first = loose and begins
        found = None
        if not loose:
            found = contents.after(language, tie.end(), marked=marked)
        elif tie["line"] is not None and not first:
            found = contents.in_column(begin)
        elif first and (cell := contents.in_row(end)) is not None:
            found = cell
        elif tie["bare"] is not None:
            found = contents.short_after(language, tie.end()) if first or language.bare else None
        elif first or (tie["dash"] and language.bare):
            found = contents.after(language, tie.end(), marked=True)
        if found is not None:
            return Statement(found[0], Form.MARK if marked or loose else Form.PHRASE, found[1])
    segment = max(_line_start(view, begin), begin - 90)
    named = subject(language).search(view[segment:begin])
    if named is None:
        return None
    group = "answer" if named["inverted"] is None else "inverted"
    start = segment + named.start(group)
    content = contents.subject(start, segment + named.end(group))
    return Statement(start, Form.PHRASE, content) if content else None


def _line_start(view: str, place: int) -> int:
    """Where the line of a place begins, or the reach of what is read before a noun."""
    reach = max(place - 100, 0)
    return max(view.rfind("\n", reach, place) + 1, reach)
