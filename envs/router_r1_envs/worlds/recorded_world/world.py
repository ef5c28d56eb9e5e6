"""The recorded world: an outcome table answers. Training on it costs nothing, and the answers are real.

A route asks its candidate the question of the episode: the table holds answers to nothing else. Its query is the word
`question`, or the question itself, with or without its options; case, punctuation, articles and courtesies do not count.
Anything else is a *miss*, as is a cell or a sample the table does not have. A miss is a failure that the policy reads (`not_recorded`), costs nothing, and is counted in `misses`. No
answer is ever invented.

Two views of the same table:

    text      the policy reads the question and what the candidates wrote
    answer    for small policies: it reads features of the question, and "The answer is (C). Brief." for each response:
              what was answered, and how long the response was as this candidate's go. Letters and digits can be
              permuted, so that a policy learns who agrees with whom and not which letter or number is right

The n-th time a candidate is asked the same, the n-th recorded sample answers; start episodes at sample index 0.

Not covered: whether an answer is right (the reward package); learning whom to ask (`planner.py`).
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import hashlib
import math
import random
import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1 import prompts
from router_r1.answers import answer_key, normalize_answer
from router_r1.data.options import LETTERS, options_below, with_options
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_questions
from router_r1.episode import Limits
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.pool import ModelPool
from router_r1.prompts import PromptBuilder, PromptContext
from router_r1.transport.messages import (
    Message,
    Request,
)
from router_r1_envs.worlds.base import WORLDS, Level, WorldKind
from router_r1_envs.worlds.recorded_world.pool import RecordedPool
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_reward.metrics import check_metrics

LENGTHS = 4
"""Buckets of question length, about as many training questions in each."""
WORDY = ("Brief.", "Short.", "Long.", "Longest.")
"""Buckets of response length, about as many of a candidate's training responses in each. Who struggles writes more."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_COURTESIES = frozenset({"please", "question", "answer", "following", "this"})
"""Words that a query may add to the question."""
_REFERENCE = "question"
"""What a route may say instead of the question itself."""


@dataclass(frozen=True, slots=True)
class Features:
    """What a small policy is told about a question instead of its text."""

    category: str
    options: str
    """`full` where there are as many options as any question of the table has, `fewer`, or `open` without any."""
    length: int
    """1 (short) to `LENGTHS`, by the quantiles of the training questions."""

    def __str__(self) -> str:
        return f"category {self.category}; options {self.options}; length {self.length}"


