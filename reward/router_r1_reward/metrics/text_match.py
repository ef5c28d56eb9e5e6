"""TODO."""

from __future__ import annotations

from collections import Counter

from router_r1.answers import normalize_answer
from router_r1.data.questions import Question
from router_r1_reward.metrics.base import Metric, register

_WHOLE = frozenset({"yes", "no", "noanswer"})


def exact_match(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if answer and gold are the same after SQuAD's normalisation."""
    return float(_words(answer) == _words(gold))


def f1(answer: str, gold: str, question: Question | None = None) -> float:
    """The harmonic mean of precision and recall over words as multisets."""
    said, meant = _words(answer), _words(gold)
    if said == meant:
        return 1.0
    if said in _WHOLE or meant in _WHOLE:
        return 0.0
    one, other = said.split(), meant.split()
    common = sum((Counter(one) & Counter(other)).values())
    return 2.0 * common / (len(one) + len(other))


def contains(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the gold answer occurs in the answer as whole words, both normalised."""
    return float(f" {_words(gold)} " in f" {_words(answer)} ")


def _words(text: str) -> str:
    """SQuAD's normalisation; of a text it leaves nothing of ("The", "+"), the text itself in lower case."""
    return normalize_answer(text) or text.strip().casefold()


register(
    Metric(
        "em", "equal to a gold answer after SQuAD's normalisation", exact_match, short_answer=True
    )
)
register(
    Metric(
        "f1",
        "overlap of words with a gold answer, as multisets",
        f1,
        short_answer=True,
        partial_credit=True,
    )
)
register(Metric("contains", "a gold answer occurs in the reply, at word borders", contains))
