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
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from router_r1 import prompts
from router_r1.answers import answer_key, normalize_answer
from router_r1.cards import ModelCard, ModelSpec
from router_r1.config import StrictModel
from router_r1.episode import Limits
from router_r1.errors import ConfigError, DataError
from router_r1.ledger import TOKENS_PER_PRICE_UNIT, Cause, Ledger, Price, Usage, cost_usd
from router_r1.pool import Account, ModelPool, call_and_book
from router_r1.prompts import PromptBuilder, PromptContext
from router_r1.questions import Question, Split
from router_r1.table import Outcome, OutcomeTable
from router_r1.transport import (
    Attempt,
    Failure,
    FailureKind,
    Message,
    OnAttempt,
    Request,
    Response,
)
from router_r1_envs.world import (
    LETTERS,
    Level,
    Levels,
    check_metrics,
    options_below,
    split_questions,
    with_options,
)

SENSITIVITIES = (0.01, 0.03, 0.06, 0.09, 0.12, 0.16, 0.3)
"""The default levels: the accuracy that one mean call of the best single model must buy to be worth its price."""
LENGTHS = 4
"""Buckets of question length, about as many training questions in each."""
WORDY = ("Brief.", "Short.", "Long.", "Longest.")
"""Buckets of response length, about as many of a candidate's training responses in each. Who struggles writes more."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_COURTESIES = frozenset({"please", "question", "answer", "following", "this"})
"""Words that a query may add to the question."""
_REFERENCE = "question"
"""What a route may say instead of the question itself."""

Share = Annotated[float, Field(gt=0, lt=1)]


class RecordedWorldConfig(StrictModel):
    """Settings of a recorded world."""

    kind: Literal["recorded"] = "recorded"
    """Which world."""
    table: str
    """Folder of the outcome table, relative to the file that names it."""
    fit: str | None = None
    """Folder of another table with the same models: its questions are for training and validation, and those of `table` all
    for tests. None: `table` is split."""
    view: Literal["text", "answer"] = "text"
    """What the policy reads: the recorded texts, or only the short answers."""
    levels: Levels | None = None
    """Budgets or worths an episode may have. None: a worth for each of `sensitivities`."""
    sensitivities: Annotated[tuple[Share, ...], Field(min_length=1)] = SENSITIVITIES
    """The accuracy that one mean call of the best single model must buy to be worth its price, a level for each. What fits depends on
    the pool: the interesting ones lie below the distance in accuracy between the best single model and the cheap ones."""
    validation: Share = 0.1
    """Share of the questions for choices."""
    test: Share = 0.3
    """Share of the questions for numbers that are quoted."""
    duplicates: Literal["error", "first"] = "error"
    """What to do about the same question under two ids in different splits: refuse, or keep the first of them."""
    complete: bool | None = None
    """Leave out questions that not every model was asked. Off: asking a model that was not is a miss. Unset: as off, and a tournament,
    in which a miss would count as wrong and free, refuses such a table."""
    graded: bool = True
    """Refuse a question whose metric does not exist: no policy could be rewarded. Off: for a tournament of routers alone, whose
    scores are recorded."""
    max_rounds: Annotated[int, Field(ge=1)] = 5
    """Most rounds of routing in an episode."""
    max_routes: Annotated[int, Field(ge=1)] = 4
    """Most candidates asked at once."""
    seed: int = 0
    """Orders the questions of a split."""

    def build(self, folder: Path = Path()) -> RecordedWorld:
        """Load the table. Raises `ConfigError` and `DataError`, naming what is wrong with it."""
        fit = None if self.fit is None else OutcomeTable.load(folder / self.fit)
        return RecordedWorld(OutcomeTable.load(folder / self.table), self, fit)


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
        return _RecordedPool(self, question)

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


class _RecordedPool(ModelPool):
    """The candidates of a recorded world in an episode on one question."""

    def __init__(self, world: RecordedWorld, question: Question) -> None:
        super().__init__(
            world.cards,
            world.table.endpoints,
            transport=_RecordedTransport(world, question),
            source=world.table.source,
        )
        self._world = world
        self._question = question

    async def call(self, name: str, request: Request, account: Account | None = None) -> Response:
        """Answer from the table. An outcome with a cost of its own is booked at exactly this cost."""
        card = self.card(name)
        outcome = self._world.find(self._question, name, request)
        price = card.price if outcome is None else as_booked(outcome, card.price)[1]
        return await call_and_book(
            self.transport, card, request, account or Account(Ledger()), price
        )


class _RecordedTransport:
    """Answers from the table, as the episodes on one question need it."""

    def __init__(self, world: RecordedWorld, question: Question) -> None:
        self._world = world
        self._question = question

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """The recorded outcome; a miss costs nothing."""
        outcome = self._world.find(self._question, card.name, request)
        if outcome is None:
            self._world.misses[card.name] += 1
            detail = f"{self._world.table.source} has no such answer of {card.name} (sample {request.sample_index})"
            return Response(failure=Failure(FailureKind.NOT_RECORDED, detail), source="replay")
        usage, _ = as_booked(outcome, self._world.table.card(card.name).price)
        text = self._world.text(self._question, outcome)
        failure = None
        if not text.strip():
            failure = Failure(FailureKind.EMPTY_REPLY, "the recorded text is empty")
        kind = failure.kind.value if failure else "ok"
        on_attempt(Attempt(1, Cause.FIRST, kind, usage, False, "replay", time.time(), 0.0))
        return Response(
            text,
            failure,
            usage,
            attempts=1,
            finish_reason="stop",
            served_by=card.name,
            source="replay",
        )

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """A table needs neither endpoints nor keys."""

    async def aclose(self) -> None:
        """Nothing to release."""


def _quantiles(values: list[int], parts: int) -> list[int]:
    """The inner edges of `parts` buckets with about as many values in each; none without values."""
    ordered = sorted(values)
    return [ordered[len(ordered) * part // parts] for part in range(1, parts)] if ordered else []


def as_booked(outcome: Outcome, price: Price) -> tuple[Usage, Price]:
    """Tokens and price of an outcome, whose product is its cost.

    Where the outcome has a cost of its own, the list price is scaled to meet it; a price of zero can not be scaled, so
    all tokens then cost the same; and where there are no tokens, one prompt token stands for them, marked as estimated.
    """
    usage = outcome.usage
    listed = cost_usd(usage, price)
    if outcome.cost is None or outcome.cost == listed:
        return usage, price
    tokens = usage.prompt + usage.completion
    if listed > 0:
        scale = outcome.cost / listed
        rates = {"input": price.input * scale, "output": price.output * scale}
    else:
        if tokens == 0:
            usage, tokens = Usage(prompt=1, estimated=True), 1
        rates = dict.fromkeys(("input", "output"), outcome.cost * TOKENS_PER_PRICE_UNIT / tokens)
    return usage, Price(**rates, as_of=price.as_of)


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
