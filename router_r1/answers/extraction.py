"""Extracts the short answer that a reply finally states."""

from __future__ import annotations

import re

from router_r1.answers.thoughts import without_thoughts

# Replies are untrusted input: every pattern here takes time linear in the text.
_ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_ANSWER_PHRASE = re.compile(
    r"(?:\banswer(?:\s+is\b|\s*:|\s+to\s[^.\n:]{1,80}\sis\b)|####)\s*+:?\s*+(?=[^\n])",
    re.IGNORECASE,
)
_NON_ANSWER = re.compile(
    r"(?:i (?:do not|don['’]t|can ?not|can['’]t) |i['’]?m (?:not sure|sorry|unable)|i am (?:not sure|sorry|unable)|sorry\b"
    r"|unknown\W*$|n/a\W*$|not sure\b|unclear\W*$|can ?not be determined|no (?:answer|information|idea)\b)",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(r"^(?:it|that|this)(?:['’]s| is| was)\s+", re.IGNORECASE)
# Not after an initial or an abbreviation: "J. K. Rowling", "St. Petersburg", "U.S. Grant".
_SENTENCE_END = re.compile(
    r"(?<!\b[A-Z])(?<!\b(?:St|Dr|Mr|Ms|Mt|Ft|Jr|Sr|vs|No))(?<!\bMrs)[.](?:\s|$)|[;!?](?:\s|$)"
)
_MARKS = " *`\"'$"
_SHORT_WORDS = 12
_LONG_ANSWER = 300


def extract_answer(text: str) -> str | None:
    """Extract the short answer from a reply; None if no answer can be recognised.

    Takes the first of these that the reply contains: the last `<answer>` tag; the last `\\boxed{}`; the last "answer is
    ..." or "#### ..."; the whole reply if it is one short line. "I don't know" is not an answer in any of these places.
    """
    answer = (_find_answer(text) or "").strip()
    return None if not answer.strip(" .…") or _NON_ANSWER.match(answer) else answer


def abstains(text: str) -> bool:
    """Whether a reply says that it does not know, which is not the same as an unreadable answer."""
    answer = _find_answer(text)
    return bool(_NON_ANSWER.match(answer if answer is not None else text.strip()))


def _find_answer(text: str) -> str | None:
    text = without_thoughts(text)
    tagged = _last_tagged(text)
    if tagged is not None:
        return tagged
    boxed = _last_boxed(text)
    if boxed is not None:
        return boxed
    starts = [phrase.end() for phrase in _ANSWER_PHRASE.finditer(text)]
    if starts:
        line = text[starts[-1] : starts[-1] + _LONG_ANSWER].partition("\n")[0]
        return _first_sentence(line)
    stripped = text.strip()
    if stripped and "\n" not in stripped and len(stripped.split()) <= _SHORT_WORDS:
        return _LEAD_IN.sub("", stripped).rstrip(".")
    return None


def _last_tagged(text: str) -> str | None:
    opened: int | None = None
    found: str | None = None
    for tag in _ANSWER_TAG.finditer(text):
        if not tag[1]:
            opened = tag.end()
        elif opened is not None:
            found, opened = text[opened : tag.start()], None
    return found


def _last_boxed(text: str) -> str | None:
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth = 0
    for position in range(start + len("\\boxed"), len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[start + len("\\boxed{") : position]
    return None


def _first_sentence(text: str) -> str:
    end = _SENTENCE_END.search(text)
    first = text[: end.start()] if end else text
    return first.lstrip(_MARKS).rstrip(_MARKS + ".")
