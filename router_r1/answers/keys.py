"""Keys that are equal for equal answers: votes are counted with them."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache
from itertools import filterfalse

from router_r1.answers.numbers import number_key
from router_r1.answers.typography import folded, has_digit, plain_text

# `B`, `(B)`, `B.`, `Option B`, `(B) Canberra`, `B) Canberra`; not `B. Canberra`, which may be a name.
_CHOICE = re.compile(r"(?:(?i:option|choice)\s)?\(?([A-Za-z])[).:]?|\(?([A-Za-z])\)\s.*", re.DOTALL)
# `x = 5`, `3 + 4 = 7`: the value of a variable, or of an expression of digits.
_EQUATION = re.compile(r"(?:\\?[A-Za-z]\w?|[\d\s.,+*/×·÷()^$\\-]*)\s?=(?P<value>[^=]+)", re.ASCII)
_STYLE = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_BRACKETS = str.maketrans(dict.fromkeys("()[]{}", " "))
# Punctuation that does not change an answer; operators, and points, commas and colons between digits, do.
# A pattern for rare marks begins with the set of those marks, because only then does `re` skip other text quickly. What
# must precede a mark is therefore checked by a lookbehind after it.
_NOISE = re.compile(
    r"[.,:*#\\!\"$%&';?@_`|~-](?:"
    r"(?<=[.,:])(?:(?!\d)|(?<=[^\d\s].))|(?<=\d,)(?=\d{3}(?!\d))"  # 1,000 is 1000
    r"|(?<=[^\W\d_]{2}-)(?=[^\W\d_]{2})"  # a hyphen in a word
    r"|(?<=\*)\*+|(?<=[*#])(?<!\S.)[*#]*|(?<=\*)(?!\S)"  # Markdown
    r"|(?<=\\)(?![a-z])|(?<=[!\"$%&';?@_`|~]))",
    re.DOTALL,
)
_OPERATOR = re.compile(r" ?([-+*/^=<>]) ?")
_OPERATORS = re.compile(r"[-+*/^=<>]")
_ARTICLES = re.compile(r"[at](?:(?<=\ba)n?|(?<=\bt)he)\b")
_ARTICLE_WORDS = frozenset({"a", "an", "the"})
_LEADING_ARTICLES = re.compile(r"[at](?:(?<=\ba)n?|(?<=\bt)he) +(?=\S)")
_PUNCTUATION = string.punctuation.encode()


def normalize_answer(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces.

    From the evaluation script of "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (Rajpurkar et al., 2016,
    arXiv 1606.05250), which knows ASCII only. Other text is first brought into plain typography
    (`typography.folded`), and its punctuation goes too: `O’Neill` is `O'Neill`, and `1914–1918` is `1914-1918`.
    """
    return " ".join(normalized_words(text))


def normalized_words(text: str) -> list[str]:
    """The words of `normalize_answer(text)`."""
    plain = folded(text)
    if plain.isascii():  # words are what stands between spaces
        words = plain.encode().translate(None, _PUNCTUATION).decode().split()
        return list(filterfalse(_ARTICLE_WORDS.__contains__, words))
    plain = "".join(char for char in plain if not _is_punctuation(char))
    return _ARTICLES.sub(" ", plain).split()


@lru_cache(maxsize=4096)
def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def answer_key(text: str) -> str:
    r"""A key that is equal for equal answers: `$1,000` and `1000.0`, `\frac12` and `x = 0.5`, `(B)` and `b`, `The Nile` and
    `nile`.

    Unlike `normalize_answer`, it distinguishes answers that only punctuation tells apart: `3.5 km` and `35 km`, `x+1`
    and `x-1`.
    """
    plain = plain_text(text)
    if "\\" in plain:
        plain = _STYLE.sub(r"\1", plain)
    stripped = plain.strip().strip("*`\"' ").rstrip(".。").strip()
    choice = _CHOICE.fullmatch(stripped)
    if choice:
        return (choice[1] or choice[2]).lower()
    equation = _EQUATION.fullmatch(stripped.strip("$")) if "=" in stripped else None
    value = equation["value"].strip() if equation else stripped
    number = number_key(value) if has_digit(value) else None
    if number is not None:
        return number
    words = _NOISE.sub("", folded(stripped).translate(_BRACKETS))
    words = " ".join(_LEADING_ARTICLES.sub(" ", words).split())
    if _OPERATORS.search(words):
        words = _OPERATOR.sub(r"\1", words)
    return words or stripped.casefold() or text.strip()
