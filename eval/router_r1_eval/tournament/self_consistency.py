"""Repeated samples of a table: what asking the same model several times is worth.

    self-consistency    ask one model k times and take the answer that most samples give; k and the model are chosen on the training
                        questions, for each level of the world, as for any bar: so it is known what the same money buys without a router

Samples that were not recorded give no answer, score nothing and cost nothing. A model counts as asked k times where nearly every question has k samples of it.

Not covered: how much of the oracle is luck, which needs repeated samples too (`oracles.py`).
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
from router_r1.data.splits import Split
from router_r1_envs.worlds.recorded_world.arrays import Floats, Grid, Ints
from router_r1_envs.worlds.recorded_world.runs import Method, Run, sensitivities, utility
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

NEARLY = 0.95
"""Share of the questions that must have k samples of a model."""


@dataclass(frozen=True)
class Repeats:
    """n questions x m models x up to k samples."""

    score: Floats
    """[n, m, k] the score of each sample; nan where it was not recorded."""
    voted: Floats
    """[n, m, k] the score of the answer that most of the first 1, 2, ... samples give: the mean over those that give it. Of two with as many
    votes it is the first; where no answer could be extracted it is the first sample's own score."""
    cost: Floats
    """[n, m, k] dollars of the first 1, 2, ... samples."""
    depth: Ints
    """[m] how many samples nearly every question has."""

    @classmethod
    def of(cls, table: OutcomeTable, questions: Sequence[Question]) -> Repeats:
        """The samples of these questions."""
        n, m, k = len(questions), len(table.names), 1 + max(o.sample for o in table)
        score = np.full((n, m, k), math.nan)
        voted, cost = np.zeros((n, m, k)), np.zeros((n, m, k))
        for i, question in enumerate(questions):
            for j, name in enumerate(table.names):
                votes, totals = Counter[str](), Counter[str]()
                for place in range(k):
                    outcome = table.outcome(question.id, name, place)
                    if outcome is not None:
                        score[i, j, place] = outcome.score
                        cost[i, j, place] = table.cost_usd(outcome)
                        if outcome.short_answer is not None:
                            key = answer_key(outcome.short_answer)
                            votes[key] += 1
                            totals[key] += outcome.score  # type: ignore[assignment]
                    # The first of those with most votes: a Counter keeps the order in which they were said.
                    if votes:
                        leader = max(votes, key=lambda key: votes[key])
                        voted[i, j, place] = totals[leader] / votes[leader]
                    else:
                        voted[i, j, place] = np.nan_to_num(score[i, j, 0])
        there = (~np.isnan(score)).cumprod(axis=2).mean(axis=0)
        depth = (there >= NEARLY).sum(axis=1)
        return cls(score, voted, cost.cumsum(axis=2), depth)


def self_consistency(world: RecordedWorld) -> Method | None:
    """The bar; None where no model has two samples of nearly every training question."""
    if not any(outcome.sample for outcome in world.table):
        return None
    train = Repeats.of(world.table, world.questions(Split.TRAIN))
    levels = sensitivities(world)
    tried = {
        (model, samples): _asked(train, model, samples)
        for model, depth in enumerate(train.depth)
        if depth > 1
        for samples in range(1, depth + 1)
    }
    if not tried:
        return None
    best = {
        name: max(tried, key=lambda c: utility(tried[c], sensitivity, world.reference_usd))
        for name, sensitivity in levels.items()
    }
    found: dict[tuple[str, ...], Repeats] = {}

    def run(grid: Grid, setting: str) -> Run:
        key = tuple(question.id for question in grid.questions)
        if key not in found:
            found[key] = Repeats.of(world.table, grid.questions)
        return _asked(found[key], *best[setting])

    return Method("self-consistency", "bar", tuple(levels), run)


def _asked(repeats: Repeats, model: int, samples: int) -> Run:
    value = repeats.voted[:, model, samples - 1]
    return Run(
        value, repeats.cost[:, model, samples - 1], np.full(len(value), samples, dtype=np.float64)
    )
