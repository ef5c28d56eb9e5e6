"""The words of `languages.LANGUAGES` as regular expressions, each compiled when a text first needs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache, lru_cache
from operator import itemgetter

from router_r1.answers.languages import LANGUAGES, Language, listed, pattern

_WORD = re.compile(r"[^\W\d_]+")
_PREFIX = 4
_MOST_NOUNS = 1000
_prefix = itemgetter(slice(_PREFIX))
# The letters of ASCII in lower case, and spaces in place of all else.
_LETTERS = bytes(
    ord(chr(code).lower()) if code < 128 and chr(code).isalpha() else ord(" ")
    for code in range(256)
)
# Chinese, Japanese and Korean: words without spaces between them, or with particles after them.
_GLUED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def spoken(view: str, field: str) -> list[Language]:
    """The languages that may use one of their words of this field in a text; few of them are others."""
    begun, table = _prefixes(field)
    used = _begun(view) & begun
    found = {row for prefix in used for row in table[prefix]} if used else set()
    if not view.isascii() and _GLUED.search(view):
        found.update(_glued())
    return [LANGUAGES[row] for row in sorted(found)]


def speaks(view: str, language: Language, field: str) -> bool:
    """Whether a text may use one of the words of this field of one language."""
    if language.glued:
        return not view.isascii() and _GLUED.search(view) is not None
    return not _beginnings(language, field).isdisjoint(_begun(view))


def nouns(view: str) -> Iterator[tuple[Language, re.Match[str]]]:
    """The nouns for an answer or an option in a text, last first; of very many, the last ones."""
    begun, table = _prefixes("noun")
    found = _begun(view) & begun
    if not found and view.isascii():
        return
    places: list[tuple[int, int]] = []
    lowered = view.lower()
    for prefix in found:
        place = lowered.find(prefix)
        while place >= 0:
            if not lowered[place - 1 : place].isalpha():
                places += [(place, row) for row in table[prefix]]
            place = lowered.find(prefix, place + 1)
    if not view.isascii() and _GLUED.search(view):
        for row in _glued():
            places += [(glued.start(), row) for glued in noun(LANGUAGES[row]).finditer(view)]
    places.sort(reverse=True)
    for place, row in places[:_MOST_NOUNS]:
        match = noun(LANGUAGES[row]).match(view, place)
        if match:
            yield LANGUAGES[row], match


def may_begin(text: str, field: str) -> bool:
    """Whether a text may begin with one of the words of this field; few texts do that begin otherwise."""
    first = _WORD.search(text)
    return not text.isascii() or (
        first is not None and first[0][:_PREFIX].lower() in _prefixes(field)[0]
    )


@lru_cache(maxsize=8)
def _begun(view: str) -> frozenset[str]:
    """The beginnings of words of a text with which words of any language and field begin."""
    if view.isascii():
        return _known().intersection(
            map(_prefix, view.encode().translate(_LETTERS).decode().split())
        )
    return _known().intersection([word[:_PREFIX] for word in _WORD.findall(view.lower())])


@cache
def _known() -> frozenset[str]:
    """The beginnings of all words in `LANGUAGES`."""
    listings = [field.name for field in fields(Language) if field.type == "str"]
    return frozenset().union(*(_beginnings(language, *listings) for language in LANGUAGES))


@cache
def _prefixes(field: str) -> tuple[frozenset[str], dict[str, tuple[int, ...]]]:
    """The beginnings of the words of a field, and the languages that have them, by number."""
    fields = ("answer", "option", "right") if field == "noun" else (field,)
    table: dict[str, list[int]] = {}
    for row, language in enumerate(LANGUAGES):
        for prefix in _beginnings(language, *fields):
            table.setdefault(prefix, []).append(row)
    return frozenset(table), {prefix: tuple(rows) for prefix, rows in table.items()}


@cache
def _beginnings(language: Language, *fields: str) -> frozenset[str]:
    """The beginnings of the words of these fields of a language that has spaces between its words."""
    if language.glued:
        return frozenset()
    listing = listed("|".join(getattr(language, field) for field in fields))
    firsts = [_WORD.search(phrase.lower()) for phrase in listing]
    return frozenset(first[0][:_PREFIX] for first in firsts if first)


@cache
def _glued() -> tuple[int, ...]:
    return tuple(row for row, language in enumerate(LANGUAGES) if language.glued)


class Phrases(frozenset[str]):
    """Phrases in lower case, which are found at the end or the beginning of a text."""

    def __init__(self, found: Iterable[str]) -> None:
        self._by_last: dict[str, tuple[str, ...]] = {}
        self._by_first: dict[str, tuple[str, ...]] = {}
        for phrase in sorted(self, key=lambda phrase: (-len(phrase), phrase)):
            for table, char in ((self._by_last, phrase[-1]), (self._by_first, phrase[0])):
                table[char] = (*table.get(char, ()), phrase)

    def ending(self, text: str) -> str:
        """The longest of the phrases with which a text in lower case ends, as whole words; empty if none."""
        likely = self._by_last.get(text[-1:], ())
        for phrase in likely if text.endswith(likely) else ():
            if text.endswith(phrase):
                before = text[-len(phrase) - 1 : -len(phrase)]
                if not before.isalnum() or not phrase[0].isalnum() or _GLUED.match(phrase):
                    return phrase
        return ""

    def begin(self, text: str) -> bool:
        """Whether a text in lower case begins with one of the phrases."""
        return text.startswith(self._by_first.get(text[:1], ()))


@cache
def phrases(*fields: str) -> Phrases:
    """The words of these fields of all languages in lower case; those with an ending without it."""
    return Phrases(
        p.lower().replace("’", "'")
        for language in LANGUAGES
        for f in fields
        for p in listed(getattr(language, f))
    )


@cache
def words(language: Language, *fields: str) -> str:
    """The pattern of the words in these fields of one language."""
    joined = "|".join(listing for field in fields if (listing := getattr(language, field)))
    return pattern(joined, glued=language.glued)


@cache
def all_words(*fields: str) -> str:
    """The pattern of the words in these fields of all languages."""
    parts = [words(language, *fields) for language in LANGUAGES]
    return "(?:" + "|".join(part for part in dict.fromkeys(parts) if part != pattern("")) + ")"


# --- the noun of a statement, and what stands between it and the answer


@cache
def noun(language: Language) -> re.Pattern[str]:
    """A noun for the answer: "answer", "final answer choice", "correct option", "opción correcta"."""
    answer, right, option = (words(language, field) for field in ("answer", "right", "option"))
    if language.glued:
        return re.compile(
            rf"{answer}(?:\s?{option})?|{right}\s?(?:的|な)?\s?{option}", re.IGNORECASE
        )
    return re.compile(
        rf"{answer}(?:\s{{1,3}}(?:{right}|{option})){{0,2}}|{right}\s{{1,3}}{option}(?:\s{{1,3}}{answer})?"
        rf"|{option}\s{{1,3}}(?:{right})",
        re.IGNORECASE,
    )


@cache
def link(language: Language) -> re.Pattern[str]:
    """What follows such a noun and makes it a statement; the answer begins where it ends."""
    copula = words(language, "copula")
    between = (
        rf"(?:,?\s{{1,3}}{words(language, 'of')}[^.:;?!\n]{{0,100}}?)?"
        if not language.glued
        else ""
    )
    space = r"\s*" if language.glued else r"\s{1,3}"
    return re.compile(
        r"""(?:\(s\))?[ "')\]}]{0,8}(?:"""
        rf"(?:{between}{space}|\s?(?=['’]))(?P<copula>{copula}|['’]s(?=\s))(?!\s{{1,3}}(?:looking|asked|given|told|trying|searching)\b)"
        r"""(?:[ "')\]}]*(?P<colon>:))?"""
        r"|\s{0,3}(?P<mark>(?!:--)[:=→⇒➜⟶]|-?->|(?<=\])(?=\s?[^\s]))|\s{1,3}(?P<dash>-)\s|[ .]{0,3}(?P<line>\n|\Z)|(?P<bare>\s|(?=[(\[])))",
        re.IGNORECASE,
    )


