"""YAML that nobody vouches for: aliases and merged keys that expand without end, endless numbers, equal keys."""

import time

import pytest

from router_r1.yaml_text import MOST_VALUES, parse_yaml, quoted

LISTS = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
LISTS += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
MERGES = ["a0: &a0 {b: 1, c: 2}"]
MERGES += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
MAPPINGS = ["a0: &a0 {b: 1}"]
MAPPINGS += [f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}" for n in range(1, 40)]


@pytest.mark.parametrize(
    "lines", [LISTS, MERGES, MAPPINGS], ids=["lists", "merged keys", "mappings"]
)
def test_a_bomb_is_refused_at_once(lines: list[str]) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match=f"more than {MOST_VALUES:,} values once aliases are"):
        parse_yaml("\n".join(lines))
    assert time.process_time() - began < 5


def test_ordinary_aliases_are_written_out_and_share_nothing() -> None:
    found = parse_yaml("a: &a {b: [1]}\nc: *a\nd: {<<: *a, e: 2}\nf: [*a, *a]\n")
    assert found == {
        "a": {"b": [1]},
        "c": {"b": [1]},
        "d": {"b": [1], "e": 2},
        "f": [{"b": [1]}] * 2,
    }
    found["c"]["b"].append(2)
    assert found["a"] == {"b": [1]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: " + "9" * 400, "line 1: a number of 400 characters; at most 300 are read"),
        ("a: 0x" + "f" * 100_000, "line 1: a number of 100002 characters"),
        ("b: 1\na: " + "1:" * 50_000 + "1", "line 2: a number of 100001 characters"),
        ("a: 1\na: 2", "line 2: the key 'a' occurs twice; remove one"),
        ("{a: 1, b: {c: 1, c: 2}}", "line 1: the key 'c' occurs twice; remove one"),
        ("[" * 100_000, "line 1: nested too deeply; at most 100 levels are read"),
        ("&a [*a]", "an alias contains itself, or is nested too deeply"),
        ("a: 2026-13-45", "a value cannot be read: month must be in 1..12"),
        ("a: 99999-01-01T99:99:99", None),
        ("!!int sk-abc123456789", "a value cannot be read: invalid literal for int()"),
    ],
)
def test_what_is_refused_is_one_line(text: str, expected: str | None) -> None:
    if expected is None:
        assert parse_yaml(text) == {"a": "99999-01-01T99:99:99"}
        return
    with pytest.raises(ValueError) as caught:
        parse_yaml(text)
    message = str(caught.value)
    assert message.startswith(expected)
    assert len(message.splitlines()) == 1 and "sk-abc" not in message


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 50_000, "\n".join(" " * n + "a:" for n in range(1500))],
)  # fmt: skip
def test_no_nesting_ends_the_process(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_yaml(text)


def test_too_many_values_are_refused_while_they_are_read() -> None:
    with pytest.raises(ValueError, match="more than 200,000 values; write fewer"):
        parse_yaml("- 1\n" * 1_000_000)


@pytest.mark.parametrize(
    "text",
    ["", "a: b", "a #b", "null", "1", "- x", "*a", "'", '"', "\\", "a\nb", "\t", "\x1b[31m", "é", "😀", "~", "x" * 500],
)  # fmt: skip
def test_a_quoted_text_reads_back(text: str) -> None:
    assert "\n" not in quoted(text)
    assert parse_yaml(quoted(text)) == text
