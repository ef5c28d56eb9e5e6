"""The metric ifeval: each kind of instruction text by text, strict and loose, counting, and what is refused; the public prompts where they are at hand."""

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
from router_r1_reward.metrics.ifeval.grader import breaking, followed, read_instructions
from router_r1_reward.metrics.ifeval.rules import INSTRUCTIONS
from router_r1_reward.metrics.ifeval.sentences import (
    count_capital_words,
    count_sentences,
    count_words,
)

# Data for development lies beside the checkout, where it is there at all.
PROMPTS = Path(__file__).parents[4] / "shared" / "data" / "questions" / "ifeval.jsonl.gz"

languages = pytest.mark.skipif(find_spec("py3langid") is None, reason="py3langid is not installed")


def metadata(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"instruction_id_list": [name], "kwargs": [kwargs]}


def question(**more: Any) -> Question:
    return Question(id="1", question="Write.", answer="-", metric="ifeval", metadata=more)


RIVER = "The river was high this spring, and nobody in the village could cross the old bridge."

CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("keywords:existence", {"keywords": ["sea", "ship"]}, "A ship at sea.", True),
    ("keywords:existence", {"keywords": ["sea", "ship"]}, "A SHIPPING season.", True),  # inside of words
    ("keywords:existence", {"keywords": ["sea", "ship"]}, "A ship in the harbour.", False),
    ("keywords:existence", {"keywords": ["a.b"]}, "a+b", False),  # no regular expression
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "at least"}, "Tea and more tea", True),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "at least"}, "Tea and a teapot", True),
    ("keywords:frequency", {"keyword": " tea ", "frequency": 2, "relation": "at least"}, "Tea.", False),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "less than"}, "Tea.", True),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "less than"}, "Tea tea", False),
    ("keywords:forbidden_words", {"forbidden_words": ["can", "ride"]}, "You could walk.", True),
    ("keywords:forbidden_words", {"forbidden_words": ["can", "ride"]}, "A canoe and a bride.", True),
    ("keywords:forbidden_words", {"forbidden_words": ["can", "ride"]}, "Ride!", False),
    ("keywords:letter_frequency", {"letter": "q", "let_frequency": 2, "let_relation": "at least"}, "Quiet queen", True),
    ("keywords:letter_frequency", {"letter": "Q", "let_frequency": 2, "let_relation": "at least"}, "quiet", False),
    ("keywords:letter_frequency", {"letter": "#", "let_frequency": 2, "let_relation": "at least"}, "## Title", True),
    ("keywords:letter_frequency", {"letter": "q", "let_frequency": 1, "let_relation": "less than"}, "Quiet", False),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, "Yes. No!", True),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, "Dr. No said no", False),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}, "It is 2.5 km", True),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}, "Go. Now", False),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "One\n***\nTwo", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\nOne\n***\nTwo\n***", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "One\n\nTwo", False),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "One *** *** Two", False),  # an empty one
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "one-two three", True),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "one two !!!", False),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "one two", True),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "it's so", False),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "elm"},
        "Trees.\n\n'Elm, they say.",
        True,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "elm"},
        "Trees.\n\nElms, they say.",
        False,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "elm"},
        "Trees.\n\nElm\n\nOak",
        False,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "elm"},
        "Trees.\n\n\n\nElm",  # the second paragraph is empty
        False,
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "Dear [name] of [town]", True),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "Dear [name\nof [town]", False),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[[a] b] and [", False),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\n\np. s. Write!", True),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye. PS: write!", False),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "P.P.S Write!", True),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "P.S. Write!", False),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "List:\n* a\n  - b", True),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n* b\n* c", False),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n**b**", False),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", True),
    ("detectable_format:constrained_response", {}, "my answer is maybe.", False),
    ("detectable_format:constrained_response", {}, "My answer is perhaps.", False),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and **b**", True),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and ** **", False),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a\nb* *c*", False),
    ("detectable_format:multiple_sections", {"section_spliter": "Day", "num_sections": 2}, "Day 1\nx\nDay2\ny", True),
    ("detectable_format:multiple_sections", {"section_spliter": "Day", "num_sections": 2}, "DAY 1\nx\nDay 2", False),
    ("detectable_format:multiple_sections", {"section_spliter": "Day", "num_sections": 2}, "Day one, Day two", False),
    ("detectable_format:json_format", {}, '{"a": [1, 2]}', True),
    ("detectable_format:json_format", {}, '```JSON\n{"a": 1}\n```\n', True),
    ("detectable_format:json_format", {}, 'Here: {"a": 1}', False),
    ("detectable_format:json_format", {}, "[" * 100_000, False),
    ("detectable_format:title", {}, "<<Rain>>\nIt rains.", True),
    ("detectable_format:title", {}, "<< >>\n<Rain>", False),
    ("detectable_format:title", {}, "<<Rain\n>>", False),
    ("combination:two_responses", {}, "Yes.\n******\nNo.", True),
    ("combination:two_responses", {}, "Yes.\n******\n Yes. ", False),  # twice the same
    ("combination:two_responses", {}, "a******b******c", False),
    ("combination:two_responses", {}, "******a******b", True),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Write a poem. "}, " write a poem.\nRoses", True),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Write a poem."}, "Sure! Write a poem.", False),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Write a poem."}, "Write a Poem", False),
    ("startend:end_checker", {"end_phrase": "That is all."}, '"Well. THAT is all."', True),
    ("startend:end_checker", {"end_phrase": "That is all. "}, "That is all.\n", True),
    ("startend:end_checker", {"end_phrase": "That is all."}, "That is all. Bye.", False),
    ("startend:quotation", {}, ' "Yes." ', True),
    ("startend:quotation", {}, '"Yes," he said.', False),
    ("startend:quotation", {}, '"', False),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}, "NOW, HE SAID", True),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}, "WELL-KNOWN men", False),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "less than"}, "I am.", True),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "less than"}, "DON'T!", False),
    ("punctuation:no_comma", {}, "None; at all.", True),
    ("punctuation:no_comma", {}, "One, two.", False),
    ("punctuation:no_comma", {}, "One、two，three", True),  # other commas are others
]  # fmt: skip

