"""Which option has a text: the whole text of an option, with other punctuation and markup too, or its words in prose.

Two texts are the same if their keys are equal (`router_r1.answers.answer_key`). Options are named by their letters. What
a reply finally states is for `choice.py`.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from operator import itemgetter

from router_r1.answers import answer_key
from router_r1.answers.contents import SENTENCE_END
from router_r1.answers.numbers import DIGITS
from router_r1.answers.typography import one_for_one, visible

LETTERS = string.ascii_uppercase
"""The letters of the options, in order."""

Options = tuple[str, ...] | None

MARKED = re.compile(
    r"(?:[(\[]([A-Za-z])[)\]]|([A-Z])\s?[).:、，,;]|([a-z])[).:]|([A-Z])\s[-–—=]\s)[\s:.,-]*(.*)",
    re.DOTALL,
)
"""A marked letter with text after it: `(C) text`, `C) text`, `C. text`, `C: text`, `C - text`. Group 5 is the text."""
_STYLE = re.compile(r"\\(?:boxed|text|textbf|textit|mathrm|mathbf|mathsf|mbox)\s*\{([^{}]*)\}")
_inside = itemgetter(1)
"""What a match has in its group 1; quicker than the template `\\1`."""
# Letters that look like those of the Latin alphabet, as keyboards of other alphabets write them.
_LOOKALIKES = str.maketrans(
    "АВСЕΑΒΕⒶⒷⒸⒹⒺⒻⒼⒽⓐⓑⓒⓓⓔⓕⓖⓗ🅐🅑🅒🅓🄰🄱🄲🄳🅰🅱", "ABCEABEABCDEFGHABCDEFGHABCDABCDAB"
)
_LONG = 500
_NUMBER = re.compile(rf"(?<![\w.])-?(?:{DIGITS})")
# The number at the end of a text, and the word before it.
_LAST_NUMBER = re.compile(rf"([^\W\d_]+) (-?(?:{DIGITS}))[.!*$\s]{{0,4}}\Z")
# Words after which a number is an operand or a comparison, not what a sentence concludes.
_NO_RESULT = frozenset(
    ("than", "not", "nor", "and", "or", "to", "from", "by", "with", "plus", "minus", "times", "over", "of", "versus", "unlike",
     "without", "except")
)  # fmt: skip
_A_WORD = re.compile(r"[^\W\d_]")
_MARKUP = re.compile(r"[\\$*<{]")
_DENIED = re.compile(r" (?:not|nt|isnt|never|neither|nor|no|cannot|nicht|pas|não|non|нe|не) ")


def marked_letter(marked: re.Match[str]) -> str:
    """The letter in a match of `MARKED`, as a capital."""
    return str(next(filter(None, marked.groups()))).upper()


def is_text_of(text: str, letter: str, choices: Options) -> bool:
    """Whether a text is the text of the option with this letter, except for case."""
    number = LETTERS.index(letter)
    return (
        choices is not None
        and number < len(choices)
        and text.rstrip(" .").casefold() == choices[number].rstrip(" .").casefold()
    )


def begins_with_text_of(text: str, letter: str, choices: Options) -> bool:
    """Whether a text begins with the text of the option with this letter."""
    number = LETTERS.index(letter)
    if not choices or number >= len(choices):
        return False
    option = _key(choices[number])
    return bool(option) and _key(text[: 2 * len(choices[number]) + 20]).startswith(option)


def with_text(text: str, choices: Options) -> frozenset[str]:
    """The letters of the options that have this text."""
    if not choices:
        return frozenset()
    # Markup may be longer than what it marks; articles and punctuation, which keys leave out as well, are not.
    longest = max(map(len, choices))
    if len(text) > longest * 5 // 4 + 16 and (
        len(text) > 2 * longest + 40 or not _MARKUP.search(text)
    ):
        return frozenset()
    key = _key(text)
    return frozenset(
        [
            letter
            for letter, choice in zip(LETTERS, choices, strict=False)
            if _may_have(choice, key) and _key(choice) == key
        ]
    )


def with_number(text: str, choices: Options) -> frozenset[str]:
    """The option that a short answer gives as a number: its only one, or the one it ends with.

    "28.3 MeV" where an option is "28.3"; "The element (4, 2) of Z_12 x Z_8 has order 12." where one is "12".
    """
    said = _NUMBER.findall(text[:_LONG])
    numbers = {answer_key(number) for number in said}
    if len(numbers) > 1:
        last = _LAST_NUMBER.search(text[:_LONG])
        numbers = {answer_key(last[2])} if last and last[1].lower() not in _NO_RESULT else set()
    if not choices or len(numbers) != 1:
        return frozenset()
    return frozenset(
        [
            letter
            for letter, choice in zip(LETTERS, choices, strict=False)
            if _key(choice) in numbers
        ]
    )


def with_words(reply: str, choices: Options) -> frozenset[str]:
    """The option whose words alone occur in the last sentence of a reply, or in all of it; numbers occur anywhere."""
    if not choices or len(reply) > _LONG:
        return frozenset()
    keys = {letter: f" {_key(text)} " for letter, text in zip(LETTERS, choices, strict=False)}
    keys = {letter: key for letter, key in keys.items() if _A_WORD.search(key)}
    sentences = [part for part in SENTENCE_END.split(plain_text_of(reply)) if part and part.strip()]
    for part in (sentences[-1:], sentences):
        words = f" {_key(' '.join(part))} "
        found = {letter for letter, key in keys.items() if key in words}
        found -= {
            one for one in found for o in found if keys[one] != keys[o] and keys[one] in keys[o]
        }
        if found:
            text = keys[min(found)]
            denied = _DENIED.search(words[: words.index(text) + 1])
            return frozenset(found) if len(found) == 1 and not denied else frozenset()
    return frozenset()


def _may_have(text: str, key: str) -> bool:
    """Whether a text may have this key, by its length, which is cheaper than the key of the text.

    Only the keys of numbers are longer than their texts: `.1` is `1/10`. But casefold triples some letters.
    """
    is_number = key.startswith("-") or key[:1].isdigit()
    return is_number or len(key) <= (len(text) if text.isascii() else 3 * len(text))


@lru_cache(maxsize=4096)
def _key(text: str) -> str:
    plain = " ".join(plain_text_of(text).casefold().split()).rstrip(".")
    # `answer_key` would reduce "(a) x, (b) y" to its letter; an option of this form is compared as it is.
    return plain if MARKED.fullmatch(plain) else answer_key(plain)


def plain_text_of(text: str) -> str:
    """The text without LaTeX and Markdown markup."""
    while "\\" in text and (inner := _STYLE.sub(_inside, text)) != text:
        text = inner
    if not text.isascii():
        text = one_for_one(visible(text)).translate(_LOOKALIKES)
    return text.replace("**", "").replace("__", "").strip("$*`\"'“” \t\r\n")
