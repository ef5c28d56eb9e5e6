"""`validate`: gold answers that do not score 1, wrong answers that do; real question sets; the command."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from router_r1.data.questions import Question, read_questions, write_questions
from router_r1.errors import ConfigError
from router_r1_reward import METRICS, validate
from router_r1_reward.commands import register
from router_r1_reward.metrics.base import Grade
from router_r1_reward.metrics.code.sandbox_runner import PERMISSION


def question(metric: str, answer: Any, **more: Any) -> Question:
    return Question(id=metric, question="?", answer=answer, metric=metric, **more)


GOOD = [
    question("em", ("Paris", "Lutetia")),
    question("f1", "the city of light"),
    question("contains", "Paris"),
    question("choice", "B", choices=("Rome", "Paris")),
    question("math", r"\$1,234.50"),
    question("code", "def f(): return 1", metadata={"tests": "assert f() == 1"}),
]


def test_gold_answers_score_one() -> None:
    report = validate(GOOD, allow_code=True)
    assert report.ok
    assert report.checked == dict.fromkeys(("em", "f1", "contains", "choice", "math", "code"), 1)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (question("rouge", "x"), "no such metric; expected one of"),
        (question("choice", "C", choices=("Rome", "Paris")), "does not name one of 2 options"),
        (question("choice", "Paris"), "by its letter"),
        (question("code", "def f(): return 2", metadata={"tests": "assert f() == 1"}), "scores 0"),
        (question("code", "x = 1", metadata={"tests": "pass"}), "the tests test nothing"),
        (
            question("code", "x = 1", metadata={"tests": "assert True"}),
            "a wrong answer scores 1 too",
        ),
        (question("code", "x = 1", metadata={"tests": "assert ("}), "not valid Python"),
        (question("code", "assert f() == 1"), "metadata has no tests"),
    ],
)
def test_each_kind_of_problem_is_reported(bad: Question, problem: str) -> None:
    report = validate([*GOOD[:3], bad], allow_code=True)
    assert not report.ok
    (offender,) = report.offenders
    assert (offender.id, offender.metric, offender.answer) == (bad.id, bad.metric, bad.answers[0])
    assert problem in offender.problem


def wrong_answers(question: Question) -> tuple[str, ...]:
    return METRICS[question.metric].wrong_answers(question, question.answers[0])


def test_plausible_wrong_answers() -> None:
    options = question("choice", "B", choices=("Rome", "Paris", "Oslo"))
    assert wrong_answers(options) == ("I don't know", "", "A", "C")
    assert {"3/2", "-1/2", "5", "1"} <= set(wrong_answers(question("math", "1/2")))
    assert "0" not in wrong_answers(question("math", "0"))  # ten times nothing is nothing
    assert "no" in wrong_answers(question("em", "Yes"))
    assert "Marie Curie" not in wrong_answers(question("f1", "Pierre Curie"))
    for metric, expected in (("em", True), ("f1", True), ("contains", False)):
        echo = Question(id="1", question="Which, A or B?", answer="A", metric=metric)
        assert ("Which, A or B?" in wrong_answers(echo)) is expected


@pytest.fixture
def change_grade(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Grade], None]:
    """Replaces how a metric grades."""

    def change(name: str, grade: Grade) -> None:
        assert name in METRICS  # loads the registry
        entry = METRICS._entries[name]
        changed = replace(entry, value=replace(entry.value, grade=grade))
        monkeypatch.setitem(METRICS._entries, name, changed)

    return change


def test_a_metric_that_accepts_wrong_answers_is_found(
    change_grade: Callable[[str, Grade], None],
) -> None:
    change_grade("em", lambda *_: 1.0)
    (offender,) = validate([question("em", "Paris")]).offenders
    assert offender.problem == 'a wrong answer scores 1 too: "I don\'t know"'

    def half(answer: str, *_: object) -> float:
        return 1.0 if answer == "Paris" else 0.5

    change_grade("em", half)
    (offender,) = validate([question("em", "Paris")]).offenders
    assert "a wrong answer scores 0.5 too" in offender.problem
    change_grade("f1", half)
    assert validate([question("f1", "Paris")]).ok


def test_every_accepted_answer_is_checked() -> None:
    bad = question("choice", ("A", "Z", "Y"), choices=("Rome", "Paris"))
    assert [offender.answer for offender in validate([bad]).offenders] == ["Z", "Y"]


@pytest.mark.skipif(find_spec("math_verify") is None, reason="math-verify is not installed")
def test_unreadable_expressions_are_offenders() -> None:
    report = validate([question("math", r"\frac{1}{2} + x"), question("math", r"\frac{")])
    (offender,) = report.offenders
    assert offender.answer == r"\frac{"


def test_validating_programs_needs_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PERMISSION, raising=False)
    with pytest.raises(ConfigError, match=PERMISSION):
        validate(GOOD)


# --- real question sets


def _lines(data: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(data / "questions" / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _object(data: Path, name: str) -> Any:
    with gzip.open(data / "questions" / name, "rt", encoding="utf-8") as file:
        return json.load(file)


def _multi_hop(data: Path, name: str, metric: str) -> Iterable[Question]:
    for row in _object(data, f"{name}.json.gz"):
        yield Question(id=row["id"], question=row["Question"], answer=row["answer"], metric=metric)


def _nq(data: Path, metric: str) -> Iterable[Question]:
    for number, row in enumerate(_lines(data, "nq_open_dev.jsonl.gz")):
        yield Question(id=str(number), metric=metric, **row)


def _gsm8k(data: Path, name: str) -> Iterable[Question]:
    """The gold answer is the whole solution; its last number counts."""
    for number, row in enumerate(_lines(data, f"gsm8k_{name}.jsonl.gz")):
        yield Question(
            id=str(number), question=row["question"], answer=row["answer"], metric="math"
        )


def _aime(data: Path) -> Iterable[Question]:
    for row in _lines(data, "aime24.jsonl.gz"):
        yield Question(
            id=str(row["id"]), question=row["problem"], answer=row["answer"], metric="math"
        )


def _mmlu_redux(data: Path) -> Iterable[Question]:
    for row in _object(data, "mmlu_redux.json.gz")["test"]:
        choices = tuple(row["choices"].values())
        yield Question(
            id=str(row["id"]), question=row["question"], answer=row["answer"], metric="choice", choices=choices
        )  # fmt: skip


def _truthful_qa(data: Path) -> Iterable[Question]:
    with gzip.open(data / "questions" / "truthfulqa.csv.gz", "rb") as file:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8"))
        for number, row in enumerate(rows):
            yield Question(
                id=str(number), question=row["Question"], answer=row["Best Answer"], metric="f1"
            )


def _bbh(data: Path, task: str, metric: str) -> Iterable[Question]:
    for number, row in enumerate(_object(data, f"bbh_{task}.json.gz")["examples"]):
        yield Question(id=str(number), question=row["input"], answer=row["target"], metric=metric)


def _human_eval(data: Path) -> Iterable[Question]:
    for row in _lines(data, "humaneval.jsonl.gz")[::12]:
        metadata = {
            "tests": row["test"],
            "entry_point": row["entry_point"],
            "prompt": row["prompt"],
        }
        yield Question(
            id=row["task_id"], question=row["prompt"], answer=row["canonical_solution"], metric="code", metadata=metadata
        )  # fmt: skip


def _mbpp(data: Path) -> Iterable[Question]:
    for row in _lines(data, "mbpp.jsonl.gz")[::70]:
        metadata = {"tests": row["test_list"], "setup": row["test_setup_code"]}
        yield Question(
            id=str(row["task_id"]), question=row["text"], answer=row["code"], metric="code", metadata=metadata
        )  # fmt: skip


SETS: dict[str, Callable[[Path], Iterable[Question]]] = {
    **{
        f"{name}-{metric}": partial(_multi_hop, name=name, metric=metric)
        for name in ("hotpotqa", "2wiki", "musique", "bamboogle")
        for metric in ("em", "f1", "contains")
    },
    **{f"nq-{metric}": partial(_nq, metric=metric) for metric in ("em", "f1", "contains")},
    "gsm8k-train": partial(_gsm8k, name="train"),
    "gsm8k-test": partial(_gsm8k, name="test"),
    "aime24": _aime,
    "mmlu-redux": _mmlu_redux,
    "mmlu-pro": lambda data: read_questions(data / "mmlu_pro" / "questions.jsonl.gz"),
    "truthfulqa": _truthful_qa,
    "bbh-boolean": partial(_bbh, task="boolean_expressions", metric="em"),
    "bbh-dates": partial(_bbh, task="date_understanding", metric="choice"),
    "bbh-deduction": partial(_bbh, task="logical_deduction_three_objects", metric="choice"),
    "bbh-arithmetic": partial(_bbh, task="multistep_arithmetic_two", metric="math"),
    "bbh-lies": partial(_bbh, task="web_of_lies", metric="em"),
    "bbh-sorting": partial(_bbh, task="word_sorting", metric="em"),
    "humaneval": _human_eval,
    "mbpp": _mbpp,
}


@pytest.mark.parametrize("name", SETS)
def test_the_gold_answers_of_real_question_sets_score_one(
    name: str, development_data: Path
) -> None:
    report = validate(SETS[name](development_data), allow_code=True)
    assert report.offenders == ()
    assert sum(report.checked.values()) >= 10


# --- the command


def run_command(*arguments: str) -> Any:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["reward", "validate", *arguments])


def test_the_command_reports_a_valid_file(tmp_path: Path) -> None:
    write_questions(tmp_path / "q.jsonl.gz", GOOD)
    result = run_command(str(tmp_path / "q.jsonl.gz"), "--allow-code")
    assert result.exit_code == 0, result.output
    assert "1 em, 1 f1" in result.output and "all gold answers score 1" in result.output


def test_the_command_reports_only_what_was_checked(tmp_path: Path) -> None:
    one = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    questions = [
        Question(id="i", question="Write.", answer="-", metric="ifeval", metadata=one),
        Question(id="t", question="Go on.", answer="-", metric="toxicity"),
    ]
    write_questions(tmp_path / "q.jsonl", questions[:1])
    write_questions(tmp_path / "both.jsonl", [*questions, *GOOD[:1]])
    result = run_command(str(tmp_path / "q.jsonl"), str(tmp_path / "both.jsonl"))
    assert result.exit_code == 0, result.output
    alone, both = result.output.splitlines()
    assert "1 ifeval: all instructions can be read" in alone and "gold" not in alone
    assert ": all gold answers score 1; all instructions can be read" in both
    assert both.endswith("toxicity was counted and not checked, it has no gold answers")


def test_the_command_lists_offenders_and_fails(tmp_path: Path) -> None:
    bad = [
        question("choice", "Z", choices=("a", "b")).model_copy(update={"id": f"bad-{n}"})
        for n in range(30)
    ]
    write_questions(tmp_path / "q.jsonl", bad)
    write_questions(tmp_path / "good.jsonl", GOOD[:2])
    result = run_command(str(tmp_path / "q.jsonl"), str(tmp_path / "good.jsonl"))
    assert result.exit_code == 1
    assert "bad-0: 'Z': the gold answer 'Z' does not name one of 2 options" in result.output
    assert "and 10 more" in result.output
    assert "good.jsonl: 1 em, 1 f1: all gold" in result.output
