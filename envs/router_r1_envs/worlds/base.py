"""The interface of a world: questions with gold answers, the models that answer routes, and the limits of an episode.

Training, evaluation and demonstrations use a world only through `World`, so they work for every kind. A new kind is one
module, in this folder or in another package (entry-point group `router_r1.worlds`):

    class SumsConfig(StrictModel):
        kind: Literal["sums"] = "sums"
        pool: str

    class SumsWorld(SharedPoolWorld):
        def __init__(self, settings: SumsConfig, folder: Path) -> None:
            super().__init__(ModelPool.from_yaml(folder / settings.pool), prompt="full")
            self.name = "sums"
            self.levels = (Level(name="only", worth_usd=0.01),)
            self.limits = Limits()
            self.reference_usd = 0.001

        def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]: ...

    WORLDS.add("sums", WorldKind(SumsConfig, SumsWorld), "sums, answered by a pool")

`load_world` then accepts a YAML file with `kind: sums`, and `router-r1 list worlds` shows it.

Not here: who writes the turns (a policy), and what an episode earns (the reward package).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from pydantic import AfterValidator, Field

from router_r1.config import StrictModel
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode, Limits
from router_r1.errors import ConfigError
from router_r1.extensions import Registry
from router_r1.model_cards import ModelCard
from router_r1.names import Name
from router_r1.pool import ModelPool
from router_r1.prompts import PROMPTS, PromptBuilder
from router_r1.transport.base import Transport
from router_r1_envs.worlds.candidate_variation import (
    CandidateVariation,
    VariedPool,
    variant_of,
    with_variant,
)


class Level(StrictModel):
    """The budget of an episode, or the value of its answer. Training draws one per question; reports show each."""

    name: Name
    """The name in reports."""
    budget_usd: Annotated[float, Field(ge=0)] | None = None
    """Dollars for the whole episode. None: no limit."""
    worth_usd: Annotated[float, Field(gt=0)] | None = None
    """Dollars a right answer is worth. None: not stated; the reward then needs a reference cost of its own."""


def _unique_names(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    names = [level.name for level in levels]
    if len(set(names)) < len(names):
        raise ValueError(f"levels need different names, found {', '.join(names)}")
    return levels


Levels = Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(_unique_names)]
"""The levels of a world, as a field of its settings."""


class World(Protocol):
    """Everything that training and evaluation know about a world.

    A world is built from its settings in every process that uses it, so equal settings must give equal worlds: the same
    questions in the same order, the same prompts, the same levels. Many episodes run at the same time on one event
    loop. Equal requests should get equal responses (a simulation, a table, a record store); otherwise the luck of one
    episode of a training group counts as the policy's merit.

    `SharedPoolWorld` implements `cards`, `prompt`, `varied` and `pool` for the common case of one pool.
    """

    name: str
    """Name in results, traces and error messages."""

    cards: tuple[ModelCard, ...]
    """The candidates: unique names, prices in dollars per million tokens. A varied question may have others."""

    levels: tuple[Level, ...]
    """One or more, with unique names. Training draws one per question; evaluation plays every question at each."""

    limits: Limits
    """Limits of every episode. A level's `budget_usd` and `worth_usd` replace those given here."""

    @property
    def reference_usd(self) -> float:
        """The cost of an expensive episode in dollars, above 0.

        The reward's unit of cost where a level has no `worth_usd`: an episode that costs this much loses half of
        `alpha`. A plain attribute will do.
        """
        ...

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """Questions of a split.

        Their ids are unique in the world, their texts contain the options of multiple choice, and their metrics are
        registered in the reward package. No question is in two splits; `router_r1.data.splits` assigns them by id.

        Args:
            split: training, validation or test.
            limit: return only this many, from the first; None returns all (an endless world picks a number). A smaller
                limit gives a prefix of what a larger one gives.

        Raises:
            ConfigError: the split is empty. The message names the source of the questions.
        """
        ...

    def prompt(self, question: Question) -> PromptBuilder:
        """The function that builds the opening messages of an episode: `(question text, cards, context) -> messages`.

        `router_r1.prompts.PROMPTS` holds the standard ones.
        """
        ...

    def varied(self, question: Question, seed: int) -> Question:
        """The same task in another form, e.g. with other labels or other candidates (`candidate_variation.py`), so
        that a policy does not learn texts and names by heart.

        Training calls it once per question and pass; the result must depend on the question's id and the seed only.
        `prompt` and `pool` get the variant, so it must carry what they need (in `metadata`). A world with one wording
        per question returns `question`.

        Args:
            question: a question of this world.
            seed: any integer; another one may give another variant.
        """
        ...

    def pool(self, question: Question) -> ModelPool:
        """The pool that answers the routes of an episode on this question; its cards are the episode's candidates.

        Called for every episode. The pool may be shared by all of them, so it must allow concurrent calls. A failed
        call is a response with a `failure`, which the policy reads; an exception from the pool ends the episode.
        """
        ...


