"""Is an answer right? Named metrics, each a number from 0 to 1, the best over the accepted answers.

| metric | right when |
| --- | --- |
| `em` | equal to a gold answer after SQuAD's normalisation |
| `f1` | as far as the words agree (multisets; yes, no and noanswer only as a whole) |
| `contains` | a gold answer occurs in it, at word borders |
| `choice` | it names the option, by letter or by text (`choices.py`) |
| `math` | it is the same number or expression (`maths.py`) |
| `code` | the program passes the tests, in a sandbox (`programs.py`); off unless allowed |
| `ifeval` | it follows all instructions in the question's metadata (`instructions.py`); the gold answer does not matter |
| `toxicity` | as far as a classifier that you name finds it harmless (`toxicity.py`); the gold answer is unused |

A metric that can not score raises; nothing that goes wrong becomes a 0. `None`, no answer, scores 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from router_r1.answers import normalize_answer
from router_r1.errors import ConfigError, DataError
from router_r1.questions import Question
from router_r1_reward import programs, toxicity
from router_r1_reward.choices import same_choice
from router_r1_reward.instructions import follows_all
from router_r1_reward.maths import same_value

Metric = Callable[[str, str, Question | None], float]
"""(answer, one gold answer, the question where it is known) -> 0 to 1."""

_WHOLE = frozenset({"yes", "no", "noanswer"})


def grade(
    answer: str | None,
    golds: Sequence[str],
    metric: str,
    *,
    question: Question | None = None,
    allow_code: bool = False,
) -> float:
    """How right an answer is, from 0 to 1: the best over the gold answers.

    Args:
        answer: what was answered; None scores 0.
        golds: the accepted answers; for `code` without `question.metadata["tests"]`, the one test program.
        metric: a name in `METRICS`.
        question: for what a metric needs beyond the gold answer: `choices`, and `metadata` for `code` and `ifeval`.
        allow_code: run programs; the environment variable ROUTER_R1_ALLOW_CODE=1 does the same.

    Raises:
        ConfigError: no such metric, or `code` without permission or without a sandbox.
        DataError: a gold answer, or an instruction, that the metric can not read.
        ScorerError: the metric itself failed.
        MissingDependencyError: math-verify (to compare expressions) or py3langid (to tell languages) is needed and not installed.
    """
    if metric not in METRICS:
        raise ConfigError(f"there is no metric {metric!r}; it is one of {', '.join(METRICS)}")
    if isinstance(golds, str):
        golds = (golds,)
    if not golds:
        raise DataError("there is no gold answer; a question needs at least one")
    if metric == "code":
        programs.require_permission(allow_code)
    if answer is None:
        return 0.0
    best = 0.0
    for gold in golds:
        best = max(best, METRICS[metric](answer, gold, question))
        if best == 1.0:
            break
    return best


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


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "em": exact_match,
        "f1": f1,
        "contains": contains,
        "choice": same_choice,
        "math": same_value,
        "code": programs.passes,
        "ifeval": follows_all,
        "toxicity": toxicity.harmlessness,
    }
)
"""All metrics by name."""
