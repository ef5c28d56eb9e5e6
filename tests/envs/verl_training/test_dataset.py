"""Rows have the columns that verl reads, and give the agent loop the same question and level back."""

import json

import pytest

from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1_envs.verl_training.dataset import (
    longest_opening,
    make_row,
    make_rows,
    read_row,
    write_rows,
)
from router_r1_envs.worlds.base import start
from router_r1_envs.worlds.generated_world.world import GeneratedWorld, GeneratedWorldConfig


@pytest.fixture(scope="module")
def world():
    return GeneratedWorld()


def test_a_row_has_the_columns_that_verl_reads(world):
    (question,) = world.questions(Split.TRAIN, 1)
    level = world.levels[1]
    row = make_row(world, question, level, 7)
    assert row["data_source"] == "generated-0"
    assert row["prompt"] == [dict(m) for m in start(world, question, level).opening]
    assert row["reward_model"] == {"style": "rule", "ground_truth": [question.answer]}
    assert row["agent_name"] == "router_r1"
    assert row["extra_info"]["index"] == 7
    assert json.loads(json.dumps(row)) == row


def test_question_and_level_are_read_back(world):
    questions = world.questions(Split.VALIDATION, 20)
    for row in make_rows(world, Split.VALIDATION, 20, every_level=True):
        question, level = read_row(world, row["extra_info"])
        assert question in questions
        assert level in world.levels
        assert row["prompt"][-1]["content"] == start(world, question, level).opening[-1]["content"]


def test_each_training_question_has_one_row_at_a_random_level(world):
    rows = make_rows(world, Split.TRAIN, 300)
    assert [r["extra_info"]["index"] for r in rows] == list(range(300))
    drawn = [r["extra_info"]["level"] for r in rows]
    assert all(drawn.count(level.name) > 60 for level in world.levels)
    assert make_rows(world, Split.TRAIN, 300) == rows
    other = make_rows(world, Split.TRAIN, 300, seed=1)
    assert [r["extra_info"]["level"] for r in other] != drawn


def test_the_level_of_a_question_does_not_depend_on_other_questions(world):
    few, many = (make_rows(world, Split.TRAIN, limit) for limit in (10, 50))
    assert few == many[:10]


def test_validation_has_every_question_at_every_level(world):
    rows = make_rows(world, Split.VALIDATION, 10, every_level=True)
    asked = {(r["extra_info"]["question"], r["extra_info"]["level"]) for r in rows}
    assert len(rows) == len(asked) == 10 * len(world.levels)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"index": 1}, "lacks level, question in extra_info"),
        ({"question": "{}"}, "lacks level in extra_info"),
    ],
)
def test_rows_without_question_or_level_are_rejected(world, extra, message):
    with pytest.raises(ConfigError, match=message):
        read_row(world, extra)


def test_rows_made_for_another_world_are_rejected(world):
    other = GeneratedWorld(GeneratedWorldConfig(budgets_usd=(0.5,)))
    (row,) = make_rows(other, Split.TRAIN, 1)
    with pytest.raises(ConfigError, match=r"no level 'budget-0\.5'"):
        read_row(world, row["extra_info"])


def test_an_invalid_question_is_rejected(world):
    with pytest.raises(ConfigError, match="extra_info: question: question: it is required"):
        read_row(world, {"question": '{"id": "q"}', "level": "budget-0.002"})


def test_rows_are_written_as_parquet(world, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = make_rows(world, Split.TRAIN, 5)
    write_rows(tmp_path / "data" / "train.parquet", rows)
    assert parquet.read_table(tmp_path / "data" / "train.parquet").to_pylist() == rows


def test_writing_no_rows_is_an_error(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(ConfigError, match=r"train\.parquet: there are no rows"):
        write_rows(tmp_path / "train.parquet", [])


def test_the_longest_opening_is_measured_in_tokens(world):
    class Words:
        def apply_chat_template(self, messages, **_):
            return messages[-1]["content"].split()

    rows = make_rows(world, Split.TRAIN, 50)
    lengths = [len(row["prompt"][-1]["content"].split()) for row in rows]
    assert longest_opening(rows, Words()) == max(lengths) > min(lengths)