class RecordedWorld:
    """A world over an outcome table. See the module."""

    def __init__(
        self,
        table: OutcomeTable,
        settings: RecordedWorldConfig,
        fit: OutcomeTable | None = None,
    ) -> None:
        """
        Args:
            table: what was recorded.
            settings: see `RecordedWorldConfig`; its `table` and `fit` are not read.
            fit: another table, with the questions for training and validation.

        Raises:
            DataError: the same question in two splits, or other models in `fit`.
            ConfigError: a split is empty, or free models and no levels.
        """
        self.table = table if fit is None else _joined(table, fit)
        self.settings = settings
        self.view = settings.view
        self.name = f"recorded {_title(Path(table.source))}"
        self.cards = _with_output_limits(self.table)
        self.limits = Limits(max_rounds=settings.max_rounds, max_routes=settings.max_routes)
        self.misses: Counter[str] = Counter()
        """Routes that the table could not answer, by candidate."""
        shown = [q.model_copy(update={"question": with_options(q)}) for q in self.table.questions]
        if settings.duplicates == "first":
            first: dict[str, Question] = {}
            for question in shown:
                first.setdefault(" ".join(question.question.casefold().split()), question)
            shown = list(first.values())
        whole = [q for q in shown if all(self.table.outcome(q.id, n) for n in self.table.names)]
        self.incomplete = len(shown) - len(whole)
        """Questions that not every model was asked, of all splits together."""
        if settings.complete:
            shown = whole
        test = None if fit is None else frozenset(q.id for q in table.questions)
        if settings.graded:
            with _or(
                table,
                "set graded to false (--set graded=false), to compare routers by the recorded scores alone",
            ):
                check_metrics(shown)
        with _or(
            table,
            "set duplicates to 'first' (--set duplicates=first), which keeps one of two questions",
        ):
            splits = split_questions(
                shown, validation=settings.validation, test=settings.test, tested=test
            )
        self._splits = {split: self._ordered(questions) for split, questions in splits.items()}
        for split, questions in self._splits.items():
            if not questions:
                raise ConfigError(
                    f"{table.source}: no question falls into the {split} split ({len(shown)} in all"
                    + (
                        f", {self.incomplete} without an answer of every model"
                        if settings.complete
                        else ""
                    )
                    + "); record more, or change the shares"
                )
        train = self._splits[Split.TRAIN]
        self._edges = _quantiles([len(q.question) for q in train], LENGTHS)
        self._most_options = max(len(q.choices or ()) for q in shown)
        self.levels = self._default_levels() if settings.levels is None else settings.levels

    def _ordered(self, questions: list[Question]) -> list[Question]:
        """Tables are often sorted by subject: the first questions of a split must be like the others."""

        def place(question: Question) -> bytes:
            return hashlib.sha256(f"{self.settings.seed}:{question.id}".encode()).digest()

        return sorted(questions, key=place)

    # --- what is known of the training questions

    @functools.cached_property
    def best_single(self) -> str:
        """The model with the highest mean score on the training questions; the cheaper one of equals."""
        means = {name: self._mean(name) for name in self.table.names}
        return max(means, key=lambda name: (means[name][0], -means[name][1]))

    @functools.cached_property
    def reference_usd(self) -> float:
        """What a call of the best single model costs on average, on the training questions; where it is free, of the dearest; where
        all are, a dollar."""
        best = self._mean(self.best_single)[1]
        return best or max(self._mean(name)[1] for name in self.table.names) or 1.0

    def _mean(self, name: str) -> tuple[float, float]:
        """Mean score and mean dollars of a model on the training questions; what is missing scores 0."""
        found = [self.table.outcome(q.id, name) for q in self._splits[Split.TRAIN]]
        outcomes = [o for o in found if o is not None]
        score = math.fsum(o.score for o in outcomes) / len(found)
        cost = math.fsum(self.table.cost_usd(o) for o in outcomes) / max(1, len(outcomes))
        return score, cost

    def _default_levels(self) -> tuple[Level, ...]:
        return tuple(
            Level(name=f"{share:g}", worth_usd=float(f"{self.reference_usd / share:.2g}"))
            for share in self.settings.sensitivities
        )

    @functools.cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories of the training questions, in order."""
        return tuple(sorted({q.category or "none" for q in self._splits[Split.TRAIN]}))

    def features(self, question: Question) -> Features:
        """What a small policy is told about a question."""
        options = len(question.choices or ())
        return Features(
            question.category or "none",
            "open" if not options else "full" if options == self._most_options else "fewer",
            1 + bisect.bisect_right(self._edges, len(question.question)),
        )

    # --- the world protocol

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """The first `limit` questions of a split, options included in their text."""
        return self._splits[split][:limit]

    def prompt(self, question: Question) -> PromptBuilder:
        """The full prompt for a policy that reads text, the features for one that does not."""
        if self.view == "text":
            return prompts.policy_messages
        told = str(self.features(question))

        def features(
            _: str, cards: Sequence[ModelCard], context: PromptContext
        ) -> tuple[Message, ...]:
            return prompts.compact_messages(told, cards, context)

        return features

    def varied(self, question: Question, seed: int) -> Question:
        """Its options in another order, where the policy reads answers and could learn letters by heart."""
        return self.permuted(question, seed) if self.view == "answer" else question

    def pool(self, question: Question) -> ModelPool:
        """The candidates as they answered this question."""
        return RecordedPool(
            self.table,
            self.cards,
            lambda model, request: self.find(question, model, request),
            lambda outcome: self.text(question, outcome),
            self.misses,
        )

    # --- letters and digits

    def permuted(self, question: Question, seed: int) -> Question:
        """The same question with its options in another order, or, where answers are numbers, with other digits.

        The answers of the candidates change alike, so that who agrees with whom stays as it was. Zero stays zero, so that
        numbers which are equal stay equal. The change depends on the question's id and the seed alone. Questions whose
        answers are anything else stay as they are.

        Raises:
            ConfigError: in the text view, whose recorded texts argue about the letters as they were.
        """
        if self.view == "text":
            raise ConfigError(
                "letters can be permuted in the answer view only: recorded texts name the old ones"
            )
        original = self.table.question(question.id)
        source = random.Random(f"{seed}:{question.id}")
        if original.choices:
            order = list(range(len(original.choices)))
            source.shuffle(order)
            letters = [""] * len(order)
            for place, option in enumerate(order):
                letters[option] = LETTERS[place]
            change: dict[str, Any] = {
                "choices": tuple(original.choices[option] for option in order),
                "metadata": original.metadata | {"letters": "".join(letters)},
            }
        elif self._numeric(original):
            digits = "0" + "".join(source.sample(string.digits[1:], 9))
            change = {"metadata": original.metadata | {"digits": digits}}
        else:
            return question
        moved = original.model_copy(update=change)
        answers = tuple(self.shown(moved, answer) for answer in original.answers)
        answer = answers[0] if isinstance(original.answer, str) else answers
        return moved.model_copy(update={"question": with_options(moved), "answer": answer})

    def _numeric(self, question: Question) -> bool:
        """Whether the gold answers and all recorded ones are plain numbers."""
        recorded = (self.table.outcome(question.id, name) for name in self.table.names)
        said = (o.short_answer for o in recorded if o is not None and o.short_answer is not None)
        return all(_NUMBER.fullmatch(answer_key(text)) for text in (*question.answers, *said))

    def shown(self, question: Question, answer: str) -> str:
        """An answer of the table as it reads in the episodes of this question, whose letters or digits may be permuted."""
        if digits := question.metadata.get("digits"):
            return answer.translate(str.maketrans(string.digits, digits))
        letters: str = question.metadata.get("letters", "")
        place = LETTERS.find(answer) if len(answer) == 1 else -1
        return letters[place] if 0 <= place < len(letters) else answer

    def text(self, question: Question, outcome: Outcome) -> str:
        """What a policy reads of an outcome, before it is cut to length."""
        if self.view == "text":
            return outcome.text
        answer = outcome.short_answer
        wordy = WORDY[bisect.bisect_right(self._wordy[outcome.model], outcome.output_tokens)]
        if answer is None:
            return f"No answer. {wordy}"
        said = self.shown(question, answer)
        return (
            f"The answer is ({said}). {wordy}"
            if question.choices
            else f"The answer is {said}. {wordy}"
        )

    @functools.cached_property
    def _wordy(self) -> dict[str, list[int]]:
        """Where the buckets of a candidate's response lengths end, in tokens."""
        lengths: dict[str, list[int]] = {name: [] for name in self.table.names}
        for question in self._splits[Split.TRAIN]:
            for name in self.table.names:
                outcome = self.table.outcome(question.id, name)
                if outcome is not None:
                    lengths[name].append(outcome.output_tokens)
        return {name: _quantiles(found, len(WORDY)) for name, found in lengths.items()}

    def find(self, question: Question, model: str, request: Request) -> Outcome | None:
        """The outcome a request gets in an episode on this question; None for a miss."""
        query = request.messages[-1]["content"] if request.messages else ""
        if not _asks(query, question, self.table.question(question.id)):
            return None
        return self.table.outcome(question.id, model, request.sample_index)


