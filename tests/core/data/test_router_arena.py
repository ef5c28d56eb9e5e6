"""RouterArena's files: questions are read, choices are written as its checker wants them."""

import json

import pytest

from router_r1.data.questions import Question
from router_r1.data.router_arena import (
    predictions,
    read_arena_questions,
    write_config,
    write_predictions,
)
from router_r1.errors import DataError

ENTRIES = [
    {"global index": "AIME_112", "prompt": "raw", "prompt_formatted": "Please solve: é?"},
    {"global index": "GeoBench_a_7", "prompt": "Where?"},
]


def dataset(path, rows=ENTRIES):
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_a_prediction_file_has_an_entry_per_question_with_its_very_prompt(tmp_path) -> None:
    asked = read_arena_questions(dataset(tmp_path / "router_data_10.json"))
    assert [(q.id, q.category, q.metric) for q in asked] == [
        ("AIME_112", "AIME", "recorded"),
        ("GeoBench_a_7", "GeoBench_a", "recorded"),
    ]
    path = tmp_path / "predictions" / "ours.json"
    write_predictions(path, asked, ["small", "gpt-4o"], {"small": "gpt-4o-mini"})
    first, second = json.loads(path.read_text(encoding="utf-8"))
    assert first == {
        "global index": "AIME_112",
        "prompt": "Please solve: é?",
        "prediction": "gpt-4o-mini",
        "generated_result": None,
        "cost": None,
        "accuracy": None,
    }
    assert (second["prompt"], second["prediction"]) == ("Where?", "gpt-4o")
    assert "é" in path.read_text(encoding="utf-8")


def test_the_configuration_has_the_name_of_its_file_and_every_model_once(tmp_path) -> None:
    write_config(tmp_path / "ours.json", ["small", "gpt-4o-mini", "b"], {"small": "gpt-4o-mini"})
    content = json.loads((tmp_path / "ours.json").read_text())
    assert content == {"pipeline_params": {"router_name": "ours", "models": ["gpt-4o-mini", "b"]}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "expected a list of questions, as RouterArena's prep_datasets.py"),
        ({"a": 1}, "expected a list of questions"),
        (["x"], "entry 1: expected an object, got str"),
        ([{"global index": "A_1"}], "entry 1: has no text in 'prompt_formatted'"),
        ([{"prompt": "?"}], "entry 1: has no text in 'global index'"),
        ([ENTRIES[0], ENTRIES[0]], "entry 2: the index 'AIME_112' is there already"),
    ],
)
def test_a_broken_data_set_is_named(tmp_path, rows, message) -> None:
    with pytest.raises(DataError, match=message):
        read_arena_questions(dataset(tmp_path / "router_data.json", rows))


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"router_data\.json: cannot be read"):
        read_arena_questions(tmp_path / "router_data.json")
    (tmp_path / "router_data.json").write_text("[")
    with pytest.raises(DataError, match=r"router_data\.json: cannot be read"):
        read_arena_questions(tmp_path / "router_data.json")


def test_every_question_has_exactly_one_choice() -> None:
    asked = [Question(id=key, question="?", answer="-", metric="em") for key in ("a", "a")]
    with pytest.raises(DataError, match="1 choices for 2 questions"):
        predictions(asked, ["m"])
    with pytest.raises(DataError, match="two questions have the same id"):
        predictions(asked, ["m", "m"])
