"""`router-r1 router fit | score | add-model | explain`."""

import json

import pytest
import typer
from typer.testing import CliRunner

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import write_questions
from router_r1.errors import ConfigError, DataError
from router_r1.routers.commands import register


@pytest.fixture
def run():
    app = typer.Typer()
    register(app)

    def call(*arguments: object):
        return CliRunner().invoke(app, ["router", *map(str, arguments)], catch_exceptions=False)

    return call


@pytest.fixture
def folder(topic_table, tmp_path):
    topic_table(0, 400).save(tmp_path / "table")
    return tmp_path


def test_a_router_is_fitted_scored_and_explained(run, folder) -> None:
    pytest.importorskip("sklearn")
    fitted = run("fit", "knn:k=20", folder / "table", "--part", "fit", "--out", folder / "knn")
    assert fitted.exit_code == 0
    assert "knn over 2 models, from 2" in fitted.output
    scored = run(
        "score", folder / "knn", folder / "table", "--part", "held-out", "--out", folder / "p.jsonl"
    )
    lines = [json.loads(line) for line in (folder / "p.jsonl").read_text().splitlines()]
    chosen = [line["model"] for line in lines]
    assert f"{chosen.count('solver'):>7}" in scored.output
    assert "score 0.9" in scored.output
    assert "best single in hindsight: " in scored.output
    assert max(lines[0]["scores"], key=lines[0]["scores"].get) == lines[0]["model"]
    run("score", folder / "knn", folder / "table", "--router-arena", folder / "arena.json")
    arena = json.loads((folder / "arena.json").read_text())
    assert len(arena) == 400 and {row["prediction"] for row in arena} == {"lawyer", "solver"}
    cheap = run("score", folder / "knn", folder / "table", "--worth", "0")
    assert "100.0%  lawyer" in cheap.output
    told = run("explain", folder / "knn", "a triangle and a matrix, of which prime?")
    assert told.output.startswith("solver\n")
    assert "mean of 20 nearest training questions" in told.output
    as_json = run("explain", folder / "knn", lines[0]["id"], "--table", folder / "table", "--json")
    assert json.loads(as_json.output)["model"] == chosen[0]


def test_questions_without_outcomes_are_only_routed(run, folder, topic_table) -> None:
    run("fit", "label", folder / "table", "--out", folder / "label")
    write_questions(folder / "asked.jsonl", topic_table(5, 6).questions)
    done = run("score", folder / "label", folder / "asked.jsonl")
    assert done.output.splitlines() == ["      3   50.0%  lawyer", "      3   50.0%  solver"]


def test_tuning_prints_every_trial_and_saves_the_best(run, folder) -> None:
    pytest.importorskip("sklearn")
    done = run("fit", "kmeans:seed=4", folder / "table", "--tune", "--out", folder / "tuned")
    trials = [line for line in done.stdout.splitlines() if "clusters=" in line]
    assert len(trials) == 5
    saved = json.loads((folder / "tuned" / "router.json").read_text())["settings"]
    assert f"clusters={saved['clusters']}" in trials[0]
    assert saved["seed"] == 4


def test_a_model_is_added_to_a_saved_router(run, folder, topic_table) -> None:
    whole = OutcomeTable.load(folder / "table")
    rows = [o for o in whole if o.model == "lawyer"]
    twin = [o.model_copy(update={"model": "twin"}) for o in rows]
    cards = (whole.cards[0], whole.cards[1].model_copy(update={"name": "twin"}))
    OutcomeTable(cards, whole.questions, [*rows, *twin]).save(folder / "two")
    run("fit", "label", folder / "two", "--out", folder / "label")
    done = run("add-model", folder / "label", "solver", folder / "table", "--out", folder / "three")
    assert "label over lawyer, twin, solver" in done.output
    assert json.loads((folder / "label" / "router.json").read_text())["models"] == [
        "lawyer",
        "twin",
    ]
    run("add-model", folder / "label", "solver", folder / "table")
    assert "solver" in json.loads((folder / "label" / "router.json").read_text())["models"]


def test_a_router_learns_from_the_battles_of_an_arena(run, folder, topic_table) -> None:
    pytest.importorskip("sklearn")
    winners = {"law": "model_a", "maths": "model_b"}
    rows = [
        {
            "prompt": q.question,
            "model_a": "lawyer",
            "model_b": "solver",
            "winner": winners[q.category],
        }
        for q in topic_table(7).questions
    ]
    (folder / "arena.jsonl").write_text("\n".join(map(json.dumps, rows)))
    options = ("--battles", folder / "arena.jsonl", "--out", folder / "sw")
    done = run("fit", "sw", folder / "table", *options)
    assert "sw over 2 models, from 120 battles" in done.output
    assert run("explain", folder / "sw", "a contract and a tort").output.startswith("lawyer\n")
    with pytest.raises(ConfigError, match="'label' does not learn from battles"):
        run("fit", "label", folder / "table", *options)


def test_bad_input_is_an_error_of_one_line(run, folder) -> None:
    with pytest.raises(ConfigError, match="there is no router"):
        run("fit", "oracle-of-delphi", folder / "table", "--out", folder / "x")
    with pytest.raises(DataError, match="a saved router is a folder from"):
        run("score", folder / "table", folder / "table")
    assert not (folder / "x").exists()
    run("fit", "label", folder / "table", "--out", folder / "label")
    with pytest.raises(ConfigError, match="the question is empty"):
        run("explain", folder / "label", " ")
