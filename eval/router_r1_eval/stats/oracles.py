"""The oracle, three ways: it knows every answer beforehand, and much of what it seems to know is luck.

    raw          the best of all models on each question: grows with the pool, even if all of them guess
    cross-fitted the model that was best in some samples of a question, scored in the others: luck in one draw does not carry over
    less chance  a router that knows who knows: where nobody does, it is as lucky as one model and not as all of them together

Source of the corrections: cross-fitting removes the optimism of a maximum over noisy means. For chance, each model knows an answer or guesses one of
the options, all alike likely and independently of the others: the usual correction of multiple-choice tests for guessing, taken to several models.
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


def less_chance(score: Floats, options: Floats, fallback: int) -> Floats:
    """[n] what a router scores that knows who knows, and asks one model where nobody does; between the raw oracle and this model, on every question.

    Of k options, who does not know is right with probability 1/k. A model that is right on the share s of the questions with k options so knows
    `(s - 1/k) / (1 - 1/k)` of them, at least 0, and has guessed an answer that is right with the probability that the rest of s is guessing. Somebody knew
    unless all who are right have guessed. With the probability that they have, the router scores what `fallback` does, whose guess is as good as any.

    The figure is too high where models fail on the same questions, which their rates do not show, and where few questions of a kind make rates uncertain.

    Args:
        score: [n, m] of 0 and 1.
        options: [n] how many options, 2 or more; inf for open questions, where guessing never helps.
        fallback: the model that is asked where nobody knows: the best single one.

    Raises:
        ValueError: other scores, or fewer options.
    """
    score, options = np.asarray(score, dtype=np.float64), np.asarray(options, dtype=np.float64)
    if not np.isin(score, (0.0, 1.0)).all() or not (options > 1).all():
        raise ValueError("expected scores of 0 and 1 and two or more options")
    right, luck = score == 1, np.empty(len(score))
    for count in np.unique(options):
        here, chance = options == count, 1 / count
        knows = np.clip((score[here].mean(0) - chance) / (1 - chance), 0, 1)
        guessed = (1 - knows) * chance
        of_right = guessed / np.maximum(knows + guessed, 1e-12)  # 0/0: nobody is right
        luck[here] = np.where(right[here], of_right, 1.0).prod(1)
    known: Floats = 1 - luck + luck * score[:, fallback]
    return known
