"""The best answers of an outcome table, question by question: by score, then by cost.

Nothing disappears without being counted. Questions that must not be learned from are recognised by their id and by their
text, because public tables repeat questions under other ids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class BestAnswers:
    """The best answers to one question."""

    question: Question
    outcomes: tuple[Outcome, ...]
    """At least one, from the best; equal texts once."""


def question_key(question: Question | str) -> str:
    """What two copies of a question share: its words and options, without case and punctuation."""
    text = question if isinstance(question, str) else question.question
    words = _WORD.findall(text.casefold())
    if isinstance(question, Question) and question.choices:
        for choice in question.choices:
            words += ["|", *_WORD.findall(choice.casefold())]
    return " ".join(words) or text.strip()


def best_answers(
    table: OutcomeTable,
    *,
    exclude: Iterable[Question] = (),
    most: int = 3,
    least_score: float = 0.5,
    counts: Counter[str],
) -> list[BestAnswers]:
    """The best answers to each question of a table that may be learned from.

    Args:
        table: the outcomes; every sample is an answer of its own.
        exclude: questions to keep out, those of validation and test: by id, and by text.
        most: answers of a question.
        least_score: lowest score of an answer.
        counts: gets how many questions and answers were used or left out, and why.

    Raises:
        DataError: no answer is left.
    """
    ids, keys = set(), set()
    for question in exclude:
        ids.add(question.id)
        keys.add(question_key(question))
    by_question: dict[str, list[Outcome]] = {}
    for outcome in table:
        by_question.setdefault(outcome.id, []).append(outcome)
    found, seen = [], set[str]()
    for question in table.questions:
        key = question_key(question)
        if question.id in ids:
            counts["questions left out by id"] += 1
        elif key in keys:
            counts["questions left out by text"] += 1
        elif key in seen:
            counts["questions that repeat another"] += 1
        else:
            seen.add(key)
            ranked = _ranked(table, by_question.get(question.id, ()), least_score, counts)
            if ranked:
                found.append(BestAnswers(question, tuple(ranked[:most])))
                counts["questions used"] += 1
                counts["answers used"] += len(ranked[:most])
            else:
                counts["questions without a good answer"] += 1
    if not found:
        raise DataError(
            f"{table.source}: no answer can be learned from ({describe(counts)}); lower the least score, or give a "
            f"table with texts"
        )
    return found


def _ranked(
    table: OutcomeTable, outcomes: Sequence[Outcome], least_score: float, counts: Counter[str]
) -> list[Outcome]:
    """The good answers, from the best, equal texts once; the others are counted."""
    places = {name: place for place, name in enumerate(table.names)}
    kept: dict[str, Outcome] = {}
    for outcome in sorted(
        outcomes, key=lambda o: (-o.score, table.cost_usd(o), places[o.model], o.sample)
    ):
        text = " ".join(outcome.text.split())
        if not text:
            counts["empty answers"] += 1
        elif outcome.score < least_score:
            counts["answers below the least score"] += 1
        elif text in kept:
            counts["answers that repeat another"] += 1
        else:
            kept[text] = outcome
    return list(kept.values())


def describe(counts: Counter[str]) -> str:
    """The counts in words."""
    return ", ".join(f"{number} {what}" for what, number in counts.items()) or "nothing"
