"""The 25 kinds of instructions, each with texts that follow it and texts that break it."""

from importlib.util import find_spec
from typing import Any

import pytest

from router_r1.data.questions import Question
from router_r1_reward.metrics.ifeval.grader import followed, wrong_answers
from router_r1_reward.metrics.ifeval.rules import INSTRUCTIONS

languages = pytest.mark.skipif(find_spec("py3langid") is None, reason="py3langid is not installed")


def metadata(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"instruction_id_list": [name], "kwargs": [kwargs]}


RIVER = "The river was high this spring, and nobody in the village could cross the old bridge."

CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("keywords:existence", {"keywords": ["sea", "ship"]}, "A ship at sea.", True),
    ("keywords:existence", {"keywords": ["sea", "ship"]}, "A SHIPPING season.", True),  # inside words
    ("keywords:existence", {"keywords": ["sea", "ship"]}, "A ship in the harbour.", False),
    ("keywords:existence", {"keywords": ["a.b"]}, "a+b", False),  # not a regular expression
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
    ("punctuation:no_comma", {}, "One、two，three", True),  # commas of other scripts do not count
]  # fmt: skip

LANGUAGE_CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("language:response_language", {"language": "en"}, RIVER, True),
    ("language:response_language", {"language": "de"}, "Der Fluss stand hoch, und niemand kam über die Brücke.", True),
    ("language:response_language", {"language": "hi"}, "नदी बहुत ऊँची थी और कोई पुल पार नहीं कर सका।", True),
    ("language:response_language", {"language": "kn"}, "ನದಿ ತುಂಬಿ ಹರಿಯುತ್ತಿತ್ತು ಮತ್ತು ಯಾರೂ ಸೇತುವೆಯನ್ನು ದಾಟಲಿಲ್ಲ.", True),
    ("language:response_language", {"language": "sw"}, "Mto ulikuwa umejaa sana na hakuna mtu aliyeweza kuvuka.", True),
    ("language:response_language", {"language": "de"}, RIVER, False),
    ("language:response_language", {"language": "de"}, "12 + 30 = 42", True),  # without letters: in any language
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


def test_every_kind_has_cases_that_follow_it_and_break_it() -> None:
    assert len(INSTRUCTIONS) == 25
    shown = {(name, expected) for name, _, _, expected in CASES + LANGUAGE_CASES}
    assert shown == {(name, expected) for name in INSTRUCTIONS for expected in (True, False)}
    names = [name for name, *_ in CASES + LANGUAGE_CASES]
    assert min(map(names.count, INSTRUCTIONS)) >= 3


@languages
@pytest.mark.parametrize(("name", "kwargs"), [case[:2] for case in CASES + LANGUAGE_CASES])
def test_one_of_the_wrong_answers_breaks_every_instruction(
    name: str, kwargs: dict[str, Any]
) -> None:
    content = metadata(name, **kwargs)
    question = Question(id="1", question="Write.", answer="-", metric="ifeval", metadata=content)
    assert not all(all(followed(answer, content)) for answer in wrong_answers(question, "-"))


@pytest.mark.parametrize("text", ["[" * 50_000, "<<" * 50_000, "*" * 50_000, ". " * 50_000, "\n" * 50_000])  # fmt: skip
def test_hostile_answers_take_linear_time(text: str) -> None:
    # Patterns with quadratic time would take minutes.
    for name, kwargs, *_ in CASES:
        followed(text, metadata(name, **kwargs), loose=True)
