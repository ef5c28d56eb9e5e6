"""Short answers out of long replies, and when two of them count as the same."""

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router_r1.answers import answer_key, extract_answer, keys, normalize_answer
from router_r1.answers.typography import visible

MANY = settings(max_examples=300, deadline=None)


# --- when two answers are the same


@pytest.mark.parametrize(
    "same",
    [
        ["1000", "1,000", "$1,000", "1000.0", " 1000. ", "+1000", "**1000**", "01000"],
        ["-5", "-5.0", "\u22125"],
        ["0", "-0", "0.00", "+0"],
        ["0.5", ".5", "0.50"],
        ["b", "B", "(B)", "B.", "b)", "**B**", r"\text{(B)}"],
        ["The Nile", "nile", "Nile.", "the  NILE!", '"Nile"', r"\text{Nile}"],
        ["St. Louis", "St Louis", "st louis."],
        ["July 4, 1776", "July 4 1776"],
        ["1,234,567 people", "1234567 people"],
        ["x + 1", "x+1", "$x+1$"],
        ["Jean-Paul Sartre", "jeanpaul sartre"],
        ["U.S.A.", "USA"],
        ["café", "Café"],
    ],
)
def test_equal_answers_have_one_key(same: list[str]) -> None:
    assert len({answer_key(text) for text in same}) == 1, [answer_key(text) for text in same]


@pytest.mark.parametrize(
    "different",
    [
        ["5", "-5", "50", "0.5", "5.5"],
        ["3.5 km", "35 km", "3 km"],
        ["x+1", "x-1", "x1"],
        ["3/4", "34", "4/3"],
        ["2^10", "210"],
        ["(1,2)", "(2,1)", "12"],
        [r"\frac{11}{2}", r"\frac{1}{12}"],
        ["10:30", "1030 h"],
        ["C", "C++", "C#"],
        ["A", "B"],
        ["2" * 30 + "1", "2" * 30 + "2"],
        ["Paris", "London", "Paris, London"],
        ["?", "!"],
    ],
)
def test_different_answers_have_different_keys(different: list[str]) -> None:
    assert len({answer_key(text) for text in different}) == len(different)


def test_squad_normalisation() -> None:
    assert normalize_answer(" The  Quick, brown-fox's a Fox! ") == "quick brownfoxs fox"
    assert normalize_answer("An answer. The end") == "answer end"
    assert normalize_answer("theatre another banana") == "theatre another banana"


# --- where a reply says its answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("I think <answer>Paris</answer>.", "Paris"),
        ("<answer>Lyon</answer> No: <Answer> Paris </ANSWER>", "Paris"),
        ("<answer>Lyon <answer>Paris</answer>", "Paris"),
        ("<answer>Paris</answer> The answer is Lyon.", "Lyon"),
        (r"So \boxed{4} or rather \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{4}. The answer is 5.", "5"),
        ("The answer is Paris. It lies on the Seine.", "Paris"),
        ("The answer is 3.5 km.", "3.5 km"),
        ("First I thought the answer is 4, but the answer is 5", "5"),
        ("Reasoning...\n\nAnswer: **B**", "B"),
        ("Final answer:\n\n42\n", "42"),
        ("The answer to the question of life is 42.", "42"),
        ("3 + 4 = 7\n#### 7", "7"),
        ("The answer is .5.", ".5"),
        ("Paris.", "Paris"),
        ("It is Paris.", "Paris"),
        ("That's 42.", "42"),
        ("Na", "Na"),  # sodium, and not "n/a"
    ],
)
def test_the_answer_of_a_reply(reply: str, answer: str) -> None:
    assert extract_answer(reply) == answer


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "  \n",
        "<answer> </answer>",
        "Paris is a city.\nLyon is another.",
        "one two three four five six seven eight nine ten eleven twelve thirteen",
        "The answer isn't clear from what I was given.\nAsk somebody else.",
        "I don't know.",
        "I'm not sure.",
        "N/A",
        "Unknown.",
        "The answer is unknown.",
        "<answer>I do not know that</answer>",
        "Sorry, I can't help with this.",
        ".",
        "<answer>...</answer>",
    ],
)
def test_a_reply_without_an_answer_has_none(reply: str) -> None:
    assert extract_answer(reply) is None


