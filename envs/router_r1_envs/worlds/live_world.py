"""The live world: questions from a file, answered by a pool through a record store, which pays for each request once.

Episodes of a group that send the same request share one recorded response, and a second epoch costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from router_r1.config import StrictModel
from router_r1.data.options import with_options
from router_r1.data.questions import Question, read_questions
from router_r1.data.splits import Split, split_questions
from router_r1.episode import Limits
from router_r1.errors import ConfigError
from router_r1.pool import ModelPool
from router_r1.search_dialect import with_dialect
from router_r1.transport.base import Transport
from router_r1.transport.record_replay import OnMiss
from router_r1_envs.worlds.base import WORLDS, Levels, SharedPoolWorld, WorldKind
from router_r1_envs.worlds.candidate_variation import CandidateVariation
from router_r1_envs.worlds.question_order import in_hash_order
from router_r1_reward.metrics import check_metrics

Share = Annotated[float, Field(ge=0, lt=1)]


class LiveWorldConfig(StrictModel):
    """Settings of a live world. Relative paths start at the folder of the file that holds them."""

    kind: Literal["live"] = "live"
    """The kind of this world."""
    pool: str
    """The pool file."""
    questions: str
    """The question file: JSON Lines with gold answers."""
    store: str
    """The record store; created if it does not exist."""
    mode: Literal["record", "replay"] = "record"
    """`record` sends requests that are not in the store to the candidates; `replay` fails such a call."""
    levels: Levels
    """Budgets of an episode, or values of an answer; training draws one for each question."""
    reference_usd: Annotated[float, Field(gt=0)] | None = None
    """Dollars that an expensive episode costs; by default, two of the most expensive replies that the pool can give."""
    limits: Limits = Limits()
    """Limits of every episode."""
    prompt: Literal["full", "compact", "router_r1"] = "full"
    """The opening that the policy reads; `router_r1` sets limits too, see the agent file."""
    vary: CandidateVariation | None = CandidateVariation()
    """How candidates vary between training questions, with the full prompt; null: not at all."""
    validation: Share = 0.1
    """Share of the questions on which checkpoints, levels and thresholds are chosen."""
    test: Share = 0.3
    """Share of the questions on which figures are reported."""

    _with_dialect = model_validator(mode="before")(with_dialect)


class LiveWorld(SharedPoolWorld):
    """See the module's description."""

    def __init__(
        self,
        settings: LiveWorldConfig,
        folder: str | Path = ".",
        *,
        transport: Transport | None = None,
    ) -> None:
        """
        Args:
            settings: see `LiveWorldConfig`.
            folder: where relative paths in the settings start.
            transport: carries the calls; by default that of `open_transport`.

        Raises:
            ConfigError: a wrong pool file, a missing key (in record mode), or a free pool and no `reference_usd`.
            DataError: a wrong question file, an unknown metric, or the same question in two splits.
            StoreError: no record store, in replay mode.
        """
        folder = Path(folder)
        self.settings = settings
        self.name = Path(settings.questions).name.split(".")[0]
        self.levels = settings.levels
        self.limits = settings.limits
        questions = read_questions(folder / settings.questions)
        check_metrics(questions)
        splits = split_questions(
            [q.model_copy(update={"question": with_options(q)}) for q in questions],
            validation=settings.validation,
            test=settings.test,
        )
        self._splits = {split: in_hash_order(found) for split, found in splits.items()}
        pool = ModelPool.from_yaml(
            folder / settings.pool, transport=transport or open_transport(settings, folder)
        )
        super().__init__(pool, settings.prompt, settings.vary)
        most_expensive = max(c.price.output * c.max_output_tokens / 1e6 for c in self.cards)
        self.reference_usd = settings.reference_usd or 2 * most_expensive
        if self.reference_usd <= 0:
            raise ConfigError(f"{settings.pool}: all candidates are free; set reference_usd")

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """The first `limit` questions of a split; the order is that of `in_hash_order`, not of the file.

        Raises:
            ConfigError: there are none.
        """
        found = self._splits[split][:limit]
        if not found:
            raise ConfigError(f"{self.settings.questions}: no question falls into {split}")
        return found


def open_transport(settings: LiveWorldConfig, folder: Path) -> Transport:
    """What carries the calls: the endpoints of the pool file behind the record store.

    Args:
        settings: see `LiveWorldConfig`.
        folder: where relative paths in the settings start.

    Raises:
        ConfigError: a wrong pool file, or a missing key (in record mode).
        StoreError: no record store, in replay mode.
    """
    pool = ModelPool.from_yaml(folder / settings.pool)
    if settings.mode == "record":
        pool.check()
    on_miss: OnMiss = "live" if settings.mode == "record" else "failure"
    return pool.through_store(folder / settings.store, on_miss).transport


WORLDS.add(
    "live",
    WorldKind(LiveWorldConfig, LiveWorld, open_transport),
    "your own pool, through recording and replay",
)
