"""The metric `choice`: does an answer name the right option of a multiple-choice question?

All of these name option C: `C`, `c`, `(C)`, `C.`, `C) text`, `**C**`, `$\\boxed{\\text{(C)}}$`, `Option C`,
`The answer is (C).`, and, where the options are known, the text of option C. Options that an answer rejects ("not (B)
but C", "C, since (A) is wrong") do not count. An answer that names two options names none. A letter beyond the last
option is wrong. A word is not a letter: "A man" does not name option A.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache

from router_r1.answers import answer_key, extract_answer
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.wrong_answers import NO_ANSWER

LETTERS = string.ascii_uppercase
"""The letters of the options, in order."""

Options = tuple[str, ...] | None

_STYLE = re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_LEAD = (
    r"(?i:(?:(?:the|my|final|correct|best|right|answer|option|choice|letter|is|it['’]s|it|but|rather|i|choose|pick|select)"
    r"\b[\s:]*)*)"
)
# A letter alone.
_BARE = re.compile(rf"{_LEAD}[(\[{{]?\s*([A-Za-z])\s*[)\]}}]?\s*[.:,;!]*")
# A marked letter with text after it: `(C) text`, `C) text`, `C. text`, `C: text`, `C - text`.
_MARKED = re.compile(
    rf"{_LEAD}(?:[(\[]([A-Za-z])[)\]]|([A-Z])\s?[).:]|([a-z])\)|([A-Z])\s[-–—]\s)[\s:.,-]*(.*)",
    re.DOTALL,
)
# A second letter in that text.
_ANOTHER = re.compile(r"\b([A-Z])[)\]]|^(?:or|and|[,/&;+])\s*([A-Z])\b")
# In a sentence a letter counts if it is in brackets, called an option or the answer, or called right. This pattern and
# _REJECTED begin with the set of their first characters, because only then does `re` skip the rest of a text quickly.
_NAMED = re.compile(
    r"[(ocaA-Z](?:(?<=\()([A-Z])\)"
    r"|(?:(?<=\b[Oo])ption|(?<=\b[Cc])hoice|(?<=\b[Aa])nswer)\s+([A-Z])\b"
    r"|(?<=\b[Aa])nswer\s+is\s+([A-Z])(?=\s*(?:$|[.,;:]|because\b|since\b|as\b|and\b|but\b))"
    r"|(?<=\b([A-Z]))\s+is\s+(?:the\s+)?(?:correct|right|best)\b)"
)
_LETTER = r"(?:option\s+)?(?:\([A-Z]\)|\b[A-Z]\b)"
# An option that the answer rejects.
_REJECTED = re.compile(
    rf"[ntero(A-Z](?:(?:(?<=\bn)(?:ot|or|either)|(?<=\bt)han|(?<=\be)(?:xcludes?|liminates?)|(?<=\br)ules?\s+out)\s+{_LETTER}"
    r"|(?:(?<=o)ption\s+(?:\([A-Z]\)|\b[A-Z]\b)|(?<=\()[A-Z]\)|(?<=\b[A-Z])\b)"
    r"\s+(?:is|are|was)(?:\s+(?:not|wrong|incorrect|false)\b|n['’]t\b))"
)
_LOOSE_END = re.compile(r"[\s,;]*\b(?:because|since|as|and|but)?[\s,;.]*$")


def same_choice(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the answer names the option that the gold answer names.

    Args:
        answer: the reply.
        gold: the letter or the text of the right option.
        question: its `choices` are the texts of the options; without them only letters count.

    Raises:
        DataError: the gold answer names no option.
    """
    choices = question.choices if question is not None else None
    right = named_options(gold, choices)
    if not right:
        count = f"one of {len(choices)} options" if choices else "an option by its letter"
        raise DataError(
            f"the gold answer {gold!r} does not name {count}; give its letter, or another metric"
        )
    named = named_options(answer, choices)
    return float(bool(named) and (named <= right or right <= named))


@lru_cache(maxsize=4096)
def named_options(text: str, choices: Options = None) -> frozenset[str]:
    """The letter of the option that a text names; several letters only where options have the same text.

    Args:
        text: an answer.
        choices: the texts of the options, in the order A, B, C, ...; without them every letter is an option.

    Returns:
        The letters; empty if the text names no option, or two.
    """
    letters = frozenset(LETTERS[: len(choices) if choices else None])
    named = _read(_plain(text), choices)
    if not named:
        final = extract_answer(text)
        named = _read(_plain(final), choices) if final is not None else named
    return named if named <= letters else frozenset()


def _read(text: str, choices: Options) -> frozenset[str]:
    bare = _BARE.fullmatch(text)
    if bare:
        return frozenset({bare[1].upper()})
    by_text = _by_text(text, choices)
    if by_text:
        return by_text
    left = _REJECTED.sub("", text)
    if left != text:
        return _read(_LOOSE_END.sub("", left), choices)
    marked = _MARKED.fullmatch(text)
    if marked:
        letter = next(filter(None, marked.groups())).upper()
        others = _by_text(marked[5], choices) or _letters(_ANOTHER, marked[5]) or {letter}
        return frozenset({letter}) if letter in others and len(others) == 1 else frozenset()
    named = _letters(_NAMED, text)
    return named if len(named) == 1 else frozenset()


def wrong_options(question: Question, gold: str) -> tuple[str, ...]:
    """`NO_ANSWER` and the letters of all other options; not the question, since "(c) What is ...?" names an option."""
    right = named_options(gold, question.choices)
    letters = LETTERS[: len(question.choices or "ABCD")]
    return (*NO_ANSWER, *(letter for letter in letters if letter not in right))


def _letters(pattern: re.Pattern[str], text: str) -> frozenset[str]:
    return frozenset(next(filter(None, groups)) for groups in pattern.findall(text))


def _by_text(text: str, choices: Options) -> frozenset[str]:
    """The letters of the options that have this text."""
    if not choices:
        return frozenset()
    key = _key(text)
    return frozenset(
        letter
        for letter, choice in zip(LETTERS, choices, strict=False)
        if len(key) <= _longest_key(choice) and _key(choice) == key
    )


def _longest_key(text: str) -> int:
    """An upper bound of the length of the key of a text, which is cheaper than the key.

    A key is at most one character longer than its text, by the 0 of `.5`.
    """
    return 1 + (len(text) if text.isascii() else 3 * len(text))  # casefold triples some letters


def _key(text: str) -> str:
    plain = " ".join(_plain(text).casefold().split()).rstrip(".")
    # `answer_key` would reduce "(a) x, (b) y" to its letter; an option of this form is compared as it is.
    return plain if _MARKED.fullmatch(plain) else answer_key(plain)


def _plain(text: str) -> str:
    """The text without LaTeX and Markdown markup."""
    previous = "" if "\\" in text else text
    while previous != text:
        previous, text = text, _STYLE.sub(r"\1", text)
    return text.replace("**", "").replace("__", "").strip("$*`\"'“” \t\r\n")


register(
    Metric(
        "choice",
        "names the right option, by letter or by text",
        same_choice,
        wrong_answers=wrong_options,
    )
)
