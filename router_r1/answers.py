"""Extracts the short answer from a long reply, and makes keys that are equal for equal answers.

Votes are counted with these. Grading against gold answers is in the reward package.
"""

from __future__ import annotations

import re
import string

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
_MARKS = " *`\"'$"
_SHORT_WORDS = 12
_LONG_ANSWER = 300


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
