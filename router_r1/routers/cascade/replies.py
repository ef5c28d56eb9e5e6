"""What models replied, as a cascade reads it: one reply, and all replies of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.answers import answer_key
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.routers.libraries import Floats, Ints, np

NO_ANSWER = -1
"""The code of a reply from which no short answer could be extracted."""
NOT_ASKED = -2
"""The code where no reply has been asked for."""


@dataclass(frozen=True)
class Reply:
    """One reply of one model to one question."""

    text: str
    answer: str | None
    """The short answer in it; None if none could be extracted."""
    output_tokens: int
    cost_usd: float
    """Dollars of the call, and of those of `others`."""
    others: tuple[str | None, ...] = ()
    """Short answers of further samples of the same model, taken to check the first."""


@dataclass(frozen=True)
class Cells:
    """The replies of m models to n questions, all that a cascade might ask for."""

    questions: tuple[Question, ...]
    replies: tuple[tuple[Reply | None, ...], ...]
    """[n][m] first samples, with up to `further` others; None where nothing is recorded."""
    answers: Ints
    """[n, m] equal numbers for equal short answers to a question, from 0; `NO_ANSWER` without one."""
    score: Floats
    """[n, m] score of the first sample; 0 where nothing is recorded."""
    cost: Floats
    """[n, m, further + 1] dollars of a call with 0, 1, ... further samples; 0 where nothing is recorded."""

    def __len__(self) -> int:
        return len(self.questions)

    def column(self, place: int) -> list[Reply | None]:
        """The n replies of one model."""
        return [row[place] for row in self.replies]

    @classmethod
    def of(
        cls,
        table: OutcomeTable,
        questions: Sequence[Question],
        models: Sequence[str],
        further: int = 0,
    ) -> Cells:
        """The recorded replies to some questions of a table.

        Args:
            table: the outcomes.
            questions: n questions of the table.
            models: m models of the table.
            further: how many further samples of each model a call may take.
        """
        n, m = len(questions), len(models)
        score, cost = np.zeros((n, m)), np.zeros((n, m, further + 1))
        rows, answers = [], np.full((n, m), NO_ANSWER)
        for i, question in enumerate(questions):
            row: list[Reply | None] = []
            for j, model in enumerate(models):
                first = table.outcome(question.id, model)
                if first is None:
                    row.append(None)
                    continue
                found = (table.outcome(question.id, model, k + 1) for k in range(further))
                others = [outcome for outcome in found if outcome is not None]
                paid = np.cumsum([table.cost_usd(outcome) for outcome in (first, *others)])
                cost[i, j, : len(paid)], cost[i, j, len(paid) :] = paid, paid[-1]
                score[i, j] = first.score
                row.append(
                    Reply(
                        first.text,
                        first.short_answer,
                        first.output_tokens,
                        float(paid[-1]),
                        tuple(outcome.short_answer for outcome in others),
                    )
                )
            answers[i] = codes(row)
            rows.append(tuple(row))
        return cls(tuple(questions), tuple(rows), answers, score, cost)


def codes(replies: Sequence[Reply | None]) -> list[int]:
    """A number for each reply to one question: equal for equal short answers, `NO_ANSWER` without one."""
    known: dict[str, int] = {}
    return [
        NO_ANSWER
        if reply is None or reply.answer is None
        else known.setdefault(answer_key(reply.answer), len(known))
        for reply in replies
    ]
