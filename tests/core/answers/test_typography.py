"""Unicode forms and typography that do not change an answer, and those that do."""

import pytest

from router_r1.answers import answer_key, extract_answer, normalize_answer
from router_r1_reward import grade

SAME = [
    ("Gödel", "Go\u0308del"),
    ("Gödel", "GÖDEL"),
    ("O’Neill", "O'Neill"),
    ("1914–1918", "1914-1918"),
    ("1914‑1918", "1914-1918"),
    ("“Hamlet”", "Hamlet"),
    ("«Гамлет»", "гамлет"),
    ("New\u00a0York", "New York"),
    ("New\u202fYork", "New York"),
    ("co\u00adoperation", "cooperation"),
    ("Par\u200bis", "Paris"),
    ("\ufeffParis", "Paris"),
    ("\u200eParis\u200f", "Paris"),
    ("ﬁsh", "fish"),
    ("Ｐａｒｉｓ", "Paris"),
    ("１２", "12"),
    ("𝐏𝐚𝐫𝐢𝐬", "Paris"),
    ("Straße", "STRASSE"),
    ("İstanbul", "Istanbul"),
    ("İSTANBUL", "istanbul"),
    ("Diyarbakır", "DİYARBAKIR"),
    ("東京。", "東京"),
    ("「東京」", "東京"),
    ("10\u202f000 people", "10,000 people"),
    ("Wait…", "Wait..."),
    ("Ⅳ", "IV"),
]


@pytest.mark.parametrize(("answer", "gold"), SAME)
@pytest.mark.parametrize("metric", ["em", "f1", "contains"])
def test_forms_that_mean_the_same(metric: str, answer: str, gold: str) -> None:
    assert grade(answer, [gold], metric) == 1
    assert grade(gold, [answer], metric) == 1
    assert answer_key(answer) == answer_key(gold)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("x²", "x2"),
        ("H₂O", "HO"),
        ("2½", "21/2"),
        ("①", "1"),
        ("café", "cafe"),
        ("naïve", "naive"),
        ("ñ", "n"),
        ("Ø", "O"),
    ],
)
def test_forms_that_mean_something_else(answer: str, gold: str) -> None:
    assert normalize_answer(answer) != normalize_answer(gold)
    assert answer_key(answer) != answer_key(gold)


def test_the_words_of_an_answer_are_kept_as_written() -> None:
    assert extract_answer("The answer is 1914–1918.") == "1914–1918"
    assert extract_answer("答案：東京。") == "東京"


@pytest.mark.parametrize(
    "same",
    [
        ["\\frac{1}{2}", "0.5", "1/2", "\\dfrac{1}{2}", "\\frac12"],
        ["x=5", "5", "x = 5", "$x = 5$", "3 + 2 = 5"],
        ["1 000", "1,000", "1000", "1\u00a0000"],
    ],
)
def test_equal_numbers_have_one_key(same: list[str]) -> None:
    assert len({answer_key(text) for text in same}) == 1


@pytest.mark.parametrize(
    "different", [["y = 2x", "2x"], ["2x = 10", "10"], ["x^2 + y^2 = 1", "1"], ["x = 5", "x = 6"]]
)
def test_an_equation_is_not_its_right_side(different: list[str]) -> None:
    assert len({answer_key(text) for text in different}) == len(different)
