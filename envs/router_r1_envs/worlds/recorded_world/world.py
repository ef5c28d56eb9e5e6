"""The recorded world: an outcome table answers for the candidates. Training costs nothing, and the answers are real.

A route asks its candidate the question of the episode (`query_matching.py`), because the table holds no other answers.
Any other query is a *miss*, and so is a question or a sample that the table does not have. A miss is a failure that the
policy reads (`not_recorded`); it costs nothing and is counted in `misses`. No answer is ever invented.

The same table has two views:

    text      the policy reads the question and what the candidates wrote
    answer    for small policies: the policy reads features of the question, and for each response its length and which
              answer it gave (`answer_view.py`)

A reply carries its recorded score, so an episode that adopts it scores exactly this.

The n-th time a candidate is asked, its n-th recorded sample answers; start episodes at sample index 0.

Not covered: whether an answer is right (the reward package), and learning which candidate to ask (the planner).
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from router_r1 import prompts
from router_r1.data.options import with_options
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, larger_share, split_questions
from router_r1.episode import Limits
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.pool import ModelPool
from router_r1.prompts import PromptBuilder, PromptContext
from router_r1.transport.messages import Message, Request
from router_r1_envs.worlds.base import WORLDS, Level, WorldKind
from router_r1_envs.worlds.candidate_variation import VariedPool, variant_of, with_variant
from router_r1_envs.worlds.question_order import in_hash_order
from router_r1_envs.worlds.recorded_world.answer_view import AnswerView
from router_r1_envs.worlds.recorded_world.pool import RecordedPool
from router_r1_envs.worlds.recorded_world.query_matching import asks
from router_r1_envs.worlds.recorded_world.question_features import FeatureExtractor
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_reward.metrics import check_metrics


class RecordedWorld:
    """A world over an outcome table; see the module."""

    def __init__(
        self,
        table: OutcomeTable,
        settings: RecordedWorldConfig,
        fit: OutcomeTable | None = None,
    ) -> None:
        """
        Args:
            table: the recorded outcomes.
            settings: settings of the world; `table`, `fit` and `prices` in them are not read.
            fit: another table of the same models, whose questions serve for training and validation.

        Raises:
            DataError: a question is in two splits, or `fit` has other models.
            ConfigError: a split is empty, or all models are free and no levels are given.
        """
        self.table = table if fit is None else _joined(table, fit)
        self.settings = settings
        self.view = settings.view
        self.name = f"recorded {_title(Path(table.source))}"
        self.cards = _with_output_limits(self.table)
        self.limits = Limits(max_rounds=settings.max_rounds, max_routes=settings.max_routes)
        self.misses: Counter[str] = Counter()
        """Routes that the table could not answer, by candidate."""
        usable, self.incomplete = _usable_questions(self.table, settings)
        """`incomplete`: questions of all splits that some model was not asked."""
        tested = None if fit is None else frozenset(q.id for q in table.questions)
        self._splits = _split(table, usable, settings, tested, self.incomplete)
        self._features = FeatureExtractor.fit(
            self._splits[Split.TRAIN], max(len(q.choices or ()) for q in usable)
        )
        self.levels = self._default_levels() if settings.levels is None else settings.levels

    # --- statistics of the training questions

    @functools.cached_property
    def best_single(self) -> str:
        """The model with the highest mean score on the training questions; on a tie, the cheaper one."""
        means = {name: self._mean(name) for name in self.table.names}
        return max(means, key=lambda name: (means[name][0], -means[name][1]))

    @functools.cached_property
    def reference_usd(self) -> float:
        """Mean cost in dollars of a call of the best single model on the training questions.

        If that model is free, the mean cost of the most expensive model; if all are free, 1.
        """
        best = self._mean(self.best_single)[1]
        return best or max(self._mean(name)[1] for name in self.table.names) or 1.0

    def _mean(self, name: str) -> tuple[float, float]:
        """Mean score and mean dollars of a model on the training questions; a missing outcome scores 0."""
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

    @property
    def groups(self) -> tuple[str, ...]:
        """What a small policy reads in place of a question: categories, or clusters where there are none."""
        return self._features.groups.names

    @property
    def features(self) -> FeatureExtractor:
        """Maps a question to the features that a small policy reads."""
        return self._features

    # --- the world protocol

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """The first `limit` questions of a split, with their options in the text."""
        return self._splits[split][:limit]

    def prompt(self, question: Question) -> PromptBuilder:
        """The prompt of the settings for a policy that reads text; features of the question for one that does not."""
        if self.view == "text":
            return prompts.PROMPTS[self.settings.prompt]
        described = str(self.features(question))

        def features(
            _: str, cards: Sequence[ModelCard], context: PromptContext
        ) -> tuple[Message, ...]:
            return prompts.compact_messages(described, cards, context)

        return features

    def varied(self, question: Question, seed: int) -> Question:
        """The question with what the policy could otherwise learn by heart changed: the labels of answers in the answer
        view, the candidates in the text view."""
        varies = self.view == "answer" or self.settings.vary is not None
        return with_variant(question, seed) if varies else question

    def pool(self, question: Question) -> ModelPool:
        """The candidates as they answered this question."""
        pool = RecordedPool(
            self.table,
            self.cards,
            lambda model, request: self.find(question, model, request),
            lambda outcome: self.text(question, outcome),
            self.misses,
        )
        states = (
            self.view == "text" and self.settings.prompt == "full"
        )  # the prompt states the candidates
        vary = self.settings.vary if states else None
        variant = variant_of(question, self.cards, vary)
        return pool if variant is None else VariedPool(pool, variant)

    # --- what a policy reads

    def text(self, question: Question, outcome: Outcome) -> str:
        """What a policy reads of an outcome, before it is cut to length."""
        return outcome.text if self.view == "text" else self.answer_view(question, outcome)

    @functools.cached_property
    def answer_view(self) -> AnswerView:
        """Shows responses to a small policy."""
        return AnswerView(self.table, self._splits[Split.TRAIN], self._features.groups)

    def find(self, question: Question, model: str, request: Request) -> Outcome | None:
        """The outcome that a request gets in an episode on this question; None for a miss."""
        query = request.messages[-1]["content"] if request.messages else ""
        if not asks(query, question, self.table.question(question.id)):
            return None
        return self.table.outcome(question.id, model, request.sample_index)


def open_recorded(settings: RecordedWorldConfig, folder: Path = Path()) -> RecordedWorld:
    """Load the table of a recorded world.

    Args:
        settings: settings of the world.
        folder: where relative paths in the settings begin.

    Raises:
        ConfigError: the settings do not fit the table.
        DataError: the table is broken; names file and line.
    """
    fit = None if settings.fit is None else folder / settings.fit
    table = folder / settings.table
    # With absolute paths, the settings of a world open it again from any folder.
    places = {"table": str(table.absolute()), "fit": None if fit is None else str(fit.absolute())}
    return RecordedWorld(
        OutcomeTable.load(table).with_prices(settings.prices),
        settings.model_copy(update=places),
        None if fit is None else OutcomeTable.load(fit).with_prices(settings.prices),
    )


WORLDS.add(
    "recorded",
    WorldKind(RecordedWorldConfig, open_recorded),
    "an outcome table whose recorded answers are replayed; free",
)


# --- questions and splits


def _usable_questions(
    table: OutcomeTable, settings: RecordedWorldConfig
) -> tuple[list[Question], int]:
    """The questions to split, with options in their text; and how many of them some model was not asked."""
    kept = list(table.questions)
    if settings.duplicates == "first":
        first: dict[tuple[str, ...], Question] = {}
        for question in kept:
            first.setdefault(question.content_key, question)
        kept = list(first.values())
    found = [q.model_copy(update={"question": with_options(q)}) for q in kept]
    complete = [q for q in found if all(table.outcome(q.id, name) for name in table.names)]
    return complete if settings.complete else found, len(found) - len(complete)


def _split(
    table: OutcomeTable,
    usable: list[Question],
    settings: RecordedWorldConfig,
    tested: frozenset[str] | None,
    incomplete: int,
) -> dict[Split, list[Question]]:
    """The questions by split, each split in a random order that the seed fixes.

    Args:
        table: named in errors.
        usable: all questions.
        settings: shares, seed, and whether unknown metrics are refused.
        tested: ids of the test questions, if another table is for fitting.
        incomplete: named in the error for an empty split.
    """
    if settings.graded:
        with _remedy(
            table,
            "set graded to false (--set graded=false), to compare routers by the recorded scores alone",
        ):
            check_metrics(usable)
    with _remedy(
        table,
        "set duplicates to 'first' (--set duplicates=first), which keeps one of two questions",
    ):
        splits = split_questions(
            usable, validation=settings.validation, test=settings.test, tested=tested
        )

    for split, questions in splits.items():
        if not questions:
            missing = (
                f", {incomplete} without an answer of every model" if settings.complete else ""
            )
            share = None
            if tested is None:
                ids = [question.id for question in usable]
                share = larger_share(ids, split, validation=settings.validation, test=settings.test)
            remedy = "" if share is None else f", or give it more: --set {split}={share:g}"
            raise ConfigError(
                f"{table.source}: no question falls into the {split} split ({len(usable)} in all{missing}); "
                f"record more{remedy}"
            )
    return {split: in_hash_order(questions, settings.seed) for split, questions in splits.items()}


@contextlib.contextmanager
def _remedy(table: OutcomeTable, remedy: str) -> Iterator[None]:
    """Add to an error the table's path and the setting that would accept the table."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{table.source}: {error}; or {remedy}") from error


# --- tables and cards


def _title(folder: Path) -> str:
    """The name of a table: its folder's, or that of the run it belongs to."""
    return folder.parent.name if folder.name == "table" and folder.parent.name else folder.name


def _joined(table: OutcomeTable, fit: OutcomeTable) -> OutcomeTable:
    """One table of both, `fit` first. Raises `DataError` if the models differ or an id is in both."""
    if set(table.names) != set(fit.names):
        differ = ", ".join(sorted(set(table.names) ^ set(fit.names)))
        raise DataError(f"{table.source} and {fit.source} have different models: {differ}")
    return OutcomeTable(
        table.cards,
        [*fit.questions, *table.questions],
        [*fit, *table],
        endpoints=table.endpoints,
        source=table.source,
    )


def _with_output_limits(table: OutcomeTable) -> tuple[ModelCard, ...]:
    """The cards with an output limit of at least the longest recorded response, because quotes are computed from it."""
    longest = Counter[str]()
    for outcome in table:
        longest[outcome.model] = max(longest[outcome.model], outcome.output_tokens)
    return tuple(
        card.model_copy(update={"max_output_tokens": longest[card.name]})
        if longest[card.name] > card.max_output_tokens
        else card
        for card in table.cards
    )
