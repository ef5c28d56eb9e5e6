"""Loading rows: from files, from copies of hub repositories, from the hub; and sources that are missing or broken."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router_r1.errors import DataError, MissingDependencyError
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks import Hub, loading


def test_a_missing_benchmark_says_which_file_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        benchmarks.load("gpqa", tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: holds nothing of gpqa; put gpqa_diamond.csv")
    assert "from https://github.com/idavidrein/gpqa" in str(error.value)
    with pytest.raises(DataError, match=r"put bbh_PART\.json there .*PART one of boolean_expr"):
        benchmarks.load("bbh", tmp_path)
    with pytest.raises(DataError, match=r"put gsm8k_train\.jsonl there"):
        benchmarks.load("gsm8k", tmp_path, split="train")


def test_missing_parts_are_named(
    put: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "bbh_snarks.json", {"input": "?", "target": "yes"})
    assert [q.category for q in benchmarks.load("bbh", tmp_path)] == ["snarks"]
    assert "has no file for boolean_expressions, causal_judgement" in caplog.text


def test_one_file_may_hold_all_parts(put: Callable[..., Path], tmp_path: Path) -> None:
    put(
        tmp_path,
        "bbh.jsonl",
        {"input": "1?", "target": "yes", "task": "snarks"},
        {"input": "2?", "target": "no"},
    )
    with pytest.raises(DataError, match=r"bbh\.jsonl:2: the row has no 'task'; it has 'input'"):
        benchmarks.load("bbh", tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("nq", "nq.jsonl", '{"question": "?", "answer": ["x"]}\nno', r"nq\.jsonl:2: not JSON"),
        ("nq", "nq.jsonl", '{"question": "?"}', r"nq\.jsonl:1: the row has no 'answer' or"),
        ("nq", "nq.jsonl", '{"question": "?", "answer": []}', "no accepted answer"),
        ("nq", "nq.jsonl", "[1]", r"nq\.jsonl:1: expected an object, got list"),
        ("nq", "nq.json", "[{", r"nq\.json: not JSON"),
        ("nq", "nq.json", '{"x": 1}', r"nq\.json: expected a list of questions.*it has 'x'"),
        ("nq", "nq.json", '[{"answer": "x"}]', r"nq\.json: question 1: .* no 'question'"),
        ("nq", "nq.csv", "question,answer\n?", r"nq\.csv: row 2 has a different number of cells"),
        (
            "gsm8k",
            "gsm8k.jsonl",
            '{"question": "?", "answer": "4"}',
            r":1: 'answer' does not end in",
        ),
        ("math", "math/algebra.jsonl", '{"problem": "?", "solution": "4"}', r":1: .*no \\boxed"),
        ("aime", "aime24.jsonl", '{"problem": "?", "answer": "x"}', "expected a whole number"),
        ("aime", "aime24.jsonl", '{"problem": "?", "answer": 1000}', "a number from 0 to 999"),
        ("mmlu", "mmlu.jsonl", '{"question": "?", "choices": ["a"], "answer": 1}', "none of 1"),
        ("mmlu", "mmlu.jsonl", '{"question": "?", "choices": "a", "answer": 0}', "list of texts"),
        (
            "musr",
            "team_allocation.csv",
            "narrative,question,choices,answer_index\na,b,[,0",
            "expected a list",
        ),
        (
            "truthfulqa",
            "truthfulqa.jsonl",
            '{"question": "?", "mc1_targets": {"choices": ["a"], "labels": [0]}}',
            "has 0 true options",
        ),
        (
            "ifeval",
            "ifeval.jsonl",
            '{"key": 1, "prompt": "?", "instruction_id_list": ["a"], "kwargs": []}',
            "a list with 1 objects",
        ),
        ("glue", "glue.jsonl", '{"task": "ax", "label": 0, "idx": 0}', "GLUE has no task 'ax'"),
        (
            "realtoxicityprompts",
            "prompts.jsonl",
            '{"prompt": "x"}',
            r"prompts\.jsonl:1: 'prompt' is 'x'",
        ),
    ],
)
def test_a_broken_row_names_file_and_line(
    name: str, file: str, content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        benchmarks.load(name, tmp_path)


def test_the_file_of_a_part_may_have_a_different_name(
    put: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"put PART\.csv .* PART one of murder_mystery, object_pla"):
        benchmarks.load("musr", tmp_path)
    put(tmp_path, "musr_murder_mysteries.jsonl", {**STORY, "answer_index": 0})
    assert [q.answer for q in benchmarks.load("musr", tmp_path)] == ["A"]
    put(tmp_path, "murder_mystery.csv", {**STORY, "answer_index": 1})
    assert [q.answer for q in benchmarks.load("musr", tmp_path)] == ["B"]


def test_parquet_files(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"question": "Who?", "answer": ["Eve", "Eva"]}, {"question": "When?", "answer": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "nq.parquet")
    with pytest.raises(DataError, match=r"nq\.parquet: row 2: the row has no 'answer'"):
        benchmarks.load("nq", tmp_path)
    parquet.write_table(pyarrow.Table.from_pylist(rows[:1]), tmp_path / "nq.parquet")
    assert benchmarks.load("nq", tmp_path)[0].answer == ("Eve", "Eva")
    (tmp_path / "nq.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"nq\.parquet: cannot be read"):
        benchmarks.load("nq", tmp_path)


def test_without_datasets_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'router-r1\[eval\]'"):
        benchmarks.load("nq")


def repository(folder: Path) -> Path:
    """A repository as on the hub, with two configurations."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for task, label in (("cola", 1), ("sst2", 0)):
        rows = [{"sentence": f"{task} sentence", "label": label, "idx": 0}]
        (folder / task).mkdir(parents=True)
        table = pyarrow.Table.from_pylist(rows)
        parquet.write_table(table, folder / task / "validation-00000-of-00001.parquet")
    configs = "".join(
        f"- config_name: {task}\n  data_files:\n  - split: validation\n    path: {task}/validation-*\n"
        for task in ("cola", "sst2")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.mark.usefixtures("cache")
def test_rows_of_the_hub(tmp_path: Path) -> None:
    place = str(repository(tmp_path / "repository"))
    hub = tuple(Hub(place, task, "validation", task) for task in ("cola", "sst2"))
    glue = replace(benchmarks.get("glue"), hub=hub)
    rows = list(loading.rows(glue, None))
    assert [where.removeprefix(place) for where, _ in rows] == [
        " (cola, validation): row 1",
        " (sst2, validation): row 1",
    ]
    questions = [glue.convert(number, row) for number, (_, row) in enumerate(rows)]
    assert [(q.category, q.answer) for q in questions if q] == [("cola", "B"), ("sst2", "A")]
    with pytest.raises(DataError, match=r"glue: .* \(cola, train\) cannot be read: .*; get it fro"):
        list(loading.rows(glue, None, "train"))


@pytest.mark.usefixtures("cache")
def test_a_copy_of_the_hub_repository_in_a_folder(tmp_path: Path) -> None:
    repository(tmp_path / "glue")
    hub = tuple(Hub("nyu-mll/glue", task, "validation", task) for task in ("cola", "sst2"))
    glue = replace(benchmarks.get("glue"), hub=hub)
    assert [row["sentence"] for _, row in loading.rows(glue, tmp_path)] == [
        "cola sentence",
        "sst2 sentence",
    ]


MUSIQUE = {"id": "2hop__1", "question": "When?", "answer": "1900", "answer_aliases": []}

STORY = {"narrative": "It was dark.", "question": "Who?", "choices": "['Ann', 'Eve']"}

COPIES: list[tuple[str, str, dict[str, list[dict[str, Any]]], list[str]]] = [
    # A TSV file, and a README without configurations.
    (
        "popqa",
        "PopQA/README.md",
        {"PopQA/test.tsv": [{"id": 7, "question": "Who?", "possible_answers": '["Ann", "A."]'}]},
        ["popqa/7"],
    ),
    # No README; the file called `dev` is the validation set.
    (
        "musique",
        "MuSiQue/.gitattributes",
        {
            "MuSiQue/musique_ans_v1.0_train.jsonl": [{**MUSIQUE, "id": "no"}],
            "MuSiQue/musique_ans_v1.0_dev.jsonl": [MUSIQUE],
        },
        ["musique/2hop__1"],
    ),
    # One file with the name of no split is the training set.
    (
        "ifeval",
        "IFEval/README.md",
        {
            "IFEval/ifeval_input_data.jsonl": [
                {"key": n, "prompt": "Go.", "instruction_id_list": ["a:b"], "kwargs": [given]}
                for n, given in enumerate([{}, {"n": 1}])
            ]
        },
        ["ifeval/0", "ifeval/1"],
    ),
]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("name", "mark", "files", "expected"), COPIES, ids=lambda v: str(v)[:24])
def test_copies_of_hub_repositories(
    put: Callable[..., Path],
    name: str,
    mark: str,
    files: dict[str, list[Any]],
    expected: list[str],
    tmp_path: Path,
) -> None:
    for file, rows in files.items():
        put(tmp_path, file, *rows)
    (tmp_path / mark).touch()
    assert [question.id for question in benchmarks.load(name, tmp_path)] == expected


