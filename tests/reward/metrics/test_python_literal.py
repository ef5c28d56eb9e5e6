"""The metric `python_literal`: which literals are the same, where a reply states one, and hostile texts."""

import ast
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward import METRICS, grade, validate
from router_r1_reward.metrics.python_literal.value import MAX_CHARS, parse, parse_at, same


def right(answer: str, gold: str) -> bool:
    return grade(answer, [gold], "python_literal") == 1.0


# --- which literals are the same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[1,2,  3]", "[1, 2, 3]"),
        ("'abc'", '"abc"'),
        ("'a' \"b\"", "'ab'"),
        (r"'a\nb'", '"""a\nb"""'),
        (r"'\x41\u0042\N{LATIN CAPITAL LETTER C}\104'", "'ABCD'"),
        (r"r'\d'", r"'\\d'"),
        (r"'\d'", r"'\\d'"),
        ("u'x'", "'x'"),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
        ("{1: 'a', 1: 'b'}", "{1: 'b'}"),
        ("{3, 1, 2, 2}", "{1, 2, 3}"),
        ("{(1, 'a'), (1, 'b'), 'x', 2, None}", "{None, 2, 'x', (1, 'b'), (1, 'a')}"),
        ("frozenset({2, 1})", "frozenset([1, 2])"),
        ("set()", "set( )"),
        ("(1, 2)", "1, 2"),
        ("(1,)", "1,"),
        ("((1))", "1"),
        ("[1, 2,]", "[1, 2]"),
        ("[1, # one\n 2]", "[1, 2]"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("0b101", "0o5"),
        ("+5", "5"),
        ("- 5", "-5"),
        ("1e3", "1000.0"),
        ("0.1", "0.1000000000001"),
        ("0.30000000000000004", "0.3"),
        ("-inf", "-1e999"),
        ("[nan]", "[nan]"),
        ("1+2j", "(1 + 2j)"),
        ("...", "Ellipsis"),
        ("b'ab'", 'b"ab"'),
        ("[[], {}, (), '']", '[ [ ],{ },( ),""]'),
    ],
)
def test_the_notation_and_the_order_of_sets_and_dicts_make_no_difference(one, other) -> None:
    assert right(one, other) and right(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "True"),
        ("0", "False"),
        ("1", "1.0"),
        ("0.0", "-0.0"),
        ("[1, 2]", "(1, 2)"),
        ("[1, 2]", "[2, 1]"),
        ("{1, 2}", "[1, 2]"),
        ("{}", "set()"),
        ("(1)", "(1,)"),
        ("['1']", "[1]"),
        ("[True]", "[1]"),
        ("'1'", "1"),
        ("b'a'", "'a'"),
        ("None", "'None '"),
        ("{'a': 1}", "{'a': 2}"),
        ("{'a': 1}", "{'a': 1, 'b': 2}"),
        ("{1: True}", "{1: 1}"),
        ("0.1", "0.1001"),
        ("''", "' '"),
        ("'A'", "'a'"),
        ("frozenset()", "set()"),
        ("[1, 2", "[1, 2]"),
        ("[1, 2]]", "[1, 2]"),
        ("[[1, 2]", "[1, 2]"),
    ],
)
def test_other_values_types_and_orders_are_not_the_same(one, other) -> None:
    assert not right(one, other)


@pytest.mark.parametrize(
    "text",
    ["9**9", "[0] * 3", "f(1)", "1 + 1", "x", "[x]", "{[1]}", "{[1]: 2}", "{1: 2, 3}", "[1 2]", "f'a'", "'a", "[,]",
     "(,)", "b'a' 'b'", "08", "1__0", "3rd", "__import__('os')", "lambda: 0", "[i for i in []]", "", "{1, 2: 3}", "'a'b"],
)  # fmt: skip
def test_what_python_would_have_to_evaluate_or_refuses_is_no_literal(text) -> None:
    assert parse(text) is None


literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=4)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
    | st.sets(st.integers() | st.text(max_size=3), min_size=1, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(value=literals, other=literals)
@settings(max_examples=300, deadline=None)
def test_the_repr_of_every_object_is_read_as_python_reads_it(value, other) -> None:
    read = parse(repr(value))
    assert read is not None and same(read, read)
    assert ast.literal_eval(repr(value)) == value
    compared = parse(repr(other))
    assert compared is not None
    if same(read, compared):
        assert value == other or isinstance(value, float)
    assert right(f"The answer is: {value!r}", repr(value))


# --- where a reply states its literal


@pytest.mark.parametrize(
    "reply",
    [
        "{}",
        " `{}` ",
        "```python\n{}\n```",
        "The answer is: {}",
        "The answer is: {}.",
        "**Answer:** `{}`",
        "Answer:\n```python\n{}\n```",
        "Answer:\n\n```\n{}\n```\nBecause it is so.",
        "<answer>{}</answer>",
        "[ANSWER]{}[/ANSWER]",
        "[ANSWER]\nassert f(1) == {}\n[/ANSWER]",
        "[THOUGHT] f(3) == 4 [/THOUGHT]\n[ANSWER]\n{}\n[/ANSWER]",
        "assert f('==', 2) == {}",
        ">>> f(1) == {}",
        "Step by step.\n```python\nassert f([1]) == {}\n```\nThis holds.",
        "The function runs. The completed assertion is:\n\nassert f(2) == {}",
        "x == 3 holds, so it goes on.\nThe answer is: {}",
        "First I thought the answer is: [0]. No.\nThe answer is: {}",
        "<think>The answer is: [0]</think>The answer is: {}",
        "We get the list.\nThe function returns {}",
        "It loops twice and therefore returns `{}`.",
        "Output: {}\n",
        "\\boxed{{{}}}",
    ],
)
@pytest.mark.parametrize(
    "gold",
    [
        "[1, 'a. b', ['c: d']]",
        "{'a': None, 'b': (1, 2)}",
        "'x; y. z'",
        "-17",
        "True",
        "('a',)",
        "[[1],\n [2]]",
    ],
)
def test_a_reply_states_its_literal_in_any_of_these_places(reply, gold) -> None:
    text = reply.format(gold)
    if "\n" in gold and ("returns" in reply or "Output" in reply):
        return  # without a statement, a literal stands on one line
    assert right(text, gold), text
    assert not right(text, "['something', 'else']")


@pytest.mark.parametrize(
    "gold", ["[]", "{}", "()", "''", "'   '", "set()", "[[]]", "' '", "'['", "'`'", "'#'", "'\"'"]
)
def test_empty_literals_and_strings_of_marks_are_read(gold) -> None:
    for reply in (
        "{}",
        "The answer is: {}",
        "assert f() == {}",
        "[ANSWER]{}[/ANSWER]",
        "**Answer:** {}",
    ):
        assert right(reply.format(gold), gold), reply.format(gold)


@pytest.mark.parametrize(
    ("reply", "gold"),
    [
        ('{"reasoning": "x == 1", "answer": "[1, 2]"}', "[1, 2]"),
        ('{"reasoning": "x", "answer": [1, "a"]}', "[1, 'a']"),
        ('{"reasoning": "x", "answer": "\'abc\'"}', "'abc'"),
        ('{"reasoning": "x", "answer": "abc"}', "'abc'"),
        ('```json\n{"reasoning": "x", "answer": "[\\"a\\", \\"b\\"]"}\n```', "['a', 'b']"),
        ('{"answer": true}', "True"),
        ('{"answer": "5"}', "5"),
        ('{"answer": "5"}', "'5'"),
        ('{"answer": "assert f(1) == 5"}', "5"),
        ('{"answer": ""}', "''"),
        ('{"answer": "a\\\\nb"}', r"'a\nb'"),
        ('{"answer": {"a": 1}}', "{'a': 1}"),
    ],
)  # fmt: skip
def test_a_field_of_json_holds_a_literal_or_its_text(reply, gold) -> None:
    assert right(reply, gold)


@pytest.mark.parametrize(
    ("reply", "gold", "score"),
    [
        ("The answer is: abc", "'abc'", 1),
        ("abc", "'abc'", 1),
        ("*ume;*vo", "'*ume;*vo'", 1),
        ("2:0", "'2:0'", 1),
        ("The answer is:  105, -90 244", "' 105, -90 244'", 1),
        ("The answer is: a\nb", r"'a\nb'", 1),
        ("The answer is:   abc", "'abc'", 0),
        ("The answer is: ' abc'", "'abc'", 0),
        ("The answer is: 'abc.'", "'abc'", 0),
        ("The answer is: '{{}}}'", "'{{}}'", 0),
        ("The answer is: [abc]", "['abc']", 0),
        ("The answer is: ", "''", 0),
        ("I don't know", "'abc'", 0),
    ],
)
def test_only_a_string_alone_may_lack_its_quotes_and_its_spaces_count(reply, gold, score) -> None:
    assert grade(reply, [gold], "python_literal") == score


@pytest.mark.parametrize(
    "reply",
    [
        "The answer is: [0] * 2",
        "The answer is: [0, 0] + x",
        "The answer is: [[0, 0]",
        "The answer is: list([0, 0])",
        "assert f(1) != [0, 0]",
        "assert f([0, 0]) == g(1)",
        "The answer is: [1], not [0, 0]",
    ],
)
def test_an_expression_or_a_broken_literal_states_no_literal(reply) -> None:
    assert not right(reply, "[0, 0]")


# --- hostile texts and broken questions


BOMBS = {
    "nesting": "[" * 100_000,
    "closed nesting": "[" * 5_000 + "]" * 5_000,
    "nesting in braces": "{1:" * 20_000,
    "signs": "-" * 100_000 + "1",
    "spaced signs": "- " * 50_000 + "1",
    "digits": "9" * 1_000_000,
    "hexadecimal": "0x" + "f" * 500_000,
    "exponent": "9e999999999999",
    "power": "9**9**9**9",
    "quotes": "'" * 100_000,
    "escapes": "'" + "\\" * 100_001,
    "open strings": "'a' " * 30_000 + "'",
    "commas": "1," * 50_000,
    "equals": "== [" * 30_000,
    "equals with lists": "== [1, 2] + " * 10_000,
    "answers": "The answer is: [" * 5_000,
    "tags": "[ANSWER]" * 20_000,
    "fences": "```" * 30_000,
    "spaces": " " * 100_000 + "x",
    "comments": "[" + "#\n" * 50_000,
    "names": "set(" * 30_000,
    "dict of lists": "{'a': [" * 30_000,
    "null": "\0" * 1000,
    "surrogate": "'\\ud800'",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize(
    "place", ["{}", "The answer is: {}", '{{"answer": "{}"}}', "[ANSWER]{}[/ANSWER]", "a == {}"]
)
def test_a_hostile_reply_is_wrong_and_takes_little_time(name, place) -> None:
    text = place.replace("{}", BOMBS[name]).replace("{{", "{").replace("}}", "}")
    start = time.process_time()
    assert grade(text, ["[1, 2]"], "python_literal") == 0.0
    assert time.process_time() - start < 3


def test_a_literal_beyond_the_bounds_is_not_read() -> None:
    assert parse("[" * 40 + "]" * 40) is not None
    assert parse("[" * 80 + "]" * 80) is None
    assert parse("9" * 3000) == ("int", int("9" * 3000))
    assert parse("9" * 5000) is None
    assert parse(repr("a" * (MAX_CHARS + 1))) is None
    assert parse("1e999") == parse("inf")
    found = parse_at("x = [1, 2] and so on", 4)
    assert found is not None and found.end == 10


@pytest.mark.parametrize("gold", ["abc", "[1", "f(1)", "1 + 1"])
def test_a_gold_answer_that_is_no_literal_is_an_error_not_a_score(gold) -> None:
    with pytest.raises(DataError, match="no Python literal; the metric python_literal needs one"):
        grade("[1]", [gold], "python_literal")
    question = Question(id="q", question="?", answer=gold, metric="python_literal")
    assert "is no Python literal" in METRICS.find("python_literal").question_problem(question)


def test_questions_validate() -> None:
    golds = ("[1, 2]", "'abc'", "None", "{'a': 1}", "True", "-3", "()", "0.5")
    questions = [
        Question(id=str(n), question="f() == ??", answer=gold, metric="python_literal")
        for n, gold in enumerate(golds)
    ]
    assert validate(questions).ok
