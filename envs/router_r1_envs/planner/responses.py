"""What every candidate answered to some questions, all samples, as arrays: what the planner sees of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from router_r1.answers import answer_key
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1_envs.worlds.recorded_world.question_groups import QuestionGroups
from router_r1_envs.worlds.recorded_world.table_arrays import Bools, Floats, Ints

NO_ANSWER = -1


@dataclass(frozen=True)
class Responses:
    """n questions x m candidates x s + 1 samples. The last sample is always empty: what a call gets beyond the recorded."""

    names: tuple[str, ...]
    """The candidates."""
    questions: tuple[Question, ...]
    category: Ints
    """[n] the group of each question: its category, or a cluster where the table has none."""
    length: Floats
    """[n] log(1 + characters of the question)."""
    options: Floats
    """[n] number of options; 0 for an open question."""
    recorded: Bools
    """[n, m, s + 1] whether there is a response."""
    answer: Ints
    """[n, m, s + 1] equal numbers for equal answers to a question; -1 for no answer."""
    score: Floats
    """[n, m, s + 1] score, 0 to 1; 0 where nothing is recorded."""
    cost: Floats
    """[n, m, s + 1] cost, in mean calls of the best single model; 0 where nothing is recorded."""
    tokens: Floats
    """[n, m, s + 1] output tokens."""
    answer_length: Floats
    """[n, m, s + 1] log(1 + characters of the short answer); 0 without one."""

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def candidates(self) -> int:
        """Number of candidates, m."""
        return len(self.names)

    @property
    def samples(self) -> int:
        """Largest number of recorded samples, s."""
        return int(self.recorded.shape[2]) - 1

    @classmethod
    def of(
        cls,
        table: OutcomeTable,
        questions: Sequence[Question],
        groups: QuestionGroups,
        reference_usd: float,
    ) -> Responses:
        """The responses of a table to some of its questions.

        Args:
            table: the recorded outcomes.
            questions: n questions of the table.
            groups: the groups of the training questions.
            reference_usd: the unit of cost, in dollars.
        """
        samples = 1 + max((outcome.sample for outcome in table), default=0)
        shape = (len(questions), len(table.names), samples + 1)
        recorded = np.zeros(shape, dtype=bool)
        answer = np.full(shape, NO_ANSWER)
        score, cost, tokens, characters = (np.zeros(shape) for _ in range(4))
        for i, question in enumerate(questions):
            numbers: dict[str, int] = {}
            for j, name in enumerate(table.names):
                for sample in range(samples):
                    outcome = table.outcome(question.id, name, sample)
                    if outcome is None:
                        continue
                    place = (i, j, sample)
                    recorded[place] = True
                    score[place] = outcome.score
                    cost[place] = table.cost_usd(outcome) / reference_usd
                    tokens[place] = outcome.output_tokens
                    if (short := outcome.short_answer) is not None:
                        answer[place] = numbers.setdefault(answer_key(short), len(numbers))
                        characters[place] = len(short)
        return cls(
            names=table.names,
            questions=tuple(questions),
            category=groups.places(questions),
            length=np.log1p([float(len(question.question)) for question in questions]),
            options=np.array([float(len(question.choices or ())) for question in questions]),
            recorded=recorded,
            answer=answer,
            score=score,
            cost=cost,
            tokens=tokens,
            answer_length=np.log1p(characters),
        )


ResponseView = Callable[[Responses], Floats]
"""One number for each response, [n, m, s + 1], which the planner sees once it has read the response."""


def response_lengths(responses: Responses) -> Floats:
    """[n, m, s + 1] length of each response: log(1 + output tokens)."""
    lengths: Floats = np.log1p(responses.tokens)
    return lengths