@pytest.mark.usefixtures("cache")
def test_a_copy_whose_readme_names_the_files(put: Callable[..., Path], tmp_path: Path) -> None:
    """A task is a split, whose file may have another name; a benchmark may be one of many configurations."""
    files = {"murder_mysteries": "murder_mystery", "object_placements": "object_placements"}
    lines = "".join(f"  - split: {split}\n    path: {name}.csv\n" for split, name in files.items())
    for name in files.values():
        put(tmp_path, f"MuSR/{name}.csv", {**STORY, "answer_index": 1, "answer_choice": "Eve"})
    readme = f"---\nconfigs:\n- config_name: default\n  data_files:\n{lines}---\n"
    (tmp_path / "MuSR" / "README.md").write_text(readme)
    musr = benchmarks.get("musr")
    musr = replace(musr, hub=tuple(hub for hub in musr.hub if hub.split in files))
    asked = [musr.convert(0, row) for _, row in loading.rows(musr, tmp_path)]
    assert [(q.category, q.answer) for q in asked if q] == [(split, "B") for split in files]

    folder = tmp_path / "FlashRAG_datasets"
    put(folder, "nq/dev.jsonl", {"id": "d", "question": "When?", "golden_answers": ["1900"]})
    put(
        folder,
        "2wikimultihopqa/dev.jsonl",
        {"id": "d", "question": "Who?", "golden_answers": ["E"]},
    )
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: nq\n  data_files:\n  - split: dev\n    path: nq/dev.jsonl\n"
        "- config_name: 2wikimultihopqa\n  data_files:\n  - split: dev\n    path: 2wikimultihopqa/dev.jsonl\n---\n"
    )
    (question,) = benchmarks.load("2wikimultihopqa", tmp_path)
    assert (question.id, question.answer) == ("2wikimultihopqa/d", "E")
