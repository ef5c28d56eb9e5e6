"""Reading JSON that nobody vouches for: whatever is wrong with it is one kind of error with one line.

`json.loads` alone ends in a `RecursionError` for a hundred thousand brackets, in a message about an interpreter setting
for a number of five thousand digits, and silently takes the last of two equal keys.

NaN and infinities are read, because tables written by Python hold them; each field's type decides about them.
`problem_in` finds what cannot be written as JSON again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

MOST_DIGITS = 300
"""Digits of a whole number. Longer ones cannot be converted to a float."""
MOST_DEPTH = 100
"""Levels of lists and mappings in a value that is kept or sent."""
_TOO_LARGE = 10**MOST_DIGITS


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises `ValueError`, with a message of one line, for anything else."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        place = f"column {error.colno}"
        if error.lineno > 1:
            place = f"line {error.lineno}, {place}"
        raise ValueError(f"{error.msg} at {place}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"not in UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:60]!r} occurs twice; remove one")
            seen.add(key)
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits; at most {MOST_DIGITS} are read")
    return int(digits)


def is_text(text: str) -> bool:
    """Whether a text can be written in UTF-8: it has no half of a surrogate pair, and no byte that was not text."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def problem_in(value: Any, depth: int = 0) -> str:
    """Why a value cannot be written as JSON and read back the same; empty if it can.

    Args:
        value: text, number, flag, None, list, tuple, or mapping from texts to such values.
        depth: levels above this value.
    """
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return "" if is_text(value) else "it holds a character that is half of a surrogate pair"
    if isinstance(value, int):
        return "" if abs(value) < _TOO_LARGE else "it holds a number with too many digits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"JSON has no {value}; give a finite number"
    if depth == MOST_DEPTH:
        return "it is nested too deeply, or contains itself"
    if isinstance(value, Mapping):
        if odd := [type(key).__name__ for key in value if not isinstance(key, str)]:
            return f"JSON has texts as keys, not {odd[0]}"
        every: Any = (*value, *value.values())
    elif isinstance(value, list | tuple):
        every = value
    else:
        return f"JSON has no {type(value).__name__}; give a text, a number, a list or a mapping"
    return next(filter(None, (problem_in(part, depth + 1) for part in every)), "")
