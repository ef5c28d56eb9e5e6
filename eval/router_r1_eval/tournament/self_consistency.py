"""Repeated samples of a table: self-consistency, which asks one model several times and takes its most frequent answer.

The baseline shows what the same money buys without a router. As for every baseline, model and number of samples are
chosen on the training questions at each level. A sample that was not recorded gives no answer, scores 0 and costs
nothing. A model counts as sampled k times if nearly every question has k samples of it.

Not covered: how much of the oracle is luck, which needs repeated samples too (`headroom.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router_r1.answers import answer_key
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1_envs.worlds.recorded_world.table_arrays import Floats, Ints, RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import Entrant

NEARLY_ALL = 0.95
"""Share of the questions that must have k samples of a model for it to count as sampled k times."""


@dataclass(frozen=True)
class Samples:
    """n questions x m models x up to k samples."""

    score: Floats
    """[n, m, k] score of each sample; nan where it was not recorded."""
    voted: Floats
    """[n, m, k] score of the most frequent answer among the first 1, 2, ... samples: the mean score of the samples that
    give it. On a tie, the first answer wins; if no answer could be extracted, the score of the first sample counts."""
    cost: Floats
    """[n, m, k] dollars of the first 1, 2, ... samples."""
    depth: Ints
    """[m] how many samples nearly every question has."""

    @classmethod
    def of(cls, table: OutcomeTable, questions: Sequence[Question]) -> Samples:
        """The samples of n questions of a table."""
        n, m, k = len(questions), len(table.names), _most_samples(table, questions)
        score = np.full((n, m, k), math.nan)
        voted, cost = np.zeros((n, m, k)), np.zeros((n, m, k))
        for i, question in enumerate(questions):
            for j, name in enumerate(table.names):
                votes, totals = Counter[str](), dict[str, float]()
                for sample in range(k):
                    outcome = table.outcome(question.id, name, sample)
                    if outcome is not None:
                        score[i, j, sample] = outcome.score
                        cost[i, j, sample] = table.cost_usd(outcome)
                        if outcome.short_answer is not None:
                            key = answer_key(outcome.short_answer)
                            votes[key] += 1
                            totals[key] = totals.get(key, 0.0) + outcome.score
                    # A Counter keeps the order of insertion, so `max` takes the first of equally frequent answers.
                    if votes:
                        leader = max(votes, key=lambda key: votes[key])
                        voted[i, j, sample] = totals[leader] / votes[leader]
                    else:
                        voted[i, j, sample] = np.nan_to_num(score[i, j, 0])
        recorded = (~np.isnan(score)).cumprod(axis=2).mean(axis=0)
        depth = (recorded >= NEARLY_ALL).sum(axis=1)
        return cls(score, voted, cost.cumsum(axis=2), depth)


def _most_samples(table: OutcomeTable, questions: Sequence[Question]) -> int:
    """How many samples at most some model has of nearly every question: no array needs room for more."""
    counts = Counter((outcome.id, outcome.model) for outcome in table)
    needed = math.ceil(NEARLY_ALL * len(questions))
    by_model = (sorted(counts[q.id, name] for q in questions) for name in table.names)
    return max((found[-needed] for found in by_model if needed), default=1) or 1


def self_consistency(splits: TableSplits) -> list[Entrant]:
    """The baseline; empty if no model has two samples of nearly every training question or no answer is recorded."""
    table, train = splits.table, splits.train
    if not any(outcome.sample for outcome in table) or not (train.answer >= 0).any():
        return []
    samples = Samples.of(table, train.questions)
    tried = {
        (model, count): _ask(samples, model, count)
        for model, depth in enumerate(samples.depth)
        if depth > 1
        for count in range(1, depth + 1)
    }
    if not tried:
        return []
    best = {
        level: max(tried, key=lambda c: tried[c].utility(sensitivity, splits.reference_usd))
        for level, sensitivity in splits.sensitivities.items()
    }
    found: dict[tuple[str, ...], Samples] = {}

    def run(arrays: TableArrays, level: str) -> RouterRun:
        ids = tuple(question.id for question in arrays.questions)
        if ids not in found:
            found[ids] = Samples.of(table, arrays.questions)
        return _ask(found[ids], *best[level])

    return [Entrant("self-consistency", "baseline", tuple(best), run)]


def _ask(samples: Samples, model: int, count: int) -> RouterRun:
    """Ask one model `count` times about every question."""
    value = samples.voted[:, model, count - 1]
    calls = np.full(len(value), count, dtype=np.float64)
    return RouterRun(value, samples.cost[:, model, count - 1], calls)
