"""The metric choice: notations of options, and the patterns that are written for speed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward import grade
from router_r1_reward.metrics import choice

CAPITALS = Question(
    id="1",
    question="Capital of Australia?",
    answer="C",
    metric="choice",
    choices=("Paris", "Rome", "Canberra", "Canberra, Sydney", "x+1", "x-1"),
)


@pytest.mark.parametrize(
    "answer",
    [
        "C", "c", " C ", "(C)", "(c)", "[C]", "C.", "C)", "C) Canberra", "(C) Canberra", "C. Canberra",
        "C: Canberra", "C - Canberra", "**C**", "**(C)**", "`C`", '"C"', "Option C", "option (C)", "Answer: C",
        "The answer is (C).", "The answer is C.", "the correct answer is option C", "It's C", "I choose C",
        "Canberra", "canberra.", "The answer is Canberra.", r"\boxed{C}", r"$\boxed{\text{(C)}}$",
        "I think the option (C) fits best", "C) Canberra, because it is the seat of parliament",
        "First I thought of Rome.\nThe answer is (C).", "<answer>C</answer>", "C, because (D) is wrong",
        "**C** is correct, (A) is not", "The answer is C because it is blue", "It is not (B) but C", "The answer is C, since (A) is wrong.",
    ],
)  # fmt: skip
def test_an_option_is_recognised_in_every_notation(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CAPITALS) == 1
    assert grade(answer, ["(C)"], "choice", question=CAPITALS) == 1
    assert grade(answer, ["Canberra"], "choice", question=CAPITALS) == 1
    assert grade(answer, ["D"], "choice", question=CAPITALS) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "B", "A or C", "(A) or (C)", "A, C", "C or D", "C) or D)", "C/D", "(C) and (D)", "All of them", "",
        "C) Paris", "Cat", "CC", "I do not know", "Rome", "Canberra, Sydney", "Can", "See above",
        "not (C)", "Neither A nor B", "D, because (C) is wrong", "(C) is wrong", "The answer is A man",
    ],
)  # fmt: skip
def test_another_option_no_option_or_two_options_are_wrong(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CAPITALS) == 0


def test_a_letter_beyond_the_last_option_is_wrong() -> None:
    assert grade("G", ["C"], "choice", question=CAPITALS) == 0
    assert grade("F", ["C"], "choice", question=CAPITALS) == 0
    with pytest.raises(DataError, match="one of 6 options"):
        grade("G", ["G"], "choice", question=CAPITALS)


def test_options_that_differ_only_in_signs() -> None:
    assert grade("x+1", ["E"], "choice", question=CAPITALS) == 1
    assert grade("x-1", ["E"], "choice", question=CAPITALS) == 0


def test_without_choices_only_letters_count() -> None:
    assert grade("(C) Canberra", ["C"], "choice") == 1
    assert grade("a man", ["A"], "choice") == 0
    assert grade("I", ["I"], "choice") == 1
    with pytest.raises(DataError, match="by its letter"):
        grade("C", ["Canberra"], "choice")


def test_options_with_equal_texts_are_both_right() -> None:
    twins = CAPITALS.model_copy(update={"choices": ("Rome", "Paris", "Paris")})
    assert grade("Paris", ["C"], "choice", question=twins) == 1
    assert grade("B", ["C"], "choice", question=twins) == 0


# --- the patterns that are written for speed find what their plain forms find

LETTER = r"(?:option\s+)?(?:\([A-Z]\)|\b[A-Z]\b)"

PLAIN = {
    "_NAMED": re.compile(
        r"\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+([A-Z])\b"
        r"|\b[Aa]nswer\s+is\s+([A-Z])(?=\s*(?:$|[.,;:]|because\b|since\b|as\b|and\b|but\b))"
        r"|\b([A-Z])\s+is\s+(?:the\s+)?(?:correct|right|best)\b"
    ),
    "_REJECTED": re.compile(
        rf"\b(?:not|nor|neither|than|excludes?|eliminates?|rules?\s+out)\s+{LETTER}"
        rf"|{LETTER}\s+(?:is|are|was)(?:\s+(?:not|wrong|incorrect|false)\b|n['’]t\b)"
    ),
}

WORDS = st.sampled_from(
    [
        "A",
        "B",
        "(C)",
        "(D",
        "option",
        "Option",
        "adoption",
        "choice",
        "answer",
        "Answer",
        "is",
        "isn't",
        "not",
        "nor",
        "neither",
        "than",
        "rules",
        "rule",
        "out",
        "excludes",
        "eliminates",
        "wrong",
        "false",
        "correct",
        "right",
        "best",
        "the",
        "because",
        "and",
        "are",
        "was",
        ".",
        ",",
        "x",
    ]
)

JOINTS = st.sampled_from([" ", " ", " ", "", "\n", "  "])


@pytest.mark.parametrize("name", PLAIN)
@settings(max_examples=1000, deadline=None)
@given(st.lists(st.tuples(WORDS, JOINTS).map("".join), max_size=10).map("".join))
def test_a_fast_pattern_finds_what_the_plain_pattern_finds(name: str, text: str) -> None:
    fast = getattr(choice, name)
    assert [m.span() for m in fast.finditer(text)] == [m.span() for m in PLAIN[name].finditer(text)]
    assert fast.findall(text) == PLAIN[name].findall(text)


@given(st.text(alphabet="ABab .,()0159ßİΐ'\\$*-", max_size=12))
def test_the_bound_of_the_length_of_keys_holds(text: str) -> None:
    assert len(choice._key(text)) <= choice._longest_key(text)
