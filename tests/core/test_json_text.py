"""JSON that nobody vouches for: one kind of error, one line; and what can be written as JSON again."""

import math
from typing import Any

import pytest

from router_r1.json_text import parse_json, problem_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "Expecting value at column 1"),
        ("{", "Expecting property name enclosed in double quotes at column 2"),
        ("[1,\n 2,, 3]", "Expecting value at line 2, column 4"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("9" * 400, "a number of 400 digits; at most 300 are read"),
        ("-" + "9" * 100_000, "a number of 100001 digits; at most 300 are read"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' occurs twice; remove one"),
        (b"\xff", "not in UTF-8 (byte 0)"),
        (b'{"a": "\xe9"}', "not in UTF-8 (byte 7)"),
    ],
)
def test_what_is_no_json_is_one_line(text: str | bytes, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_json(text)
    assert str(caught.value) == expected


def test_what_python_writes_is_read() -> None:
    assert parse_json('{"a": [1, 2.5, null, true, "é", -7]}') == {
        "a": [1, 2.5, None, True, "é", -7]
    }
    assert math.isnan(parse_json("NaN")) and parse_json("1e999") == math.inf


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True, "é", (1, 2)]}, ""),
        ({"effort": "low", "nested": {"a": {}}}, ""),
        (math.inf, "JSON has no inf"),
        ([{"a": math.nan}], "JSON has no nan"),
        ("\ud83d", "half of a surrogate pair"),
        ({"\udc80": 1}, "half of a surrogate pair"),
        ({1: 2}, "JSON has texts as keys, not int"),
        ({0: 2}, "JSON has texts as keys, not int"),
        ({None: 2}, "JSON has texts as keys, not NoneType"),
        (b"x", "JSON has no bytes"),
        ({1, 2}, "JSON has no set"),
        pytest.param(10**5000, "too many digits", id="many digits"),
        (nested(99), ""),
        (nested(5000 // 50 + 1), "nested too deeply"),
    ],
)
def test_what_can_be_written_as_json(value: Any, expected: str) -> None:
    found = problem_in(value)
    assert found == "" if expected == "" else expected in found


def test_a_list_that_contains_itself_is_no_json() -> None:
    value: list[Any] = []
    value.append(value)
    assert "contains itself" in problem_in(value)
