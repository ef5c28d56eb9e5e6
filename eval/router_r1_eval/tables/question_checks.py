"""Checks of the questions and models that an outcome table has.

    models                     other models than in the table that a router is fitted on
    duplicates                 the same question under several ids (text, options and images: `Question.content_key`)
    gold answers               the same question with different gold answers
    duplicates across splits   questions that are in the table that a router is fitted on
    missing cells              questions that a model was not asked

`check.py` runs these checks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from router_r1.answers import answer_key
from router_r1.data.options import LETTERS
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.tables.finding import Finding


def findings(table: OutcomeTable, fit: OutcomeTable | None = None) -> Iterator[Finding]:
    """All findings about the questions and models of a table; `fit` is the table that routers are fitted on."""
    if fit is not None:
        yield from _other_models(table, fit)
    yield from _duplicates(table)
    if fit is not None:
        yield from _shared_questions(table, fit)
    yield from _missing_cells(table)


def _other_models(table: OutcomeTable, fit: OutcomeTable) -> Iterator[Finding]:
    if other := set(table.names) ^ set(fit.names):
        yield Finding(
            "error",
            "models",
            f"only one of this table and the table that routers are fitted on has {', '.join(sorted(other))}",
        )


def _duplicates(table: OutcomeTable) -> Iterator[Finding]:
    groups: dict[tuple[str, ...], list[Question]] = defaultdict(list)
    for question in table.questions:
        groups[question.content_key].append(question)
    repeated = [group for group in groups.values() if len(group) > 1]
    if repeated:
        yield Finding(
            "warning",
            "duplicates",
            f"{sum(len(g) - 1 for g in repeated)} questions occur again under another id, e.g. {_ids(repeated[0])}; a split "
            f"by id puts them on both sides",
        )
    conflicting = [group for group in repeated if len({_gold(question) for question in group}) > 1]
    if conflicting:
        yield Finding(
            "error",
            "gold answers",
            f"{len(conflicting)} questions have different gold answers under different ids, e.g. {_ids(conflicting[0])}",
        )


def _gold(question: Question) -> tuple[str, ...]:
    """The gold answers for comparison; that of an option is its text, because another order has other letters."""
    options = question.choices or ()
    named = dict(zip(LETTERS, options, strict=False)) if question.metric == "choice" else {}
    return tuple(sorted(answer_key(named.get(answer, answer)) for answer in question.answers))


def _shared_questions(table: OutcomeTable, fit: OutcomeTable) -> Iterator[Finding]:
    known = {question.content_key for question in fit.questions}
    shared = [question for question in table.questions if question.content_key in known]
    if shared:
        yield Finding(
            "error",
            "duplicates across splits",
            f"{len(shared)} of {len(table.questions)} questions are in the table that routers are fitted on, e.g. "
            f"{_ids(shared)}",
        )


def _ids(questions: list[Question]) -> str:
    return ", ".join(question.id for question in questions[:3])


def _missing_cells(table: OutcomeTable) -> Iterator[Finding]:
    for name in table.names:
        missing = sum(table.outcome(q.id, name) is None for q in table.questions)
        if missing:
            yield Finding(
                "warning",
                "missing cells",
                f"{name} was not asked {missing} of {len(table.questions)} questions; --set complete=true leaves such "
                f"questions out of a tournament",
            )