def open_recorded(settings: RecordedWorldConfig, folder: Path = Path()) -> RecordedWorld:
    """Load the table of a recorded world.

    Args:
        settings: of the world.
        folder: where relative paths in the settings begin.

    Raises:
        ConfigError: the settings do not fit the table.
        DataError: what is wrong with the table, by file and line.
    """
    fit = None if settings.fit is None else OutcomeTable.load(folder / settings.fit)
    return RecordedWorld(OutcomeTable.load(folder / settings.table), settings, fit)


WORLDS.add(
    "recorded",
    WorldKind(RecordedWorldConfig, open_recorded),
    "an outcome table answers; free, and the answers are real",
)


def _title(folder: Path) -> str:
    """What to call a table: as its folder is called, or the run that it is the table of."""
    return folder.parent.name if folder.name == "table" and folder.parent.name else folder.name


@contextlib.contextmanager
def _or(table: OutcomeTable, remedy: str) -> Iterator[None]:
    """Add to an error whose table it is, and which setting lets it pass."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{table.source}: {error}; or {remedy}") from error


def _joined(table: OutcomeTable, fit: OutcomeTable) -> OutcomeTable:
    """One table of both, `fit` first. Raises `DataError` for other models, and for an id that is in both."""
    if set(table.names) != set(fit.names):
        differ = ", ".join(sorted(set(table.names) ^ set(fit.names)))
        raise DataError(f"{table.source} and {fit.source} have other models: {differ}")
    return OutcomeTable(
        table.cards,
        [*fit.questions, *table.questions],
        [*fit, *table],
        endpoints=table.endpoints,
        source=table.source,
    )


def _quantiles(values: list[int], parts: int) -> list[int]:
    """The inner edges of `parts` buckets with about as many values in each; none without values."""
    ordered = sorted(values)
    return [ordered[len(ordered) * part // parts] for part in range(1, parts)] if ordered else []


def _with_output_limits(table: OutcomeTable) -> tuple[ModelCard, ...]:
    """The cards, whose longest allowed answer is no shorter than the longest recorded one: quotes are made of it."""
    longest = Counter[str]()
    for outcome in table:
        longest[outcome.model] = max(longest[outcome.model], outcome.output_tokens)
    return tuple(
        card.model_copy(update={"max_output_tokens": longest[card.name]})
        if longest[card.name] > card.max_output_tokens
        else card
        for card in table.cards
    )


def _asks(query: str, *questions: Question) -> bool:
    """Does this query ask the question, in either order of its options? Near is not enough: it would get an answer to another."""
    if query.strip().casefold().strip(" ?.") in (_REFERENCE, f"the {_REFERENCE}"):
        return True
    asked = _content(query)
    return any(
        asked == _content(text)
        for question in questions
        for text in (question.question, with_options(question), _stem(question))
    )


def _content(text: str) -> list[str]:
    words = normalize_answer(text).split()
    return [word for word in words if word not in _COURTESIES] or words


def _stem(question: Question) -> str:
    """The question without the options that may stand below it."""
    text = question.question.rstrip()
    return text.removesuffix(options_below(question)).rstrip() if question.choices else text
