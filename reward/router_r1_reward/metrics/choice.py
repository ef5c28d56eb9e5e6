"""The metric `choice`: does an answer name the right option of a multiple-choice question?

All of these name option C: `C`, `c`, `(C)`, `C.`, `C) text`, `**C**`, `$\\boxed{\\text{(C)}}$`, `Option C`, `（C）`,
`The answer is (C).`, "I would pick C", "答案：C", and, where the options are known, the text of option C. What the reply
finally states counts (`router_r1.answers`); only if it states nothing outright do letters in its prose. Options that an
answer rejects ("not (B) but C", "C, since (A) is wrong") do not count. An answer that names two options names none. A
letter beyond the last option is wrong. A word is not a letter: "A man" does not name option A.
"""

from __future__ import annotations

import re
import string
from functools import cache, lru_cache

from router_r1.answers import Form, answer_key, final_answer, without_thoughts
from router_r1.answers.contents import SENTENCE_END
from router_r1.answers.letters import (
    chosen_letters,
    concluded_letters,
    named_letters,
    without_rejected,
)
from router_r1.answers.numbers import DIGITS
from router_r1.answers.statements import view_of
from router_r1.answers.typography import one_for_one, visible
from router_r1.answers.vocabulary import all_words
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.wrong_answers import NO_ANSWER

LETTERS = string.ascii_uppercase
"""The letters of the options, in order."""

Options = tuple[str, ...] | None

_STYLE = re.compile(r"\\(?:boxed|text|textbf|textit|mathrm|mathbf|mathsf|mbox)\s*\{([^{}]*)\}")
# Letters that look like those of the Latin alphabet, as keyboards of other alphabets write them.
_LOOKALIKES = str.maketrans(
    "АВСЕΑΒΕⒶⒷⒸⒹⒺⒻⒼⒽⓐⓑⓒⓓⓔⓕⓖⓗ🅐🅑🅒🅓🄰🄱🄲🄳🅰🅱", "ABCEABEABCDEFGHABCDEFGHABCDABCDAB"
)
# A letter alone.
_BARE = re.compile(r"[(\[{<\"'$]*\s?([A-Za-z])\s?[)\]}>\"'$]*\s?[.:,;!。、]*")
# A marked letter with text after it: `(C) text`, `C) text`, `C. text`, `C: text`, `C - text`.
_MARKED = re.compile(
    r"(?:[(\[]([A-Za-z])[)\]]|([A-Z])\s?[).:、，,;]|([a-z])[).:]|([A-Z])\s[-–—=]\s)[\s:.,-]*(.*)",
    re.DOTALL,
)
# A second letter in that text.
_ANOTHER = re.compile(
    r"(?<![\w'])(?<!\b[A-Za-z][(\[])([A-Z])[)\]]|^(?:or|and|[,/&;+])\s*([A-Z])\b|^([A-Z])(?:[,\s]|\Z)(?!\s?[a-z])"
)
_LOOSE_END = re.compile(r"[ ,;]{0,3}\b(?:because|since|as|and|but|so|rather)?[ ,;.]{0,3}$")
_LOOSE_BEGINNING = re.compile(
    r"^[ ,;.]{0,3}(?:(?:and|but|so|rather|instead|sondern|mais|sino|mas|ma|а|но|而是)\b)?[\s,;]*"
)


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
    named = _finally_named(text, choices)
    return named if named <= _letters_of(len(choices) if choices else None) else frozenset()


@cache
def _letters_of(count: int | None) -> frozenset[str]:
    """The letters of so many options; all letters for None."""
    return frozenset(LETTERS[:count])


def _finally_named(text: str, choices: Options) -> frozenset[str]:
    plain = _plain(text)
    bare = _BARE.fullmatch(plain)
    if bare:
        return frozenset({bare[1].upper()})
    by_text = _by_text(plain, choices)
    if by_text:
        return by_text
    final = final_answer(text)
    if final is not None and final.form is Form.UNFINISHED:
        return frozenset()
    if final is not None:
        named = _read(final.text, choices)
        if named is not None:
            return named
        if final.abstains and final.explicit:
            return frozenset()
    reply = without_thoughts(text)
    if final is not None and final.explicit:  # what came before it was not the answer
        stated = reply[max(0, reply.rfind(final.text)) :]
        return (
            _in_prose(stated) or _by_number(final.text, choices) or _by_words(final.text, choices)
        )
    if _lists_options(reply, choices):
        return frozenset()
    last_line = _plain(reply.rstrip().rpartition("\n")[2])
    last = _MARKED.fullmatch(last_line)
    if last and _is_option(last[5], _letter(last), choices):
        return frozenset({_letter(last)})
    by_text = _by_text(last_line, choices)
    if by_text:
        return by_text
    named = _in_prose(reply)
    if named or final is None:
        return named or _by_words(reply, choices)
    return _by_number(final.text, choices) or _by_words(final.text, choices)


