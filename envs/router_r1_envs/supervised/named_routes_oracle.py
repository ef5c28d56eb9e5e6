"""Which model should have answered: an oracle label for each question, from the recorded replies of two or more models.

Each model's reply is correct, incorrect, or says "I don't know". For two models that makes nine cells; with the cheaper
model first and no limit on what a right answer is worth, the label is

                     expensive: correct    incorrect    don't know
    cheap: correct              cheap      cheap        cheap
           incorrect            expensive  cheap        expensive
           don't know           expensive  cheap        cheap

The matrix follows from one rule for any number of models. A right answer counts 1, "I don't know" 0 and a wrong one
`-wrong`; the label is the model with the highest count less `cost / worth_usd`, and the cheaper one where two are equal.
Costs are the models' mean costs in the table, so that equal cells have equal labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from router_r1.answers import abstains, final_answer, without_thoughts
from router_r1.config import StrictModel
from router_r1.data.options import with_options
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError


class State(StrEnum):
    """What a reply is worth."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNKNOWN = "don't know"


class OracleSettings(StrictModel):
    """What the replies are worth."""

    worth_usd: Annotated[float, Field(gt=0)] | None = None
    """Dollars of a right answer; null: cost decides only between replies of equal worth."""
    wrong: Annotated[float, Field(ge=0, le=100)] = 0.25
    """What a wrong answer costs, as a share of what a right one is worth; "I don't know" costs nothing."""
    right_from: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The least score of a right answer."""


@dataclass(frozen=True)
class OracleLabel:
    """The oracle's view of one question."""

    question: Question
    cell: tuple[State, ...]
    """The state of each model's first reply."""
    values: tuple[float, ...]
    """What each model's replies are worth on the mean, cost not counted."""
    order: tuple[int, ...]
    """The models, best first."""

    @property
    def best(self) -> int:
        """The model that should have answered."""
        return self.order[0]

    def worse(self) -> tuple[int, ...]:
        """The models whose replies are worth less than the best one's; others lose by their cost alone."""
        return tuple(j for j in self.order[1:] if self.values[j] < self.values[self.best])


# "I don't know" in the middle of a sentence or in few words, which the reader of answers takes for an answer.
_SHORT_UNKNOWN = re.compile(
    r"\W*(?:idk|dunno|no one knows|nobody knows|who knows|keine ahnung|weiß nicht|weiss nicht|aucune idée|ni idea|"
    r"boh|geen idee|не знаю|不知道|不清楚|分かりません|わからない|모름|몰라요)\b.{0,40}",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"\b(?:i|we)(?: (?:really|simply|just|honestly|still))? (?:do not|don['’]t|did not|didn['’]t|cannot|can['’]t|could not|"
    r"couldn['’]t|am unable to|was unable to|am not able to) (?:actually |reliably |currently )?(?:know|recall|remember|have "
    r"(?:(?:any|enough|sufficient|specific|reliable|verified) )?(?:information|data|knowledge|details)|find|verify|confirm|"
    r"determine|answer|provide)\b"
    r"|\b(?:i am|i['’]m|we are) not (?:aware|familiar|certain|sure|able)\b"
    r"|\bthere (?:is|['’]s|was) (?:not enough|no|insufficient) (?:reliable |public |available )*(?:information|data|record)\b"
    r"|\bit is (?:unclear|not known|unknown)\b|\b(?:is|are) (?:not known|unknown) to me\b"
    r"|\bdas weiß ich (?:leider )?nicht\b|\bich weiß (?:es |das )?(?:leider )?nicht\b|\bich habe keine (?:informationen|angaben)\b"
    r"|\bje n['’]ai pas (?:d['’]information|assez)|\bje ne (?:le )?sais pas\b|\bno tengo (?:esa |suficiente )?información\b"
    r"|\bnão tenho (?:essa |informaç)|\bnon ho informazioni\b|\bу меня нет (?:информации|данных)|没有(?:相关)?信息|無法確定|无法确定",
    re.IGNORECASE,
)


# "I'm not sure, but I think it is Paris" and "I don't think it is London; it is Paris" answer.
_ANSWERS = re.compile(
    r"\b(?:but|however|that said|although|still|aber|jedoch|mais|pero|mas|ma|но)\b[^.!?\n]{0,40}\b(?:think|believe|guess|"
    r"say|might be|may be|could be|would be|probably|likely|possibly|it['’]?s|it is|it was|glaube|denke|vermute|pense|crois|"
    r"creo|acho|credo|думаю)\b"
    r"|\bi(?:['’]d| would| do)? (?:believe|think|guess|say)\b|\A\W*i (?:do not|don['’]t) (?:think|believe)\b",
    re.IGNORECASE,
)
# Before "I don't know": the beginning of a clause. In a quotation or a title it says nothing about the one who writes.
_CLAUSE = re.compile(
    r"(?:\A|[.!?\n,;:—-]|\b(?:that|but|and|because|so|however|sorry|unfortunately|afraid|while|as|since))\s*\Z",
    re.IGNORECASE,
)


