"""Copy an outcome table without the texts of its questions, so that what models answered can be kept beside the code.

    python scripts/data/table_without_questions.py runs/local/recording/table tests/data/local_models

A question keeps its id, category and gold answer; its text becomes the SHA-256 of the text, so that whoever has the
benchmark can tell that it is the same. The texts of options become their letters. An answer keeps short answer, score,
tokens and cost; its text only if no eight words of the question stand in it in a row. Of programs nothing is kept: they
repeat the question, and the gold answer is a published solution. Their metric becomes `recorded`, which grades nothing,
so such a table is for tournaments (`--set graded=false`).
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from router_r1.answers import normalize_answer
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.tables.importers.rows import RECORDED

_PROGRAM_METRICS = frozenset({"code"})
_WORDS_IN_A_ROW = 8
NOT_KEPT = "not kept"
"""The gold answer of a question about a program."""


def without_questions(table: OutcomeTable) -> OutcomeTable:
    """The table without the texts of questions; see the module."""
    questions = {question.id: question for question in table.questions}
    cards = [card.model_copy(update={"endpoint": None}) for card in table.cards]
    return OutcomeTable(
        cards,
        map(_question, questions.values()),
        (_outcome(outcome, questions[outcome.id]) for outcome in table),
    )


def fingerprint(text: str) -> str:
    """What stands for the text of a question."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _question(question: Question) -> Question:
    program = question.metric in _PROGRAM_METRICS
    letters = (
        None if question.choices is None else tuple("ABCDEFGHIJKLMNOP"[: len(question.choices)])
    )
    return Question(
        id=question.id,
        question=fingerprint(question.question),
        answer=NOT_KEPT if program else question.answer,
        metric=RECORDED if program else question.metric,
        category=question.category,
        choices=letters,
    )


def _outcome(outcome: Outcome, question: Question) -> Outcome:
    program = question.metric in _PROGRAM_METRICS
    keep = not program and not _repeats(outcome.text, question)
    short = outcome.short_answer
    told = not program and short is not None and not _repeats(short, question)
    update = {"text": outcome.text if keep else "", "answer": short if told else None}
    return outcome.model_copy(update=update)


def _repeats(text: str, question: Question) -> bool:
    """Whether the text has eight words of the question in a row; punctuation and case do not count."""
    words = normalize_answer(question.question).split()
    said = f" {' '.join(normalize_answer(text).split())} "
    runs = (words[i : i + _WORDS_IN_A_ROW] for i in range(max(1, len(words) - _WORDS_IN_A_ROW + 1)))
    return any(f" {' '.join(run)} " in said for run in runs)


def main() -> None:
    """Read the arguments, write the table, say its size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    table = without_questions(OutcomeTable.load(given.table))
    table.save(given.out, "jsonl.gz")
    size = sum(file.stat().st_size for file in given.out.iterdir()) / 1024
    print(f"{given.out}: {len(table.questions)} questions, {len(table)} outcomes, {size:.0f} KiB")


if __name__ == "__main__":
    main()
