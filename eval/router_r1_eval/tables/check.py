"""What is wrong with an outcome table: what would make a router look better or worse than it is.

    models            others than in the table that a router is fitted on
    duplicates        the same question twice, or in the table that a router is fitted on; the same question with two golds
    missing cells     questions that a model was not asked
    inversions        in one category a model is far below one that it beats everywhere else: usually the answer's format
    unread answers    a model whose answers could not be extracted, by model and category
    misread numbers   the text ends in the gold number, and the score is 0
    constants         a model that is always right or always wrong in a category; two with the same scores throughout
    win rates         two models that tie so often that a label "who wins" says next to nothing
    prices            zero, undated; recorded costs far from price x tokens; token counts that are estimates
    texts             empty texts that score; no texts at all

`check` looks at a table that could be loaded; `broken_rows` finds all that keeps one from loading, not only the first.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from router_r1 import config
from router_r1.answers import answer_key
from router_r1.data.outcome_table import FORMATS, Outcome, OutcomeTable, outcome_rows
from router_r1.data.questions import Question, question_rows
from router_r1.errors import RouterR1Error
from router_r1.pricing import cost_usd
from router_r1_eval.tables.importers.base import NOT_PUBLISHED
from router_r1_reward.metrics.maths.final_number import final_number

FAR = 0.2
"""How far below a weaker model is an inversion, in score."""
AHEAD = 0.05
"""How far above it a model must be in all other categories."""
FEW = 30
"""Categories with fewer questions are not judged."""
UNREAD = 0.05
"""Share of answers that may be unread."""
TIED = 0.95
"""Share of questions on which two models may score the same."""
_CERTAIN = 4.0  # standard errors
_OFF = 3.0  # times
_SEPARATED = re.compile(r"\d[.,]\d")

Weight = Literal["error", "warning", "note"]
Rows = Callable[[Path], Iterator[tuple[str, Any]]]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    weight: Weight
    """`error`: numbers from this table are wrong. `warning`: they may be. `note`: to be known."""
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.weight:8s}{self.kind}: {self.message}"


def broken_rows(folder: str | Path, most: int = 20) -> list[str]:
    """What is wrong with the lines of a table, one message each, `most` at most; loading stops at the first.

    A file is read up to a line that is no JSON.
    """
    folder, found = Path(folder), []
    kinds: tuple[tuple[str, type[Question] | type[Outcome], Rows], ...] = (
        ("questions", Question, question_rows),
        ("responses", Outcome, outcome_rows),
    )
    for name, kind, rows in kinds:
        for path in (path for form in FORMATS if (path := folder / f"{name}.{form}").exists()):
            try:
                for where, data in rows(path):
                    try:
                        config.validate(kind, data, where)
                    except RouterR1Error as error:
                        found.append(str(error))
                        if len(found) == most:
                            return found
            except RouterR1Error as error:
                found.append(str(error))
    return found


def check(table: OutcomeTable, fit: OutcomeTable | None = None) -> list[Finding]:
    """All findings, the worst first.

    Args:
        table: what is checked.
        fit: the table that routers are fitted on, which should share no question with it.
    """
    found = [
        *_models(table, fit),
        *_duplicates(table, fit),
        *_cells(table),
        *_inversions(table),
        *_unread(table),
        *_misread(table),
        *_constants(table),
        *_ties(table),
        *_prices(table),
        *_texts(table),
    ]
    order = ("error", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.weight))


def _models(table: OutcomeTable, fit: OutcomeTable | None) -> Iterator[Finding]:
    if fit is not None and (other := set(table.names) ^ set(fit.names)):
        yield Finding(
            "error",
            "models",
            f"it and the table that routers are fitted on do not both have {', '.join(sorted(other))}",
        )


def _same(question: Question) -> str:
    return " ".join(question.question.casefold().split())


def _duplicates(table: OutcomeTable, fit: OutcomeTable | None) -> Iterator[Finding]:
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in table.questions:
        # The same words over other options are another question.
        groups[f"{_same(question)}|{question.choices}"].append(question)
    twice = [group for group in groups.values() if len(group) > 1]
    if twice:
        ids = ", ".join(q.id for q in twice[0][:3])
        yield Finding(
            "warning",
            "duplicates",
            f"{sum(len(g) - 1 for g in twice)} questions stand there again under another id, e.g. {ids}; a split by id "
            f"puts them on both sides",
        )
    drift = [g for g in twice if len({tuple(sorted(map(answer_key, q.answers))) for q in g}) > 1]
    if drift:
        ids = ", ".join(q.id for q in drift[0][:3])
        yield Finding(
            "error",
            "gold answers",
            f"{len(drift)} questions have different gold answers under different ids, e.g. {ids}",
        )
    if fit is not None:
        known = {_same(q) for q in fit.questions}
        both = [q.id for q in table.questions if _same(q) in known]
        if both:
            yield Finding(
                "error",
                "duplicates across splits",
                f"{len(both)} of {len(table.questions)} questions are in the table that routers are fitted on, e.g. "
                f"{', '.join(both[:3])}",
            )


def _cells(table: OutcomeTable) -> Iterator[Finding]:
    for name in table.names:
        missing = sum(table.outcome(q.id, name) is None for q in table.questions)
        if missing:
            yield Finding(
                "warning",
                "missing cells",
                f"{name} was not asked {missing} of {len(table.questions)} questions; --set complete=true leaves such questions out "
                f"of a tournament",
            )


def _scores(table: OutcomeTable) -> dict[str, dict[str, list[float]]]:
    """Category -> model -> scores of first samples, on questions that every model was asked."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for question in table.questions:
        row = [table.outcome(question.id, name) for name in table.names]
        for outcome in row:
            if outcome is not None and None not in row:
                found[question.category or "none"][outcome.model].append(outcome.score)
    return found


