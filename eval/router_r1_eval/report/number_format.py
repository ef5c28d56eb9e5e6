"""Numbers as text for figures and tables: few digits, never an exponent, a real minus sign."""

from __future__ import annotations

import math

_MINUS = "−"


def compact(value: float) -> str:
    """Up to three significant digits, or the whole part if it has more."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}".replace("-", _MINUS)
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole(value: float) -> str:
    """Rounded to an integer."""
    text = f"{value:.0f}"
    return "0" if text in ("0", "-0") else text.replace("-", _MINUS)


def fixed(value: float | None, digits: int) -> str:
    """With this many digits after the point; empty for None."""
    return "" if value is None else f"{value:.{digits}f}".replace("-", _MINUS)


def signed(value: float) -> str:
    """With a sign and one digit after the point."""
    return f"{value:+.1f}".replace("-", _MINUS)
