"""LLMRouter's routing data: what `table export` writes, the importer reads; and its broken files."""

import json
from pathlib import Path

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_eval.tables.importers import ImportOptions, read
from router_r1_eval.tables.importers.cards import user_cards
from router_r1_eval.tables.importers.llmrouter import option_texts
from router_r1_eval.tables.llmrouter_export import export

ROW = {
    "task_name": "mmlu",
    "query": "Which city?",
    "ground_truth": "A",
    "metric": "em_mc",
    "choices": "{'text': ['Paris', \"L'Aquila\"], 'labels': ['A', 'B']}",
    "task_id": None,
    "model_name": "a",
    "response": "A",
    "token_num": 12,
    "input_tokens": 10,
    "output_tokens": 2,
    "response_time": 1.5,
    "performance": 1.0,
    "embedding_id": 0,
}
LLMS = {"a": {"size": "7B", "feature": "Small.", "input_price": 0.2, "output_price": 0.4}}


def routing(folder: Path, train: list[dict], test: list[dict]) -> Path:
    for kind, rows in (("train", train), ("test", test)):
        path = folder / "routing_data" / f"default_routing_{kind}_data.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "llm_candidates").mkdir(exist_ok=True)
    (folder / "llm_candidates" / "default_llm.json").write_text(json.dumps(LLMS))
    return folder


def table(*keys: str) -> OutcomeTable:
    cards = [
        ModelCard(name=n, description=f"Is {n}.", price=Price(input=1, output=2)) for n in "ab"
    ]
    questions = [
        Question(
            id=key,
            question=f"What is {key}?",
            answer=("A",) if number % 2 else ("5", "five"),
            metric="choice" if number % 2 else "math",
            category="tests",
            choices=("Pâris", "it's", "[1]") if number % 2 else None,
        )
        for number, key in enumerate(keys)
    ]
    outcomes = [
        Outcome(
            id=key,
            model=name,
            sample=sample,
            text=f"{name} on {key}",
            score=0.25 if name == "a" else 1.0,
            input_tokens=7,
            output_tokens=3,
            estimated=name == "b",
        )
        for key in keys
        for name in "ab"
        for sample in (0, 1)
        if (key, name) != ("q2", "b")
    ]
    return OutcomeTable(cards, questions, outcomes)


def test_what_is_written_is_read_again(tmp_path) -> None:
    train, test = table("q0", "q1", "q2"), table("q3", "q4")
    notes = export({"train": train, "test": test}, tmp_path)
    assert "1 cells have no answer: they have no line" in notes
    assert "9 further samples are left out" in notes
    found = read("llmrouter-routing", tmp_path).tables
    for split, written in (("train", train), ("test", test)):
        again = found[split]
        assert again.names == written.names
        assert [c.price for c in again.cards] == [c.price for c in written.cards]
        pairs = list(zip(written.questions, again.questions, strict=True))
        for question, other in pairs:
            assert (other.question, other.metric, other.category, other.choices) == (
                question.question,
                question.metric,
                question.category,
                question.choices,
            )
            assert other.answers == question.answers[:1]
            for name in written.names:
                first, second = written.outcome(question.id, name), again.outcome(other.id, name)
                assert (first is None) == (second is None)
                if first is not None and second is not None:
                    assert (second.text, second.score, second.usage) == (
                        first.text,
                        first.score,
                        first.usage,
                    )


def test_the_lines_have_the_fields_of_llmrouter_and_embedding_ids_go_on(tmp_path) -> None:
    export({"train": table("q0", "q1"), "test": table("q3")}, tmp_path)
    path = tmp_path / "routing_data" / "default_routing_test_data.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["embedding_id"] for row in rows} == {2}
    assert set(ROW) <= set(rows[0])
    assert (rows[0]["token_num"], rows[0]["performance"], rows[0]["metric"]) == (10, 0.25, "MATH")
    query = (tmp_path / "query_data" / "default_query_train.jsonl").read_text().splitlines()[1]
    choices = json.loads(json.loads(query)["choices"])
    assert choices == {"text": ["Pâris", "it's", "[1]"], "labels": ["A", "B", "C"]}
    llms = json.loads((tmp_path / "llm_candidates" / "default_llm.json").read_text())
    assert llms["a"]["feature"] == "Is a." and llms["a"]["output_price"] == 2


def test_export_needs_both_splits_of_the_same_models(tmp_path) -> None:
    with pytest.raises(DataError, match="expected the tables train and test, got train"):
        export({"train": table("q0")}, tmp_path)
    only = table("q0")
    one = OutcomeTable(only.cards[:1], only.questions, [o for o in only if o.model == "a"])
    with pytest.raises(DataError, match="have other models"):
        export({"train": only, "test": one}, tmp_path)


def test_routing_data_is_read_with_its_tokens_and_shared_queries_are_dropped(tmp_path) -> None:
    failed = ROW | {"query": "Else?", "response": "API Error: Request timed out", "performance": 0}
    counts = {"input_tokens": None, "output_tokens": None}
    source = routing(
        tmp_path, [ROW, ROW | {"response": "B", "performance": 0.0}], [ROW, failed | counts]
    )
    found = read("llmrouter-routing", source)
    train, test = found.tables["train"], found.tables["test"]
    assert [(o.sample, o.score, o.input_tokens, o.estimated) for o in train] == [
        (0, 1.0, 10, False),
        (1, 0.0, 10, False),
    ]
    assert train.questions[0].choices == ("Paris", "L'Aquila") and train.questions[0].answer == "A"
    (other,) = test
    assert other.id == "test-00001" and other.estimated
    assert "1 test queries are training queries too: dropped from the test split" in found.notes
    assert any(note.startswith("1 of 3 calls failed") for note in found.notes)
    kept = read("llmrouter-routing", source, ImportOptions(as_published=True)).tables["test"]
    assert len(kept.questions) == 2
    single = source / "routing_data" / "default_routing_train_data.jsonl"
    prices = ImportOptions(user_cards(["a=1,2"], None))
    assert list(read("llmrouter-routing", single, prices).tables) == [""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"performance": None}, r"train_data\.jsonl:1: performance is missing"),
        ({"performance": 1.5}, r"train_data\.jsonl:1: score"),
        ({"query": ""}, r"train_data\.jsonl:1: the query is missing"),
        (
            {"choices": "__import__('os')"},
            r"train_data\.jsonl:1: its choices .* are no list of texts",
        ),
        ({"output_tokens": 1.5}, r"train_data\.jsonl:1: a token count is 1\.5"),
    ],
)
def test_broken_routing_data_is_named(tmp_path, change, message) -> None:
    with pytest.raises((DataError, ConfigError), match=message):
        read("llmrouter-routing", routing(tmp_path, [ROW | change], [ROW]))


@pytest.mark.parametrize(
    ("cell", "metric", "expected"),
    [
        ("{'text': ['x', 'y'], 'label': ['A', 'B']}", "em_mc", ("x", "y")),
        ('{"text": ["x", "y"], "labels": ["A", "B"]}', "em_mc", ("x", "y")),
        ({"text": ["x", "y"], "labels": ["A", "B"]}, "em_mc", ("x", "y")),
        ("['x', 'y']", "em_mc", ("x", "y")),
        ("['assert f(1) == 2']", "code_eval", None),
        ("{'text': ['x', 'y'], 'label': ['1', '2']}", "em_mc", None),
        (None, "em_mc", None),
        ("None", "em_mc", None),
        ("null", "em_mc", None),
    ],
)
def test_options_are_read_in_every_notation_of_the_source(cell, metric, expected) -> None:
    assert option_texts(cell, metric, "here") == expected
