"""Finds the letters of options in prose: "I would pick C", "D is correct", "Cを選びます", "选C".

An option is a capital letter: alone, in brackets, or after a word for an option. The letter of a word is none, and
neither are the article in "A man", the pronoun in "I think" and the initial in "John F. Kennedy". All functions read a
text with plain typography and without markup (`statements.view_of`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from router_r1.answers.languages import LANGUAGES, Language
from router_r1.answers.vocabulary import all_words, phrases, spoken, words

Span = tuple[int, int]

_LETTER = re.compile(r"[A-Z](?![A-Za-z0-9^])(?<![A-Za-z0-9'].)(?!'(?:s|t|m|d|ll|ve|re)\b)")
_REACH = 80
_OPENING = " \"'<{([$"
_CLOSING = re.compile(r"(?:\s?[)\]\"'>}$]){0,4}")
_NAME_BEFORE = re.compile(r"\S[^\S\n]+[A-Z][a-z]+\s\Z")
_ENDS = re.compile(r"\s*(?:\Z|[.,;:!?\n)。，！；、—]|-\s|\()")
_AND = (
    r"(?:(?<!\w)(?:and|or|nor|und|oder|et|ou|y|o|e|en|of|och|og|eller|i|oraz|lub|a|nebo|и|или|та|або|ve|veya|و|أو|और|या|và|hoặc"
    r"|dan|atau)(?!\w)|和|或|与|與|と|や|また|및|또는)"
)
_MORE = re.compile(
    rf"(?:(?:\s{{0,2}}(?:[,/&、]|{_AND})){{1,2}}\s{{0,2}}(?P<last>[(\[]?(?-i:[A-Z])[)\]]?)(?!\w)){{1,8}}(?=\s*(?:[.;!?\n。]|\Z))",
    re.IGNORECASE,
)
_TICK = re.compile(r"[^\w\n]{0,4}[✓✔✅☑]")
_TICKED = re.compile(r"[✓✔✅☑]\ufe0f?[^\w\n]{0,4}\Z")
# "This makes C the best choice."
_MADE = re.compile(r"\b(?:mak(?:es?|ing)|leav(?:es?|ing)|consider|deem)\s{1,3}\Z", re.IGNORECASE)
# A letter is no option as the argument of a function: "P(B)", "E[D]".
_FUNCTION = re.compile(r"\b[A-Za-z]\Z")
_BRACKETED = re.compile(r"[(\[](?<!\b[A-Za-z].)\s?(?P<letter>[A-Z])\s?[)\]]")


class _Candidate(NamedTuple):
    """A letter that may be an option."""

    span: Span
    end: int
    """Where what follows it begins, after closing brackets."""
    said: str
    """What stands before it, in lower case, without brackets."""
    before: str
    """The same, without words for an option, articles, and adjectives."""
    named: bool
    """Whether it is in brackets, or called an option."""


@lru_cache(maxsize=8)
def _places(view: str, first: int) -> tuple[int, ...]:
    """Where letters stand that may be options, from a place on, the last first."""
    places = []
    for match in _LETTER.finditer(view, first):
        place = match.start()
        if not (view.startswith(". ", place + 1) and _is_initial(view, place)):
            places.append(place)
    return tuple(reversed(places))


def _is_initial(view: str, place: int) -> bool:
    """Whether a letter before a full stop is the initial in a name: "John F. Kennedy"."""
    if not view[place + 3 : place + 4].isupper():
        return False
    reach = max(0, place - _REACH)
    begin = view.rfind(" ", reach, place - 1) + 1 or reach
    word = view[begin:place].strip()
    return word[:1].isupper() and word.lower() not in phrases("option", "answer")


@lru_cache(maxsize=1024)
def _candidate(view: str, start: int) -> _Candidate:
    end = start + 1
    before = view[max(0, start - _REACH) : start]
    stripped = before.rstrip(_OPENING)
    brackets = before[len(stripped) :]
    named = ("(" in brackets or "[" in brackets) and not (
        brackets[0] in "([" and _FUNCTION.search(stripped)
    )
    stripped = said = stripped.lower()
    leads = phrases("option", "determiners")
    for _ in range(4):
        lead = leads.ending(stripped) or _adjective(stripped)
        if not lead:
            break
        named = named or lead in phrases("option")
        stripped = stripped[: -len(lead)].rstrip(" :,\"'")
    closing = _CLOSING.match(view, end)
    return _Candidate(
        (start, end), closing.end() if closing else end, said, stripped.rstrip(" :,，、"), named
    )


def _adjective(text: str) -> str:
    """The last word of a text if it is an adjective such as "right"."""
    word = text[text.rfind(" ") + 1 :]
    return word if phrases("right").begin(word) else ""


def chosen_letters(view: str, first: int = 0) -> Iterator[Span]:
    """Where a text takes an option from a place on, the last first: the span of "C" in "I would pick C", or of "B and C"."""
    choose = phrases("choose")
    for place in _places(view, first):
        found = _candidate(view, place)
        taken = choose.ending(found.before) or (
            found.said != found.before and choose.ending(found.said)
        )
        if (taken and _stands_alone(found, view)) or (
            not view.isascii() and _verb_last().match(view, found.end)
        ):
            yield _with_others(found, view)


def concluded_letters(view: str) -> Iterator[Span]:
    """Where a text calls an option right, or concludes with it, the last first: "D is correct", "so B."."""
    if not _places(view, 0):
        return
    view = without_rejected(view)
    languages = spoken(view, "right")
    for place in _places(view, 0):
        found = _candidate(view, place)
        start, end = found.span
        before = view[max(0, start - 30) : start]
        if _TICK.match(view, found.end) or _TICKED.search(before):
            yield found.span
        elif (
            phrases("so").ending(found.before) or phrases("copula").ending(found.before)
        ) and _stands_alone(found, view):
            yield _with_others(found, view)
        elif (_MADE.search(before) and _made_right().match(view, found.end)) or (
            before.rstrip(_OPENING)[-1:] in ("—", "→", ":") and not view[end:].strip(" ).!]")
        ):
            yield found.span
        elif (found.named or not _NAME_BEFORE.search(before)) and any(
            _called_right(language).match(view, found.end) for language in languages
        ):
            yield _with_others(found, view)
        elif _english_verb().match(view, found.end):
            yield found.span


def without_rejected(view: str) -> str:
    """The text with spaces in place of the options that it rejects: "not (B)", "A and C are wrong"."""
    if not _places(view, 0):
        return view
    for language in dict.fromkeys([*spoken(view, "wrong"), *spoken(view, "negation")]):
        view = _rejected(language).sub(lambda match: " " * len(match[0]), view)
    return view


def named_letters(view: str) -> set[str]:
    """All letters in brackets, or after a word for an option or an answer."""
    found = {match["letter"] for match in _BRACKETED.finditer(view)}
    for place in _places(view, 0):
        candidate = _candidate(view, place)
        letter = view[slice(*candidate.span)]
        if candidate.named or phrases("answer").ending(candidate.before):
            found.add(letter)
    return found


def _stands_alone(found: _Candidate, view: str) -> bool:
    """Whether a letter is in brackets or called an option, or a clause ends after it."""
    return bool(found.named or _ENDS.match(view, found.end) or _goes_on().match(view, found.end))


def _with_others(found: _Candidate, view: str) -> Span:
    """The span of a letter, and of those listed after it: "B, C and D" names three."""
    more = _MORE.match(view, found.end)
    return (found.span[0], more.end("last")) if more else found.span


@cache
def _goes_on() -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{all_words('because', 'ending')})", re.IGNORECASE)


@cache
def _verb_last() -> re.Pattern[str]:
    return re.compile(
        rf"\s{{0,2}}(?:{all_words('option')}\s{{0,2}})?{_others('chosen')}", re.IGNORECASE
    )


@cache
def _others(field: str) -> str:
    return "(?:" + "|".join(words(row, field) for row in LANGUAGES if row.name != "English") + ")"


@cache
def _english_verb() -> re.Pattern[str]:
    return re.compile(rf"\s{words(LANGUAGES[0], 'chosen')}", re.IGNORECASE)


@cache
def _made_right() -> re.Pattern[str]:
    right, option = words(LANGUAGES[0], "right"), words(LANGUAGES[0], "option", "answer")
    return re.compile(
        rf"\s{{1,3}}(?:as\s)?(?:the|our|my)\s(?:only\s)?{right}\s{option}", re.IGNORECASE
    )


@cache
def _called_right(language: Language) -> re.Pattern[str]:
    copula, right, because = (words(language, f) for f in ("copula", "right", "because"))
    option = words(language, "option", "answer")
    if language.glued:
        return re.compile(rf"\s?(?:{option})?\s?(?:{copula})?\s?{right}", re.IGNORECASE)
    lead = rf"(?:{words(language, 'determiners')}\s{{1,3}})?"
    return re.compile(
        rf"(?:,?\s{{1,3}}(?:{copula})|\s?[:—(-])\s{{0,3}}{lead}(?:{right})(?:\s{{1,3}}{option})?"
        rf"(?=\s*(?:\Z|[.,;:!\n)—]|-\s|{because}))",
        re.IGNORECASE,
    )


@cache
def _rejected(language: Language) -> re.Pattern[str]:
    word = r"[A-Z]" if language.glued else r"\b[A-Z]\b"
    option = words(language, "option", "answer")
    one = rf"(?:{option}\s{{0,3}})?[(\[]?(?-i:{word})[)\]]?"
    conjunction = rf"(?:\s{{0,2}}(?:[,/&、]|{_AND})){{1,2}}\s{{0,2}}"
    several = rf"{one}(?:{conjunction}{one}){{0,8}}"
    negation, wrong, copula = (words(language, f) for f in ("negation", "wrong", "copula"))
    # After an option, only "not" rejects it: "B rather than A" rejects A.
    after = negation if language.glued else re.escape(language.negation.partition("|")[0])
    articles = words(language, "determiners")
    space = r"\s{0,2}" if language.glued else r"\s{1,3}"
    begin = "" if language.glued else r"(?=(?<!\w)\w|[(\[])"  # passes over most of a text quickly
    return re.compile(
        rf"{begin}(?:{negation}{space}(?:{copula}{space})?(?:{articles}{space})?{several}"
        rf"|{several}\s{{0,2}}(?:{copula}|are|were|was|is|(?:can|could|may|should|must)(?:\s(?:safely\s)?be)?)?"
        rf"(?:n['’]t|{space}(?:{after}|{wrong}))(?:{space}{wrong})?)",
        re.IGNORECASE,
    )
