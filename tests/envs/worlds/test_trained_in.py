"""What a checkpoint was trained for: written, read, and compared with a world."""

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.load import load_world
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_envs.worlds.trained_in import FILE, TrainedIn, check_played_as_trained

LEVELS = (Level(name="rich", worth_usd=0.1), Level(name="poor", worth_usd=0.001))


def world_of(**settings) -> RecordedWorld:
    questions = [
        Question(id=f"q{n}", question=f"{n}?", answer="A", metric="choice", choices=("x", "y"))
        for n in range(40)
    ]
    outcomes = [
        Outcome(id=q.id, model="m", text="A", answer="A", score=1, input_tokens=1, output_tokens=1)
        for q in questions
    ]
    table = OutcomeTable([ModelCard(name="m", price=Price(input=1, output=1))], questions, outcomes)
    fields = {"view": "answer", "levels": LEVELS, "max_routes": 1} | settings
    return RecordedWorld(table, RecordedWorldConfig(table="colours", **fields))


@pytest.fixture
def checkpoint(tmp_path):
    TrainedIn.of(world_of()).write(tmp_path)
    return tmp_path


def test_what_was_written_is_read(checkpoint) -> None:
    assert TrainedIn.read(checkpoint) == TrainedIn.of(world_of())
    generated = load_world("generated", [])
    TrainedIn.of(generated).write(checkpoint)
    assert TrainedIn.read(checkpoint).differences(generated) == []


def test_a_checkpoint_that_says_nothing_is_played_anywhere(tmp_path) -> None:
    check_played_as_trained({"pre-trained": tmp_path}, world_of())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"view": "text"}, "view is text here and was answer"),
        ({"max_routes": 4}, "max_routes is 4 here and was 1"),
        ({"max_rounds": 2}, "max_rounds is 2 here and was 5"),
        ({"levels": LEVELS[:1]}, "levels are rich here and were rich, poor"),
    ],
)
def test_a_world_that_differs_is_an_error_that_says_how(checkpoint, settings, message) -> None:
    with pytest.raises(ConfigError, match=f"policy mine was trained in recorded.*{message}"):
        check_played_as_trained({"mine": checkpoint}, world_of(**settings))
    check_played_as_trained({"mine": checkpoint}, world_of())


def test_levels_of_other_names_and_equal_values_are_the_same(checkpoint) -> None:
    renamed = tuple(level.model_copy(update={"name": level.name[:1]}) for level in LEVELS)
    check_played_as_trained({"mine": checkpoint}, world_of(levels=renamed))


def test_a_policy_that_reads_text_may_be_told_other_values(tmp_path) -> None:
    trained = TrainedIn.of(world_of(view="text"))
    assert trained.differences(world_of(view="text", levels=LEVELS[:1])) == []
    assert trained.differences(world_of(view="text", prompt="compact")) == [
        "prompt is compact here and was full"
    ]


@pytest.mark.parametrize("content", ["no JSON", "{}", '{"max_rounds": -1}', "[]"])
def test_a_broken_file_is_an_error(checkpoint, content) -> None:
    (checkpoint / FILE).write_text(content)
    with pytest.raises(DataError, match=r"trained_in\.json: cannot be read"):
        TrainedIn.read(checkpoint)
