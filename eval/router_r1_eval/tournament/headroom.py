"""What a router could gain on a table: the oracle, how much of the oracle is luck, and how often models tie."""

from __future__ import annotations

from collections import Counter

import numpy as np

from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.results import CrossFittedOracle, Headroom
from router_r1_eval.stats.oracles import cross_fitted_oracle, guess_corrected_oracle, raw_oracle
from router_r1_eval.tournament.self_consistency import Samples


def headroom(splits: TableSplits, smallest_difference: float) -> Headroom:
    """How much a router could gain on the test questions.

    The oracle without lucky guesses asks the best single model if no model knows the answer. It is None if no question
    has options or some score is neither 0 nor 1, because the probability of a lucky guess is then unknown.

    Args:
        splits: the table.
        smallest_difference: the smallest difference in accuracy that the test questions can show.
    """
    test, best = splits.test, splits.best_column
    has_options = np.array([len(q.choices or ()) > 1 for q in test.questions])
    partial_scores = not np.isin(test.score, (0.0, 1.0)).all()
    options = np.where(has_options, test.options, np.inf)
    ties = Counter(
        "one best model"
        if (row == row.max()).sum() == 1
        else "a tie"
        if row.max() > 0
        else "nobody"
        for row in test.score
    )
    return Headroom(
        best_single=float(test.score[:, best].mean()),
        oracle=float(raw_oracle(test.score).mean()),
        oracle_less_chance=None
        if partial_scores or not has_options.any()
        else float(guess_corrected_oracle(test.score, options, best).mean()),
        oracle_cross_fitted=_cross_fitted(splits),
        ties={name: count / len(test) for name, count in sorted(ties.items())},
        smallest_difference=smallest_difference,
    )


def _cross_fitted(splits: TableSplits) -> CrossFittedOracle | None:
    """The oracle without the luck of a single draw, on the test questions with all samples; None without repeats."""
    if not any(outcome.sample for outcome in splits.table):
        return None
    repeated = Samples.of(splits.table, splits.test.questions)
    samples = int(repeated.depth.min())
    if samples < 2:
        return None
    score = repeated.score[:, :, :samples]
    score = score[~np.isnan(score).any(axis=(1, 2))]
    return CrossFittedOracle(
        accuracy=float(cross_fitted_oracle(score).mean()),
        oracle=float(raw_oracle(score[:, :, 0]).mean()),
        best_single=float(score[:, splits.best_column].mean()),
        questions=len(score),
        samples=samples,
    )
