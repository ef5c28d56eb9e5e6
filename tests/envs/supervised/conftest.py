"""Small worlds and what is made from them: demonstrations, a tokenizer, a planner, a policy."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.supervised.demonstrations import (
    Example,
    explorations,
    to_example,
)
from router_r1_envs.supervised.small_policy import make_tokenizer
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

LEVELS = (Level(name="rich", worth_usd=0.1), Level(name="poor", worth_usd=0.0005))
SKILLS = {"cheap-1.0": (0.8, 1.0), "twin-2": (0.7, 1.0), "dear": (0.9, 10.0)}
"""Accuracy and price of each candidate of the recorded world."""


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of torch that wait for a busy core slow the tests down."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --- the generated world


@pytest.fixture(scope="session")
def world() -> GeneratedWorld:
    return GeneratedWorld()


@pytest.fixture(scope="session")
def episodes(world: GeneratedWorld) -> list[Episode]:
    """A random router's episodes."""
    return list(explorations(world, world.questions(Split.TRAIN, 400)))


@pytest.fixture(scope="session")
def tokenizer(episodes: list[Episode]) -> Any:
    return make_tokenizer(f"{e.opening[-1]['content']} {e.transcript}" for e in episodes)


@pytest.fixture(scope="session")
def examples(episodes: list[Episode], tokenizer: Any) -> list[Example]:
    return [to_example(episode, tokenizer) for episode in episodes]


# --- a recorded world


def _make_recorded_world(**settings: Any) -> RecordedWorld:
    """240 questions with four options and three candidates; `cheap-1.0` has no answer to every tenth question."""
    rng = np.random.default_rng(0)
    asked, outcomes = [], []
    for number in range(240):
        gold = int(rng.integers(4))
        asked.append(
            Question(
                id=f"q{number}",
                question=f"Question {number}?",
                answer="ABCD"[gold],
                metric="choice",
                category="ab"[number % 2],
                choices=("w", "x", "y", "z"),
            )
        )
        for name, (skill, _) in SKILLS.items():
            right = rng.random() < skill
            place = gold if right else (gold + int(rng.integers(1, 4))) % 4
            answer = None if name == "cheap-1.0" and number % 10 == 0 else "ABCD"[place]
            outcomes.append(
                Outcome(
                    id=f"q{number}",
                    model=name,
                    text="...",
                    answer=answer,
                    score=float(right and answer is not None),
                    input_tokens=60,
                    output_tokens=int(rng.integers(30, 50)),
                )
            )
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, (_, p) in SKILLS.items()]
    fields = {"view": "answer", "levels": LEVELS, "max_routes": 1} | settings
    return RecordedWorld(
        OutcomeTable(cards, asked, outcomes), RecordedWorldConfig(table="drawn", **fields)
    )


@pytest.fixture(scope="session")
def make_recorded_world() -> Callable[..., RecordedWorld]:
    """A function that makes the recorded world with other settings."""
    return _make_recorded_world


@pytest.fixture(scope="session")
def recorded_world() -> RecordedWorld:
    return _make_recorded_world()


@pytest.fixture(scope="session")
def planner(recorded_world: RecordedWorld) -> Any:
    """A small planner that makes at most three calls."""
    from router_r1_envs.planner.config import PlannerConfig
    from router_r1_envs.planner.planner import Planner

    settings = PlannerConfig(max_calls=3, folds=3, states=2, trees=20)
    return Planner.fit(TableSplits.of(recorded_world), seed=0, settings=settings)


@pytest.fixture(scope="session")
def imitation(
    recorded_world: RecordedWorld, planner: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A checkpoint after a few steps of imitation, and the report."""
    from router_r1_envs.supervised.imitation import ImitationConfig, imitate

    folder = tmp_path_factory.mktemp("policy")
    settings = ImitationConfig(copies=1, steps=3, batch_size=8, hidden=32, layers=1)
    return folder, imitate(recorded_world, planner, folder, settings)