class SharedPoolWorld:
    """Base class of worlds in which all questions have the same pool and prompt, and one wording each."""

    def __init__(
        self,
        pool: ModelPool,
        prompt: Literal["full", "compact", "router_r1"],
        vary: CandidateVariation | None = None,
    ) -> None:
        """
        Args:
            pool: answers the routes of every episode.
            prompt: the opening, by its name in `router_r1.prompts.PROMPTS`.
            vary: how candidates vary between training questions; only for the full prompt, which states them.
        """
        self.cards = pool.cards
        self._pool = pool
        self._prompt = PROMPTS[prompt]
        self._vary = vary if prompt == "full" else None

    def prompt(self, question: Question) -> PromptBuilder:
        """The prompt of every question."""
        return self._prompt

    def varied(self, question: Question, seed: int) -> Question:
        """The question with a variant of the candidates, if they vary."""
        return question if self._vary is None else with_variant(question, seed)

    def pool(self, question: Question) -> ModelPool:
        """The pool of every question, or the variant of a varied one."""
        variant = variant_of(question, self.cards, self._vary)
        return self._pool if variant is None else VariedPool(self._pool, variant)


def start(world: World, question: Question, level: Level, *, sample_index: int = 0) -> Episode:
    """Start an episode.

    Args:
        world: gives candidates, limits and prompt.
        question: a question of this world.
        level: replaces the budget and the value of an answer in the world's limits, where it states them.
        sample_index: which recorded sample the first call of each candidate gets, from 0; see `Episode`.
    """
    stated = {"budget_usd": level.budget_usd, "worth_usd": level.worth_usd}
    return Episode(
        question.question,
        world.pool(question).cards,
        world.limits.model_copy(update={k: v for k, v in stated.items() if v is not None}),
        prompt=world.prompt(question),
        sample_index=sample_index,
    )


def level_named(world: World, name: str) -> Level:
    """The level with this name. Raises `ConfigError`, which lists the names, if the world has no such level."""
    for level in world.levels:
        if level.name == name:
            return level
    known = ", ".join(level.name for level in world.levels)
    raise ConfigError(f"{world.name}: there is no level {name!r}; it has {known}")


class WorldKind(NamedTuple):
    """A kind of world as registered: how to validate its settings and build it."""

    settings: type[StrictModel]
    """The fields of a YAML file of this kind. One of them is `kind`, a `Literal` with the registered name."""
    build: Callable[..., World]
    """`(validated settings, folder) -> world`. Relative paths in the settings start at the folder.

    Raises `ConfigError` for settings that do not fit together, and `DataError` for files with wrong content.
    """
    transport: Callable[[Any, Path], Transport] | None = None
    """`(validated settings, folder) -> transport`, for a world whose calls have limits or are kept in a file.

    Processes that play in such a world together, as in training, share one transport: one of them opens it with this
    function, and the others call `build` with a `transport=` that leads there, and open nothing. None: every process
    answers its own calls.
    """

    @property
    def needs_settings(self) -> bool:
        """Whether a setting has no default. A kind that needs none can be loaded by its name alone."""
        return any(field.is_required() for field in self.settings.model_fields.values())


WORLDS: Registry[WorldKind] = Registry(
    "world", folder="router_r1_envs.worlds", group="router_r1.worlds"
)
"""All kinds of worlds, by the `kind` of their settings."""
