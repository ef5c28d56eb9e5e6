"""The metric code: permission, the program in a reply, the tests of a question, real question sets."""

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_reward import grade
from router_r1_reward.metrics.code.grader import passes as passes_tests
from router_r1_reward.metrics.code.grader import program_of
from router_r1_reward.metrics.code.sandbox_runner import PERMISSION, isolation

RIGHT = "def double(x):\n    return 2 * x\n"

WRONG = "def double(x):\n    return x + 1\n"

TESTS = "assert double(2) == 4\nassert double(5) == 10\n"

QUESTION = Question(
    id="1",
    question="Write double(x).",
    answer=RIGHT,
    metric="code",
    metadata={"tests": TESTS.splitlines(), "entry_point": "double"},
)

HUMAN_EVAL = Question(
    id="2",
    question="Complete the function.",
    answer="    return 2 * x\n",
    metric="code",
    metadata={
        "prompt": "def half(x):\n    return x / 2\n\ndef double(x):\n",
        "entry_point": "double",
        "tests": "def check(candidate):\n    assert candidate(2) == 4\n    assert half(candidate(3)) == 3\n",
    },
)


def passes(program: str, question: Question | None = QUESTION, gold: str = RIGHT) -> float:
    return grade(program, [gold], "code", question=question, allow_code=True)


# --- permission


def test_programs_run_only_with_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PERMISSION, raising=False)
    for answer in (RIGHT, None):
        with pytest.raises(ConfigError, match=f"{PERMISSION}=1"):
            grade(answer, [RIGHT], "code", question=QUESTION)
    monkeypatch.setenv(PERMISSION, "0")
    with pytest.raises(ConfigError):
        grade(RIGHT, [RIGHT], "code", question=QUESTION)


def test_the_environment_can_give_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PERMISSION, "1")
    assert grade(RIGHT, [RIGHT], "code", question=QUESTION) == 1


# --- programs and tests


def test_a_right_program_passes_and_a_wrong_one_fails() -> None:
    assert passes(RIGHT) == 1
    assert passes(WRONG) == 0
    assert passes("def double(x) return") == 0
    assert passes("") == 0
    assert grade(None, [RIGHT], "code", question=QUESTION, allow_code=True) == 0


def test_the_program_is_extracted_from_a_reply() -> None:
    assert passes(f"Here it is:\n```python\n{RIGHT}```\nUse it as\n```\ndouble(input())\n```") == 1
    assert passes(f"```python\nraise SystemExit\n```\nBetter:\n```py\n{RIGHT}```") == 1


@pytest.mark.parametrize(
    "reply",
    [
        "```bash\npip install x\n```\nThen\n```python\ndef double(x): return 2 * x\n```\n",
        "```Python title='a.py'\ndef double(x): return 2 * x\n```",
        "1. So:\n   ```python\ndef double(x): return 2 * x\n   ```",
        "It ends early:\n```python\ndef double(x): return 2 * x\n",
    ],
)
def test_programs_are_extracted_from_replies_as_models_write_them(reply: str) -> None:
    assert passes(reply) == 1


def test_extraction_from_long_replies_is_fast() -> None:
    began = time.process_time()
    program_of("```" + " " * 32_000 + "x", {"entry_point": "f"})
    program_of("```" + "\n" * 32_000, {"entry_point": "f"})
    assert time.process_time() - began < 1


def test_a_completion_gets_the_head_from_the_prompt() -> None:
    assert passes("    return 2 * x\n", HUMAN_EVAL) == 1
    assert passes(f"def half(x): return x / 2\n{RIGHT}", HUMAN_EVAL) == 1
    assert passes("    return x + 1\n", HUMAN_EVAL) == 0


def test_a_restated_function_can_use_the_functions_of_the_prompt() -> None:
    prompt = "import math\ndef half(x):\n    return x / 2\ndef f(x):\n    'Rounded half.'\n"
    metadata = {"prompt": prompt, "entry_point": "f", "tests": "assert f(5) == 2"}
    question = Question(id="q", question=prompt, answer="-", metric="code", metadata=metadata)
    answer = "```python\ndef f(x):\n    return math.floor(half(x))\n```"
    assert grade(answer, ["-"], "code", question=question, allow_code=True) == 1


def test_a_program_cannot_replace_the_functions_of_the_prompt() -> None:
    assert passes(f"{WRONG}def half(x): return 3 if x == 4 else 2\ndouble = lambda x: 4\n", HUMAN_EVAL) == 0  # fmt: skip


def test_the_gold_answer_may_be_the_test_program() -> None:
    assert passes(RIGHT, None, TESTS) == 1
    assert passes(WRONG, None, TESTS) == 0


@pytest.mark.parametrize(
    "head", ["from solution import double", "import main\ndouble = main.double"]
)
def test_tests_may_import_the_program_from_a_module(head: str) -> None:
    reply = (
        f"```python\n{RIGHT}```\nA helper, not needed:\n```python\ndef halve(x): return x / 2\n```"
    )
    assert passes(reply, None, f"{head}\n{TESTS}") == 1
    assert passes(WRONG, None, f"{head}\n{TESTS}") == 0


def test_tests_with_a_syntax_error_raise() -> None:
    with pytest.raises(DataError, match="not valid Python"):
        passes(RIGHT, None, "assert (")


# --- real question sets


def _rows(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _failing(questions: list[tuple[str, str, dict[str, Any]]]) -> list[str]:
    """Ids of the questions whose reference solution does not pass."""

    def right(item: tuple[str, str, dict[str, Any]]) -> bool:
        question = Question(id=item[0], question="?", answer=item[1], metric="code", metadata=item[2])  # fmt: skip
        return passes_tests(item[1], item[1], question) == 1

    isolation()
    with ThreadPoolExecutor(2) as pool:
        return [item[0] for item, ok in zip(questions, pool.map(right, questions), strict=True) if not ok]  # fmt: skip


def test_all_reference_solutions_of_humaneval_pass(development_data: Path) -> None:
    questions = [
        (row["task_id"], row["canonical_solution"], {"tests": row["test"], "entry_point": row["entry_point"], "prompt": row["prompt"]})
        for row in _rows(development_data / "questions" / "humaneval.jsonl.gz")
    ]  # fmt: skip
    assert len(questions) == 164
    assert _failing(questions) == []


@pytest.mark.slow
def test_all_reference_solutions_of_mbpp_pass(development_data: Path) -> None:
    questions = [
        (str(row["task_id"]), row["code"], {"tests": row["test_list"] + row["challenge_test_list"], "setup": row["test_setup_code"]})
        for row in _rows(development_data / "questions" / "mbpp.jsonl.gz")
    ]  # fmt: skip
    assert len(questions) == 974
    assert _failing(questions) == []
