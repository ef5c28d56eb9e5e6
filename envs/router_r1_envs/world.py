"""A world: questions with gold answers, candidates that respond to them, and the limits under which a policy works.

    generated.py    fresh entities and candidates with hidden skills; costs nothing, nothing to memorise
    recorded.py     an outcome table: what real candidates really said
    live.py         any pool, through record and replay

Every world makes the `Episode` of a question and the pool that answers in it; training, evaluation and demonstrations
use nothing else, so they are the same for all worlds.

Not covered: who writes the turns, and what an episode was worth (the reward package).
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from router_r1 import config
from router_r1.cards import ModelCard
from router_r1.config import StrictModel
from router_r1.episode import Episode, Limits
from router_r1.errors import ConfigError, DataError
from router_r1.pool import ModelPool
from router_r1.prompts import PromptBuilder
from router_r1.questions import Question, Split, split_of
from router_r1_reward import METRICS

LETTERS = string.ascii_uppercase
"""Of options, in order."""


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


def split_questions(
    questions: Iterable[Question],
    *,
    validation: float = 0.1,
    test: float = 0.3,
    tested: Collection[str] | None = None,
) -> dict[Split, list[Question]]:
    """Questions by the split that a hash of their id gives them.

    Args:
        questions: all of them.
        validation, test: shares of these splits.
        tested: ids that are the test split; then the others are never in it, and `test` does not count.

    Raises:
        DataError: two questions have the same id, or the same text in different splits: a model could have seen the
            answer in training.
    """
    splits: dict[Split, list[Question]] = {split: [] for split in Split}
    ids: set[str] = set()
    texts: dict[str, tuple[str, Split]] = {}
    for question in questions:
        if question.id in ids:
            raise DataError(f"two questions have the id {question.id!r}; ids are unique")
        ids.add(question.id)
        if tested is None:
            split = split_of(question.id, validation=validation, test=test)
        elif question.id in tested:
            split = Split.TEST
        else:
            split = split_of(question.id, validation=validation, test=0.0)
        text = " ".join(question.question.casefold().split())
        other, of = texts.setdefault(text, (question.id, split))
        if of is not split:
            raise DataError(
                f"the questions {other!r} ({of}) and {question.id!r} ({split}) have the same text; "
                f"remove one of them"
            )
        splits[split].append(question)
    return splits


def check_metrics(questions: Iterable[Question]) -> None:
    """Find a metric that there is not before anybody is asked. Raises `DataError`, which names the first such question."""
    for question in questions:
        if question.metric not in METRICS:
            raise DataError(
                f"the question {question.id!r} has the metric {question.metric!r}; it is one of {', '.join(METRICS)}"
            )


def with_options(question: Question) -> str:
    """The question's text with its options below, lettered; unless they stand there already."""
    if not question.choices:
        return question.question
    if len(question.choices) > len(LETTERS):
        raise DataError(
            f"the question {question.id!r} has {len(question.choices)} options; the most is {len(LETTERS)}"
        )
    text, options = question.question.rstrip(), options_below(question)
    return text if text.endswith(options) else f"{text}\n{options}"


def options_below(question: Question) -> str:
    """The options of a question, lettered, one a line; empty without options."""
    pairs = zip(LETTERS, question.choices or (), strict=False)
    return "\n".join(f"({letter}) {text}" for letter, text in pairs)


def load_world(source: str | Path | dict[str, Any], overrides: Sequence[str] = ()) -> World:
    """Make a world.

    Args:
        source: `generated`; a folder with an outcome table; a YAML file with `kind: generated`, `recorded` or `live`
            and that kind's settings; or such settings as a mapping.
        overrides: `a.b=value` assignments that win over the settings.

    Raises:
        ConfigError: names file, field and remedy.
        DataError: what the settings name is not what it should be.
    """
    from router_r1_envs.generated import GeneratedWorldConfig
    from router_r1_envs.live import LiveWorldConfig
    from router_r1_envs.recorded import RecordedWorldConfig

    kinds: dict[str, Any] = {
        "generated": GeneratedWorldConfig,
        "recorded": RecordedWorldConfig,
        "live": LiveWorldConfig,
    }
    folder, shown = Path(), str(source)
    if isinstance(source, dict):
        settings, shown = dict(source), "world"
    elif str(source) == "generated":
        settings = {"kind": "generated"}
    elif Path(source).is_dir():
        settings = {"kind": "recorded", "table": str(Path(source).resolve())}
    elif Path(source).suffix in (".yaml", ".yml"):
        settings, folder = config.read_yaml(source), Path(source).parent
    else:
        raise ConfigError(
            f"{source}: no world; give 'generated', a folder with an outcome table, or a YAML file with a kind"
        )
    settings = config.override(settings, overrides)
    kind = settings.get("kind")
    if str(kind) not in kinds:
        raise ConfigError(f"{shown}: kind is {kind!r}; it must be one of {', '.join(kinds)}")
    world: World = config.validate(kinds[str(kind)], settings, shown).build(folder)
    return world
