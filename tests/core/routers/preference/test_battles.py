"""Battles: of a table, and of files in the formats of the public arenas."""

import gzip
import json

import pytest

from router_r1.errors import DataError
from router_r1.routers.preference.battles import Battle, battles_of, read_battles

ROW = {"question": "Why?", "model_a": "one", "model_b": "two", "winner": "model_a"}
ASKED = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]


def written(folder, *rows, name="battles.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def without_question(**more):
    return {k: v for k, v in ROW.items() if k != "question"} | more


def test_a_table_gives_a_battle_of_every_pair_and_equal_scores_are_ties(topic_table) -> None:
    table = topic_table(0, 6)
    found = battles_of(table)
    assert len(found) == 6
    for question, battle in zip(table.questions, found, strict=True):
        lawyer, solver = (table.outcome(question.id, n).score for n in table.names)
        assert (battle.question, battle.model_a, battle.model_b) == (
            question.question,
            "lawyer",
            "solver",
        )
        assert battle.winner == ("tie" if lawyer == solver else "a" if lawyer > solver else "b")


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        without_question(prompt="Why?"),
        without_question(prompt='["Why?", "And then?"]'),
        without_question(prompt=["Why?", "And then?"]),
        without_question(conversation_a=ASKED, conversation_b=ASKED),
        without_question(conversation_b=json.dumps(ASKED)),
        without_question(
            conversation_a=[{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]
        ),
    ],
)
def test_the_question_is_read_from_the_columns_of_each_arena(row, tmp_path) -> None:
    assert read_battles(written(tmp_path, row)) == [Battle("Why?", "one", "two", "a")]


def test_winners_are_read_as_words_or_as_flags_and_both_bad_is_a_tie(tmp_path) -> None:
    plain = {k: v for k, v in ROW.items() if k != "winner"}
    words = {
        "model_a": "a",
        "model_b": "b",
        "tie": "tie",
        "tie (bothbad)": "tie",
        "both_bad": "tie",
    }
    path = written(tmp_path, *(plain | {"winner": word} for word in words))
    assert [b.winner for b in read_battles(path)] == list(words.values())
    flags = ("winner_model_a", "winner_model_b", "winner_tie")
    rows = [plain | {name: int(name == chosen) for name in flags} for chosen in flags]
    assert [b.winner for b in read_battles(written(tmp_path, *rows))] == ["a", "b", "tie"]


def test_json_csv_parquet_and_gzip_hold_the_same_battles(tmp_path) -> None:
    rows = [ROW, ROW | {"winner": "model_b", "question": 'A "long", tale\nof two lines'}]
    expected = read_battles(written(tmp_path, *rows))
    (tmp_path / "b.json").write_text(json.dumps(rows))
    assert read_battles(tmp_path / "b.json") == expected
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((tmp_path / "battles.jsonl").read_bytes()))
    assert read_battles(tmp_path / "b.jsonl.gz") == expected
    (tmp_path / "b.csv").write_text(
        "prompt,model_a,model_b,winner_model_a,winner_model_b,winner_tie\n"
        '"[""Why?""]",one,two,1,0,0\n'
        '"A ""long"", tale\nof two lines",one,two,0,1,0\n'
    )
    assert read_battles(tmp_path / "b.csv") == expected
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "b.parquet")
    assert read_battles(tmp_path / "b.parquet") == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"question": " "}, "the question is empty"),
        (without_question(prompt=[]), "the question is empty"),
        (without_question(), "has no question, prompt, conversation_a"),
        (without_question(conversation_a="{"), "conversation_a: not JSON"),
        (ROW | {"winner": "gpt-4"}, "winner: expected model_a, model_b, tie.*got 'gpt-4'"),
        (ROW | {"winner": 1}, "winner: expected model_a"),
        ({k: v for k, v in ROW.items() if k != "winner"}, "expected a winner, or a 1 in one of"),
        (ROW | {"winner": None, "winner_model_a": 1, "winner_tie": 1}, "or a 1 in one of"),
        (ROW | {"model_b": "one"}, "'one' against itself"),
        (ROW | {"model_b": ""}, "model_b is missing"),
        (ROW | {"model_b": 5}, "expected the names of two models"),
        (ROW | {"model_b": "three"}, "unknown model 'three'; expected one of one, two"),
        ([ROW], "expected an object"),
    ],
)
def test_what_is_no_battle_is_an_error_with_its_line(row, message, tmp_path) -> None:
    path = written(tmp_path, ROW, row)
    with pytest.raises(DataError, match=rf"battles.jsonl:2: .*{message}"):
        read_battles(path, models=["one", "two"])


def test_what_is_no_file_of_battles_is_an_error(tmp_path) -> None:
    for name, content, message in (
        ("none.jsonl", None, "cannot be read: No such file"),
        ("none.csv", None, "cannot be read: No such file"),
        ("b.jsonl", "", "holds no battles"),
        ("b.jsonl", "{", "b.jsonl:1: not JSON"),
        ("b.json", "{}", "expected a list of battles"),
        ("b.csv", 'prompt,model_a\nx,y\n"x', "b.csv:2: not CSV"),
        ("b.txt", "x", "ends in .json, .jsonl, .csv or .parquet"),
    ):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=message):
            read_battles(tmp_path / name)


def test_a_battle_with_its_sides_swapped_is_won_by_the_same_model() -> None:
    battle = Battle("Why?", "one", "two", "a")
    assert battle.swapped() == Battle("Why?", "two", "one", "b")
    assert battle.swapped().swapped() == battle
    with pytest.raises(DataError, match="winner: expected a, b or tie, got 'model_a'"):
        Battle("Why?", "one", "two", "model_a")