def _inversions(table: OutcomeTable) -> Iterator[Finding]:
    scores = _scores(table)
    for category, models in scores.items():
        many = min(map(len, models.values()), default=0)
        elsewhere = {
            name: [s for c, others in scores.items() if c != category for s in others[name]]
            for name in models
        }
        if min([many, *map(len, elsewhere.values())]) < FEW:
            continue
        here = {name: statistics.fmean(found) for name, found in models.items()}
        there = {name: statistics.fmean(found) for name, found in elsewhere.items()}
        for strong in models:
            below = [
                weak
                for weak in models
                if there[strong] - there[weak] > AHEAD
                and here[weak] - here[strong] > FAR
                and _certain(models[weak], models[strong])
            ]
            if below:
                weak = max(below, key=lambda name: here[name])
                others = f" (and {len(below) - 1} more)" if len(below) > 1 else ""
                yield Finding(
                    "error" if here[strong] < FAR else "warning",
                    "inversion",
                    f"in {category} ({many} questions) {strong} scores {here[strong]:.3f} and {weak} {here[weak]:.3f}"
                    f"{others}, elsewhere {there[strong]:.3f} and {there[weak]:.3f}; look at how its answers were read",
                )


def _certain(better: list[float], worse: list[float]) -> bool:
    """Whether the mean difference is beyond chance."""
    ahead = [b - w for b, w in zip(better, worse, strict=True)]
    return statistics.fmean(ahead) > _CERTAIN * statistics.pstdev(ahead) / math.sqrt(len(ahead))


def _unread(table: OutcomeTable) -> Iterator[Finding]:
    asked, unread = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for outcome in table:
        key = (outcome.model, table.question(outcome.id).category or "none")
        if outcome.text.strip():
            asked[key] += 1
            unread[key] += outcome.short_answer is None
    for name in table.names:
        every = sum(n for (model, _), n in asked.items() if model == name)
        lost = sum(n for (model, _), n in unread.items() if model == name)
        if not every or lost <= UNREAD * every:
            continue
        shares = {c: unread[name, c] / n for (m, c), n in asked.items() if m == name and n >= FEW}
        worst = max(shares, key=lambda category: shares[category], default=None)
        where = f"; most in {worst} ({shares[worst]:.0%})" if worst else ""
        yield Finding(
            "warning",
            "unread answers",
            f"no answer could be read in {lost} of {every} texts of {name} ({lost / every:.1%}){where}",
        )


