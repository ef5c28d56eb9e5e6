r"""The metric math by kinds of answers: what is equal (1) and what only looks equal (0).

Each row is (gold, right answers, wrong answers). Every right answer must also be equal as gold, with few exceptions that
`ONE_WAY` names.
"""

from importlib.util import find_spec

import pytest

from router_r1_reward import grade

pytestmark = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed"
)

KINDS: dict[str, list[tuple[str, list[str], list[str]]]] = {
    "matrices": [
        (r"\begin{pmatrix} -2 \\ -14 \\ -7 \end{pmatrix}",
         [r"\begin{pmatrix}-2\\-14\\-7\end{pmatrix}", r"\boxed{\begin{pmatrix}-2\\-14\\-7\end{pmatrix}}",
          r"\left(\begin{array}{c}-2\\-14\\-7\end{array}\right)", r"\begin{bmatrix}-2\\ -14\\ -7\end{bmatrix}",
          "$\\begin{pmatrix}\n-2 \\\\[4pt]\n-14 \\\\\n-7\n\\end{pmatrix}$", r"\begin{pmatrix}-2.0\\-\frac{28}{2}\\-7\end{pmatrix}"],
         [r"\begin{pmatrix} -2 \\ 14 \\ -7 \end{pmatrix}", r"\begin{pmatrix} -2 & -14 & -7 \end{pmatrix}",
          r"\begin{pmatrix} -2 \\ -14 \end{pmatrix}", r"\begin{pmatrix} -14 \\ -2 \\ -7 \end{pmatrix}", "-2", "-23"]),
        (r"\begin{pmatrix} 3 \\ -7 \end{pmatrix}", [r"\begin{pmatrix}3\\-7\end{pmatrix}"], [r"\begin{pmatrix} 3 \\ 7 \end{pmatrix}"]),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", [r"\begin{bmatrix}1&2\\3&4\\\end{bmatrix}"],
         [r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 & 3 & 4 \end{pmatrix}", r"\begin{vmatrix} 1 & 2 \\ 3 & 4 \end{vmatrix}"]),
        (r"\begin{pmatrix} \cos t & -\sin t \\ \sin t & \cos t \end{pmatrix}", [r"\begin{bmatrix}\cos(t)&-\sin(t)\\\sin(t)&\cos(t)\end{bmatrix}"],
         [r"\begin{pmatrix} \cos t & \sin t \\ -\sin t & \cos t \end{pmatrix}"]),
    ],
    "units": [
        ("12", [r"12\text{ cm}^2", r"12\ \text{cm}^{2}", "12 cm²", "12 square centimeters", "12 sq cm", r"12\,\mathrm{m}^3", "12 km/h", "12 m/s^2", "12 mph",
                r"12~\mathrm{units}^2", "12 square units", "12 cubic feet", "12 apples", "12 cm squared", "12cm^2", r"12 \frac{m}{s}", "12°", "12 °C"],
         ["12x", "12^2", r"12\sqrt{2}", "12 m + 3", "12n^2", "144 cm^2", "12!"]),
        ("12 cm^2", ["12", r"12\text{ cm}^2", "12 cm2", "12 square cm", "12 square centimetres"], ["12 cm", "12 cm^3", "12 m^2", "144 cm^2"]),
        ("5 km/h", ["5", r"5\text{ km/h}", "5 kilometers per hour", "5 kmh"], ["5 km", "5 m/s", "5 h/km", "5 mph"]),
        (r"6\sqrt{3}", [r"6\sqrt{3}\text{ cm}^2", r"6\sqrt3\ \text{units}", "6√3 cm²", "6 sqrt(3) square units"], [r"6\sqrt{2}\text{ cm}^2", r"6\sqrt{3}x"]),
        (r"25\pi", ["25π cm²", r"25\pi\text{ square units}", "25 pi"], ["25", "25 cm^2"]),
        ("2.4", [r"$a = 2.4\,\mathrm{m\,s^{-2}}$", r"2.4\ \text{kg m}^2\text{ s}^{-2}", "2.4 m s^-2"], ["2.4^{-2}", "2.4x"]),
        (r"90^\circ", ["90", "90 degrees", "90°", r"90\degree", r"90^{\circ}"], ["90 radians", "9"]),
        ("$5", ["5", r"\$5", "5 dollars", "$5.00", "5.00 USD", "US$5"], ["5 cents", "€5", "$50"]),
    ],
    "equations": [
        ("3x-y=5", ["y=3x-5", "$y = 3x - 5$", "6x-2y=10", "3x = y+5", "5=3x-y", "0=3x-y-5"], ["y=3x+5", "3x-y=-5", "5", "3x-y", "y=5-3x"]),
        ("2x+4y-3=0", ["y=-1/2*x+3/4", r"y=-\frac{1}{2}x+\frac{3}{4}", "2x+4y=3", "x + 2y = 1.5"], ["y=1/2*x+3/4", "2x+4y=0", "0"]),
        ("x+y=2", ["y=2-x", "y = -x + 2", "x = 2 - y"], ["y=x-2", "x+y=3"]),
        ("x^2+y^2=25", ["y^2 + x^2 = 25", "2x^2+2y^2=50", "x^2+y^2-25=0"], ["x^2+y^2=5", "x^2-y^2=25", "25"]),
        ("5", ["x = 5", "x=5", r"\boxed{x=5}", "n = 5", "AB = 5", "f(2) = 5", r"\angle ABC = 5^\circ", "x = 2 + 3 = 5", "2+3=5", "|AB| = 5"],
         ["y=5x", "y = 5x", "2x=5", "x^2=5", "x = 5 + y", "5x", "x > 5", r"x \ne 5", "5=x+1"]),
        ("x=5", ["5", "x = 5", "5.0"], ["y=5", "x=-5", "x=5y"]),
        ("y = 5x", ["5x", "y=5x", "x=y/5"], ["5", "x=5", "x = 5y"]),
        ("f(x) = x^2 + 1", ["x^2+1", "f(x)=1+x^2", "y = x^2+1"], ["f(x) = x^2", "f(x) = x^2 - 1"]),
    ],
    "near constants": [
        ("1/2^{98}", ["$1/2^{98}$", r"\frac{1}{2^{98}}", "2^{-98}", r"\left(\frac{1}{2}\right)^{98}"], ["1/2^{99}", "0", "2^{98}", "1/2^{97}"]),
        (r"3.2\times10^{-19}", ["3.2e-19", "3.2 × 10⁻¹⁹", r"32\cdot 10^{-20}", "0.00000000000000000032"],
         [r"1.6\times10^{-19}", "3.2e-18", "0", r"3.3\times10^{-19}", "3.2e19"]),
        (r"\frac{19}{6}", ["19/6 ≈ 3.1667", r"\frac{19}{6} \approx 3.17"], ["3.1667", r"\frac{17}{6} \approx 2.83"]),
        (r"\pi", ["3.141593", "3.14159265", "π"], ["3.14", "3.14159", "22/7", r"\frac{355}{113}", "3.141592"]),
        (r"\sqrt{2}", ["2^{1/2}", "1.414214", "√2"], ["1.41", "1.41421", "1.414213", "99/70"]),
        ("1/3", ["0.333333", r"\frac13", r"0.\overline{3}"], ["0.33", "0.3333", "0.333334", "333333/1000000"]),
        ("10^{100}", ["10^{100}", r"10\cdot 10^{99}"], ["10^{100}+1", "10^{99}"]),
        ("262537412640768744", [], [r"e^{\pi\sqrt{163}}"]),
        ("0.000001", ["10^{-6}", "1e-6", "1/1000000"], ["0.000002", "0", "1e-7", "1/1000001"]),
        ("0", ["0.0", r"\sin(\pi)", r"\sqrt{2}-\sqrt{2}"], ["1e-30", r"\frac{1}{10^{40}}"]),
        (r"\frac{1}{1+10^{-12}}", [], ["1", r"\frac{1}{1-10^{-12}}"]),
        ("2e", ["5.436564"], ["5.44", "5.43656", "2"]),
    ],
    "sequences with dots": [
        (r"1,2,\ldots,n", [r"1, 2, \dots, n", "1, 2, ..., n", "1, 2, …, n"], [r"2,4,\ldots,2n", r"1,2,\ldots,2n", r"1,3,\ldots,n", "1, 2, n", "n"]),
        (r"\{1, 2, 3, \ldots\}", [r"\{1,2,3,\dots\}"], [r"\{1,2,4,\ldots\}", r"\{1,2,3\}", r"\{2, 3, 4, \ldots\}"]),
        (r"1+2+\cdots+n", [r"1 + 2 + \dots + n"], [r"1+2+\cdots+2n", "n", "1+2+n"]),
    ],
    "lists and sets": [
        ("3, 5, 7", ["3,5,7", "7, 5, 3", "3, 5 and 7", "3, 5, and 7", "$3$, $5$, $7$", r"\{3,5,7\}", "x = 3, 5, 7", "x=3, x=5, x=7", "3; 5; 7", "3 or 5 or 7",
                     r"$x = 3$, $x = 5$ and $x = 7$"],
         ["3, 5", "3, 5, 8", "3, 5, 7, 9", "3", "357", "3+5+7", "3, 5, -7"]),
        ("2, -3", [r"2 \text{ and } -3", "-3, 2", r"\{-3, 2\}", "x = 2 or x = -3", "−3, 2"], ["2, 3", "-2, 3", "2 - 3", "-1", "2"]),
        ("1, 4", ["1 or 4", "4 or 1", r"x=1\text{ or }x=4", "1;4"], ["1 or 5", "1.4", "4", "14"]),
        (r"\pm 3", ["3, -3", "-3, 3", "±3", "x = ±3", r"x=\pm 3", "3 and -3", r"\{-3,3\}", "3 or −3"], ["3", "-3", r"\pm 2", "9", r"\pm\sqrt{3}"]),
        (r"2 \pm \sqrt{3}", [r"2+\sqrt{3}, 2-\sqrt{3}", "2 ± √3", r"x = 2 \pm \sqrt 3", r"\{2-\sqrt3, 2+\sqrt3\}"], [r"2+\sqrt{3}", r"-2\pm\sqrt{3}", r"2 \pm \sqrt{5}"]),
        ("(1,2)", [r"\left(1, 2\right)", "(1, 2)", "(1.0, 4/2)", r"\langle 1, 2 \rangle", "(x, y) = (1, 2)", "1, 2"], ["(2,1)", "(1,3)", "(1,2,3)", "[1,2]", r"\{1,2\}", "12", "1"]),
        (r"\{1,2\}", [r"\{2, 1\}", r"x \in \{1,2\}", "1, 2", r"\left\{1,2\right\}"], [r"\{1\}", r"\{1,2,3\}", "(1,2)", "[1,2]"]),
        ("(1,2), (3,4)", ["(3,4), (1,2)", r"\{(1,2),(3,4)\}", "(1,2) and (3,4)", "$(1,2)$ and $(3,4)$"], ["(2,1), (3,4)", "(1,2)", "(1,3), (2,4)", "1,2,3,4"]),
        (r"\frac{\sqrt{2}}{2}, 1", [r"1, \frac{1}{\sqrt{2}}"], [r"1, \frac{1}{\sqrt{3}}", r"1, \sqrt{2}"]),
        ("1,000, 2,000", ["1000 and 2000", "2000, 1000"], ["1, 2", "1000, 200", "1, 0, 2, 0"]),
        ("1, 1, 2", ["2, 1, 1"], ["1, 2, 2", "1, 2"]),
        ("x = 1, y = 2", ["x=1, y=2", "y = 2, x = 1", "(1, 2)"], ["x = 2, y = 1", "(2, 1)", "x=1"]),
    ],
    "intervals and inequalities": [
        ("[1,2)", [r"\left[1, 2\right)", r"1 \le x < 2", r"1\leq x<2", r"x \in [1,2)", "[1.0, 2)", "1 ≤ x < 2", "2 > x ≥ 1"], ["(1,2)", "[1,2]", "(1,2]", r"1 < x < 2", "[1,3)"]),
        (r"(-\infty, 1) \cup (3, \infty)", [r"(3,\infty)\cup(-\infty,1)", r"x<1 \text{ or } x>3", r"x \in (-\infty,1)\cup(3,\infty)", "(-∞, 1) ∪ (3, ∞)"],
         [r"(-\infty, 1] \cup (3, \infty)", "(1,3)", r"(-\infty,1)", r"1<x<3"]),
        ("x > 3", ["3 < x", r"(3, \infty)", "x>3", "2x > 6", r"x \in (3,\infty)"], [r"x \ge 3", "x < 3", "3", "x > -3", "-x > -3"]),
        (r"x \le -2", [r"(-\infty, -2]", "-x ≥ 2"], [r"x \ge -2", "x < -2", "-2"]),
        (r"\mathbb{R} \setminus \{0\}", [r"(-\infty,0)\cup(0,\infty)", r"x \neq 0"], [r"\mathbb{R}", r"(0,\infty)"]),
        (r"(-\infty, \infty)", [r"\mathbb{R}", "(-∞, ∞)"], [r"(0,\infty)", r"\infty"]),
        (r"\infty", ["∞", r"+\infty"], [r"-\infty", "0"]),
        (r"\emptyset", [r"\varnothing", "∅", r"\{\}"], [r"\{0\}", "0"]),
        (r"\{x \mid x > 1\}", ["x > 1", r"(1, \infty)"], [r"x \ge 1"]),
    ],
    "expressions": [
        ("x^2-1", ["(x-1)(x+1)", "-1 + x^2", "x**2 - 1", "x² − 1", r"\left(x-1\right)\left(x+1\right)", r"x \cdot x - 1"], ["x^2+1", "(x-1)^2", "1-x^2", "x^2"]),
        (r"\frac{\sqrt{2}}{2}", [r"\frac{1}{\sqrt{2}}", r"\sqrt{\frac12}", "sqrt(2)/2", "√2/2"], [r"\sqrt{2}", r"\frac{\sqrt{3}}{2}", "1/2"]),
        ("120", ["5!", r"5 \cdot 4 \cdot 3 \cdot 2", r"\binom{10}{3}", "2^3 * 15"], ["5", "4!", "6!", r"\binom{10}{4}"]),
        ("3", [r"\log_2 8", r"\log_{2}{8}", r"\sqrt{9}", r"\sqrt[3]{27}", r"|-3|", r"\lfloor 3.7 \rfloor"], [r"\log_2 4", r"\sqrt{3}", r"\sqrt[3]{9}"]),
        ("3+4i", ["4i+3", "3 + 4 i"], ["3-4i", "4+3i", "7", "3+4", "5"]),
        (r"\frac{1}{2}", ["0.5", "½", r"\cos\frac{\pi}{3}", r"\dfrac12", r"\sin 30^\circ"], [r"\frac{1}{3}", "2", "12"]),
        (r"\frac{\pi}{3}", ["π/3", r"\pi/3", r"\frac13\pi", "pi/3", r"\arctan\sqrt3"], [r"\frac{\pi}{6}", r"\frac{2\pi}{3}", "60"]),
        (r"\sin 2x", [r"2\sin x\cos x", "sin(2x)"], [r"\sin x", r"2\sin x", r"\cos 2x"]),
        (r"\frac{n(n+1)}{2}", [r"\sum_{k=1}^{n} k", r"\frac{n^2+n}{2}", "n(n+1)/2"], ["n(n+1)", r"\frac{n(n-1)}{2}"]),
        ("2^{10}", ["1024", "2^10", "2**10", r"4^5"], ["210", "20", "1023", "10^2"]),
        ("a^2+2ab+b^2", ["(a+b)^2"], ["(a-b)^2", "a^2+b^2"]),
        (r"e^{2x}", [r"(e^x)^2", "exp(2x)"], [r"e^{x}", "2e^x"]),
        (r"\ln 2", ["ln(2)", r"\ln{2}"], [r"\ln 3", "2"]),
        (r"-\frac{3}{4}", [r"\frac{-3}{4}", r"\frac{3}{-4}", "-0.75", "−3/4"], ["3/4", "-4/3"]),
        (r"\frac{x+1}{x-1}", [r"1+\frac{2}{x-1}", "(x+1)/(x-1)"], ["x+1/x-1", r"\frac{x-1}{x+1}"]),
        ("x", ["x"], ["y", "-x", "2x"]),
        ("3:2", ["3 : 2", "6:4"], ["2:3", "3:4"]),
        ("2n+1", ["2n + 1", "1+2n", "n + n + 1"], ["2n", "2n-1", "3"]),
        ("3x + 2d", ["2d+3x"], ["3x+2", "3x"]),
        ("2ab", ["2a b", "2ba", r"2a \cdot b"], ["2a+b", "2a", "2abc"]),
    ],
    "typography of numbers": [
        ("2.5", ["2½", "2 ½", r"2\frac{1}{2}", "2 1/2", "5/2", "2,5", "２．５"], ["2", "21/2", "1/2", "25"]),
        ("10000", ["10 000", "10\u00a0000", "10\u2009000", "10\u202f000", "10,000", "10'000", "10’000", "10_000", r"10\,000", "10{,}000", "1e4", "10^4", r"10,\! 000",
                   "The answer is 10\u202f000.", "The answer is 10 000.", "１００００", "١٠٠٠٠", "१००००", "10.000,00", r"\$10,000"],
         ["10", "1000", "100000", "10 00", "10.000"]),
        ("-5", ["–5", "−5", "‑5", "—5", "－5", "- 5", "The answer is –5.", "The answer is −5.", "-$5"], ["5", "–6", "0-5+1"]),
        ("100000", ["1,00,000", "100,000", "1 lakh", "The answer is 1,00,000."], ["1,00,00", "10,000"]),
        ("1234.56", ["1.234,56", "1,234.56", "1 234,56", "1'234.56", "€1.234,56"], ["1.23456", "123456"]),
        ("0.125", ["0,125", "1/8", "⅛", "12.5%", ".125"], ["125", "0.25"]),
        ("5%", ["5 %", r"5\%", "5 percent", "0.05", "٥٪", "5"], ["50%", "500"]),
        ("-1/2", ["−½", r"-\frac12", "-0,5"], ["1/2", "-2"]),
    ],
    "bases": [
        ("101_2", ["101_{2}", "$101_2$", "101", r"101_{\text{2}}"], ["101_3", "110_2", "10"]),
        ("2516_8", ["2516_{8}", "2516"], ["2516_7", "251_8"]),
    ],
    "words": [
        (r"\text{Monday}", ["Monday", "monday", r"\boxed{\text{Monday}}", "The answer is Monday."], ["Tuesday", "Sunday, Monday"]),
        ("Yes", ["yes", "Yes.", r"\text{Yes}"], ["No", "5"]),
        (r"\text{even}", ["even"], ["odd"]),
        (r"\text{(C)}", ["C", "(C)", r"\boxed{C}"], ["B", "(D)"]),
        (r"\text{undefined}", ["undefined"], ["0", "5"]),
    ],
}  # fmt: skip
ONE_WAY = {"1, 2", "x = 1, y = 2"}
"""Right for another notation of the same listing, while two of such answers are not right for each other."""
ROWS = [(kind, gold, right, wrong) for kind, rows in KINDS.items() for gold, right, wrong in rows]


@pytest.mark.parametrize(
    ("gold", "answer"), [(gold, answer) for _, gold, right, _ in ROWS for answer in [gold, *right]]
)
def test_right(gold: str, answer: str) -> None:
    assert grade(answer, [gold], "math") == 1
    assert grade(gold, [answer], "math") == 1


@pytest.mark.parametrize(
    ("gold", "answer"), [(gold, answer) for _, gold, _, wrong in ROWS for answer in wrong]
)
def test_wrong(gold: str, answer: str) -> None:
    assert grade(answer, [gold], "math") == 0
    assert grade(gold, [answer], "math") == 0
