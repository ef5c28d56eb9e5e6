"""The interface of worlds: how an episode starts at a level, and a kind of world that another package registers."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from router_r1 import Ledger, Limits, ModelPool
from router_r1.config import StrictModel
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_questions
from router_r1.episode import StopReason
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.protocol import Route, render_turn
from router_r1.rollout import roll_out
from router_r1.testing import ScriptedPolicy
from router_r1.token_prices import Price
from router_r1.transport.simulated import SimulatedTransport
from router_r1_envs.worlds.base import (
    WORLDS,
    Level,
    SharedPoolWorld,
    WorldKind,
    level_named,
    start,
)
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_envs.worlds.load import load_world

# --- levels


def test_an_episode_starts_with_the_limits_of_the_world_and_the_budget_and_value_of_the_level():
    world = GeneratedWorld()
    (question,) = world.questions(Split.TRAIN, 1)
    level = Level(name="x", budget_usd=0.5, worth_usd=2.0)
    episode = start(world, question, level, sample_index=3)
    assert episode.question == question.question and episode.cards == world.cards
    assert episode.limits == world.limits.model_copy(update={"budget_usd": 0.5, "worth_usd": 2.0})
    assert episode.sample_index == 3
    assert episode.opening[0]["content"].startswith("budget $0.50; worth $2.00; ")


def test_a_level_without_a_budget_keeps_the_budget_of_the_world():
    world = GeneratedWorld()
    world.limits = Limits(budget_usd=0.25)
    (question,) = world.questions(Split.TRAIN, 1)
    assert start(world, question, Level(name="x")).limits.budget_usd == 0.25


def test_a_level_is_found_by_its_name():
    world = GeneratedWorld()
    assert level_named(world, "budget-0.002").budget_usd == 0.002
    with pytest.raises(ConfigError, match=r"no level 'much'; it has budget-0\.0006, budget-0\.002"):
        level_named(world, "much")


# --- a world of another package


class SumsConfig(StrictModel):
    kind: Literal["sums"] = "sums"
    largest: int = 100


class SumsWorld(SharedPoolWorld):
    """n + 1 for n below `largest`, answered by one model that is always right."""

    def __init__(self, settings: SumsConfig, folder: Path) -> None:
        card = ModelCard(name="calculator", price=Price(input=1, output=1))
        reply = SimulatedTransport(lambda _, request: request.messages[-1]["content"] + " is right")
        super().__init__(ModelPool([card], transport=reply), prompt="full")
        self.name = "sums"
        self.levels = (Level(name="only", worth_usd=0.01),)
        self.limits = Limits(max_rounds=1)
        self.reference_usd = 0.001
        self.folder = folder
        self._splits = split_questions(
            Question(id=f"sum-{n}", question=f"{n} + 1?", answer=str(n + 1), metric="em")
            for n in range(settings.largest)
        )

    def questions(self, split, limit=None):
        return self._splits[split][:limit]


@pytest.fixture
def sums(monkeypatch):
    """The kind `sums`, registered for one test."""
    assert "generated" in WORLDS  # loads the built-in kinds, which stay
    monkeypatch.setattr(WORLDS, "_entries", dict(WORLDS._entries))
    WORLDS.add("sums", WorldKind(SumsConfig, SumsWorld), "sums, answered by a calculator")


def test_a_kind_of_another_package_is_loaded_by_name_file_and_mapping(sums, tmp_path):
    (tmp_path / "world.yaml").write_text("kind: sums\nlargest: 20\n")
    by_file = load_world(tmp_path / "world.yaml")
    assert isinstance(by_file, SumsWorld) and by_file.folder == tmp_path
    by_name = load_world("sums", ["largest=20"])
    by_mapping = load_world({"kind": "sums", "largest": 20})
    for world in (by_name, by_mapping):
        assert world.questions(Split.TRAIN) == by_file.questions(Split.TRAIN)


def test_errors_list_a_kind_of_another_package_too(sums):
    with pytest.raises(ConfigError, match=r"must be one of generated, live, recorded, sums$"):
        load_world({"kind": "sum"})
    with pytest.raises(ConfigError, match=r"give 'generated', 'sums', a folder"):
        load_world("sum")


def test_an_episode_in_a_world_of_another_package_runs_to_its_end(sums):
    world = load_world("sums")
    (question,) = world.questions(Split.TRAIN, 1)
    assert world.varied(question, seed=1) == question
    turns = [
        render_turn("?", [Route("calculator", question.question)]),
        render_turn("!", answer=question.answers[0]),
    ]
    episode = start(world, question, world.levels[0])
    asyncio.run(roll_out(episode, ScriptedPolicy(turns), world.pool(question), Ledger()))
    assert episode.stop_reason is StopReason.ANSWERED
    assert episode.turns[0].outcomes[0].response.text == f"{question.question} is right"
    assert episode.limits.worth_usd == 0.01 and episode.spent_usd > 0