@cache
def before_line(language: Language) -> re.Pattern[str]:
    """All that may stand before a noun that begins its line; the A in "A is the" is no article."""
    lead = words(language, "determiners", "right", "so", "option", "copula")
    return re.compile(
        rf"(?!(?:.{{0,60}}\w\s)?\W*(?-i:A)\s{words(language, 'copula')}\s)\W*(?:\d{{1,2}}[.)]\s{{0,3}})?(?:{lead}[\s,]{{0,3}}){{0,4}}\Z",
        re.IGNORECASE,
    )


@cache
def subject(language: Language) -> re.Pattern[str]:
    """What ends just before the noun in "C is the answer", "ist C die Antwort": the answer, a copula, articles."""
    space = r"\s*" if language.glued else r"\s{1,3}"
    copula, lead = words(language, "copula"), words(language, "determiners", "right")
    leads = rf"(?:{lead}\s{{0,3}}){{0,4}}\Z"
    if language.inverts:
        inverted = (
            rf"|{copula}\s(?P<inverted>\W{{0,3}}\w{{1,20}}\W{{0,3}})\s(?:{lead}\s{{0,3}}){{1,4}}\Z"
        )
    else:
        inverted = "|(?P<inverted>(?!))"
    return re.compile(
        r"(?:\A|(?<=[.!?:;,\n。，！]))\W*(?:"
        rf"(?:{all_words('so')}[\s,]*)?(?P<answer>[^.!?:;,\n。，！]{{1,60}}?){space}{copula}{space}{leads}){inverted}",
        re.IGNORECASE,
    )