LANGUAGE_CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("language:response_language", {"language": "en"}, RIVER, True),
    ("language:response_language", {"language": "de"}, "Der Fluss stand hoch, und niemand kam über die Brücke.", True),
    ("language:response_language", {"language": "hi"}, "नदी बहुत ऊँची थी और कोई पुल पार नहीं कर सका।", True),
    ("language:response_language", {"language": "kn"}, "ನದಿ ತುಂಬಿ ಹರಿಯುತ್ತಿತ್ತು ಮತ್ತು ಯಾರೂ ಸೇತುವೆಯನ್ನು ದಾಟಲಿಲ್ಲ.", True),
    ("language:response_language", {"language": "sw"}, "Mto ulikuwa umejaa sana na hakuna mtu aliyeweza kuvuka.", True),
    ("language:response_language", {"language": "de"}, RIVER, False),
    ("language:response_language", {"language": "de"}, "12 + 30 = 42", True),  # in any language
    ("change_case:english_capital", {}, RIVER.upper(), True),
    ("change_case:english_capital", {}, RIVER, False),
    ("change_case:english_capital", {}, "DER FLUSS STAND HOCH, UND NIEMAND KAM ÜBER DIE BRÜCKE.", False),
    ("change_case:english_lowercase", {}, RIVER.lower(), True),
    ("change_case:english_lowercase", {}, RIVER, False),
    ("change_case:english_lowercase", {}, "el río estaba alto y nadie podía cruzar el puente.", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "answer", "expected"), CASES)
def test_one_instruction(name: str, kwargs: dict[str, Any], answer: str, expected: bool) -> None:
    assert followed(answer, metadata(name, **kwargs)) == [expected]


@languages
@pytest.mark.parametrize(("name", "kwargs", "answer", "expected"), LANGUAGE_CASES)
def test_one_instruction_on_language(
    name: str, kwargs: dict[str, Any], answer: str, expected: bool
) -> None:
    assert followed(answer, metadata(name, **kwargs)) == [expected]


def test_every_kind_is_shown_followed_and_not() -> None:
    assert len(INSTRUCTIONS) == 25
    shown = {(name, expected) for name, _, _, expected in CASES + LANGUAGE_CASES}
    assert shown == {(name, expected) for name in INSTRUCTIONS for expected in (True, False)}
    names = [name for name, *_ in CASES + LANGUAGE_CASES]
    assert min(map(names.count, INSTRUCTIONS)) >= 3


# --- several instructions, strict and loose

LETTER = {
    "instruction_id_list": ["punctuation:no_comma", "startend:end_checker", "startend:quotation"],
    "kwargs": [{}, {"end_phrase": "Yours"}, {}],
}


def test_one_verdict_for_each_instruction_in_order() -> None:
    assert followed("Dear all, bye. Yours", LETTER) == [False, True, False]
    assert followed('"Bye. Yours"', LETTER) == [True, True, True]


def test_the_metric_is_all_or_nothing() -> None:
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
def test_loose(answer: str, loosely: list[bool]) -> None:
    assert followed(answer, LETTER, loose=True) == loosely
    assert followed(answer, LETTER) != loosely or not any(loosely)


@pytest.mark.parametrize("answer", ["", " \n\t"])
def test_a_blank_answer_follows_nothing(answer: str) -> None:
    easy = metadata("punctuation:no_comma")
    assert followed(answer, easy) == followed(answer, easy, loose=True) == [False]


def test_what_is_left_of_an_answer_must_not_be_blank() -> None:
    assert followed("One, two.", metadata("punctuation:no_comma"), loose=True) == [False]


