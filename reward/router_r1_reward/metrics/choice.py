"""The metric `choice`: does an answer name the right option of a multiple-choice question?

All of these name option C: `C`, `c`, `(C)`, `C.`, `C) text`, `**C**`, `$\\boxed{\\text{(C)}}$`, `Option C`, `（C）`,
`The answer is (C).`, "I would pick C", "答案：C", and, where the options are known, the text of option C. What the reply
finally states counts (`router_r1.answers`); only if it states nothing outright do letters in its prose. Options that an
answer rejects ("not (B) but C", "C, since (A) is wrong") do not count. An answer that names two options names none. A
letter beyond the last option is wrong. A word is not a letter: "A man" does not name option A.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from router_r1.answers import Form, final_answer, without_thoughts
from router_r1.answers.letters import (
    chosen_letters,
    concluded_letters,
    named_letters,
    without_rejected,
)
from router_r1.answers.statements import view_of
from router_r1.answers.typography import one_for_one, visible
from router_r1.answers.vocabulary import all_words
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.option_texts import (
    LETTERS,
    MARKED,
    Options,
    begins_with_text_of,
    is_text_of,
    marked_letter,
    plain_text_of,
    with_number,
    with_text,
    with_words,
)
from router_r1_reward.metrics.wrong_answers import NO_ANSWER

# A letter alone.
_BARE = re.compile(r"[(\[{<\"'$]*\s?([A-Za-z])\s?[)\]}>\"'$]*\s?[.:,;!。、]*")
# A second letter in the text after a marked letter.
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
    plain = plain_text_of(text)
    bare = _BARE.fullmatch(plain)
    if bare:
        return frozenset({bare[1].upper()})
    by_text = with_text(plain, choices)
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
            _in_prose(stated) or with_number(final.text, choices) or with_words(final.text, choices)
        )
    if _lists_options(reply, choices):
        return frozenset()
    last_line = plain_text_of(reply.rstrip().rpartition("\n")[2])
    last = MARKED.fullmatch(last_line)
    if last and is_text_of(last[5], marked_letter(last), choices):
        return frozenset({marked_letter(last)})
    by_text = with_text(last_line, choices)
    if by_text:
        return by_text
    named = _in_prose(reply)
    if named or final is None:
        return named or with_words(reply, choices)
    return with_number(final.text, choices) or with_words(final.text, choices)


def _lists_options(reply: str, choices: Options) -> bool:
    """Whether a reply ends by repeating several options in their order, which chooses none."""
    if not choices or "\n" not in reply:
        return False
    later = len(choices)
    listed = 0
    for line in reversed(reply.rstrip().split("\n")[-len(choices) :]):
        marked = MARKED.fullmatch(plain_text_of(line))
        place = LETTERS.index(marked_letter(marked)) if marked else later
        if marked is None or place >= later or not is_text_of(marked[5], LETTERS[place], choices):
            break
        later, listed = place, listed + 1
    return listed > 1


def _read(content: str, choices: Options) -> frozenset[str] | None:
    """The options that a short answer names: none if it rules itself out ("A or C"); None if it says nothing of options."""
    text = plain_text_of(content)
    bare = _BARE.fullmatch(text)
    if bare:
        return frozenset({bare[1].upper()})
    marked = MARKED.fullmatch(text)
    if marked and is_text_of(marked[5], marked_letter(marked), choices):
        return frozenset({marked_letter(marked)})
    by_text = with_text(text, choices)
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
    marked = MARKED.fullmatch(text)
    if marked:
        letter = marked_letter(marked)
        others = with_text(marked[5], choices) or _second_letters(marked[5])
        if marked[3] and not others and not begins_with_text_of(marked[5], letter, choices):
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


# A line that begins with a letter: "C", "(C) text", "C: text".
_HEAD = re.compile(
    r"^\W{0,4}(?:[Oo]ption\s)?[(\[]?(?<!')([A-Z])(?:[)\]]|(?=\s{0,2}(?:[.,:;!]|-\s|—|$)))",
    re.MULTILINE,
)


def _second_letters(text: str) -> set[str]:
    return {next(filter(None, groups)) for groups in _ANOTHER.findall(text)}


def wrong_options(question: Question, gold: str) -> tuple[str, ...]:
    """`NO_ANSWER` and the letters of all other options; not the question, since "(c) What is ...?" names an option."""
    right = named_options(gold, question.choices)
    letters = LETTERS[: len(question.choices or "ABCD")]
    return (*NO_ANSWER, *(letter for letter in letters if letter not in right))


register(
    Metric(
        "choice",
        "names the right option, by letter or by text",
        same_choice,
        wrong_answers=wrong_options,
    )
)
