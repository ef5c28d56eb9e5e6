"""Counts of sentences, words and capital words."""

import pytest

from router_r1_reward.metrics.ifeval.sentences import (
    count_capital_words,
    count_sentences,
    count_words,
)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", 4),
        ("Wow!!! What?! Yes.", 3),
        ("Dr. J. R. Smith met Mrs. Jones at 5 p.m. in St. Ives.", 1),
        ("He came at 5 p.m. The train had left.", 2),
        ("It costs 2.50 at shop.com, e.g. Ltd. firms.", 1),
        ('"Stop!" he said. "Go."', 3),
        ("(It rained.) **We left.** And", 3),
        ("Well... maybe. Well... The end.", 3),
        ("* one\n* two\n* three", 1),  # no marks, no ends
        ("1. One.\n2. Two.", 4),  # numbers too
        ("1. one\n2. two", 1),
        ("नमस्ते। आप कैसे हैं?", 2),
        ("今日は雨です。明日は晴れです。", 2),
        ("", 0),
        ("...", 1),
    ],
)
def test_count_sentences(text: str, sentences: int) -> None:
    assert count_sentences(text) == sentences


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("one", 1), ("it's well-known: 3.5", 6), ("snake_case", 1), ("Straße, naïve", 2)],
)
def test_count_words(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NASA and the U.S. sent I to", 3),
        ("WELL-KNOWN", 1),
        ("DON'T, I'LL, IT'S; i'm", 6),
        ("(A)/B C:D 7:30 **E** F...G --H", 8),
        ("None Of These", 0),
        ("COVID19 and 42", 1),
    ],
)
def test_count_capital_words(text: str, words: int) -> None:
    assert count_capital_words(text) == words
