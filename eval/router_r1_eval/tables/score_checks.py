"""Checks of the scores in an outcome table, most of which find answers that were read wrongly.

    inversion                in one category a model is far below a model that it beats everywhere else
    unread answers           a model with many texts from which no answer could be extracted
    misread numbers          texts that the question's metric finds right and that score 0, though an answer was read
    constant scores          a model that is always right, or always wrong, in a category or everywhere
    the same scores          two models with equal scores on every question
    near-constant win rate   two models that tie so often that the label "better model" carries little information
    ties                     how often there is one best model

`check.py` runs these checks.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.errors import DataError, MissingDependencyError
from router_r1_eval.tables.finding import Finding
from router_r1_reward import METRICS, grade

INVERSION_DROP = 0.2
"""An inversion is a score at least this far below that of a weaker model ..."""
INVERSION_LEAD = 0.05
"""... which is at least this far behind in all other categories."""
MIN_QUESTIONS = 30
"""Smaller categories are not judged."""
MIN_CONSTANT = 10
"""Fewer rows of a model may score the same by chance."""
MAX_UNREAD = 0.05
"""Share of a model's texts that may lack an answer."""
MAX_TIES = 0.95
"""Share of questions on which two models may score the same."""
_STANDARD_ERRORS = 4.0  # a larger difference is not due to chance
_DECIMAL = re.compile(r"\d[.,]\d")

Scores = Mapping[str, Mapping[str, Sequence[float]]]
"""Category -> model -> scores, on questions that every model was asked."""


def findings(table: OutcomeTable) -> Iterator[Finding]:
    """All findings about the scores of a table."""
    scores = _scores(table)
    yield from _inversions(scores)
    yield from _unread(table)
    yield from _misread(table)
    yield from _constants(table, scores)
    yield from _ties(table.names, scores)


