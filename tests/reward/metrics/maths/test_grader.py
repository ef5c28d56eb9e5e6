"""The metric math: numbers in many notations and in prose, letters, words, and expressions through math-verify."""

import subprocess
import sys
import time
from fractions import Fraction
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.errors import DataError
from router_r1_reward import grade
from router_r1_reward.metrics.maths.grader import quantity

MANY = settings(max_examples=200, deadline=None)

needs_math_verify = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed"
)


# --- numbers


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("18", "18"), ("18.00", "18"), ("$18", "18"), ("18 dollars", "18"), ("$18 per day", "18"), ("**18**", "18"),
        ("1,234", "1234"), ("1234", "1,234"), ("$57,500.", "57500"), ("$20.00", "20"), ("20", "$20.00"), (".5", "0.5"),
        ("+5", "5"), ("-5", "\u22125"), ("-$5", "$-5"), ("1e3", "1000"), ("5 million", "5000000"), ("3 dozen", "36"),
        ("3/4", "0.75"), (r"\frac{3}{4}", "0.75"), (r"$\dfrac{3}{4}$", "3/4"), (r"-\frac{1}{2}", "-0.5"), ("1 1/2", "1.5"),
        ("10%", "0.1"), (r"10\%", "0.1"), ("0.1", "10%"), ("10%", "10"), ("10", "10%"), ("10 percent", "10%"),
        (r"\boxed{42}", "42"), ("The answer is 42.", "42"), ("#### 42", "42"), ("x = 42", "42"), ("= 42", "42"),
        ("42 km", "42"), ("42", "42 km"), ("42 kilometers", "42 km"), (r"90^\circ", "90"), (r"90 \circ", "90"), (r"42 \text{ cm}", "42"),
        ("0.333333", "1/3"), ("0.3333333333", "1/3"),
        ("She has 12 apples left in the basket", "12"), ("So she pays $12.50.", "12.5"),
        ("First 3 * 4 = 12.\nThen 12 + 5 = $<<12+5=17>>17 a day.", "17"),
        ("He walks 200 feet\n\nand is out of reach.", "200"),
        ("Kylar needs to pay $64 for the 16 glasses.", "64"), ("She makes $18 every day for 5 days.", "18"),
        ("If 5 people work together, they need 240 hours / 5 = 48 hours for 5 people to paint a house.", "48"),
        ("So, after 12 months, he has saved 1,200 dollars in 3 accounts.", "1200"),
        ("It is 25% more likely to roll a number above 3 than 2 even ones.", "25%"),
        ("Each of the 4 children gets.\nThey get 3/4 of a pie for 2 days", "0.75"),
        ("The town of Ald has 3 million people in 2 valleys.", "3000000"),
        ("The cake will be ready at 2:00 in the afternoon, all 3 layers of it", "2"),
        ("We have $x^{\\frac{1}{2}} = 3$.\n\nThe boat needs 9 hours for 3 rivers.", "9"),
        ("Tom has 20 apples and gives away 8, so 12 remain.", "12"), ("So 15% of 200 comes to 30", "30"),
        ("In 5 days she will have 12 apples.", "12"), ("Each of the 4 friends gets 6 cookies.", "6"),
        ("Kylar needs to pay $64 for the 16 glasses.", "64"), ("The 5th term equals 30", "30"), ("Step 3: the total comes to 45", "45"),
        ("He sold 3 of 10 books, leaving 7 books.", "7"), ("Hence the value is 12, since n = 3", "12"),
        ("The answer is 12 (3 x 4 = 12).", "12"), ("So x = 5 when y = 3", "5"), ("It comes to 1.5e3 in total", "1500"),
        ("He can go to the movies 42 / 14 = 3 times.", "3"), ("The guests took 40 - 14 = 26 pieces of pie.", "26"),
        ("Andy needs a deficit of 525 calories to reach his goal by July 19th.", "525"),
        ("He can rent out 4000 chairs over the course of two 4-week months.", "4000"),
        ("She buys 3 dozen eggs", "36"), ("In total she has 14 (reds) + 4 (blues) = 18 pens.", "18"),
        ("about 5", "5"), ("It is about 5.", "5"), ("Approximately $12.50", "12.5"), (r"\approx 5", "5"), ("≈ 5", "5"),
    ],
)  # fmt: skip
def test_the_same_number(answer: str, gold: str) -> None:
    assert grade(answer, [gold], "math") == 1


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("19", "18"), ("-5", "5"), ("20.00", "0"), ("$20.00", "00"), ("1000001", "1000000"), ("1.5", "15"), ("3 4", "34"),
        ("0.33", "1/3"), ("10%", "1"), ("10%", "100"), ("5 million", "5"), ("5 km", "5 m"), ("50 cents", "$50"), ("1/0", "0"),
        ("5/6", "5"), ("5 and a half", "5"), ("x is 2 or 3", "3"), ("either 12 or 13 apples", "13"), ("either 12 or 13 apples", "12"),
        ("Kylar needs to pay $64 for the 16 glasses.", "16"), ("They need 10 to 15 minutes for it", "10"),
        ("The sum of both is 2 * 3 apples", "2"), ("The ratio of both is 2:1 in the end", "2"), ("It weighs 2^3 pounds in all", "2"),
        ("So it is 3 or -4 here", "3"), ("The pair is (3,4) as points", "3"), ("The roots are 3 & 4 there", "3"), ("x is then 5 minus 3", "5"),
        ("It is 5√2 units long", "5"), ("It is 5(x+1) units long", "5"), ("It is 25π square units", "25"), ("It is 1.5e3 in total", "1.5"),
        ("Each of the 4 friends gets 6 cookies.", "4"), ("Tom has 20 apples and gives away 8, so 12 remain.", "20"),
        ("unknown", "7"),
        ("twelve", "12"), ("", "5"), ("no idea", "5"),
    ],
)  # fmt: skip
def test_another_number(answer: str, gold: str) -> None:
    assert grade(answer, [gold], "math") == 0


