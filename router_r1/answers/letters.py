"""Finds the letters of options in prose: "I would pick C", "D is correct", "Cを選びます", "选C".

An option is a capital letter: alone, in brackets, or after a word for an option. The letter of a word is none, and
neither are the article in "A man" and the pronoun in "I think". All functions read a text with plain typography and
without markup (`statements.view_of`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from router_r1.answers.languages import LANGUAGES, Language
from router_r1.answers.vocabulary import spoken, words

Span = tuple[int, int]


def chosen_letters(view: str) -> Iterator[Span]:
    """Where a text takes an option: the span of "C" in "I would pick C"."""
    if not _CAPITAL.search(view):
        return
    for language in spoken(view.lower(), "choose", "chosen"):
        for match in _choice(language).finditer(view):
            if _stands_alone(match, view, language):
                yield _with_others(match.span("letter"), view)
        if language.chosen and language.name != "English":
            for match in _verb_last(language).finditer(view):
                yield _with_others(match.span("letter"), view)


def concluded_letters(view: str) -> Iterator[Span]:
    """Where a text calls an option right, or concludes with it: "D is correct", "so B.", "the process is C."."""
    if not _CAPITAL.search(view):
        return
    for language in spoken(view.lower(), "right", "so", "copula"):
        for match in _called_right(language).finditer(view):
            if not _NAME_BEFORE.search(view, max(0, match.start("letter") - 30), match.start("letter")):
                yield _with_others(match.span("letter"), view)
        for match in _conclusion(language).finditer(view):
            if _stands_alone(match, view, language):
                yield _with_others(match.span("letter"), view)
    if LANGUAGES[0].chosen:
        yield from (match.span("letter") for match in _verb_last(LANGUAGES[0]).finditer(view))
    yield from (match.span(match.lastgroup or 0) for match in _TICKED.finditer(view))
    last = _LAST.search(view, max(0, len(view) - 40))
    if last is not None:
        yield last.span("letter")


def without_rejected(view: str) -> str:
    """The text without the options that it rejects: "not (B)", "A and C are wrong"."""
    for language in _spoken_or_english(view, "wrong", "negation"):
        view = _rejected(language).sub(" ", view)
    return view


def named_letters(view: str) -> set[str]:
    """All letters in brackets, or after a word for an option or an answer."""
    found = {match["letter"] for match in _BRACKETED.finditer(view)}
    for language in _spoken_or_english(view, "option", "answer"):
        found.update(match["letter"] for match in _named(language).finditer(view))
    return found


def _spoken_or_english(view: str, *fields: str) -> list[Language]:
    found = list(spoken(view.lower(), *fields))
    return found if LANGUAGES[0] in found else [LANGUAGES[0], *found]


_AND = (
    r"(?:(?<!\w)(?:and|or|nor|und|oder|et|ou|y|o|e|en|of|och|og|eller|i|oraz|lub|a|nebo|и|или|та|або|ve|veya|و|أو|और|या|và|hoặc"
    r"|dan|atau)(?!\w)|和|或|与|與|と|や|また|및|또는)"
)
_MORE = re.compile(
    rf"[)\]]?(?:(?:\s{{0,2}}(?:[,/&、]|{_AND})){{1,2}}\s{{0,2}}(?P<last>[(\[]?(?-i:[A-Z])[)\]]?)(?!\w)){{1,8}}(?=\s*(?:[.;!?\n。]|\Z))",
    re.IGNORECASE,
)
_CAPITAL = re.compile(r"(?<![A-Za-z0-9'])[A-Z](?![A-Za-z0-9'])")
_NAME_BEFORE = re.compile(r"\S\s+[A-Z][a-z]+\s\Z")
_TICKED = re.compile(r"(?<!\w)(?P<letter>[A-Z])(?!\w)[^\w\n]{0,4}[✓✔✅☑]|[✓✔✅☑]\ufe0f?[^\w\n]{0,4}(?<!\w)(?P<letter_>[A-Z])(?!\w)")
_LAST = re.compile(r"[:—→]\s{1,3}[(\[]?(?P<letter>[A-Z])[)\]]?\s?[.!]?\s*\Z")
_BRACKETED = re.compile(r"[(\[]\s?(?P<letter>[A-Z])\s?[)\]]")
_ENDS = re.compile(r"\s*(?:\Z|[.,;:!?\n)。，！；、—]|-\s|\()")


def _stands_alone(match: re.Match[str], view: str, language: Language) -> bool:
    """Whether a letter is in brackets or called an option, or a clause ends after it."""
    if match["open"] or match["named"] or _ENDS.match(view, match.end()):
        return True
    return _goes_on(language).match(view, match.end()) is not None


def _with_others(span: Span, view: str) -> Span:
    """The span of a letter, and of those listed after it: "B, C and D" names three."""
    more = _MORE.match(view, span[1])
    return (span[0], more.end("last")) if more else span


@cache
def _goes_on(language: Language) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{words(language, 'because', 'ending')})", re.IGNORECASE)


@cache
def _letter(language: Language) -> str:
    word = "A-Za-z0-9" if language.glued else r"\w"
    letter = rf"""(?<![{word}'])(?P<letter>(?-i:[A-Z]))(?![{word}^]|'[a-z]{{2}}|'[a-z]\s)"""
    return rf"""["'<{{$]{{0,3}}(?P<open>[(\[]?)["'$\s]{{0,2}}{letter}["'$\s]{{0,2}}[)\]]?["'>}}$]{{0,3}}"""


@cache
def _parts(language: Language) -> tuple[str, str, str]:
    """The patterns of a space, of words that may stand before an option, and of a word for an option."""
    option = words(language, "option", "answer")
    if language.glued:
        return r"\s*", "", rf"(?P<named>{option}\s?)?"
    lead = rf"(?:{words(language, 'determiners', 'right')}\s{{1,3}}){{0,2}}"
    return r"[\s:,]{1,3}", lead, rf"(?P<named>(?:{option}\s{{1,3}}){{1,2}})?"


@cache
def _choice(language: Language) -> re.Pattern[str]:
    space, lead, named = _parts(language)
    return re.compile(
        rf"{words(language, 'choose')}{space}{lead}{named}{_letter(language)}", re.IGNORECASE
    )


@cache
def _verb_last(language: Language) -> re.Pattern[str]:
    option = words(language, "option")
    return re.compile(
        rf"{_letter(language)}\s{{0,2}}(?:{option}\s{{0,2}})?{words(language, 'chosen')}", re.IGNORECASE
    )


@cache
def _called_right(language: Language) -> re.Pattern[str]:
    copula, right, because = (words(language, f) for f in ("copula", "right", "because"))
    option = words(language, "option", "answer")
    letter = _letter(language)
    if language.glued:
        return re.compile(rf"{letter}\s?(?:{option})?\s?(?:{copula})?\s?{right}", re.IGNORECASE)
    lead = rf"(?:{words(language, 'determiners')}\s{{1,3}})?"
    return re.compile(
        rf"{letter}(?:,?\s{{1,3}}(?:{copula})|\s?[:—(-])\s{{0,3}}{lead}(?:{right})(?:\s{{1,3}}{option})?"
        rf"(?=\s*(?:\Z|[.,;:!\n)—]|-\s|{because}))",
        re.IGNORECASE,
    )


@cache
def _conclusion(language: Language) -> re.Pattern[str]:
    space, lead, named = _parts(language)
    copula = rf"(?:it['’]s|{words(language, 'copula')}){space}"
    return re.compile(
        rf"(?:{words(language, 'so')}[\s,:，、]{{0,3}}(?:it\s)?(?:{copula})?|{copula}){lead}{named}{_letter(language)}",
        re.IGNORECASE,
    )


@cache
def _named(language: Language) -> re.Pattern[str]:
    between = r"\s*" if language.glued else r"\s{1,3}"
    return re.compile(
        rf"{words(language, 'option', 'answer')}{between}{_letter(language)}(?:\s*{words(language, 'because')})?"
        r"(?=\W|\Z)",
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
    space = r"\s{0,2}" if language.glued else r"\s{1,3}"
    return re.compile(
        rf"{negation}{space}{several}"
        rf"|{several}\s{{0,2}}(?:{copula}|are|were|was|is|can)?(?:n['’]t|{space}(?:{negation}|{wrong}))(?:{space}{wrong})?",
        re.IGNORECASE,
    )
