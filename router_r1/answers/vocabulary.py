"""The words of `languages.LANGUAGES` as regular expressions, each compiled when a text first needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from router_r1.answers.languages import LANGUAGES, Language, listed, pattern


def spoken(lowered: str, *fields: str) -> Iterator[Language]:
    """The languages of whose words one occurs in a text in lower case; only words in these fields count."""
    plain = lowered.isascii()
    for language, words in _marker_table(fields, plain):
        for word in words:
            if word in lowered:
                yield language
                break


@cache
def _marker_table(fields: tuple[str, ...], plain: bool) -> tuple[tuple[Language, tuple[str, ...]], ...]:
    """Per language the shortest distinct words; if `plain`, only those that ASCII text can contain."""
    table = []
    for language in LANGUAGES:
        words = {word.lower() for field in fields for word in listed(getattr(language, field))}
        words = {word for word in words if word.isascii() or not plain}
        shortest = [w for w in words if not any(o != w and o in w for o in words)]
        if shortest:
            table.append((language, tuple(sorted(shortest))))
    return tuple(table)


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
        return re.compile(rf"{answer}(?:\s?{option})?|{right}\s?(?:的|な)?\s?{option}", re.IGNORECASE)
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
        rf"(?:,?\s{{1,3}}{words(language, 'of')}[^.:;?!\n]{{0,100}}?)?" if not language.glued else ""
    )
    space = r"\s*" if language.glued else r"\s{1,3}"
    return re.compile(
        r"""(?:\(s\))?[ "')\]}]{0,8}(?:"""
        rf"(?:{between}{space}|\s?(?=['’]))(?P<copula>{copula}|['’]s(?=\s))(?!\s{{1,3}}(?:looking|asked|given|told|trying|searching)\b)"
        r"""(?:[ "')\]}]*(?P<colon>:))?"""
        r"|\s{0,3}(?P<mark>[:=→⇒➜⟶]|-?->|(?<=\])(?=\s?[^\s]))|\s{1,3}(?P<dash>-)\s|[ .]{0,3}(?P<line>\n|\Z)|(?P<bare>\s|(?=[(\[])))",
        re.IGNORECASE,
    )


@cache
def before_line(language: Language) -> re.Pattern[str]:
    """All that may stand before a noun that begins its line."""
    lead = words(language, "determiners", "right", "so", "option")
    return re.compile(rf"\W*(?:\d{{1,2}}[.)]\s{{0,3}})?(?:{lead}[\s,]{{0,3}}){{0,4}}\Z", re.IGNORECASE)


@cache
def subject(language: Language) -> re.Pattern[str]:
    """What ends just before the noun in "C is the answer": the answer, a copula, articles."""
    space = r"\s*" if language.glued else r"\s{1,3}"
    copula, lead = words(language, "copula"), words(language, "determiners", "right")
    return re.compile(
        r"(?:\A|(?<=[.!?:;,\n。，！]))\W*"
        rf"(?:{all_words('so')}[\s,]*)?(?P<answer>[^.!?:;,\n。，！]{{1,60}}?){space}{copula}{space}(?:{lead}\s{{0,3}}){{0,4}}\Z",
        re.IGNORECASE,
    )