def says_unknown(reply: str, question: str = "") -> bool:
    """Whether a reply says that it does not know and gives no answer either.

    Args:
        reply: the reply; thoughts before it do not count.
        question: what it replies to. An answer that the question offers, such as "undetermined", is an answer.
    """
    text = without_thoughts(reply).strip()
    if not text or _ANSWERS.search(text) or _is_offered(text, question.casefold()):
        return False
    if abstains(text) or _SHORT_UNKNOWN.fullmatch(text):
        return True
    found = final_answer(text)
    if found is not None and found.explicit and not _UNKNOWN.search(found.text):
        return False
    return any(_CLAUSE.search(text, 0, said.start()) for said in _UNKNOWN.finditer(text))


def _is_offered(text: str, question: str) -> bool:
    found = final_answer(text)
    stated = found.text.strip(" .!\"'").casefold() if found is not None else ""
    return bool(stated) and not stated.startswith(("i ", "i'", "i’")) and stated in question


def state_of(outcome: Outcome, question: Question, settings: OracleSettings) -> State:
    """The state of a recorded reply to a question."""
    if outcome.score >= settings.right_from:
        return State.CORRECT
    unknown = says_unknown(outcome.text, with_options(question))
    return State.UNKNOWN if unknown else State.INCORRECT


def value_of(state: State, settings: OracleSettings) -> float:
    """What a reply is worth, in right answers."""
    values = {State.CORRECT: 1.0, State.UNKNOWN: 0.0, State.INCORRECT: -settings.wrong}
    return values[state]


def ranked(
    values: Sequence[float], costs: Sequence[float], settings: OracleSettings
) -> tuple[int, ...]:
    """The models, best first.

    Args:
        values: what each model's reply is worth, in right answers.
        costs: dollars of each model.
        settings: what a right answer is worth in dollars.
    """
    price = 0.0 if settings.worth_usd is None else 1 / settings.worth_usd
    # Rounded, so that sums of equal counts in another order stay equal and the cost decides.
    keys = [
        (-round(v - price * c, 12), c, j)
        for j, (v, c) in enumerate(zip(values, costs, strict=True))
    ]
    return tuple(j for _, _, j in sorted(keys))


def oracle_labels(
    table: OutcomeTable, models: Sequence[str], settings: OracleSettings
) -> list[OracleLabel]:
    """The labels of all questions on which each of these models has a reply.

    Args:
        table: the recorded replies, with scores: of its metrics, of people, or of a judge (`router-r1 table judge`).
        models: two or more of its models.
        settings: what replies are worth.

    Raises:
        ConfigError: there are fewer than two models.
        DataError: the table has no such model, or no question with a reply of each.
    """
    names = tuple(dict.fromkeys(table.card(name).name for name in models))
    if len(names) < 2:
        raise ConfigError(
            f"an oracle compares at least two models, got {', '.join(names) or 'none'}"
        )
    costs = mean_costs(table, names)
    labels = []
    for question in table.questions:
        replies = [_samples(table, question.id, name) for name in names]
        if not all(replies):
            continue
        states = [
            [state_of(outcome, question, settings) for outcome in samples] for samples in replies
        ]
        values = tuple(sum(value_of(s, settings) for s in found) / len(found) for found in states)
        order = ranked(values, [costs[name] for name in names], settings)
        labels.append(OracleLabel(question, tuple(found[0] for found in states), values, order))
    if not labels:
        raise DataError(f"{table.source}: no question has a reply of each of {', '.join(names)}")
    return labels


def mean_costs(table: OutcomeTable, names: Sequence[str]) -> Mapping[str, float]:
    """Mean dollars of a reply of each model. Raises `DataError` for a model without replies."""
    totals: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for outcome in table:
        totals[outcome.model] += table.cost_usd(outcome)  # type: ignore[assignment]
        counts[outcome.model] += 1
    if missing := [name for name in names if not counts[name]]:
        raise DataError(f"{table.source}: {missing[0]!r} has no replies; leave it out")
    return {name: totals[name] / counts[name] for name in names}


def cell_counts(labels: Sequence[OracleLabel]) -> dict[str, int]:
    """How often each cell occurs, e.g. `correct / don't know`."""
    counts = Counter(" / ".join(label.cell) for label in labels)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _samples(table: OutcomeTable, question: str, model: str) -> list[Outcome]:
    found: list[Outcome] = []
    while (outcome := table.outcome(question, model, len(found))) is not None:
        found.append(outcome)
    return found
