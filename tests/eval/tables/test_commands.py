"""`router-r1 table import` and `table check`, on small made-up sources, and on public ones if they are available."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.stats.oracles import raw_oracle
from router_r1_eval.tables.check import check
from router_r1_eval.tables.commands import register
from router_r1_eval.tables.importers import IMPORTERS, ImportOptions, read
from router_r1_eval.tournament.baselines import baselines
from router_r1_eval.tournament.commands import register as register_tournament
from router_r1_eval.tournament.measure import measure
from router_r1_eval.tournament.two_models import gap, oracle_order

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    register_tournament(app)
    return app


@pytest.fixture
def source(tmp_path) -> Path:
    """An LLMRouter folder: 40 training questions, 40 test questions, one of them in both."""
    folder = tmp_path / "source"
    folder.mkdir()
    for split, numbers in {"train": range(40), "test": range(39, 79)}.items():
        rows = [{"question": f"q{n}", "scores": {"a": n % 2, "b": n % 3 == 0}} for n in numbers]
        (folder / f"{split}.json").write_text(json.dumps(rows))
        queries = [
            {"query": f"q{n}", "task_name": "t", "ground_truth": "C", "metric": "em_mc"}
            for n in numbers
        ]
        (folder / f"query_{split}.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    prices = {"a": {"input_price": 1, "output_price": 1}}
    (folder / "candidates.json").write_text(json.dumps(prices))
    return folder


def test_import_then_check(app, source, tmp_path) -> None:
    out = tmp_path / "out"
    arguments = ["table", "import", "llmrouter", str(source), str(out), "--price", "b=2,3"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"{out / 'test'}: 39 questions x 2 models, 78 outcomes" in result.output
    assert "1 test questions are training questions too" in result.output
    assert OutcomeTable.load(out / "train").card("b").price.output == 3
    checked = ["table", "check", str(out / "test"), "--fit", str(out / "train")]
    result = CliRunner().invoke(app, checked)
    assert result.exit_code == 0, result.output
    assert "note    ties: one model is best on" in result.output

    refused = CliRunner().invoke(app, [*arguments, "--as-published"])
    assert refused.exit_code and "holds a table" in str(refused.exception)
    assert len(OutcomeTable.load(out / "test").questions) == 39
    CliRunner().invoke(app, [*arguments, "--as-published", "--replace"])
    result = CliRunner().invoke(app, [*checked, "--json"])
    assert result.exit_code == 1
    first = json.loads(result.output)[0]
    assert (first["weight"], first["kind"]) == ("error", "duplicates across splits")


def test_the_help_of_import_names_every_importer(app) -> None:
    result = CliRunner().invoke(app, ["table", "import", "--help"])
    assert result.exit_code == 0, result.output
    shown = " ".join(result.output.replace("│", " ").split())
    assert all(name in shown for name in IMPORTERS)


def test_import_writes_parquet_if_requested(app, source, tmp_path) -> None:
    arguments = ["table", "import", "llmrouter", str(source), str(tmp_path), "--price", "b=2,3"]
    assert CliRunner().invoke(app, [*arguments, "--format", "parquet"]).exit_code == 0
    found = OutcomeTable.load(tmp_path / "test")
    assert {p.suffix for p in (tmp_path / "test").iterdir()} == {".yaml", ".parquet"}
    assert CliRunner().invoke(app, [*arguments, "--replace"]).exit_code == 0
    again = OutcomeTable.load(tmp_path / "test")
    assert {p.suffix for p in (tmp_path / "test").iterdir()} == {".yaml", ".gz"}
    assert (found.questions, list(found)) == (again.questions, list(again))


def test_check_names_all_broken_rows_of_a_table_that_cannot_be_loaded(
    app, source, tmp_path
) -> None:
    out = tmp_path / "out"
    CliRunner().invoke(
        app, ["table", "import", "llmrouter", str(source), str(out), "--price", "b=2,3"]
    )
    path = out / "train" / "questions.jsonl.gz"
    path.unlink()
    (out / "train" / "questions.jsonl").write_text('{"id": "x"}\n{"id": "y"}\n')
    result = CliRunner().invoke(app, ["table", "check", str(out / "train")])
    assert result.exit_code == 2
    assert "questions.jsonl:1" in result.output
    assert "questions.jsonl:2" in result.output
    (out / "train" / "questions.jsonl").write_text('{"id": "x"}\n{"id": \n')
    result = CliRunner().invoke(app, ["table", "check", str(out / "train")])
    assert result.exit_code == 2
    assert "questions.jsonl:1" in result.output
    assert "questions.jsonl:2: not JSON" in result.output
    result = CliRunner().invoke(app, ["table", "check", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "no such folder" in result.output


def public_tables(kind: str, source: str, options: ImportOptions | None = None):
    """The tables of a public source; skips the test if it is not available."""
    path = SHARED / source
    if not path.exists():
        pytest.skip(f"needs {path}, which is not part of the project")
    return read(kind, path, options).tables


def mean(table: OutcomeTable, model: str) -> float:
    scores = [outcome.score for outcome in table if outcome.model == model]
    return sum(scores) / len(scores)


def test_routellm_gsm8k_is_regraded_and_its_published_flags_are_found_wrong() -> None:
    gold = SHARED / "questions" / "gsm8k_test.jsonl.gz"
    path = "routellm/gsm8k_responses.csv.gz"
    published = public_tables("routellm", path, ImportOptions(gold=gold, as_published=True))[""]
    names = published.names
    assert [round(mean(published, n), 3) for n in names] == [0.638, 0.857]
    found = [f for f in check(published) if f.kind == "misread numbers" and f.weight == "error"]
    assert any("112 texts of gpt-4-1106-preview" in f.message for f in found)
    graded = public_tables("routellm", path, ImportOptions(gold=gold))[""]
    assert [round(mean(graded, n), 3) for n in names] == [0.64, 0.939]
    assert not [f for f in check(graded) if f.weight == "error"]


def test_routellm_mmlu_has_one_subject_in_which_gpt_4_was_misread() -> None:
    table = public_tables("routellm", "routellm/mmlu_responses.tar.gz")[""]
    assert len(table.questions) == 14042
    found = [f for f in check(table) if f.weight == "error"]
    assert len(found) == 1
    assert "in high_school_mathematics (270 questions) gpt-4-1106-preview scores 0.030" in str(
        found[0]
    )


def test_routellm_mmlu_reproduces_published_figures() -> None:
    """Random order .50, prompt length .586 with half of the gap at 35.9 % of the calls, oracle 1.285."""
    table = public_tables("routellm", "routellm/mmlu_responses.tar.gz")[""]
    weak, strong = (
        np.array([table.outcome(q.id, name).score for q in table.questions]) for name in table.names
    )
    length = np.array([float(len(q.question)) for q in table.questions])
    found = gap(weak, strong, length)
    assert found.apgr == pytest.approx(0.586, abs=5e-4)
    assert found.cpt(0.5) == pytest.approx(0.359, abs=5e-4)
    drawn = [gap(weak, strong, np.random.default_rng(s).random(len(weak))).apgr for s in range(20)]
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.01)
    assert gap(weak, strong, oracle_order(weak, strong)).apgr == pytest.approx(1.285, abs=5e-4)


def test_a_tournament_on_routellm_mmlu_has_the_published_figures() -> None:
    """As the commands in docs/routers.md; only the stronger model is chosen on the fit split."""
    table = public_tables("routellm", "routellm/mmlu_responses.tar.gz")[""]
    settings = {"graded": False, "duplicates": "first", "test": 0.98, "validation": 0.01}
    world = RecordedWorld(table, RecordedWorldConfig(table="mmlu", **settings))
    wanted = ("random", "prompt length", "oracle")
    splits = TableSplits.of(world)
    entrants = [entrant for entrant in baselines(splits) if entrant.name in wanted]
    results = measure(splits, entrants).to_json()
    rows = {row["name"]: row for row in results["rows"]}
    assert results["two_models"]["strong"] == "gpt-4-1106-preview"
    assert rows["random"]["apgr"] == pytest.approx(0.5)
    assert rows["prompt length"]["apgr"] == pytest.approx(0.586, abs=0.004)
    assert rows["prompt length"]["cpt"]["50%"] == pytest.approx(0.359, abs=0.004)
    assert rows["oracle"]["apgr"] == pytest.approx(1.285, abs=0.01)


def test_llmrouter_has_119_test_questions_in_training() -> None:
    tables = public_tables("llmrouter", "llmrouter9")
    assert [len(tables[split].questions) for split in ("train", "test")] == [5608, 381]
    test, best = tables["test"], "llama-3.1-nemotron-51b-instruct"
    assert max(test.names, key=lambda name: mean(tables["train"], name)) == best
    assert round(mean(test, best), 3) == 0.597
    scores = [[test.outcome(q.id, name).score for name in test.names] for q in test.questions]
    assert raw_oracle(np.array(scores)).mean() == pytest.approx(0.750, abs=5e-4)
    assert "duplicates across splits" not in {f.kind for f in check(test, tables["train"])}
    published = public_tables("llmrouter", "llmrouter9", ImportOptions(as_published=True))
    found = check(published["test"], published["train"])
    assert any("119 of 500 questions are in the table" in f.message for f in found)
    # Some models score 0 throughout where they were asked for a letter.
    assert any("mmlu" in f.message for f in found if f.kind == "constant scores")


def test_routerarena_is_read_as_recorded() -> None:
    table = public_tables("routerarena", "routerarena")[""]
    assert len(table.questions) == 809
    assert round(mean(table, "gemini-2.0-flash-001"), 2) == 0.69


def test_export_splits_a_table_and_refuses_a_folder_in_use(app, tmp_path) -> None:
    keys = [f"q{number}" for number in range(40)]
    OutcomeTable(
        [ModelCard(name="a", price=Price(input=1, output=1))],
        [Question(id=k, question=f"{k}?", answer="x", metric="em") for k in keys],
        [
            Outcome(id=k, model="a", text="x", score=1, input_tokens=1, output_tokens=1)
            for k in keys
        ],
    ).save(tmp_path / "table")
    arguments = ["table", "export", "llmrouter", str(tmp_path / "table"), str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    lines = {
        split: len(
            (tmp_path / "out" / "query_data" / f"default_query_{split}.jsonl")
            .read_text()
            .splitlines()
        )
        for split in ("train", "test")
    }
    assert sum(lines.values()) == 40 and 4 < lines["test"] < 20
    assert f"train: {lines['train']} questions x 1 models" in done.output
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code != 0
    assert CliRunner().invoke(app, [*arguments, "--replace"]).exit_code == 0
    other = CliRunner().invoke(
        app, ["table", "export", "x", str(tmp_path / "table"), str(tmp_path / "o")]
    )
    assert other.exit_code != 0
