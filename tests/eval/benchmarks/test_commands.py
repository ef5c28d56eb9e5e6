"""`router-r1 benchmark list`, `load` and `mix`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from router_r1.data.questions import read_questions
from router_r1.errors import ConfigError, DataError
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks.commands import register
from router_r1_reward import validate


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [{"question": f"{n} + 1?", "answer": f"#### {n + 1}"} for n in range(20)]
    (tmp_path / "data").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "data" / "gsm8k_test.jsonl").write_text(text)
    return tmp_path / "data"


def test_the_list_has_every_benchmark_with_area_licence_and_source(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["benchmark", "list"])
    assert result.exit_code == 0, result.output
    for name in benchmarks.names():
        (line,) = [row for row in result.output.splitlines() if row.startswith(f"{name} ")]
        found = benchmarks.get(name)
        assert found.area in line and found.licence in line and found.source in line


def test_load_writes_a_question_file(app: typer.Typer, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "gsm8k.jsonl.gz"
    arguments = ["benchmark", "load", "gsm8k", str(out), "--data", str(data)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.output == f"{out}: 20 questions of GSM8K; the whole has 1,319\n"
    questions = read_questions(out)
    assert questions == benchmarks.load("gsm8k", data)
    assert validate(questions).ok

    result = CliRunner().invoke(app, [*arguments, "--limit", "5"])
    assert result.output == f"{out}: 5 questions of GSM8K\n"
    assert read_questions(out) == benchmarks.load("gsm8k", data, limit=5)

    own = tmp_path / "own.jsonl"
    result = CliRunner().invoke(app, ["benchmark", "load", str(out), str(own)])
    assert result.exit_code == 0, result.output
    assert read_questions(own) == read_questions(out)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["gsm8k", "out.txt"], ConfigError, r"expected an output file called \*\.jsonl or"),
        (["gsm9k", "out.jsonl"], ConfigError, "did you mean 'gsm8k'"),
        (["nq", "out.jsonl"], DataError, "put nq_open_dev.jsonl there"),
    ],
)
def test_wrong_names_and_files_are_errors(
    app: typer.Typer, data: Path, arguments: list[str], error: type[Exception], message: str
) -> None:
    command = ["benchmark", "load", *arguments, "--data", str(data)]
    with pytest.raises(error, match=message):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_listing_benchmarks_imports_nothing_heavy() -> None:
    code = (
        "import sys; from router_r1_eval import benchmarks; from router_r1_eval.benchmarks import commands\n"
        "for name in benchmarks.names(): benchmarks.get(name)\n"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "transformers", "datasets", "pandas", "numpy", "pyarrow", "sklearn"}
    assert not set(loaded.stdout.split()) & heavy


def test_mix_takes_samples_of_several_sources_and_names_them_as_categories(
    app: typer.Typer, data: Path, tmp_path: Path
) -> None:
    own, out = tmp_path / "own.jsonl", tmp_path / "mixed.jsonl"
    rows = [{"prompt": f"Capital {n}?", "answer": "Lima", "category": "geo"} for n in range(8)]
    own.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["benchmark", "mix", str(out), "gsm8k=5", str(own), "--data", str(data)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    mixed = read_questions(out)
    assert [q.category for q in mixed].count("gsm8k") == 5
    assert [q.category for q in mixed].count("own") == 8
    # Shuffled, the same every time; a sample is the one that `load --limit` takes.
    assert len({q.category for q in mixed[:5]}) == 2
    assert {q.id for q in benchmarks.load("gsm8k", data, limit=5)} <= {q.id for q in mixed}

    for shares, message in ((["gsm8k=x"], "expected NAME or NAME="), (["gsm8k", "gsm8k"], "too;")):
        failed = CliRunner().invoke(app, [*command[:3], *shares, "--data", str(data)])
        assert isinstance(failed.exception, ConfigError) and message in str(failed.exception)
