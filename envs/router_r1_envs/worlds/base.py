"""A world: questions with gold answers, candidates that respond to them, and the limits under which a policy works.

    generated_world/   fresh entities and candidates with hidden skills; costs nothing, nothing to memorise
    recorded_world/    an outcome table: what real candidates really said
    live_world.py      any pool, through record and replay

Every world makes the `Episode` of a question and the pool that answers in it; training, evaluation and demonstrations
use nothing else, so they are the same for all worlds.

Not covered: who writes the turns, and what an episode was worth (the reward package).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import AfterValidator, Field

from router_r1.config import StrictModel
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode, Limits
from router_r1.errors import ConfigError
from router_r1.extensions import Registry
from router_r1.model_cards import ModelCard
from router_r1.pool import ModelPool
from router_r1.prompts import PromptBuilder


class Level(StrictModel):
    """How much an episode may spend, or what its answer is worth. Drawn per episode in training; a setting in reports."""

    name: str
    """What reports call it."""
    budget_usd: Annotated[float, Field(ge=0)] | None = None
    """Dollars for the whole episode. None: no limit."""
    worth_usd: Annotated[float, Field(gt=0)] | None = None
    """Dollars a right answer is worth. None: not told; the reward then needs a reference cost of its own."""


def _named_apart(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    names = [level.name for level in levels]
    if len(set(names)) < len(names):
        raise ValueError(f"levels need different names, found {', '.join(names)}")
    return levels


Levels = Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(_named_apart)]
"""The levels of a world, as a field of its settings."""


class World(Protocol):
    """What training and evaluation need to know of a world."""

    name: str
    cards: tuple[ModelCard, ...]
    levels: tuple[Level, ...]
    limits: Limits
    """Limits of every episode; a level's budget and worth come on top."""

    @property
    def reference_usd(self) -> float:
        """An episode that costs this is dear; the reward's unit of cost where a level does not say what an answer is worth."""
        ...

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """The first `limit` questions of a split, always the same ones.

        Raises:
            ConfigError: the split holds none.
        """
        ...

    def prompt(self, question: Question) -> PromptBuilder:
        """What opens an episode on this question."""
        ...

    def varied(self, question: Question, seed: int) -> Question:
        """The same task in another guise where the world has several: options in another order, say."""
        ...

    def pool(self, question: Question) -> ModelPool:
        """The candidates as they respond in an episode on this question."""
        ...


def start(world: World, question: Question, level: Level, *, sample_index: int = 0) -> Episode:
    """A new episode on `question` at `level`."""
    stated = {"budget_usd": level.budget_usd, "worth_usd": level.worth_usd}
    return Episode(
        question.question,
        world.cards,
        world.limits.model_copy(update={k: v for k, v in stated.items() if v is not None}),
        prompt=world.prompt(question),
        sample_index=sample_index,
    )


def level_named(world: World, name: str) -> Level:
    """The level of this name. Raises `ConfigError` where there is none."""
    for level in world.levels:
        if level.name == name:
            return level
    known = ", ".join(level.name for level in world.levels)
    raise ConfigError(f"{world.name}: there is no level {name!r}; it has {known}")


class WorldKind(NamedTuple):
    """A kind of world, as it is registered."""

    settings: type[StrictModel]
    """What a YAML file with this `kind` may say."""
    build: Callable[[Any, Path], World]
    """(settings, folder where their relative paths begin) -> the world."""


WORLDS: Registry[WorldKind] = Registry(
    "world", folder="router_r1_envs.worlds", group="router_r1.worlds"
)
"""All kinds of worlds, by the `kind` of their settings."""
