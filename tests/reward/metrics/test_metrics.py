"""The metrics em, f1, contains and choice, answer by answer; and what `grade` refuses."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_reward import METRICS, grade
from router_r1_reward.metrics import choice

MANY = settings(max_examples=200, deadline=None)
words = st.text(st.sampled_from("ab c.-'the"), min_size=1).filter(str.strip)

CAPITALS = Question(
    id="1",
    question="Capital of Australia?",
    answer="C",
    metric="choice",
    choices=("Paris", "Rome", "Canberra", "Canberra, Sydney", "x+1", "x-1"),
)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("Paris", "Paris", 1),
        ("  the PARIS. ", "paris", 1),
        ("An apple", "apple", 1),
        ("J.K. Rowling", "JK Rowling", 1),
        ("it's", "its", 1),
        ("1,000", "1000", 1),
        ("theory", "ory", 0),  # articles are words
        ("Paris, France", "Paris", 0),
        ("well-known", "well known", 0),
        ("", "Paris", 0),
        ("The", "A", 0),  # nothing is left of either
        ("+", "+", 1),
        ("+", "-", 0),
    ],
)
def test_exact_match(answer: str, gold: str, expected: float) -> None:
    assert grade(answer, [gold], "em") == expected


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("Paris", "Paris", 1),
        ("Paris France", "Paris", 2 / 3),
        ("the city of Paris", "Paris", 2 / 4),
        ("a a b", "a b b", 1 / 2 * 4 / 3),  # the article a goes: "b" and "b b"
        ("x x y", "x y y", 2 / 3),  # multisets: one x and one y are shared
        ("x x x", "x", 1 / 2),
        ("yes", "yes", 1),
        ("yes it is", "yes", 0),
        ("no", "no way", 0),
        ("noanswer", "no answer", 0),
        ("London", "Paris", 0),
        ("", "Paris", 0),
    ],
)
def test_f1(answer: str, gold: str, expected: float) -> None:
    assert grade(answer, [gold], "f1") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("It is Paris, of course.", "Paris", 1),
        ("The answer: the Eiffel-Tower", "eiffeltower", 1),
        ("parish", "Paris", 0),
        ("1999", "99", 0),
        ("in New York City", "New York", 1),
        ("New", "New York", 0),
        ("", "Paris", 0),
        ("a", "the", 0),
    ],
)
def test_contains(answer: str, gold: str, expected: float) -> None:
    assert grade(answer, [gold], "contains") == expected


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
def test_an_option_however_it_is_written(answer: str) -> None:
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
def test_another_option_or_none_or_two(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CAPITALS) == 0


def test_a_letter_beyond_the_last_option_is_wrong() -> None:
    assert grade("G", ["C"], "choice", question=CAPITALS) == 0
    assert grade("F", ["C"], "choice", question=CAPITALS) == 0
    with pytest.raises(DataError, match="one of 6 options"):
        grade("G", ["G"], "choice", question=CAPITALS)


def test_options_that_differ_only_in_signs() -> None:
    assert grade("x+1", ["E"], "choice", question=CAPITALS) == 1
    assert grade("x-1", ["E"], "choice", question=CAPITALS) == 0


def test_without_the_options_only_letters_count() -> None:
    assert grade("(C) Canberra", ["C"], "choice") == 1
    assert grade("a man", ["A"], "choice") == 0
    assert grade("I", ["I"], "choice") == 1
    with pytest.raises(DataError, match="by its letter"):
        grade("C", ["Canberra"], "choice")


def test_options_with_the_same_text_are_as_good_as_each_other() -> None:
    twins = CAPITALS.model_copy(update={"choices": ("Rome", "Paris", "Paris")})
    assert grade("Paris", ["C"], "choice", question=twins) == 1
    assert grade("B", ["C"], "choice", question=twins) == 0


# --- all metrics


@pytest.mark.parametrize("metric", ["em", "f1", "contains"])
@MANY
@given(st.lists(words, min_size=1, max_size=3), words)
def test_a_gold_answer_is_right_and_everything_lies_between_0_and_1(
    metric: str, golds: list[str], other: str
) -> None:
    assert all(grade(gold, golds, metric) == 1 for gold in golds)
    assert 0 <= grade(other, golds, metric) <= 1


@MANY
@given(words, words)
def test_em_is_the_strictest(answer: str, gold: str) -> None:
    if grade(answer, [gold], "em"):
        assert grade(answer, [gold], "f1") == grade(answer, [gold], "contains") == 1


def test_the_best_of_several_gold_answers_counts() -> None:
    assert grade("Paris", ["Lutetia", "paris"], "em") == 1
    assert grade("red green", ["blue", "red", "red green blue"], "f1") == pytest.approx(0.8)


@pytest.mark.parametrize("metric", [m for m in METRICS if m not in ("code", "ifeval", "toxicity")])
def test_no_answer_is_not_right(metric: str) -> None:
    assert grade(None, ["C"], metric) == 0
    assert grade("", ["C"], metric) == 0


def test_an_unknown_metric_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'rouge'.*em, f1, contains, choice, math, code"):
        grade("x", ["x"], "rouge")
    with pytest.raises(ConfigError):
        grade(None, ["x"], "rouge")


def test_a_question_needs_a_gold_answer() -> None:
    with pytest.raises(DataError, match="no gold answer"):
        grade("x", [], "em")


@pytest.mark.parametrize("metric", ["em", "f1", "contains", "choice", "math"])
def test_a_long_answer_takes_no_longer_than_it_is_long(metric: str) -> None:
    import time

    for text in (
        "option " * 20_000,
        "1," * 50_000,
        "((((" * 20_000,
        "\\text{" * 5_000,
        "a 1 or " * 15_000,
        " " * 10**5,
    ):
        start = time.process_time()
        grade(text, ["C" if metric == "choice" else "5"], metric)
        assert time.process_time() - start < 5


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
def test_a_fast_pattern_finds_what_the_plain_one_finds(name: str, text: str) -> None:
    fast = getattr(choice, name)
    assert [m.span() for m in fast.finditer(text)] == [m.span() for m in PLAIN[name].finditer(text)]
    assert fast.findall(text) == PLAIN[name].findall(text)


@given(st.text(alphabet="ABab .,()0159ßİΐ'\\$*-", max_size=12))
def test_an_option_that_is_too_short_to_be_meant_is_passed_over_only_then(text: str) -> None:
    assert len(choice._key(text)) <= choice._longest_key(text)
