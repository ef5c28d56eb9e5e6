"""States of episodes, many at once: who was asked about which question, in which order, and which sample answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router_r1_envs.planner.responses import Responses
from router_r1_envs.worlds.recorded_world.table_arrays import Bools, Floats, Ints

NOBODY = -1
ALL = -1
"""In place of a fold: everything that was fitted, for questions that it was not fitted on."""


@dataclass(frozen=True)
class States:
    """N states of up to T calls."""

    rows: Ints
    """[N] the question, as a row of the responses."""
    fold: Ints
    """[N] the fold of the question, whose part was not fitted on it; -1: the mean of all parts."""
    models: Ints
    """[N, T] the candidate of each call; -1 where there was no call."""
    samples: Ints
    """[N, T] which of its samples answered."""

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def start(cls, rows: Ints, fold: Ints, calls: int) -> States:
        """Nobody was asked yet.

        Args:
            rows: [N].
            fold: [N].
            calls: maximum number of calls, T.
        """
        shape = (len(rows), calls)
        return cls(rows, fold, np.full(shape, NOBODY), np.zeros(shape, dtype=np.int64))

    @property
    def made(self) -> Bools:
        """[N, T] where there was a call."""
        return self.models >= 0

    def heard(self, responses: Responses) -> Bools:
        """[N, T] where a call got a response; a call beyond the recorded samples says nothing."""
        got: Bools = responses.recorded[self.rows[:, None], self.models, self.samples] & self.made
        return got

    def only(self, which: Bools | Ints) -> States:
        """Some of the states."""
        return States(self.rows[which], self.fold[which], self.models[which], self.samples[which])

    def times(self, candidates: int) -> Ints:
        """[N, m] how often each candidate was asked."""
        counts = np.zeros((len(self), candidates), dtype=np.int64)
        index, place = np.nonzero(self.made)
        np.add.at(counts, (index, self.models[index, place]), 1)
        return counts

    def askable(self, responses: Responses) -> Bools:
        """[N, m] who may be asked: anybody once, and again where a further sample is recorded."""
        times = self.times(responses.candidates)
        rows, models = self.rows[:, None], np.arange(responses.candidates)
        again = responses.recorded[rows, models, np.minimum(times, responses.samples)]
        possible: Bools = (times == 0) | again
        return possible

    def after(self, model: Ints, responses: Responses) -> States:
        """The states after one further call each.

        Args:
            model: [N] who is asked.
            responses: all responses; a sample that is not recorded is the empty one.
        """
        index, place = np.arange(len(self)), self.made.sum(1)
        times = self.times(responses.candidates)[index, model]
        models, samples = self.models.copy(), self.samples.copy()
        models[index, place] = model
        samples[index, place] = np.minimum(times, responses.samples)
        return States(self.rows, self.fold, models, samples)


def random_states(
    responses: Responses,
    rows: Ints,
    fold: Ints,
    sizes: Ints,
    weights: Floats,
    calls: int,
    rng: np.random.Generator,
) -> States:
    """States after random calls; a second call of a candidate is half as likely as a first one.

    Args:
        responses: all responses.
        rows: [N] the questions.
        fold: [N] their folds.
        sizes: [N] number of calls.
        weights: [N, m] how likely each candidate is, in any unit.
        calls: maximum number of calls.
        rng: draws.
    """
    states = States.start(rows, fold, calls)
    for call in range(int(sizes.max(initial=0))):
        likely = weights * np.where(states.times(responses.candidates) > 0, 0.5, 1.0)
        likely *= states.askable(responses)
        total = likely.cumsum(1)
        open_ = (sizes > call) & (total[:, -1] > 0)
        drawn = (total > rng.random((len(rows), 1)) * total[:, -1:]).argmax(1)
        after = states.after(drawn, responses)
        states = States(
            rows,
            fold,
            np.where(open_[:, None], after.models, states.models),
            np.where(open_[:, None], after.samples, states.samples),
        )
    return states
