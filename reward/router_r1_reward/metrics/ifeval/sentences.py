"""Counts of sentences, words and capital words, as the instructions of IFEval define them.

IFEval's reference program counts sentences with NLTK's Punkt model, which has to be downloaded. These rules replace it
and were made to agree with it:

- A sentence ends with `.`, `!`, `?` or an equivalent mark of another script, closing quotes, brackets and asterisks
  included.
- A full stop does not end a sentence after a title or an initial ("Dr. No", "J. Smith"). After another abbreviation,
  and after "...", it does if the next word is one that begins sentences ("at 5 p.m. The train").
- A number and a full stop are a sentence, so the "1." of a list item counts, unless a lower-case letter follows. A line
  break does not end a sentence.

Differences: Punkt ends sentences after "e.g.", "i.e." and "etc.", counts asterisks after the last full stop as one more
sentence, and does not know the marks of other scripts.
"""

from __future__ import annotations

import re

# Closing quotes and brackets belong to the mark. Other scripts put no space between sentences.
_END = re.compile(r"""[.!?]+(?:["'”’»)\]}*_]+[,;]?)?(?=\s|$)|[。！？।۔؟]+["'”’」』»)\]}*_]*""")
_WORD = re.compile(r"\S+")
_OPENING = "\"'“‘«([{*_"
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[.,\d-]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words("mr mrs ms dr prof st mt ft gen col lt sgt capt rep sen gov rev hon messrs")
_ABBREVIATIONS = _words(
    "vs jr sr inc ltd corp bros etc cf fig vol approx dept e.g i.e a.m p.m ph.d u.s u.k u.n u.s.a d.c "
    "jan feb aug sept sep oct nov dec"
)
# Words that begin sentences rather than names.
_STARTERS = _words(
    "the this that these those it he she they we you i a an in on at when while if but and or so however there here "
    "what who why how my your our their his her some many most no not as for after before since although then "
    "yes let please all each every both one by with from to"
)

_WORDS = re.compile(r"\w+")
# Between the words of a sentence: spaces, and the marks that are never part of a word.
_BETWEEN = re.compile(r"""[\s;@#$%&?!()\[\]{}<>"“”«»…]+|--+|\.{2,}|[:,](?!\d)""")
# "DON'T" is two words, as in the Penn Treebank.
_CLITIC = re.compile(r"(?=N'T$)|(?='(?:S|M|D|LL|RE|VE)$)", re.IGNORECASE)


def count_sentences(text: str) -> int:
    """The number of sentences; words after the last mark are one more."""
    count, start = 0, 0
    for end in _END.finditer(text):
        if _ends(text, start, end):
            count += 1
            start = end.end()
    return count + bool(_WORDS.search(text, start))


def count_words(text: str) -> int:
    """The number of runs of letters, digits and underscores."""
    return len(_WORDS.findall(text))


def count_capital_words(text: str) -> int:
    """The number of words all in capitals. "WELL-KNOWN" is one, "I" is one, "DON'T" is two: "DO" and "N'T"."""
    words = (part for word in _BETWEEN.split(text) for part in _CLITIC.split(word))
    return sum(word.isupper() for word in words)


def _ends(text: str, start: int, end: re.Match[str]) -> bool:
    """Whether the mark `end` ends the sentence that begins at `start`."""
    marks = end[0].rstrip("\"'”’»)]}*_」』,;")
    if marks not in (".", "...", ".."):
        return True
    following = _WORD.search(text, end.end())
    if following is None:
        return True
    upcoming = following[0].lstrip(_OPENING)
    capital = upcoming[:1].isupper()
    starter = capital and re.split(r"\W", upcoming, maxsplit=1)[0].lower() in _STARTERS
    if marks != ".":
        return starter
    last = _last_word(text, start, end.start())
    if _NUMBER.fullmatch(last):
        return not following[0][:1].islower()
    if last in _TITLES:
        return False
    if last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha()):
        return starter
    return True


def _last_word(text: str, start: int, end: int) -> str:
    """The word before the position `end`, in lower case; of a long word only the last 40 characters."""
    words = text[max(start, end - 40) : end].split()
    return words[-1].lstrip(_OPENING).lower() if words else ""
