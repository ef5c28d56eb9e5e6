"""Answers in mathematics that were graded wrongly in the field, and replies in prose like them."""

import json
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from router_r1_reward import grade

CASES = Path(__file__).parents[4].parent / "shared" / "cases" / "grades.jsonl"
needs_math_verify = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed"
)


@needs_math_verify
def test_the_cases_from_the_field() -> None:
    if not CASES.exists():
        pytest.skip("the cases are not here")
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    cases = [case for case in cases if case["metric"] == "math"]
    assert cases
    assert [
        case for case in cases if grade(case["answer"], [case["gold"]], "math") != case["want"]
    ] == []


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        # The number of a sentence, in other languages and types.
        ("A soma dos números de 1 a 10 é 55.", "55", 1), ("Die Summe der 3 Zahlen beträgt 1.234,56 €.", "1234.56", 1),
        ("所以，Natalia一共卖了72个夹子。", "72", 1), ("Итак, сумма 3 чисел равна 15.", "15", 1), ("La suma de los 3 números es 15.", "15", 1),
        ("Everyone together has **6** red cars.", "6", 1), ("The final total is −5 degrees today.", "-5", 1), ("The final total is –5 degrees today.", "5", 0),
        ("| Item | Price |\n|---|---|\n| Shirt | $25 |\n| **Total** | **$85** |", "85", 1),
        ("It takes 5 hours.\n\nCheck: 5 × 60 km = 300 km, which is the distance given.", "5", 1),
        ("So the total cost is $1,200. I hope this helps! If you have 2 children, ask.", "1200", 1),
        ("The answer is 72, which is 12 more than last year's 60.", "72", 1), ("The answer is 72, which is 12 more than last year's 60.", "12", 0),
        ("There are 10\u202f000 people in 2 towns, 10\u202f000 in all.", "10000", 1),
        # An answer that is not finished states nothing.
        ("The answer is 4. Hmm, wrong. The answer is", "4", 0), ("First 5. Redo the sum: \\boxed{", "5", 0), ("x = 3.\n\n**Final Answer:**", "3", 0),
        ("In total she saves $2,600. Feel free to ask if you have 1 more question!", "2600", 1),
        ("It costs 12 dollars. Let me know if you need 2 more examples.", "12", 1),
        ("It costs 12 dollars. Let me know if you need 2 more examples.", "2", 0),
        ("The answer is 90, that is 15 less than the 105 of last week.", "90", 1),
        ("The answer is 90, that is 15 less than the 105 of last week.", "15", 0),
        ("答：一共需要150元。", "150", 1),
        ("답: 모두 15개입니다.", "15", 1),
        ("答え：全部で24個です。", "24", 1),
        ("Now we divide both sides by 5 to solve for X:\n\nX = $250 / 5\n\nSo X is $50. They spent $15 on lemons.", "15", 1),
        ("So, it will take 2 hours to fully charge the phone from 60% to 100%.", "2", 1),
        ("Therefore, the latest time to start the cake that is served at 5:00 pm is 2:00 pm.", "2", 1),
        ("Required correct answers = 70% of 110 = 77 correct answers\n\nAudrey needs to get 35 questions right.", "35", 1),
    ],
)  # fmt: skip
def test_a_number_in_prose(answer: str, gold: str, score: float) -> None:
    assert grade(answer, [gold], "math") == score


@needs_math_verify
@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("The roots of the equation are $3$, $5$ and $7$.", "3, 5, 7", 1), ("The roots of the equation are $3$ and $7$.", "3, 5, 7", 0),
        ("The line through both points is $y = 3x - 5$.", "3x-y=5", 1), ("The line through both points is $y = 3x + 5$.", "3x-y=5", 0),
        ("x + y = 2", "2", 1), ("Thus the area of the circle is $25\\pi$ square units.", "25\\pi", 1), ("So the matrix is $\\begin{pmatrix}1\\\\2\\end{pmatrix}$", r"\begin{pmatrix}1\\2\end{pmatrix}", 1),
    ],
)  # fmt: skip
def test_a_formula_in_prose(answer: str, gold: str, score: float) -> None:
    assert grade(answer, [gold], "math") == score


HOSTILE = {
    "tower": "9^{9^{9^{9}}}", "power of ten": "10^{10^{10}}", "huge factorial": "(10^{9})!", "double factorial": "100000!!",
    "fractions": r"\frac{1}{" * 900 + "2" + "}" * 900, "parentheses": "(" * 5000 + "1" + ")" * 5000, "brackets that open": "(" * 10_000,
    "polynomial": "(x+1)^{1000}", "three variables": "(x+y+z)^{500}", "sum": r"\sum_{n=1}^{10^{9}} n^n", "product": r"\prod_{n=1}^{10^8} (n+1)",
    "long sum": "1+" * 5000 + "1", "digits": "9" * 10_000, "boxes": r"\boxed{1}" * 1100, "boxes in boxes": r"\boxed{" * 1250 + "1" + "}" * 1250,
    "text in text": r"\text{" * 1400 + "1" + "}" * 1400, "integral": r"\int_0^1 \sin(x^x) dx", "binomial": r"\binom{10^9}{5*10^8}",
    "exponentials": "e^{e^{e^{e^{e}}}}", "power": "2^{100000000}", "list": "1, " * 3000 + "1", "row": r"\begin{pmatrix}" + "1&" * 3000 + r"1\end{pmatrix}",
    "signs": r"\pm 1" * 1500, "equations": "x=" * 4000 + "1", "braces": "{" * 5000 + "1" + "}" * 5000, "dollars": "$" * 10_000, "about": "≈" * 10_000,
    "spaces": "1" + " " * 10_000 + "1", "and": "1 and " * 1600 + "1", "sines": r"\sin(" * 80 + "x" + ")" * 80, "bars": "|" * 900, "exponent": "1e999999999",
    "units": "5 " + "cm/" * 3000, "factorials": "5" + "!" * 500, "raised": "²" * 10_000, "halves": "½" * 10_000,
}  # fmt: skip


@needs_math_verify
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_takes_bounded_time_and_scores_nothing(kind: str) -> None:
    grade("x+1", ["1+x"], "math")  # starts a worker
    for gold in (
        "7",
        r"2\sqrt{3}",
        "3, 5, 7",
        "x^2+1",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        "[1,2)",
    ):
        began, own = time.monotonic(), time.process_time()
        assert grade(HOSTILE[kind], [gold], "math") == 0
        assert time.process_time() - own < 1, "the time of this process"
        assert time.monotonic() - began < 10, (
            "with the worker's 0.4 s of processor time, on a busy machine"
        )
