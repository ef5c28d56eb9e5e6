"""The cases that failed in the field, kept beside the repository: votes, and replies of every kind but code and maths."""

import json
from pathlib import Path

import pytest

from router_r1.answers import answer_key, extract_answer
from router_r1.data.questions import Question
from router_r1_reward import grade

CASES = Path(__file__).parents[4] / "shared" / "cases"
METRICS = ("choice", "em", "f1", "contains")


def _rows(name: str) -> list[dict]:
    path = CASES / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
@pytest.mark.parametrize("case", [row for row in _rows("grades.jsonl") if row["metric"] in METRICS])
def test_grades(case: dict) -> None:
    choices = tuple(case["choices"]) if "choices" in case else None
    question = Question(
        id="1", question="?", answer=case["gold"], metric=case["metric"], choices=choices
    )
    assert grade(case["answer"], [case["gold"]], case["metric"], question=question) == case["want"]


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
@pytest.mark.parametrize("case", _rows("votes.jsonl"))
def test_votes(case: dict) -> None:
    answers = [extract_answer(reply) for reply in case["replies"]]
    keys = [answer_key(answer) for answer in answers if answer is not None]
    winner = max(keys, key=keys.count)
    assert keys.count(winner) == len(keys) - 1
    assert winner in {answer_key(text) for text in case["winners"]}
