"""Worlds as one interface: loading one from a name, a folder, a file or settings; levels; splits and their duplicates."""

import json

import pytest

from router_r1 import Limits
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of, split_questions
from router_r1.errors import ConfigError, DataError
from router_r1_envs.worlds.base import Level, level_named, start
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_envs.worlds.load import load_world
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_reward.metrics import check_metrics

POOL = "candidates: [{name: a, price: {input: 1, output: 1}}]"


def question(name: str, text: str | None = None) -> Question:
    return Question(id=name, question=text or f"What is {name}?", answer="x", metric="em")


def named(split: Split, count: int) -> list[str]:
    """Ids that belong to a split."""
    ids = (f"q{n}" for n in range(1000))
    return [name for name in ids if split_of(name) is split][:count]


# --- splits


def test_every_question_is_in_the_split_of_its_id():
    splits = split_questions(question(f"q{n}") for n in range(300))
    assert sum(map(len, splits.values())) == 300
    assert all(split_of(q.id) is split for split, found in splits.items() for q in found)
    assert all(splits.values())


def test_what_else_there_is_moves_no_question():
    few, many = ({q.id: s for s, found in split_questions(map(question, ids)).items() for q in found}
                 for ids in ([f"q{n}" for n in range(50)], [f"q{n}" for n in range(500)]))  # fmt: skip
    assert all(many[name] is split for name, split in few.items())


def test_an_id_that_is_there_twice_is_an_error():
    with pytest.raises(DataError, match="two questions have the id 'q1'"):
        split_questions([question("q1"), question("q1", "Another text?")])


def test_the_same_text_in_two_splits_is_an_error_whatever_its_case_and_spaces():
    (train,), (test,) = named(Split.TRAIN, 1), named(Split.TEST, 1)
    pair = [question(train, "What is  it?"), question(test, "what IS it?")]
    with pytest.raises(DataError) as caught:
        split_questions(pair)
    assert repr(train) in str(caught.value) and repr(test) in str(caught.value)
    assert "(train)" in str(caught.value) and "(test)" in str(caught.value)


def test_the_same_text_twice_in_one_split_is_no_leak():
    first, second = named(Split.TRAIN, 2)
    splits = split_questions([question(first, "What?"), question(second, "What?")])
    assert len(splits[Split.TRAIN]) == 2


# --- levels


def test_an_episode_begins_with_the_worlds_limits_and_the_levels_budget_and_worth():
    world = GeneratedWorld()
    (asked,) = world.questions(Split.TRAIN, 1)
    episode = start(world, asked, Level(name="x", budget_usd=0.5, worth_usd=2.0), sample_index=3)
    assert episode.question == asked.question and episode.cards == world.cards
    assert episode.limits == world.limits.model_copy(update={"budget_usd": 0.5, "worth_usd": 2.0})
    assert episode.sample_index == 3
    assert episode.opening[0]["content"].startswith("budget $0.50; worth $2.00; ")


def test_a_level_without_a_budget_leaves_the_worlds_own():
    world = GeneratedWorld()
    world.limits = Limits(budget_usd=0.25)
    (asked,) = world.questions(Split.TRAIN, 1)
    assert start(world, asked, Level(name="x")).limits.budget_usd == 0.25


def test_levels_are_found_by_name():
    world = GeneratedWorld()
    assert level_named(world, "budget-0.002").budget_usd == 0.002
    with pytest.raises(ConfigError, match=r"no level 'much'; it has budget-0\.0006, budget-0\.002"):
        level_named(world, "much")


# --- loading


@pytest.fixture
def table(tmp_path):
    """A folder with an outcome table."""
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "pool.yaml").write_text(POOL)
    lines = [question(f"q{n}").model_dump(mode="json", exclude_defaults=True) for n in range(40)]
    told = {"model": "a", "text": "x", "score": 1, "input_tokens": 9, "output_tokens": 9}
    (folder / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in lines))
    (folder / "responses.jsonl").write_text(
        "".join(json.dumps({"id": q["id"]} | told) + "\n" for q in lines)
    )
    return folder


def test_a_name_is_enough_for_the_generated_world():
    world = load_world("generated", ["seed=3", "budgets_usd=[1, 2]"])
    assert isinstance(world, GeneratedWorld) and world.settings.seed == 3
    assert [level.budget_usd for level in world.levels] == [1, 2]


def test_a_folder_is_an_outcome_table(table):
    world = load_world(table, ["view=answer"])
    assert isinstance(world, RecordedWorld) and world.settings.view == "answer"
    assert [card.name for card in world.cards] == ["a"]


def test_paths_in_a_file_begin_where_the_file_is(table, monkeypatch):
    file = table.parent / "world.yaml"
    file.write_text("kind: recorded\ntable: table\n")
    monkeypatch.chdir("/")
    assert isinstance(load_world(file), RecordedWorld)
    assert isinstance(load_world(str(file)), RecordedWorld)


def test_settings_may_be_given_as_a_mapping_which_is_left_as_it_was():
    settings = {"kind": "generated", "seed": 1}
    assert load_world(settings, ["seed=2"]).settings.seed == 2  # type: ignore[attr-defined]
    assert settings == {"kind": "generated", "seed": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1", "world.yaml: kind is None; it must be one of generated, live, recorded"),
        ("kind: dreamt", "world.yaml: kind is 'dreamt'; it must be"),
        ("kind: [generated]", "world.yaml: kind is ['generated']; it must be"),
        ("kind: generated\nsede: 1", "world.yaml: sede: no such field"),
        ("kind: generated\nseed: many", "world.yaml: seed: "),
        ("kind: generated\nbudgets_usd: []", "world.yaml: budgets_usd: "),
        ("kind: generated\nbudgets_usd: [-1]", "world.yaml: budgets_usd.0: "),
        ("kind: generated\nbudgets_usd: [1, 1.0]", "world.yaml: budgets_usd: "),
        ("kind: generated\nmax_rounds: 0", "world.yaml: max_rounds: "),
        ("kind: recorded", "world.yaml: table: it is required"),
        (
            "kind: live\nlevels: [{name: x, budget: 1}]",
            "world.yaml: levels.0.budget: no such field",
        ),
        ("kind: live", "world.yaml: pool: it is required"),
        ("- 1", "world.yaml: expected a mapping"),
    ],
)
def test_an_error_in_a_file_names_file_and_field(tmp_path, text, message):
    (tmp_path / "world.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_world(tmp_path / "world.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "nowhere: no world; give 'generated', a folder"),
        ("nowhere.yaml", "nowhere.yaml: cannot be read"),
        ({"kind": None}, "world: kind is None"),
    ],
)
def test_a_source_that_is_no_world_is_named(source, message):
    with pytest.raises(ConfigError, match=message):
        load_world(source)


def test_a_folder_without_a_table_is_named(tmp_path):
    with pytest.raises((ConfigError, DataError), match=str(tmp_path)):
        load_world(tmp_path)


def test_a_metric_that_there_is_not_is_found_before_anybody_is_asked():
    with pytest.raises(DataError, match="'q' has the metric 'bleu'; it is one of choice, code"):
        check_metrics([Question(id="q", question="?", answer="x", metric="bleu")])
