"""The metric code: off unless allowed; what passes, what does not, and what a program gets to use."""

import socket
import subprocess
import sys
import time

import pytest

from router_r1.errors import ConfigError, DataError
from router_r1.questions import Question
from router_r1_reward import grade
from router_r1_reward.programs import PERMISSION, RunLimits, isolation, run

RIGHT = "def double(x):\n    return 2 * x\n"
WRONG = "def double(x):\n    return x + 1\n"
TESTS = "assert double(2) == 4\nassert double(5) == 10\n"
SHORT = RunLimits(cpu_s=1, wall_s=20)

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
        "prompt": "def double(x):\n",
        "entry_point": "double",
        "tests": "def check(candidate):\n    assert candidate(2) == 4\n",
    },
)


def passes(program: str, question: Question | None = QUESTION, gold: str = RIGHT) -> float:
    return grade(program, [gold], "code", question=question, allow_code=True)


# --- permission


def test_programs_are_not_run_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PERMISSION, raising=False)
    for answer in (RIGHT, None):
        with pytest.raises(ConfigError, match=f"{PERMISSION}=1"):
            grade(answer, [RIGHT], "code", question=QUESTION)
    monkeypatch.setenv(PERMISSION, "0")
    with pytest.raises(ConfigError):
        grade(RIGHT, [RIGHT], "code", question=QUESTION)


def test_the_environment_allows_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PERMISSION, "1")
    assert grade(RIGHT, [RIGHT], "code", question=QUESTION) == 1


# --- what passes


def test_a_program_passes_its_tests_or_not() -> None:
    assert passes(RIGHT) == 1
    assert passes(WRONG) == 0
    assert passes("def double(x) return") == 0
    assert passes("") == 0
    assert grade(None, [RIGHT], "code", question=QUESTION, allow_code=True) == 0


def test_the_program_is_found_in_a_reply() -> None:
    assert passes(f"Here it is:\n```python\n{RIGHT}```\nUse it as\n```\ndouble(input())\n```") == 1
    assert passes(f"```python\nraise SystemExit\n```\nBetter:\n```py\n{RIGHT}```") == 1


def test_a_completion_gets_its_head() -> None:
    assert passes("    return 2 * x\n", HUMAN_EVAL) == 1
    assert passes(RIGHT, HUMAN_EVAL) == 1
    assert passes("    return x + 1\n", HUMAN_EVAL) == 0


def test_the_gold_answer_may_be_the_test_program() -> None:
    assert passes(RIGHT, None, TESTS) == 1
    assert passes(WRONG, None, TESTS) == 0


def test_tests_that_are_no_program_are_an_error() -> None:
    with pytest.raises(DataError, match="no Python program"):
        passes(RIGHT, None, "assert (")


# --- what does not


@pytest.mark.parametrize(
    "leave",
    ["import sys; sys.exit(0)", "raise SystemExit", "import os; os._exit(0)", "import os, signal; os.kill(os.getpid(), 9)"],
)  # fmt: skip
def test_leaving_early_is_no_pass(leave: str) -> None:
    assert passes(f"{WRONG}{leave}\n") == 0
    assert passes(f"def double(x):\n    {leave}\n") == 0


def test_printing_what_the_runner_prints_is_no_pass() -> None:
    assert passes(f"{WRONG}print('ready')\nprint('passed')\nimport os\nos._exit(0)") == 0


def test_an_endless_loop_is_ended() -> None:
    start = time.monotonic()
    assert not run("while True: pass", TESTS, SHORT)
    assert time.monotonic() - start < 15


def test_a_program_that_sleeps_is_ended() -> None:
    start = time.monotonic()
    assert not run("import time; time.sleep(1000)", TESTS, RunLimits(wall_s=2))
    assert time.monotonic() - start < 20


def test_a_program_that_waits_for_input_gets_none() -> None:
    assert not run("input()", TESTS, SHORT)


# --- what a program gets


def probe(statement: str, limits: RunLimits = SHORT) -> bool:
    """Does this statement run through?"""
    return run(statement, "", limits)


def test_memory_is_limited() -> None:
    assert probe("x = bytearray(2**20)")
    assert not probe("x = bytearray(2**31)")


def test_files_are_small_and_in_a_folder_of_its_own() -> None:
    assert probe("import os; assert os.listdir() == []; open('a', 'w').write('x')")
    assert not probe("open('a', 'w').write('x' * 2**22)")


def test_no_variable_of_the_environment_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "sk-123")
    assert probe("import os; assert 'SECRET_KEY' not in os.environ and 'HOME' not in os.environ")


def test_there_is_no_network() -> None:
    if not isolation():
        pytest.skip(
            "namespaces are not permitted here, so programs have a network, and a warning says so"
        )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        assert not probe(connect)


def test_what_a_program_prints_fills_nothing_up() -> None:
    assert probe("for _ in range(100): print('x' * 10**5)")


def test_without_namespaces_programs_run_and_a_warning_says_so() -> None:
    code = (
        "from router_r1_reward.programs import isolation, run\n"
        "assert isolation() == ()\n"
        "assert run('x = 1', 'assert x == 1') and not run('x = 2', 'assert x == 1')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("access to the network") == 1