@MANY
@given(st.integers(-(10**9), 10**9))
def test_an_integer_in_every_notation(number: int) -> None:
    for written in (
        f"{number:,}",
        f"{number}.0",
        f"${number}$",
        f"\\boxed{{{number}}}",
        f"{number} apples",
    ):
        assert grade(written, [str(number)], "math") == 1
        assert grade(written, [str(number + 1)], "math") == 0


@MANY
@given(st.integers(-999, 999), st.integers(1, 999))
def test_a_fraction_is_read_exactly(over: int, under: int) -> None:
    for written in (f"{over}/{under}", rf"\frac{{{over}}}{{{under}}}"):
        found = quantity(written)
        assert found is not None and found.value == Fraction(over, under)


def test_a_long_reply_takes_linear_time() -> None:
    began = time.process_time()
    for text in (
        " " * 100_000,
        " ()" * 30_000,
        "so for a " * 10_000,
        "is " * 30_000,
        "if a " * 20_000,
        "1,2" * 30_000,
        "####" * 20_000,
    ):
        assert grade(f"She said{text}x 5", ["7"], "math") == 0
    assert time.process_time() - began < 5


@MANY
@given(st.text(max_size=40))
def test_reading_any_text_raises_nothing(text: str) -> None:
    quantity(text)


def test_letters_and_words() -> None:
    assert grade(r"\boxed{\text{(B)}}", ["B"], "math") == 1
    assert grade("(B)", [r"\text{B}"], "math") == 1
    assert grade("(C)", ["B"], "math") == 0
    assert grade("monday", [r"\text{Monday}"], "math") == 1
    assert grade("Tuesday", ["Monday"], "math") == 0


def test_numbers_and_words_need_no_math_verify() -> None:
    code = (
        "import sys; sys.modules['math_verify'] = None\n"
        "from router_r1_reward import grade\n"
        "assert grade('$1,234.50', ['1234.5'], 'math') == 1 and grade('so it is 7', ['8'], 'math') == 0\n"
        "assert 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_math_verify_an_expression_raises_and_says_what_to_install() -> None:
    code = (
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'math_verify' else real(name, *a)\n"
        "from router_r1_reward import grade\n"
        "try: grade('x+1', ['1+x^2'], 'math')\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pip install" in done.stdout and "math-verify" in done.stdout


# --- expressions


@needs_math_verify
@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("1+x^2", "x^2+1", 1),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}", 1),
        ("2^3", "8", 1),
        ("2**3", "8", 1),
        ("sqrt(64)", "8", 1),
        ("2 sqrt(3)", r"2\sqrt{3}", 1),
        ("6pi", r"6\pi", 1),
        ("(1, 2)", "(1,2)", 1),
        (r"1 \le x < 2", "[1,2)", 1),
        ("{2,1}", "{1,2}", 1),
        ("4i+3", "3 + 4i", 1),
        (r"Therefore $x = \frac{3}{2}$", "1.5", 1),
        ("x^2", "x^2+1", 0),
        ("2, 3", "3", 0),
        ("5x", "5", 0),
        ("(2,1)", "(1,2)", 0),
    ],
)
def test_expressions(answer: str, gold: str, expected: float) -> None:
    assert grade(answer, [gold], "math") == expected


@needs_math_verify
def test_an_unreadable_gold_answer_raises() -> None:
    with pytest.raises(DataError, match="math-verify cannot read the gold answer"):
        grade("5", [r"\frac{"], "math")
    with pytest.raises(DataError, match="has 4000 characters"):
        grade("5", ["x+" * 2000], "math")


@needs_math_verify
@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        # Needs full context: without it the parser misreads 152x and reports an error.
        ("4(x+23)(x+15)", "4x^2 + 152x + 1380", 1),
        ("4(x+23)(x-15)", "4x^2 + 152x + 1380", 0),
        # Readable without full context.
        (r"(58, \tfrac{112}{52})", r"\left(58, \frac{56}{26}\right)", 1),
        (r"\left[-16,14\right)\cup\left(17,\infty\right)", r"[-16, 14) \cup (17, \infty)", 1),
        (r"[-16, 14] \cup (17, \infty)", r"[-16, 14) \cup (17, \infty)", 0),
        # Not an expression.
        (r"\frac{1}{\sqrt{", r"\frac{\sqrt{2}}{2}", 0),
    ],
)
def test_expressions_are_read_in_two_stages(answer: str, gold: str, right: int) -> None:
    assert grade(answer, [gold], "math") == right