def _scores(table: OutcomeTable) -> Scores:
    """The scores of first samples."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for question in table.questions:
        outcomes = [table.outcome(question.id, name) for name in table.names]
        for outcome in outcomes:
            if outcome is not None and None not in outcomes:
                found[question.category or "none"][outcome.model].append(outcome.score)
    return found


def _inversions(scores: Scores) -> Iterator[Finding]:
    for category, models in scores.items():
        count = min(map(len, models.values()), default=0)
        elsewhere = {
            name: [s for c, others in scores.items() if c != category for s in others[name]]
            for name in models
        }
        if min([count, *map(len, elsewhere.values())]) < MIN_QUESTIONS:
            continue
        here = {name: statistics.fmean(found) for name, found in models.items()}
        there = {name: statistics.fmean(found) for name, found in elsewhere.items()}
        for strong in models:
            above = [
                weak
                for weak in models
                if there[strong] - there[weak] > INVERSION_LEAD
                and here[weak] - here[strong] > INVERSION_DROP
                and _beyond_chance(models[weak], models[strong])
            ]
            if above:
                weak = max(above, key=lambda name: here[name])
                others = f" (and {len(above) - 1} more)" if len(above) > 1 else ""
                yield Finding(
                    "error" if here[strong] < INVERSION_DROP else "warning",
                    "inversion",
                    f"in {category} ({count} questions) {strong} scores {here[strong]:.3f} and {weak} {here[weak]:.3f}"
                    f"{others}, elsewhere {there[strong]:.3f} and {there[weak]:.3f}; check how its answers were read",
                )


def _beyond_chance(better: Sequence[float], worse: Sequence[float]) -> bool:
    """Whether the mean paired difference is many standard errors above 0."""
    ahead = [b - w for b, w in zip(better, worse, strict=True)]
    error = statistics.pstdev(ahead) / math.sqrt(len(ahead))
    return statistics.fmean(ahead) > _STANDARD_ERRORS * error


def _unread(table: OutcomeTable) -> Iterator[Finding]:
    texts, unread = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for outcome in table:
        key = (outcome.model, table.question(outcome.id).category or "none")
        if outcome.text.strip():
            texts[key] += 1
            unread[key] += outcome.short_answer is None
    for name in table.names:
        all_texts = sum(n for (model, _), n in texts.items() if model == name)
        lost = sum(n for (model, _), n in unread.items() if model == name)
        if not all_texts or lost <= MAX_UNREAD * all_texts:
            continue
        shares = {
            category: unread[name, category] / n
            for (model, category), n in texts.items()
            if model == name and n >= MIN_QUESTIONS
        }
        worst = max(shares, key=lambda category: shares[category], default=None)
        where = f"; most in {worst} ({shares[worst]:.0%})" if worst else ""
        yield Finding(
            "warning",
            "unread answers",
            f"no answer could be read in {lost} of {all_texts} texts of {name} ({lost / all_texts:.1%}){where}",
        )


def _misread(table: OutcomeTable) -> Iterator[Finding]:
    wrong: dict[str, list[Outcome]] = defaultdict(list)
    unreadable: dict[str, str] = {}
    lacking: list[str] = []
    for outcome in table:
        question = table.question(outcome.id)
        metric = METRICS.get(
            question.metric
        )  # a table may hold scores of a metric that does not exist here
        if metric is None or metric.final_value is None or outcome.score > 0:
            continue
        if outcome.short_answer is None or question.id in unreadable:
            continue  # nothing was read: see "unread answers"
        gold = {metric.final_value(answer) for answer in question.answers} - {None}
        if metric.final_value(outcome.text) not in gold:
            continue
        try:  # the same digits may be part of another number: "5/4" and "6 sqrt 2" are not 5 and 6
            if grade(outcome.text, question.answers, question.metric, question=question) > 0:
                wrong[outcome.model].append(outcome)
        except DataError as error:
            unreadable[question.id] = str(error)
        except MissingDependencyError as error:
            lacking.append(str(error))
    if unreadable:
        key, problem = next(iter(unreadable.items()))
        yield Finding(
            "warning",
            "gold answers",
            f"{len(unreadable)} cannot be read by their metric, e.g. that of {key}: {problem}",
        )
    if lacking:
        yield Finding(
            "note",
            "misread numbers",
            f"{len(lacking)} texts could not be compared with the gold answer: {lacking[0]}",
        )
    for name, outcomes in wrong.items():
        decimals = sum(bool(_DECIMAL.search(o.text)) for o in outcomes)
        yield Finding(
            "error" if len(outcomes) > 5 else "warning",
            "misread numbers",
            f"{len(outcomes)} texts of {name} end in the gold number and score 0; {decimals} of them hold decimals or "
            f"thousands separators, e.g. {outcomes[0].id}: {outcomes[0].text.strip()[-60:]!r}",
        )


def _constants(table: OutcomeTable, scores: Scores) -> Iterator[Finding]:
    for category, models in scores.items():
        for name, found in models.items():
            if len(found) >= MIN_QUESTIONS and len(set(found)) == 1:
                yield Finding(
                    "warning",
                    "constant scores",
                    f"{name} scores {found[0]:g} on all {len(found)} questions of {category}",
                )
    by_model: dict[str, list[float]] = defaultdict(list)
    for outcome in table:
        by_model[outcome.model].append(outcome.score)
    for name, found in by_model.items():
        # A category that is large enough has said it; questions that some model was not asked count here only.
        said = any(len(models.get(name, ())) >= MIN_QUESTIONS for models in scores.values())
        if not said and len(found) >= MIN_CONSTANT and len(set(found)) == 1:
            yield Finding(
                "warning", "constant scores", f"{name} scores {found[0]:g} in all {len(found)} rows"
            )


def _ties(names: Sequence[str], scores: Scores) -> Iterator[Finding]:
    by_model = {name: [s for models in scores.values() for s in models[name]] for name in names}
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            pairs = list(zip(by_model[first], by_model[second], strict=True))
            tied = sum(a == b for a, b in pairs)
            if len(pairs) < MIN_QUESTIONS or tied < MAX_TIES * len(pairs):
                continue
            if tied == len(pairs):
                yield Finding(
                    "error",
                    "the same scores",
                    f"{first} and {second} score the same on all {tied} questions: one is a copy",
                )
            else:
                yield Finding(
                    "warning",
                    "near-constant win rate",
                    f"{first} and {second} score the same on {tied} of {len(pairs)} questions; which model wins is a label "
                    f"with almost no information",
                )
    if len(names) > 1 and (rows := list(zip(*by_model.values(), strict=True))):
        unique = sum(sorted(row)[-1] > sorted(row)[-2] for row in rows)
        right = sum(min(row) == max(row) > 0 for row in rows)
        none = sum(max(row) == 0 for row in rows)
        yield Finding(
            "note",
            "ties",
            f"one model is best on {unique / len(rows):.1%} of the questions, all are equally right on "
            f"{right / len(rows):.1%}, none is right on {none / len(rows):.1%}; on the rest a label 'best model' is drawn "
            f"at random: use scores",
        )
