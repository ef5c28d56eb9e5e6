"""The questions of a table world as arrays: what every candidate answered, how right it was, and what it cost.

Bars and planner are computed on it, all questions at once. A question's *answers* are what its candidates said, told
apart by `answer_key` and numbered in the order of the candidates; so letters, numbers and names are all alike.

A cell that is not recorded is a call that gives no answer, scores 0 and costs nothing, as in an episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_r1.answers import answer_key
from router_r1.data.questions import Question
from router_r1_envs.worlds.recorded_world.world import LENGTHS, RecordedWorld

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_OPTIONS = ("full", "fewer", "open")


@dataclass(frozen=True)
class Grid:
    """n questions x m candidates."""

    names: tuple[str, ...]
    questions: tuple[Question, ...]
    said: tuple[tuple[str, ...], ...]
    """The different answers to each question, as first said."""
    answer: Ints
    """[n, m] which of them a candidate gave; -1: none."""
    value: Floats
    """[n, m] what each answer scores: the mean score of those who gave it. 0 where there are fewer answers."""
    score: Floats
    """[n, m] a candidate's own score."""
    cost: Floats
    """[n, m] dollars."""
    tokens: Floats
    """[n, m] output tokens."""
    category: Ints
    """[n] index into the world's categories; one past the last where training had no such category."""
    context: Floats
    """[n, f] category, options and length as one-hot features."""
    options: Floats
    """[n] how many options; 10 for an open question."""

    def __len__(self) -> int:
        return len(self.questions)

    @classmethod
    def of(cls, world: RecordedWorld, questions: Sequence[Question]) -> Grid:
        """The grid of these questions."""
        table, n, m = world.table, len(questions), len(world.table.names)
        answer = np.full((n, m), -1, dtype=np.int64)
        value, score, cost, tokens = (np.zeros((n, m)) for _ in range(4))
        said: list[tuple[str, ...]] = []
        for i, question in enumerate(questions):
            keys: dict[str, int] = {}
            words: list[str] = []
            for j, name in enumerate(table.names):
                outcome = table.outcome(question.id, name)
                if outcome is None:
                    continue
                score[i, j] = outcome.score
                cost[i, j] = table.cost_usd(outcome)
                tokens[i, j] = outcome.output_tokens
                short = outcome.short_answer
                if short is None:
                    continue
                answer[i, j] = keys.setdefault(answer_key(short), len(keys))
                if len(words) < len(keys):
                    words.append(short)
            for k in range(len(words)):
                value[i, k] = score[i, answer[i] == k].mean()
            said.append(tuple(words))
        features = [world.features(question) for question in questions]
        places = {name: place for place, name in enumerate(world.categories)}
        category = np.array([places.get(f.category, len(places)) for f in features])
        options = np.array([_OPTIONS.index(f.options) for f in features])
        length = np.array([f.length - 1 for f in features])
        context = np.concatenate(
            [
                np.eye(len(places) + 1)[category],
                np.eye(len(_OPTIONS))[options],
                np.eye(LENGTHS)[length],
            ],
            axis=1,
        )
        counts = np.array([len(q.choices) if q.choices else 10 for q in questions], dtype=float)
        return cls(
            table.names,
            tuple(questions),
            tuple(said),
            answer,
            value,
            score,
            cost,
            tokens,
            category,
            context,
            counts,
        )
