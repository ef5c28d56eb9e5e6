"""The corpus of replies: the grade is the one that two careful people give. See corpus/README.md."""

import json
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward import ScorerError, grade

FOLDER = Path(__file__).parent / "corpus"
FILES = ("dev", "held", "blind")
LEAST = 0.97


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def _grade(line: dict[str, Any]) -> float | str:
    """The grade, or why there is none."""
    question = Question(
        id="corpus",
        question="corpus",
        answer=line["gold"],
        metric=line["metric"],
        choices=line.get("choices"),
        metadata={"tests": line["gold"]} if line["metric"] == "code" else {},
    )
    golds = [line["gold"]]
    try:
        return grade(line["answer"], golds, line["metric"], question=question, allow_code=True)
    except DataError as error:
        return str(error)


@pytest.fixture(scope="module")
def sandbox() -> str | None:
    """Why no program can run on this machine; None where one can."""
    program = {"answer": "```python\ndef f():\n    return 1\n```", "gold": "assert f() == 1"}
    try:
        _grade({**program, "metric": "code"})
    except ScorerError as error:
        return str(error)
    return None


def test_nearly_all_replies_get_their_grade(sandbox: str | None) -> None:
    pytest.importorskip("math_verify")
    lines = [line for name in FILES for line in _lines(name)]
    graded = [line for line in lines if sandbox is None or line["metric"] != "code"]
    wrong = [(line, got) for line in graded if (got := _grade(line)) != line["want"]]
    report = "\n".join(
        f"{line['kind']}: {line['metric']} {line['answer']!r}, gold {line['gold']!r}: {got}"
        for line, got in wrong
    )
    assert len(wrong) <= (1 - LEAST) * len(graded), f"{len(wrong)} of {len(graded)}:\n{report}"


@pytest.mark.parametrize("name", ["dev", "held"])
def test_a_third_of_the_replies_are_not_right(name: str) -> None:
    wants = [line["want"] for line in _lines(name)]
    assert set(wants) == {0, 1}
    assert 0.3 < wants.count(0) / len(wants) < 0.4


def test_the_files_share_kinds_and_hardly_a_reply() -> None:
    dev, held, _ = map(_lines, FILES)
    assert {line["kind"] for line in dev} == {line["kind"] for line in held}
    common = {line["answer"] for line in dev} & {line["answer"] for line in held}
    assert not [answer for answer in common if len(answer) > 20]


def test_every_kind_states_its_rule() -> None:
    rules = (FOLDER / "README.md").read_text("utf-8")
    kinds = {line["kind"] for name in FILES for line in _lines(name)}
    assert not {kind for kind in kinds if f"| {kind} |" not in rules}
