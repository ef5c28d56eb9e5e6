"""A live world: questions from a file, answered by any pool, through a record store so that each request is paid for once.

The episodes of a group that ask the same thing share one recorded response, and a second epoch costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from router_r1.config import StrictModel
from router_r1.data.options import with_options
from router_r1.data.questions import Question, read_questions
from router_r1.data.splits import Split, split_questions
from router_r1.episode import Limits
from router_r1.errors import ConfigError
from router_r1.pool import ModelPool
from router_r1.prompts import PROMPTS, PromptBuilder
from router_r1_envs.worlds.base import WORLDS, Levels, WorldKind
from router_r1_reward.metrics import check_metrics

Share = Annotated[float, Field(ge=0, lt=1)]


class LiveWorldConfig(StrictModel):
    """Settings of a live world. Paths are relative to the file they stand in."""

    kind: Literal["live"] = "live"
    """Which kind of world this is."""
    pool: str
    """The pool file."""
    questions: str
    """The question file: JSON Lines with gold answers."""
    store: str
    """The record store; made when it is not there."""
    mode: Literal["record", "replay"] = "record"
    """`record` calls a candidate for what is not in the store; `replay` calls nobody, and a miss is a failed call."""
    levels: Levels
    """Budgets or worths of an episode; one is drawn for each."""
    reference_usd: Annotated[float, Field(gt=0)] | None = None
    """An episode that costs this is dear; by default two of the dearest replies the pool can give."""
    limits: Limits = Limits()
    """Limits of every episode."""
    prompt: Literal["full", "compact"] = "full"
    """What the policy reads first."""
    validation: Share = 0.1
    """Share of the questions for choices."""
    test: Share = 0.3
    """Share of the questions for numbers that are quoted."""


class LiveWorld:
    """See the module's description."""

    def __init__(self, settings: LiveWorldConfig, folder: str | Path = ".") -> None:
        folder = Path(folder)
        self.settings = settings
        self.name = Path(settings.questions).name.split(".")[0]
        self.levels = settings.levels
        self.limits = settings.limits
        questions = read_questions(folder / settings.questions)
        check_metrics(questions)
        self._splits = split_questions(
            [q.model_copy(update={"question": with_options(q)}) for q in questions],
            validation=settings.validation,
            test=settings.test,
        )
        on_miss: Literal["live", "failure"] = "live" if settings.mode == "record" else "failure"
        pool = ModelPool.from_yaml(folder / settings.pool)
        if on_miss == "live":
            pool.check()
        self._pool = pool.through_store(folder / settings.store, on_miss)
        self.cards = self._pool.cards
        dearest = max(c.price.output * c.max_output_tokens / 1e6 for c in self.cards)
        self.reference_usd = settings.reference_usd or 2 * dearest
        if self.reference_usd <= 0:
            raise ConfigError(f"{settings.pool}: all candidates are free; set reference_usd")

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """The first questions of a split, in the file's order."""
        found = self._splits[split][:limit]
        if not found:
            raise ConfigError(f"{self.settings.questions}: no question falls into {split}")
        return found

    def prompt(self, question: Question) -> PromptBuilder:
        """The same for every question."""
        return PROMPTS[self.settings.prompt]

    def varied(self, question: Question, seed: int) -> Question:
        """A question has one guise."""
        return question

    def pool(self, question: Question) -> ModelPool:
        """The same for every question."""
        return self._pool


WORLDS.add(
    "live", WorldKind(LiveWorldConfig, LiveWorld), "a pool of your own, through record and replay"
)
