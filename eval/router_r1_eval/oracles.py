"""The oracle, three ways: it knows every answer beforehand, and much of what it seems to know is luck.

    raw          the best of all models on each question: grows with the pool, even if all of them guess
    cross-fitted the model that was best in some samples of a question, scored in the others: luck in one draw does not carry over
    less chance  raw, less what the right letter is worth to models that guess: with many models somebody is always right

Source of the corrections: cross-fitting removes the optimism of a maximum over noisy means; the chance correction subtracts, from what the oracle gains over the
best single model, what independent uniform guesses would have gained.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def raw(score: Floats) -> Floats:
    """[n] the best score on each question; `score` is [n, m] or [n, m, samples], whose mean counts."""
    score = np.asarray(score, dtype=np.float64)
    best: Floats = (score if score.ndim == 2 else score.mean(2)).max(1)
    return best


def cross_fitted(score: Floats) -> Floats:
    """[n] what the model that is best in all other samples of a question scores in each sample, on average; ties share.

    Args:
        score: [n, m, samples].

    Raises:
        ValueError: fewer than two samples.
    """
    score = np.asarray(score, dtype=np.float64)
    if score.ndim != 3 or score.shape[2] < 2:
        raise ValueError(f"expected [questions, models, 2 or more samples], got {score.shape}")
    samples = score.shape[2]
    found = []
    for held_out in range(samples):
        others = np.delete(score, held_out, axis=2).mean(2)
        best = np.isclose(others, others.max(1, keepdims=True))
        found.append((score[:, :, held_out] * best).sum(1) / best.sum(1))
    mean: Floats = np.mean(found, axis=0)
    return mean


def less_chance(score: Floats, options: Floats) -> Floats:
    """[n] the best score on each question, less the probability that a wrong model was right by guessing.

    A model that knows is right; one that does not is right with probability 1/k. From a model's rate s on questions with k options follows how
    often it knows, `(s - 1/k) / (1 - 1/k)`, at least 0; a question that a single model has right was guessed with the probability that the rest of its rate is
    guessing. Where several are right it takes all of them to have guessed. Where nobody is right there is nothing to correct.

    Args:
        score: [n, m], 0 to 1; from 0.5 on it counts as right.
        options: [n] how many options; inf for open questions, where guessing never helps.
    """
    score, options = np.asarray(score, dtype=np.float64), np.asarray(options, dtype=np.float64)
    right = score >= 0.5
    rate = right.mean(0)
    chance = 1 / options[:, None]
    knows = np.clip((rate - chance) / np.maximum(1 - chance, 1e-12), 0, 1)
    guessed = (1 - knows) * chance
    luck = np.where(right, guessed / np.maximum(knows + guessed, 1e-12), 1.0).prod(1)
    corrected: Floats = score.max(1) * (1 - luck * right.any(1))
    return corrected
