"""The metric ifeval: several instructions, strict and loose, malformed instructions, and the public prompts."""

import gzip
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward import grade, validate
from router_r1_reward.metrics.ifeval.grader import followed, read_instructions
from router_r1_reward.metrics.ifeval.rules import INSTRUCTIONS


def metadata(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"instruction_id_list": [name], "kwargs": [kwargs]}


def question(**more: Any) -> Question:
    return Question(id="1", question="Write.", answer="-", metric="ifeval", metadata=more)


# --- several instructions, strict and loose

LETTER = {
    "instruction_id_list": ["punctuation:no_comma", "startend:end_checker", "startend:quotation"],
    "kwargs": [{}, {"end_phrase": "Yours"}, {}],
}


def test_followed_gives_one_verdict_per_instruction_in_order() -> None:
    assert followed("Dear all, bye. Yours", LETTER) == [False, True, False]
    assert followed('"Bye. Yours"', LETTER) == [True, True, True]


def test_the_metric_requires_all_instructions() -> None:
    assert grade('"Bye. Yours"', ["-"], "ifeval", question=question(**LETTER)) == 1.0
    assert grade("Bye. Yours", ["-"], "ifeval", question=question(**LETTER)) == 0.0
    assert grade(None, ["-"], "ifeval", question=question(**LETTER)) == 0.0


@pytest.mark.parametrize(
    ("answer", "loosely"),
    [
        ("Sure, here it is:\nBye. Yours", [True, True, False]),  # without the first line
        ('Sure, here:\n"Bye. Yours"\nAnything, else?', [True, True, True]),  # without both
        ("Bye.\nYours\nAnything, else?", [True, True, False]),  # without the last
        ("Bye. **Yours**", [True, True, False]),  # without asterisks
        ("Sure, here:\n**Bye.\nYours**", [True, True, False]),  # without a line and asterisks
        ("One, two.\nThree, four.\nFive, six.", [False, False, False]),
    ],
)
def test_the_loose_reading_ignores_first_line_last_line_and_asterisks(
    answer: str, loosely: list[bool]
) -> None:
    assert followed(answer, LETTER, loose=True) == loosely
    assert followed(answer, LETTER) != loosely or not any(loosely)


@pytest.mark.parametrize("answer", ["", " \n\t"])
def test_a_blank_answer_follows_nothing(answer: str) -> None:
    easy = metadata("punctuation:no_comma")
    assert followed(answer, easy) == followed(answer, easy, loose=True) == [False]


def test_a_loose_variant_must_not_be_blank() -> None:
    assert followed("One, two.", metadata("punctuation:no_comma"), loose=True) == [False]


# --- malformed instructions


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "needs two lists in a question's metadata"),
        ({"instruction_id_list": [], "kwargs": []}, "needs two lists"),
        ({"instruction_id_list": "punctuation:no_comma", "kwargs": [{}]}, "needs two lists"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "instruction_id_list has 1 ids and kwargs 0 mappings"),
        (metadata("punctuation:no_period"), "there is no instruction 'punctuation:no_period'; expected one of keywords:existence"),
        (metadata("keywords:frequency", keyword="a", frequency=1), "keywords:frequency: relation: it is required"),
        (metadata("keywords:frequency", keyword="a", frequency=1, relation="at most"), "'at least' or 'less than'"),
        (metadata("keywords:existence", keywords=[]), "keywords"),
        (metadata("keywords:existence", keywords=["a", " "]), "must not be empty"),
        (metadata("keywords:letter_frequency", letter="ab", let_frequency=1, let_relation="at least"), "letter"),
        (metadata("length_constraints:number_words", num_words=-1, relation="at least"), "greater than or equal to 0"),
        (metadata("length_constraints:number_words", num_words="10", relation="at least"), "integer"),
        (metadata("length_constraints:nth_paragraph_first_word", num_paragraphs=1, nth_paragraph=2, first_word="a"), "num_paragraphs only 1"),
        (metadata("language:response_language", language="xx"), "language"),
        (metadata("punctuation:no_comma", commas=0), "no such field"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": ["x"]}, "expected a mapping"),
    ],
)  # fmt: skip
def test_malformed_instructions_raise_for_any_answer(content: dict[str, Any], problem: str) -> None:
    for answer in ("", "Yes."):
        with pytest.raises(DataError, match=problem):
            grade(answer, ["-"], "ifeval", question=question(**content))
    (offender,) = validate([question(**content)]).offenders
    assert problem in offender.problem


def test_null_arguments_count_as_absent() -> None:
    full = metadata("keywords:existence", keywords=["sea"], num_words=None, relation=None)
    assert followed("The sea.", full) == [True]
    with pytest.raises(DataError, match="keywords: it is required"):
        followed("The sea.", metadata("keywords:existence", keywords=None))


def test_grading_without_a_question_raises() -> None:
    with pytest.raises(DataError, match="there is no question; pass it"):
        grade("Yes.", ["-"], "ifeval")


def test_without_py3langid_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['py3langid'] = None\n"
        "from router_r1.errors import MissingDependencyError\n"
        "from router_r1_reward.metrics.ifeval.grader import followed\n"
        "ids = ['punctuation:no_comma', 'language:response_language']\n"
        "print(followed('No.', {'instruction_id_list': ids[:1], 'kwargs': [{}]}))\n"
        "try: followed('No.', {'instruction_id_list': ids, 'kwargs': [{}, {'language': 'en'}]})\n"
        "except MissingDependencyError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[True]\n") and "pip install 'router-r1[eval]'" in done.stdout


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("length_constraints:number_words", {"num_words": 0, "relation": "at least"}),
        ("length_constraints:number_words", {"num_words": 10**9, "relation": "less than"}),
    ],
)
def test_instructions_that_any_answer_follows_are_offenders(
    name: str, kwargs: dict[str, Any]
) -> None:
    (offender,) = validate([question(**metadata(name, **kwargs))]).offenders
    assert offender.problem == "any answer scores 1"


# --- the public prompts


@pytest.mark.skipif(find_spec("py3langid") is None, reason="py3langid is not installed")
def test_the_public_prompts_can_be_read_and_graded(development_data: Path) -> None:
    with gzip.open(
        development_data / "questions" / "ifeval.jsonl.gz", "rt", encoding="utf-8"
    ) as lines:
        rows = [json.loads(line) for line in lines]
    assert len(rows) == 541
    assert {name for row in rows for name in row["instruction_id_list"]} == set(INSTRUCTIONS)
    for row in rows:
        instructions = read_instructions(row)
        assert [
            i.model_dump(exclude_unset=True) for i in instructions
        ] == [{k: tuple(v) if isinstance(v, list) else v for k, v in a.items()} for a in row["kwargs"]]  # fmt: skip
        for text in (row["prompt"], "The river was high, and nobody could cross the bridge."):
            strict, loose = followed(text, row), followed(text, row, loose=True)
            assert len(strict) == len(loose) == len(instructions)
            assert all(after or not before for before, after in zip(strict, loose, strict=True))
    report = validate(
        Question(id=str(row["key"]), question=row["prompt"], answer="-", metric="ifeval", metadata=row)
        for row in rows
    )  # fmt: skip
    assert report.offenders == () and report.checked == {"ifeval": 541}
