"""Grades programs: finds the program in an answer and its tests in the question, and has both run in the sandbox.

Running what a model wrote is off unless ROUTER_R1_ALLOW_CODE=1 is set or the caller passes `allow_code=True`. See
`sandbox_runner.py` for how a program runs and when it passes.

The tests come from `question.metadata`:

    tests          a program, or a list of statements; without it the gold answer is the test program
    entry_point    the function that HumanEval's `check(candidate)` is called with
    setup          statements before the tests
    prompt         the head of the program, put before an answer that does not define `entry_point` itself; the tests
                   take its other functions from here, and not from the program
"""

from __future__ import annotations

import ast
import contextlib
import functools
import os
from collections.abc import Mapping
from typing import Any

from router_r1.answers import without_thoughts
from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1_reward.metrics.code.program_names import needed_names
from router_r1_reward.metrics.code.reply_blocks import blocks_of
from router_r1_reward.metrics.code.reply_program import complete, find_program, quietly
from router_r1_reward.metrics.code.sandbox_runner import PERMISSION, UNCONFINED, run


def require_permission(allow_code: bool = False) -> None:
    """Raise `ConfigError` unless the caller or the environment permits running programs."""
    if not allow_code and os.environ.get(PERMISSION) not in ("1", UNCONFINED):
        raise ConfigError(
            f"the metric 'code' runs programs that a model wrote, on this machine; to permit it, set {PERMISSION}=1, pass "
            f"allow_code=True, or use the option --allow-code"
        )


def passes(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the program in the answer passes its tests. Does not check permission; `metrics.grade` does.

    Args:
        answer: the whole reply, with the program in it.
        gold: the test program, if the question's metadata have no `tests`.
        question: its metadata hold the tests, see the module docstring.

    Raises:
        ConfigError: this machine permits no sandbox.
        DataError: the tests are not valid Python, or test nothing.
        ScorerError: the run could not be started.
    """
    metadata = question.metadata if question is not None else {}
    return float(run(program_of(answer, metadata, gold), tests_of(gold, metadata)))


def missing_tests(question: Question) -> str:
    """The problem of questions without `tests`: their gold answer would be the test program."""
    if "tests" in question.metadata:
        return ""
    return "its metadata has no tests, so its gold answer would be the test program"


def wrong_programs(question: Question, gold: str) -> tuple[str, ...]:
    """A program without the functions that are tested, and the question itself."""
    return ("def nothing(): pass", question.question)


def program_of(answer: str, metadata: Mapping[str, Any], gold: str = "") -> str:
    """The program in an answer: of all its code, what defines the names that the tests use (`reply_program.py`).

    The prompt's other functions are put before it, or the whole prompt if the answer gives the body of its last
    function. If nothing defines these names, the program is the last block that may be Python, or the whole answer.

    Args:
        answer: the whole reply; thoughts in it are left out.
        metadata: the question's metadata, see the module docstring.
        gold: the gold answer, which is the test program if `metadata` has no `tests`.
    """
    reply = without_thoughts(answer)
    name, prompt = metadata.get("entry_point"), metadata.get("prompt") or ""
    found = find_program(reply, _needs(tests_of(gold, metadata)), name, _given(prompt, name))
    if found is None and name and prompt:
        found = complete(prompt, reply, name) or f"{prompt}{reply}"
    if found is None:
        blocks = [block.text for block in blocks_of(reply) if not block.is_other]
        found = blocks[-1] if blocks else reply
    return found


@functools.lru_cache(maxsize=256)  # a question is graded many times
def _needs(tests: str) -> frozenset[str]:
    """The names that a program has to define for the tests; none if they are not Python, which the run reports."""
    try:
        with quietly():
            return frozenset(needed_names(tests))
    except (SyntaxError, ValueError):
        return frozenset()


def tests_of(gold: str, metadata: Mapping[str, Any]) -> str:
    """The test program: the prompt's functions except the entry point, the setup, the tests.

    Args:
        gold: the gold answer, which is the test program if `metadata` has no `tests`.
        metadata: the question's metadata, see the module docstring.
    """
    tests = metadata.get("tests", gold)
    if not isinstance(tests, str):
        tests = "\n".join(tests)
    name = metadata.get("entry_point")
    if name and "def check(" in tests:
        tests = f"{tests}\ncheck({name})"
    given = _given(metadata.get("prompt") or "", name)
    return "\n".join(part for part in (given, metadata.get("setup"), tests) if part)


def _given(prompt: str, entry_point: str | None) -> str:
    """The imports and functions of a prompt except its entry point; empty if the prompt is not valid Python."""
    for body in ("", "\n    pass"):  # a prompt may end after the head of the entry point
        with contextlib.suppress(SyntaxError, ValueError):
            parts = ast.parse(f"{prompt}{body}").body
            kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef)
            given = [part for part in parts if isinstance(part, kinds) and getattr(part, "name", None) != entry_point]  # fmt: skip
            return "\n".join(map(ast.unparse, given))
    return ""