def test_a_reply_that_broke_off_inside_its_answer_has_none() -> None:
    assert extract_answer("Long story.\nIt ends so: <answer>Par") is None
    assert extract_answer("Long story.\nIt ends so: \\boxed{\\frac{1}{2}") is None


# --- whatever a candidate writes

PIECES = (
    "<answer>",
    "</answer>",
    "\\boxed{",
    "}",
    "The answer is ",
    "answer to ",
    " is ",
    "####",
    ":",
    "\n",
    " ",
    ".",
    ",",
    "-",
    "$",
    "1",
    "\u0663",
    "\u00b2",
    "\\text{",
    "the",
    "(B)",
    "\u0130",
    "\ud800",
)
messy = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


@MANY
@given(messy)
@example("\u0130" * 5 + "<answer>x</answer>")
def test_no_reply_raises_and_the_answer_is_part_of_the_reply(reply: str) -> None:
    answer = extract_answer(reply)
    if answer is not None:
        assert answer and answer in visible(reply) and answer == answer.strip()
        assert answer_key(answer)


@MANY
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.integers(0, 3))
def test_a_number_has_one_key_however_it_is_written(number: object, zeros: int) -> None:
    plain = f"{number:f}"
    key = answer_key(plain)
    assert key == answer_key(f"{number:,f}") == answer_key(plain + "0" * zeros)
    assert answer_key(key) == key


@pytest.mark.parametrize(
    "piece",
    [
        "<answer>",
        "</answer>",
        "answer:",
        "answer ",
        "answer to ",
        "####",
        "\\boxed{",
        "\\text{",
        "{",
        "1",
        "1,",
        " ",
        "\n",
        "*",
        ".",
        "unknown",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "answer{}x", "the answer to {}x", "####{}", "x{}x", "-{}"]
)
def test_time_is_linear_in_the_length_of_a_hostile_reply(piece: str, around: str) -> None:
    def seconds(length: int) -> float:
        text = around.replace("{}", piece * (length // len(piece)))
        began = time.process_time()
        extract_answer(text)
        answer_key(text)
        return time.process_time() - began

    def is_linear(length: int) -> bool:
        # Sixteen times the text: 16 if linear, 256 if quadratic. Below a millisecond the clock says nothing.
        small, large = seconds(length // 16), seconds(length)
        return large < 80 * max(small, 0.001)

    for length in (10_000, 80_000):
        # Three tries: a busy machine can slow one down.
        assert any(is_linear(length) for _ in range(3))


@pytest.mark.parametrize(
    "answer",
    ["J. K. Rowling", "St. Petersburg", "U.S. Grant", "Dr. Watson", "Washington, D.C. area"],
)
def test_an_initial_or_an_abbreviation_does_not_end_an_answer(answer: str) -> None:
    assert extract_answer(f"Let me see. The answer is {answer}. It is well known.") == answer


def test_people_with_the_same_initial_have_different_keys() -> None:
    keys = {answer_key(name) for name in ("J. K. Rowling", "J. M. Barrie", "J. R. R. Tolkien")}
    assert len(keys) == 3


@pytest.mark.parametrize(
    "choice", ["B", "(B)", "B.", "**B**", "(B) Canberra", "B) Canberra", "Option B"]
)
def test_the_key_of_a_choice_is_its_letter(choice: str) -> None:
    assert answer_key(choice) == "b"


# --- the patterns that are written for speed find what their plain forms find

PLAIN = {
    "_NOISE": re.compile(
        r"[.,:](?!\d)|(?<=[^\d\s])[.,:]|(?<=\d),(?=\d{3}(?!\d))|(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})"
        r"|\*{2,}|(?<!\S)[*#]+|\*(?!\S)|\\(?![a-z])|[!\"$%&';?@_`|~]"
    ),
    "_ARTICLES": re.compile(r"\b(?:a|an|the)\b"),
    "_LEADING_ARTICLES": re.compile(r"\b(?:a|an|the) +(?=\S)"),
}
MARKS = st.sampled_from(
    [*"aebthn .,:*#\\-01'_é\n²$", "an", "the ", "1,000", "well-known", "**", "a "]
)


@pytest.mark.parametrize("name", PLAIN)
@settings(max_examples=1000, deadline=None)
@given(st.lists(MARKS, max_size=12).map("".join))
def test_a_fast_pattern_matches_what_the_plain_one_matches(name: str, text: str) -> None:
    assert getattr(keys, name).sub("<>", text) == PLAIN[name].sub("<>", text)