def _lists_options(reply: str, choices: Options) -> bool:
    """Whether a reply ends by repeating several options in their order, which chooses none."""
    if not choices or "\n" not in reply:
        return False
    later = len(choices)
    listed = 0
    for line in reversed(reply.rstrip().split("\n")[-len(choices) :]):
        marked = _MARKED.fullmatch(_plain(line))
        place = LETTERS.index(_letter(marked)) if marked else later
        if marked is None or place >= later or not _is_option(marked[5], LETTERS[place], choices):
            break
        later, listed = place, listed + 1
    return listed > 1


def _read(content: str, choices: Options) -> frozenset[str] | None:
    """The options that a short answer names: none if it rules itself out ("A or C"); None if it says nothing of options."""
    text = _plain(content)
    bare = _BARE.fullmatch(text)
    if bare:
        return frozenset({bare[1].upper()})
    marked = _MARKED.fullmatch(text)
    if marked and _is_option(marked[5], _letter(marked), choices):
        return frozenset({_letter(marked)})
    by_text = _by_text(text, choices)
    if by_text:
        return by_text
    lead = _lead().match(text)
    if lead:
        text = text[lead.end() :]
        bare = _BARE.fullmatch(text)
        if bare:
            return frozenset({bare[1].upper()})
    left = without_rejected(text)
    if left != text:
        left = _LOOSE_BEGINNING.sub("", _LOOSE_END.sub("", " ".join(left.split())))
        return _read(left, choices) if left else frozenset()
    if _SEVERAL.match(text):
        return frozenset()
    marked = _MARKED.fullmatch(text)
    if marked:
        letter = _letter(marked)
        others = _by_text(marked[5], choices) or _second_letters(marked[5])
        if marked[3] and not others and not _begins_option(marked[5], letter, choices):
            return None  # "e. coli", "c. 1850"
        return frozenset({letter}) if others <= {letter} else frozenset()
    several = named_letters(text) | _second_letters(f"({text}") if len(text) > 1 else set()
    if len(several) == 1:
        return frozenset(several)
    return frozenset() if several else None


_SEVERAL = re.compile(
    r"\(?[A-Z]\)?(?:\s*(?:,|/|&|\+|;|\b(?:and|or|und|oder|et|ou|y|o|e|и|или)\b|和|或|と|や)){1,2}\s*(?![AI]\s[a-z])\(?[A-Z]\b"
)


def _in_prose(reply: str) -> frozenset[str]:
    """The one option that a reply names in its sentences without stating it."""
    view = view_of(one_for_one(visible(reply)))
    taken = {view[a:b] for a, b in chosen_letters(view)}
    if len(taken) == 1:
        return frozenset(taken)
    left = without_rejected(view)
    concluded = {left[a:b] for a, b in concluded_letters(left)}
    if len(concluded) == 1:
        return frozenset(concluded)
    named = named_letters(left)
    heads = list(_HEAD.finditer(left))
    if len(heads) == 1 and not (
        left[: heads[0].start()].strip() and "\n" in left[heads[0].end() :].strip()
    ):
        return frozenset({heads[0][1]})
    return frozenset(named) if len(named) == 1 else frozenset()


@cache
def _lead() -> re.Pattern[str]:
    """Words before an option: "the", "option", "la opción", "选项"."""
    words = all_words("option", "right", "answer")
    articles = all_words("determiners")
    return re.compile(
        rf"(?:(?:{articles}\s+)?{words}[\s:]*){{1,3}}(?=[(\[]?[A-Z]\b)|{articles}\s+(?=[A-Z]\W*\Z)",
        re.IGNORECASE,
    )


