"""Keys that are equal for equal answers: votes are counted with them."""

from __future__ import annotations

import re
import string

# `B`, `(B)`, `B.`, `Option B`, `(B) Canberra`, `B) Canberra`; not `B. Canberra`, which may be a name.
_CHOICE = re.compile(r"(?:(?i:option|choice)\s)?\(?([A-Za-z])[).:]?|\(?([A-Za-z])\)\s.*", re.DOTALL)
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d*)(?:\.(\d+))?", re.ASCII)
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
_LEADING_ARTICLES = re.compile(r"[at](?:(?<=\ba)n?|(?<=\bt)he) +(?=\S)")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces.

    From the evaluation script of "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (Rajpurkar et al., 2016,
    arXiv 1606.05250).
    """
    lowered = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


def answer_key(text: str) -> str:
    """A key that is equal for equal answers: `$1,000` and `1000.0`, `(B)` and `b`, `The Nile` and `nile`.

    Unlike `normalize_answer`, it distinguishes answers that only punctuation tells apart: `3.5 km` and `35 km`, `x+1`
    and `x-1`.
    """
    plain = _STYLE.sub(r"\1", text.replace("\u2212", "-"))  # the typographic minus
    stripped = plain.strip().strip("*`\"' ").rstrip(".").strip()
    choice = _CHOICE.fullmatch(stripped)
    if choice:
        return (choice[1] or choice[2]).lower()
    number = _NUMBER.fullmatch(stripped.strip("$€£% "))
    if number and (number[2] or number[3]):
        whole = number[2].replace(",", "").lstrip("0") or "0"
        fraction = (number[3] or "").rstrip("0")
        value = f"{whole}.{fraction}" if fraction else whole
        return f"-{value}" if number[1] == "-" and value != "0" else value
    words = _NOISE.sub("", stripped.lower().translate(_BRACKETS))
    words = " ".join(_LEADING_ARTICLES.sub(" ", words).split())
    if _OPERATORS.search(words):
        words = _OPERATOR.sub(r"\1", words)
    return words or stripped.casefold() or text.strip()
