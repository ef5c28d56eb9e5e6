"""Takes the final answer out of a reply, so that it shows how a question was solved, not what came out.

The closing statement goes, and every other place that spells an accepted answer becomes `MARK`. Letters of options are
only taken where they are meant as letters: "A" is also an article.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from router_r1.answers import answer_key, extract_answer, final_answer, without_thoughts
from router_r1.data.questions import Question

MARK = "[...]"
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORT_WORDS = 3


def answers_of(question: Question) -> list[str]:
    """Everything that spells an accepted answer; of a multiple-choice question also the texts of these options."""
    found = list(question.answers)
    for answer in question.answers:
        place = ord(answer.strip().upper()) - ord("A") if len(answer.strip()) == 1 else -1
        if question.choices and 0 <= place < len(question.choices):
            found.append(question.choices[place])
    return found


def without_answer(text: str, answers: Iterable[str]) -> str:
    """A reply without hidden thoughts, without its closing statement, and with `MARK` for every answer that it spells.

    Empty if nothing is left.

    Args:
        text: the reply.
        answers: accepted answers, and what else must not be read.
    """
    final = final_answer(text)
    # A short reply counts as its own answer, as a whole; that is no reason to take all of it away.
    stated = [final.text] if final is not None and (final.explicit or _is_short(final.text)) else []
    secret = [answer for answer in dict.fromkeys([*answers, *stated]) if answer.strip()]
    keys = {answer_key(answer) for answer in secret}
    parts = [part.strip() for part in _SENTENCE.split(without_thoughts(text)) if part.strip()]
    while parts:
        left = _masked("\n".join(parts), secret)
        now = extract_answer(left)
        told = now is not None and answer_key(now) in keys
        closing = final_answer(parts[-1])  # "The answer is 18." is of no use without its number
        if not told and (closing is None or not closing.explicit):
            return left if left.replace(MARK, "").strip() else ""
        parts.pop()
    return ""


def _is_short(text: str) -> bool:
    return len(text.split()) <= _SHORT_WORDS


def _masked(text: str, secret: Iterable[str]) -> str:
    for answer in sorted(secret, key=len, reverse=True):
        text = _pattern(answer.strip()).sub(MARK, text)
    return text


def _pattern(answer: str) -> re.Pattern[str]:
    if len(answer) == 1 and answer.isalpha():
        letter = re.escape(answer)
        return re.compile(
            rf"\(\s*{letter}\s*\)|(?m:^){letter}[.):]|\b{letter}\)"
            rf"|(?i:(?<=answer is )|(?<=option )|(?<=choice ))\**{letter}\b"
        )
    plain = answer.replace(",", "") if re.fullmatch(r"[$€£]?[\d,]+(\.\d+)?%?", answer) else ""
    forms = {answer, plain, f"{int(plain):,}"} if plain.isdigit() else {answer}
    spelled = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True) if form)
    after = r"(?![\w]|[.,]\d)" if answer[-1:].isalnum() else ""
    before = r"(?<![\w])(?<!\d[.,])" if answer[:1].isalnum() else ""
    return re.compile(rf"{before}(?:{spelled}){after}", re.IGNORECASE)
