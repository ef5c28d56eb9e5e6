"""Loading a world from a name, a folder with an outcome table, a YAML file or a mapping; errors name the fault."""

import json

import pytest

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_envs.worlds.load import load_world
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

POOL = "candidates: [{name: a, price: {input: 1, output: 1}}]"


@pytest.fixture
def table(tmp_path):
    """A folder with an outcome table of forty questions and one model."""
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "pool.yaml").write_text(POOL)
    questions = [
        Question(id=f"q{n}", question=f"What is q{n}?", answer="x", metric="em") for n in range(40)
    ]
    lines = [q.model_dump(mode="json", exclude_defaults=True) for q in questions]
    outcome = {"model": "a", "text": "x", "score": 1, "input_tokens": 9, "output_tokens": 9}
    (folder / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in lines))
    (folder / "responses.jsonl").write_text(
        "".join(json.dumps({"id": q["id"]} | outcome) + "\n" for q in lines)
    )
    return folder


def test_a_name_loads_the_generated_world():
    world = load_world("generated", ["seed=3", "budgets_usd=[1, 2]"])
    assert isinstance(world, GeneratedWorld) and world.settings.seed == 3
    assert [level.budget_usd for level in world.levels] == [1, 2]


def test_the_name_wins_over_a_folder_of_the_same_name(tmp_path, monkeypatch):
    (tmp_path / "generated").mkdir()
    monkeypatch.chdir(tmp_path)
    assert isinstance(load_world("generated"), GeneratedWorld)


def test_a_folder_loads_an_outcome_table(table):
    world = load_world(table, ["view=answer"])
    assert isinstance(world, RecordedWorld) and world.settings.view == "answer"
    assert [card.name for card in world.cards] == ["a"]


def test_a_folder_may_have_the_name_of_a_kind_that_needs_settings(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    table.rename(table.parent / "recorded")
    assert isinstance(load_world("recorded"), RecordedWorld)


def test_paths_in_a_file_start_at_its_folder(table, monkeypatch):
    file = table.parent / "world.yaml"
    file.write_text("kind: recorded\ntable: table\n")
    monkeypatch.chdir("/")
    assert isinstance(load_world(file), RecordedWorld)
    assert isinstance(load_world(str(file)), RecordedWorld)


def test_a_mapping_loads_a_world_and_is_not_changed():
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
        (
            "nowhere",
            "nowhere: not a world; give 'generated', a folder .* generated, live, recorded",
        ),
        ("live", "live: not a world; give 'generated', a folder"),
        ("nowhere.yaml", "nowhere.yaml: cannot be read"),
        ({"kind": None}, "world: kind is None"),
    ],
)
def test_a_source_that_is_not_a_world_is_named(source, message):
    with pytest.raises(ConfigError, match=message):
        load_world(source)


def test_a_folder_without_a_table_is_named(tmp_path):
    with pytest.raises((ConfigError, DataError), match=str(tmp_path)):
        load_world(tmp_path)