def _misread(table: OutcomeTable) -> Iterator[Finding]:
    wrong: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in table:
        question = table.question(outcome.id)
        if question.metric != "math" or outcome.score > 0 or not outcome.text.strip():
            continue
        gold = {final_number(answer) for answer in question.answers} - {None}
        if final_number(outcome.text) in gold:
            wrong[outcome.model].append(outcome)
    for name, outcomes in wrong.items():
        decimals = sum(bool(_SEPARATED.search(o.text)) for o in outcomes)
        yield Finding(
            "error" if len(outcomes) > 5 else "warning",
            "misread numbers",
            f"{len(outcomes)} texts of {name} end in the gold number and score 0, {decimals} of them with decimals or "
            f"thousands in them, e.g. {outcomes[0].id}: {outcomes[0].text.strip()[-60:]!r}",
        )


def _constants(table: OutcomeTable) -> Iterator[Finding]:
    for category, models in _scores(table).items():
        for name, scores in models.items():
            if len(scores) >= FEW and len(set(scores)) == 1:
                yield Finding(
                    "warning",
                    "constant scores",
                    f"{name} scores {scores[0]:g} on all {len(scores)} questions of {category}",
                )


def _ties(table: OutcomeTable) -> Iterator[Finding]:
    scores = _scores(table)
    whole = {name: [s for models in scores.values() for s in models[name]] for name in table.names}
    for number, first in enumerate(table.names):
        for second in table.names[number + 1 :]:
            pairs = list(zip(whole[first], whole[second], strict=True))
            tied = sum(a == b for a, b in pairs)
            if len(pairs) < FEW or tied < TIED * len(pairs):
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
                    f"{first} and {second} score the same on {tied} of {len(pairs)} questions; who wins is a label with "
                    f"next to no information",
                )
    if len(table.names) > 1 and (rows := list(zip(*whole.values(), strict=True))):
        unique = sum(sorted(row)[-1] > sorted(row)[-2] for row in rows)
        right = sum(min(row) == max(row) > 0 for row in rows)
        none = sum(max(row) == 0 for row in rows)
        yield Finding(
            "note",
            "ties",
            f"one best model on {unique / len(rows):.1%} of the questions, all as right on {right / len(rows):.1%}, nobody "
            f"right on {none / len(rows):.1%}; a label 'best model' is drawn on the rest: use scores",
        )


def _prices(table: OutcomeTable) -> Iterator[Finding]:
    undated = sum(card.price.as_of is None for card in table.cards)
    if undated:
        yield Finding(
            "note", "prices", f"{undated} of {len(table.cards)} prices have no date (as_of)"
        )
    if table.costs_estimated:
        yield Finding(
            "note",
            "costs",
            f"those of {table.costs_estimated:.0%} of the outcomes rest on token counts that were guessed",
        )
    recorded = Counter(o.model for o in table if o.cost is not None)
    for card in table.cards:
        price = card.price
        if not (price.input or price.output):
            if recorded[card.name]:
                yield Finding(
                    "note", "prices", f"{card.name} has no list price; its costs are recorded"
                )
            else:
                yield Finding(
                    "warning",
                    "prices",
                    f"{card.name} costs nothing; if it is not free, a router will pay any number of calls for it",
                )
        ratios = [
            outcome.cost / listed
            for outcome in table
            if outcome.model == card.name
            and outcome.cost is not None
            and (listed := cost_usd(outcome.usage, price))
        ]
        if ratios and not 1 / _OFF < (typical := statistics.median(ratios)) < _OFF:
            yield Finding(
                "warning",
                "prices",
                f"recorded costs of {card.name} are {typical:.2g} times price x tokens",
            )


def _texts(table: OutcomeTable) -> Iterator[Finding]:
    empty = [o for o in table if not o.text.strip()]
    if len(empty) == len(table):
        yield Finding("note", "texts", "no texts are recorded: nothing can be read or graded again")
    elif scoring := [o for o in empty if o.score > 0]:
        yield Finding(
            "warning",
            "texts",
            f"{len(scoring)} empty texts score, e.g. {scoring[0].model} on {scoring[0].id}",
        )
    unknown = sum(q.answers == (NOT_PUBLISHED,) for q in table.questions)
    if unknown:
        yield Finding(
            "note", "gold answers", f"{unknown} of {len(table.questions)} questions have none"
        )
