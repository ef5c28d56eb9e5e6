"""Numbers of a whole set of answers, which are no means of a score per question.

Labels are letters of options; an answer that names none has the label `""`, which is never the right one. Where a number is not
defined, because the answers do not vary, it is 0: they tell nothing. Needs scikit-learn, which brings scipy.

Not covered: means, and intervals around them.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.data.questions import Question
from router_r1_reward.metrics.choice import named_options

Labels = Sequence[str]


def labels(
    questions: Sequence[Question], answers: Sequence[str | None]
) -> tuple[list[str], list[str]]:
    """The labels that are right, and those that were answered."""
    right = [question.answers[0] for question in questions]
    said = [
        "" if answer is None else _label(named_options(answer, question.choices))
        for question, answer in zip(questions, answers, strict=True)
    ]
    return right, said


def _label(named: frozenset[str]) -> str:
    return next(iter(named)) if len(named) == 1 else ""


def accuracy(right: Labels, said: Labels) -> float:
    """The share of right labels."""
    return sum(r == s for r, s in zip(right, said, strict=True)) / len(right)


def matthews(right: Labels, said: Labels) -> float:
    """Matthews' correlation of labels, from -1 to 1; for more than two labels as Gorodkin (2004) has it."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(list(right), list(said)))


def f1_of(label: str, right: Labels, said: Labels) -> float:
    """F1 of one label."""
    from sklearn.metrics import f1_score

    return float(f1_score([r == label for r in right], [s == label for s in said], zero_division=0))


def macro_f1(right: Labels, said: Labels) -> float:
    """The mean of the F1 of all labels that are right somewhere."""
    known = sorted(set(right))
    return sum(f1_of(label, right, said) for label in known) / len(known)


def pearson(right: Sequence[float], said: Sequence[float]) -> float:
    """Pearson's correlation, from -1 to 1."""
    from scipy.stats import pearsonr

    return float(pearsonr(right, said).statistic) if _vary(right) and _vary(said) else 0.0


def spearman(right: Sequence[float], said: Sequence[float]) -> float:
    """Spearman's rank correlation, from -1 to 1."""
    from scipy.stats import spearmanr

    return float(spearmanr(right, said).statistic) if _vary(right) and _vary(said) else 0.0


def _vary(values: Sequence[float]) -> bool:
    return len(set(values)) > 1
