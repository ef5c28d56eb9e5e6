"""Oracles: routers that know in advance which models are right. They bound what routing can gain.

    raw_oracle               the best score of all models on each question. It grows with the pool even if all models
                             guess, because one of many guesses is right
    cross_fitted_oracle      the model that was best in some samples of a question, scored in the others, which removes
                             the optimism of a maximum over noisy scores
    guess_corrected_oracle   a router that knows which models know the answer; where no model does, it is as lucky as
                             one model and not as all of them together

The correction for guessing assumes that a model either knows an answer, or guesses one of the options with equal
probability and independently of other models. That is the usual correction of multiple-choice tests for guessing, here
for several models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def raw_oracle(score: Floats) -> Floats:
    """[n] the best score on each question; `score` is [n, m], or [n, m, samples], of which the mean counts."""
    score = np.asarray(score, dtype=np.float64)
    best: Floats = (score if score.ndim == 2 else score.mean(2)).max(1)
    return best


def cross_fitted_oracle(score: Floats) -> Floats:
    """[n] the mean score, over held-out samples, of the model that is best in all other samples; ties share.

    Args:
        score: [n, m, samples].

    Raises:
        ValueError: fewer than two samples.
    """
    score = np.asarray(score, dtype=np.float64)
    if score.ndim != 3 or score.shape[2] < 2:
        raise ValueError(f"expected [questions, models, 2 or more samples], got {score.shape}")
    found = []
    for held_out in range(score.shape[2]):
        others = np.delete(score, held_out, axis=2).mean(2)
        best = np.isclose(others, others.max(1, keepdims=True))
        found.append((score[:, :, held_out] * best).sum(1) / best.sum(1))
    mean: Floats = np.mean(found, axis=0)
    return mean


def guess_corrected_oracle(score: Floats, options: Floats, fallback: int) -> Floats:
    """[n] the expected score of a router that knows which models know, and asks one fixed model where none does.

    A guess among k options is right with probability 1/k. So a model that is right on a share s of the questions with k
    options knows `(s - 1/k) / (1 - 1/k)` of them (at least 0), and the rest of its right answers are guesses. No model
    knew an answer if every right one was a guess; with that probability the router scores what `fallback` does.

    On every question the result is between `raw_oracle` and the score of `fallback`. It is too high where models fail
    on the same questions, which their rates do not show, and where few questions with k options make the rates
    uncertain.

    Args:
        score: [n, m] of 0 and 1.
        options: [n] number of options, 2 or more; inf for open questions, where guessing never helps.
        fallback: index of the model to ask where none knows: the best single one.

    Raises:
        ValueError: other scores, or fewer options.
    """
    score, options = np.asarray(score, dtype=np.float64), np.asarray(options, dtype=np.float64)
    if not np.isin(score, (0.0, 1.0)).all() or not (options > 1).all():
        raise ValueError("expected scores of 0 and 1 and two or more options")
    right, all_guessed = score == 1, np.empty(len(score))
    for count in np.unique(options):
        here, chance = options == count, 1 / count
        knows = np.clip((score[here].mean(0) - chance) / (1 - chance), 0, 1)
        guesses_right = (1 - knows) * chance
        # The share of its right answers that a model guessed; 0/0 where it is never right.
        guessed = guesses_right / np.maximum(knows + guesses_right, 1e-12)
        all_guessed[here] = np.where(right[here], guessed, 1.0).prod(1)
    expected: Floats = 1 - all_guessed + all_guessed * score[:, fallback]
    return expected
