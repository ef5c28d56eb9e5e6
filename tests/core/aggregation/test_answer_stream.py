"""The answer between tags: as it stands, and passed on while it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_r1.aggregation.answer_stream import AnswerStream, stated_in_full

PARTS = st.sampled_from(
    [
        "<answer>",
        "</answer>",
        "<",
        "</ans",
        " ",
        "\n",
        "4 < 5",
        "Arna is wide. ",
        "<b>",
        "é",
        "answer>",
    ]
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("I read them. <answer>\n Arna,\nthen Bel. \n</answer> Bye.", "Arna,\nthen Bel."),
        ("No tags at all. ", "No tags at all."),
        ("<answer>Cut off", "Cut off"),
        ("<answer>The answer is (B): \\boxed{4}.</answer>", "The answer is (B): \\boxed{4}."),
        ("<think><answer>no</answer></think><answer>yes</answer>", "yes"),
        ("<answer>a</answer><answer>b</answer>", "a"),
    ],
)
def test_the_answer_stands_as_it_was_written(text, answer) -> None:
    assert stated_in_full(text) == answer


@given(st.lists(PARTS, max_size=12), st.lists(st.integers(1, 7), min_size=1, max_size=40))
def test_the_pieces_are_the_answer_however_the_text_is_cut(parts, lengths) -> None:
    text = "".join(["Well. <answer>", *parts, "</answer>"])
    told: list[str] = []
    stream = AnswerStream(told.append)
    stream(None)
    at, turn = 0, 0
    while at < len(text):
        length = lengths[turn % len(lengths)]
        stream(text[at : at + length])
        at, turn = at + length, turn + 1
        assert stated_in_full(text).startswith("".join(told))
    assert "".join(told) == stated_in_full(text)
    assert "" not in told


def test_a_text_that_begins_anew_is_not_told_twice() -> None:
    told: list[str] = []
    stream = AnswerStream(told.append)
    for piece in (None, "<answer>Arna is", None, "<answer>Arna ", "is 700 m wide.</answer>"):
        stream(piece)
    assert told == ["Arna is", " 700 m wide."]
    for piece in (None, "<answer>Something else that is longer</answer>"):
        stream(piece)
    assert told == ["Arna is", " 700 m wide."]


def test_nothing_is_told_of_a_thought_or_of_a_text_without_tags() -> None:
    told: list[str] = []
    stream = AnswerStream(told.append)
    for piece in (None, "<think><answer>dra", "ft</answer>", "</think>", "Just so."):
        stream(piece)
    assert told == []