# --- what is refused


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "needs two lists in a question's metadata"),
        ({"instruction_id_list": [], "kwargs": []}, "needs two lists"),
        ({"instruction_id_list": "punctuation:no_comma", "kwargs": [{}]}, "needs two lists"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "1 ids in instruction_id_list, and 0 kwargs"),
        (metadata("punctuation:no_period"), "there is no instruction 'punctuation:no_period'; it is one of keywords:existence"),
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
def test_bad_instructions_are_errors_whatever_the_answer(
    content: dict[str, Any], problem: str
) -> None:
    for answer in ("", "Yes."):
        with pytest.raises(DataError, match=problem):
            grade(answer, ["-"], "ifeval", question=question(**content))
    (offender,) = validate([question(**content)]).offenders
    assert problem in offender.problem


def test_arguments_that_are_null_are_absent() -> None:
    full = metadata("keywords:existence", keywords=["sea"], num_words=None, relation=None)
    assert followed("The sea.", full) == [True]
    with pytest.raises(DataError, match="keywords: it is required"):
        followed("The sea.", metadata("keywords:existence", keywords=None))


def test_without_a_question_there_is_nothing_to_grade_by() -> None:
    with pytest.raises(DataError, match="there is no question; pass it"):
        grade("Yes.", ["-"], "ifeval")


def test_without_py3langid_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['py3langid'] = None\n"
        "from router_r1.errors import MissingDependencyError\n"
        "from router_r1_reward.metrics.ifeval.grader import followed\n"
        "ids = ['punctuation:no_comma', 'language:response_language']\n"
        "print(followed('No.', {'instruction_id_list': ids[:1], 'kwargs': [{}]}))\n"
        "try: followed('No.', {'instruction_id_list': ids, 'kwargs': [{}, {'language': 'en'}]})\n"
        "except MissingDependencyError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("[True]\n") and "pip install 'router-r1[eval]'" in said.stdout


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
    assert offender.problem == "any answer follows the instructions"


@languages
@pytest.mark.parametrize(("name", "kwargs"), [case[:2] for case in CASES + LANGUAGE_CASES])
def test_one_of_the_breaking_answers_breaks_it(name: str, kwargs: dict[str, Any]) -> None:
    content = metadata(name, **kwargs)
    assert not all(all(followed(answer, content)) for answer in breaking(content))


# --- counting


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", 4),
        ("Wow!!! What?! Yes.", 3),
        ("Dr. J. R. Smith met Mrs. Jones at 5 p.m. in St. Ives.", 1),
        ("He came at 5 p.m. The train had left.", 2),
        ("It costs 2.50 at shop.com, e.g. Ltd. firms.", 1),
        ('"Stop!" he said. "Go."', 3),
        ("(It rained.) **We left.** And", 3),
        ("Well... maybe. Well... The end.", 3),
        ("* one\n* two\n* three", 1),  # no marks, no ends
        ("1. One.\n2. Two.", 4),  # numbers too
        ("1. one\n2. two", 1),
        ("नमस्ते। आप कैसे हैं?", 2),
        ("今日は雨です。明日は晴れです。", 2),
        ("", 0),
        ("...", 1),
    ],
)
def test_sentences(text: str, sentences: int) -> None:
    assert count_sentences(text) == sentences


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("one", 1), ("it's well-known: 3.5", 6), ("snake_case", 1), ("Straße, naïve", 2)],
)
def test_words(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NASA and the U.S. sent I to", 3),
        ("WELL-KNOWN", 1),
        ("DON'T, I'LL, IT'S; i'm", 6),
        ("(A)/B C:D 7:30 **E** F...G --H", 8),
        ("None Of These", 0),
        ("COVID19 and 42", 1),
    ],
)
def test_capital_words(text: str, words: int) -> None:
    assert count_capital_words(text) == words


@pytest.mark.parametrize("text", ["[" * 50_000, "<<" * 50_000, "*" * 50_000, ". " * 50_000, "\n" * 50_000])  # fmt: skip
def test_hostile_answers_take_linear_time(text: str) -> None:
    # Patterns that look at each character from each other one would take minutes.
    for name, kwargs, *_ in CASES:
        followed(text, metadata(name, **kwargs), loose=True)


# --- the public prompts


@languages
@pytest.mark.skipif(not PROMPTS.is_file(), reason="the development data is not beside the checkout")
def test_the_public_prompts() -> None:
    with gzip.open(PROMPTS, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    assert len(rows) == 541
    assert {name for row in rows for name in row["instruction_id_list"]} == set(INSTRUCTIONS)
    for row in rows:
        instructions = read_instructions(row)
        assert [
            i.model_dump(exclude_unset=True) for i in instructions
        ] == [{k: tuple(v) if isinstance(v, list) else v for k, v in a.items()} for a in row["kwargs"]]  # fmt: skip
        for text in (row["prompt"], RIVER):
            strict, loose = followed(text, row), followed(text, row, loose=True)
            assert len(strict) == len(loose) == len(instructions)
            assert all(after or not before for before, after in zip(strict, loose, strict=True))
    report = validate(
        Question(id=str(row["key"]), question=row["prompt"], answer="-", metric="ifeval", metadata=row)
        for row in rows
    )  # fmt: skip
    assert report.offenders == () and report.checked == {"ifeval": 541}