def _by_number(text: str, choices: Options) -> frozenset[str]:
    """The option that is the only number in a short answer: "28.3 MeV", where an option is "28.3"."""
    numbers = {answer_key(number) for number in _NUMBER.findall(text[:_LONG])}
    if not choices or len(numbers) != 1:
        return frozenset()
    return frozenset(
        [
            letter
            for letter, choice in zip(LETTERS, choices, strict=False)
            if _key(choice) in numbers
        ]
    )


def _by_words(reply: str, choices: Options) -> frozenset[str]:
    """The option whose words alone occur in the last sentence of a reply, or in all of it; numbers occur anywhere."""
    if not choices or len(reply) > _LONG:
        return frozenset()
    keys = {letter: f" {_key(text)} " for letter, text in zip(LETTERS, choices, strict=False)}
    keys = {letter: key for letter, key in keys.items() if _A_WORD.search(key)}
    sentences = [part for part in SENTENCE_END.split(_plain(reply)) if part and part.strip()]
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


# A line that begins with a letter: "C", "(C) text", "C: text".
_HEAD = re.compile(
    r"^\W{0,4}(?:[Oo]ption\s)?[(\[]?(?<!')([A-Z])(?:[)\]]|(?=\s{0,2}(?:[.,:;!]|-\s|—|$)))",
    re.MULTILINE,
)
_LONG = 500
_NUMBER = re.compile(rf"(?<![\w.])-?(?:{DIGITS})")
_A_WORD = re.compile(r"[^\W\d_]")
_MARKUP = re.compile(r"[\\$*<{]")
_DENIED = re.compile(r" (?:not|nt|isnt|never|neither|nor|no|cannot|nicht|pas|não|non|нe|не) ")


def _letter(marked: re.Match[str]) -> str:
    return str(next(filter(None, marked.groups()))).upper()


def _is_option(text: str, letter: str, choices: Options) -> bool:
    """Whether a text is the text of the option with this letter, except for case."""
    number = LETTERS.index(letter)
    return (
        choices is not None
        and number < len(choices)
        and text.rstrip(" .").casefold() == choices[number].rstrip(" .").casefold()
    )


def _begins_option(text: str, letter: str, choices: Options) -> bool:
    """Whether a text begins with the text of the option with this letter."""
    number = LETTERS.index(letter)
    if not choices or number >= len(choices):
        return False
    option = _key(choices[number])
    return bool(option) and _key(text[: 2 * len(choices[number]) + 20]).startswith(option)


def _second_letters(text: str) -> set[str]:
    return {next(filter(None, groups)) for groups in _ANOTHER.findall(text)}


def wrong_options(question: Question, gold: str) -> tuple[str, ...]:
    """`NO_ANSWER` and the letters of all other options; not the question, since "(c) What is ...?" names an option."""
    right = named_options(gold, question.choices)
    letters = LETTERS[: len(question.choices or "ABCD")]
    return (*NO_ANSWER, *(letter for letter in letters if letter not in right))


def _by_text(text: str, choices: Options) -> frozenset[str]:
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
            if len(key) <= _longest_key(choice) and _key(choice) == key
        ]
    )


def _longest_key(text: str) -> int:
    """An upper bound of the length of the key of a text, which is cheaper than the key.

    A key is at most one character longer than its text, by the 0 of `.5`.
    """
    return 1 + (len(text) if text.isascii() else 3 * len(text))  # casefold triples some letters


@lru_cache(maxsize=4096)
def _key(text: str) -> str:
    plain = " ".join(_plain(text).casefold().split()).rstrip(".")
    # `answer_key` would reduce "(a) x, (b) y" to its letter; an option of this form is compared as it is.
    return plain if _MARKED.fullmatch(plain) else answer_key(plain)


def _plain(text: str) -> str:
    """The text without LaTeX and Markdown markup."""
    previous = "" if "\\" in text else text
    while previous != text:
        previous, text = text, _STYLE.sub(r"\1", text)
    if not text.isascii():
        text = one_for_one(visible(text)).translate(_LOOKALIKES)
    return text.replace("**", "").replace("__", "").strip("$*`\"'“” \t\r\n")


register(
    Metric(
        "choice",
        "names the right option, by letter or by text",
        same_choice,
        wrong_answers=wrong_options,
    )
)
