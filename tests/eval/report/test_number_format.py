"""Numbers as text."""

import pytest

from router_r1_eval.report.number_format import compact, fixed, signed, whole


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (1234.5, "1234"),
        (0.000123456, "0.000123"),
        (-20, "−20"),
        (2.5, "2.5"),
    ],
)
def test_compact_numbers_have_three_digits_and_no_exponent(value, text):
    assert compact(value) == text


def test_other_formats_have_a_real_minus_too():
    assert (fixed(-0.0521, 3), fixed(None, 3)) == ("−0.052", "")
    assert (signed(-2.04), signed(0.5)) == ("−2.0", "+0.5")
    assert (whole(-2.6), whole(-0.4), whole(12)) == ("−3", "0", "12")
