"""One reading of numbers: every notation of a number has one key."""

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.answers.numbers import number_key, plain_spacing, plain_typography

MANY = settings(max_examples=300, deadline=None)


@pytest.mark.parametrize(
    ("key", "notations"),
    [
        ("1/2", ["1/2", "0.5", ".5", "0,5", "½", "1 / 2", "1⁄2", r"\frac{1}{2}", r"\dfrac{1}{2}", r"\tfrac12", r"\frac12", r"\frac 1 2",
                 r"\frac{1}2", r"\frac1{2}", "5e-1", r"5\times10^{-1}", "5×10⁻¹", "۰٫۵", "०.५", "０．５", r"$\frac{1}{2}$", r"\boxed{\frac{1}{2}}",
                 "x = 1/2", r"\(\frac{1}{2}\)", "2/4", r"\frac{0.5}{1}", "+0.50"]),
        ("5/2", ["2½", "2 ½", r"2\frac{1}{2}", "2 1/2", "2.5", "2,5", "5/2", "x=2½", "2.50"]),
        ("-1/2", ["−½", "-0.5", "–0,5", r"-\frac12", r"\frac{-1}{2}", "-1/2", "－0.5"]),
        ("3/4", [r"\frac34", r"\dfrac{3}{4}", "¾", "75e-2", "0.75"]),
        ("1/3", [r"0.\overline{3}", r"\frac13", "⅓", "2/6"]),
        ("1000", ["1000", "1,000", "1 000", "1\u00a0000", "1\u2009000", "1\u202f000", "1\u2007000", "1'000", "1’000", "1_000", "1{,}000", r"1\,000",
                  r"1\;000", r"1\ 000", r"1,\!000", r"1,\! 000", "1.000,0", "1,000.00", "1e3", "10^3", "10^{3}", "10³", "10**3", "１０００", "١٠٠٠", "१०००",
                  "$1,000", r"\$1,000", "US$1,000", "€1.000,00", "1,000 $", "1000.", "**1,000**", "~1000", "≈ 1000", r"\approx 1000", "n = 1000",
                  "x_1=1000", "f(2) = 1000", r"\text{Area} = 1000", "x := 1000", "1 thousand", "1000%", r"1000\%", "1000 percent", "`1000`", "\u200b1000"]),
        ("100000", ["1,00,000", "100,000", "1 lakh", "10万", "1e5", "100 000"]),
        ("1234567", ["1,234,567", "12,34,567", "1.234.567", "1 234 567", "1'234'567", "1_234_567", "1234567.0"]),
        ("30864/25", ["1,234.56", "1.234,56", "1 234,56", "1'234,56", "1234,56"]),
        ("-5", ["-5", "−5", "–5", "‑5", "—5", "－5", "- 5", "-$5", "$-5", "-5.0", "-5%"]),
        ("1/6250000000000000000", ["1.6e-19", r"1.6\times10^{-19}", "1.6×10⁻¹⁹", "1.6 x 10^-19", r"1.6 \cdot 10^{-19}", "1.6*10**-19", "1,6·10⁻¹⁹"]),
        ("3000000", ["3 million", "3 Millionen", "3 milhões", "3,000,000", "3e6"]),
        ("0", ["0", "-0", "0.00", "0/5", "+0"]),
    ],
)  # fmt: skip
def test_every_notation_of_a_number_has_one_key(key: str, notations: list[str]) -> None:
    assert {notation: number_key(notation) for notation in notations} == dict.fromkeys(
        notations, key
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1,000", "1000"), ("1.000", "1"), ("3,5", "7/2"), ("0,125", "1/8"), ("1,2345", "2469/2000"), ("1234,567", "1234567/1000"),
        ("1.234.567", "1234567"), ("12,345", "12345"), ("1,23,456", "123456"),
    ],
)  # fmt: skip
def test_a_comma_or_a_point_groups_or_begins_the_decimals(text: str, key: str) -> None:
    assert number_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "", "-", ".", "x", "five", "5 km", "5x", "x+1", "3 4", "1,2,3", "(3,5)", "2, 3", "1/0", r"\frac{1}{0}", r"\frac123", "2^10", "12:30", "1 2/0", "1.2.3",
        "10-5", "Ada, 1787", "5!", "5²", "²", "10^10^10", "1,0000,000", "1,000,50", "5=6=x", "x > 5", "1e99999", "9" * 5000, "101_2", "B", "2-1/2",
    ],
)  # fmt: skip
def test_what_is_not_just_a_number_has_no_key(text: str) -> None:
    assert number_key(text) is None


@MANY
@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4))
def test_a_fraction_has_one_key_in_every_notation(over: int, under: int) -> None:
    value = Fraction(over, under)
    sign, whole = ("-" if over < 0 else ""), abs(over)
    notations = [
        f"{over}/{under}", rf"\frac{{{over}}}{{{under}}}", rf"{sign}\dfrac{{{whole}}}{{{under}}}", rf"$x = {sign}\frac{{{whole}}}{{{under}}}$",
        f"{sign}{whole // under} {whole % under}/{under}" if whole >= under else f"{over} / {under}", f"{sign}{whole:,}⁄{under}".replace("-", "−"),
    ]  # fmt: skip
    assert {number_key(text) for text in notations} == {str(value)}


@MANY
@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=3))
def test_a_decimal_has_one_key_in_every_notation(number: object) -> None:
    plain, english = f"{number:f}", f"{number:,f}"
    swapped = english.translate(str.maketrans(",.", ".,"))
    notations = [
        plain, english, english.replace(",", " "), english.replace(",", "\u202f"), english.replace(",", "'"), english.replace(",", r"\,"),
        english.replace(",", "{,}"), plain.replace("-", "−"), f"${plain}$", f"x = {english}", plain + "000", f"{number:e}",
        plain.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
    ]  # fmt: skip
    if (
        swapped.count(".")
        or swapped.count(",") == 0
        or len(plain.lstrip("-").partition(".")[0]) > 3
    ):
        notations.append(swapped)
    key = str(Fraction(plain))
    assert {text: number_key(text) for text in notations} == dict.fromkeys(notations, key)
    assert number_key(key) == key


@MANY
@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    number_key(text)


def test_a_row_break_is_no_space() -> None:
    assert plain_spacing(r"1\\ 2\\,3\ 4\,5") == r"1\\ 2\\,3 4 5"


def test_typography_becomes_plain() -> None:
    assert plain_typography("x²⁺ⁿ − ½·10⁻³ ≤ ٣") == r"x^{2+n} - \frac{1}{2}·10^{-3} ≤ 3"


@pytest.mark.parametrize("piece", ["1", "1,", "1 ", "1.", "{", "\\frac", "\\text{", "½", "²", "x=", "≈", "_", "'1", "$", "-", "1/", "e5", "\\,", "~", "\u00a0"])  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "5{}", "{}5", "x={}x"])
def test_a_long_text_takes_little_time(piece: str, around: str) -> None:
    began = time.process_time()
    for length in (900, 100_000):
        text = around.replace("{}", piece * (length // len(piece)))
        number_key(text)
        plain_spacing(plain_typography(text))
    assert time.process_time() - began < 3
