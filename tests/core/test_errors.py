"""What a message shows of what a user wrote: names and numbers, and nothing that may be a key."""

import time

import pytest

from router_r1.errors import is_like_number, shown_name


@pytest.mark.parametrize(
    "name",
    ["max_output_tokens", "llama-3.1-405b-instruct", "gsm8k", "openrouter-eu-west-1", "gpt-4o-2024-08-06", "deadbeef", "é"],
)  # fmt: skip
def test_names_are_shown(name: str) -> None:
    assert shown_name(name) == name


@pytest.mark.parametrize(
    "key",
    ["sk-proj-8f3Jd0aQ17", "gsk_a8Xq0Zt5Lw2Rr9", "hf_x1Y2z3A4b5C6", "AIzaSy1a2B3c4D5e6F", "9f86d081884c7d659a2feaa0c55ad015"],
)  # fmt: skip
@pytest.mark.parametrize("written", ["{}", "policy.{}", "--{}", "{} x"])
def test_a_key_in_the_place_of_a_name_is_not_shown(key: str, written: str) -> None:
    shown = shown_name(written.format(key))
    assert "..." in shown and key not in shown and key[-8:] not in shown


@pytest.mark.parametrize(
    "text", ["1", "-1", "1e300", "1,000", "30s", "5 %", "$0.01", "0.5", ".inf", "nan", "yes", "True", "null", ""]
)  # fmt: skip
def test_what_is_almost_a_number_is_shown(text: str) -> None:
    assert is_like_number(text)


@pytest.mark.parametrize(
    "text", ["correcthorse", "hunter2", "password", "1234567890123456", "a1b2c3", "sk-1", "1abc", "x" * 100_000]
)  # fmt: skip
def test_what_may_be_a_key_is_no_number(text: str) -> None:
    assert not is_like_number(text)


def test_a_long_name_takes_no_time_and_is_cut() -> None:
    began = time.process_time()
    assert len(shown_name("a1" * 500_000)) < 70
    is_like_number("1" * 1_000_000)
    assert time.process_time() - began < 2
