"""The answer view: what a small policy reads of a response, instead of its text.

    Long; answer x7        its length, and which answer it gave
    Short; no answer

Equal answers to a question have the same label, whatever they are: a letter, a number, a sentence, a matrix. So a
policy that could not copy an answer can see who agrees with whom, and it ends by adopting a reply. Labels are drawn for
each question and seed from one set, so they tell nothing else.

Lengths are four buckets that hold about equally many of a candidate's training responses. They are compared within a
group of questions, as a hard kind of question makes every model write more; what is left is a signal: a struggling model
writes more than it usually does there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from router_r1.answers import answer_key
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.candidate_variation import variant_seed
from router_r1_envs.worlds.recorded_world.question_groups import QuestionGroups
from router_r1_envs.worlds.recorded_world.relative_lengths import RelativeLengths

LENGTHS = ("Brief", "Short", "Long", "Longest")
NO_ANSWER = "no answer"
_FEWEST_LABELS = 8


class AnswerView:
    """Shows the responses of one table."""

    def __init__(
        self, table: OutcomeTable, training: Sequence[Question], groups: QuestionGroups
    ) -> None:
        """
        Args:
            table: the recorded outcomes.
            training: the questions whose responses say what is long.
            groups: within which lengths are compared.
        """
        self._table, self._groups = table, groups
        of_group = list(zip(training, groups.of(training), strict=True))
        self._samples = 1 + max((outcome.sample for outcome in table), default=0)
        most = len(table.names) * self._samples
        self.labels = tuple(f"x{n}" for n in range(1, max(_FEWEST_LABELS, most) + 1))
        """Every label that there is."""
        self._answers: dict[str, dict[tuple[str, int], int]] = {}
        self._lengths = {
            name: RelativeLengths.fit(
                [
                    (group, outcome.output_tokens)
                    for question, group in of_group
                    if (outcome := table.outcome(question.id, name)) is not None
                ]
            )
            for name in table.names
        }

    def words(self) -> Iterator[str]:
        """All words of the view."""
        yield from self.labels
        yield from (f"{length};" for length in LENGTHS)
        yield from NO_ANSWER.split()
        yield "answer"

    def __call__(self, question: Question, outcome: Outcome) -> str:
        """What is shown of a response to a question of the table."""
        lengths = self._lengths[outcome.model]
        length = LENGTHS[lengths.bucket(self._groups(question), outcome.output_tokens)]
        label = self.label(question, outcome)
        return f"{length}; {NO_ANSWER if label is None else f'answer {label}'}"

    def label(self, question: Question, outcome: Outcome) -> str | None:
        """The label of a response's answer; None if it gives none."""
        number = self._numbers(question.id).get((outcome.model, outcome.sample))
        if number is None:
            return None
        source = seeded_random("labels", variant_seed(question), question.id)
        return source.sample(self.labels, len(self.labels))[number]

    def _numbers(self, question_id: str) -> dict[tuple[str, int], int]:
        """(model, sample) -> the number of its answer: equal answers to the question have equal numbers."""
        if question_id not in self._answers:
            keys: dict[str, int] = {}
            found = self._answers[question_id] = {}
            for name, sample in itertools.product(self._table.names, range(self._samples)):
                outcome = self._table.outcome(question_id, name, sample)
                if outcome is not None and (short := outcome.short_answer) is not None:
                    found[name, sample] = keys.setdefault(answer_key(short), len(keys))
        return self._answers[question_id]
