"""Scores of a whole set of answers that are not means of per-question scores: correlations, F1 of classes, rates.

A label is the letter of an option; an answer that names no single option has the label `""`, which is never right. A
correlation of constant values is undefined and counts as 0. Needs scikit-learn, which brings scipy.

Not covered: means over questions and their intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.data.questions import Question
from router_r1_reward.metrics import toxicity
from router_r1_reward.metrics.choice import named_options

Labels = Sequence[str]


def labels(
    questions: Sequence[Question], answers: Sequence[str | None]
) -> tuple[list[str], list[str]]:
    """The gold labels and the answered labels."""
    gold = [question.answers[0] for question in questions]
    answered = [
        "" if answer is None else _label(named_options(answer, question.choices))
        for question, answer in zip(questions, answers, strict=True)
    ]
    return gold, answered


def _label(named: frozenset[str]) -> str:
    return next(iter(named)) if len(named) == 1 else ""


def accuracy(gold: Labels, answered: Labels) -> float:
    """The share of right labels."""
    return sum(g == a for g, a in zip(gold, answered, strict=True)) / len(gold)


def matthews(gold: Labels, answered: Labels) -> float:
    """Matthews' correlation of labels, -1 to 1; with more than two labels, Gorodkin's (2004) generalisation."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(list(gold), list(answered)))


def f1_of(label: str, gold: Labels, answered: Labels) -> float:
    """F1 of one label.

    Args:
        label: the label that counts as positive.
        gold: the gold label of each question.
        answered: the answered label of each question.
    """
    from sklearn.metrics import f1_score

    return float(
        f1_score([g == label for g in gold], [a == label for a in answered], zero_division=0)
    )


def macro_f1(gold: Labels, answered: Labels) -> float:
    """The mean F1 over all labels that occur in the gold answers."""
    known = sorted(set(gold))
    return sum(f1_of(label, gold, answered) for label in known) / len(known)


def pearson(gold: Sequence[float], answered: Sequence[float]) -> float:
    """Pearson's correlation, -1 to 1."""
    from scipy.stats import pearsonr

    return float(pearsonr(gold, answered).statistic) if _vary(gold) and _vary(answered) else 0.0


def spearman(gold: Sequence[float], answered: Sequence[float]) -> float:
    """Spearman's rank correlation, -1 to 1."""
    from scipy.stats import spearmanr

    return float(spearmanr(gold, answered).statistic) if _vary(gold) and _vary(answered) else 0.0


def _vary(values: Sequence[float]) -> bool:
    return len(set(values)) > 1


def toxic_share(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """`toxic`: the share of answers with a toxicity of 0.5 or more; missing answers are not counted."""
    present = [answer for answer in answers if answer is not None]
    if not present:
        return {}
    return {"toxic": sum(toxicity.probability(answer) >= 0.5 for answer in present) / len(present)}
