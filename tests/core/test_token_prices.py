"""Prices and usage: what a call costs, and how a server's usage object is read."""

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from router_r1 import Price, Usage
from router_r1.token_prices import cost_usd, estimate_tokens

MANY = settings(max_examples=300, deadline=None)

counts = st.integers(0, 10_000_000)

dollars = st.floats(0, 10_000, allow_nan=False)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    prompt, completion = draw(counts), draw(counts)
    cached, reasoning = draw(st.integers(0, prompt)), draw(st.integers(0, completion))
    return Usage(prompt, completion, cached, reasoning)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    return Price(
        input=draw(dollars), output=draw(dollars), cached=draw(st.none() | dollars), as_of=None
    )


# --- the formula


@pytest.mark.parametrize(
    ("usage", "price", "expected"),
    [
        (Usage(1_000_000, 0), Price(input=2.5, output=10), 2.5),
        (Usage(0, 1_000_000), Price(input=2.5, output=10), 10.0),
        (Usage(1200, 300), Price(input=0.15, output=0.60), 0.00036),
        # 1000 fresh at 0.15, 200 cached at 0.075, 300 out at 0.60
        (Usage(1200, 300, cached=200), Price(input=0.15, output=0.60, cached=0.075), 0.000345),
        # without a price of their own, cached tokens cost as much as others
        (Usage(1200, 300, cached=200), Price(input=0.15, output=0.60), 0.00036),
        (Usage(1200, 300, cached=1200), Price(input=0.15, output=0, cached=0), 0.0),
        # reasoning is part of completion and not counted twice
        (Usage(1200, 300, reasoning=250), Price(input=0.15, output=0.60), 0.00036),
        (Usage(), Price(input=1, output=1), 0.0),
        (Usage(10, 10), Price(input=0, output=0), 0.0),
    ],
)
def test_dollars_of_a_call(usage: Usage, price: Price, expected: float) -> None:
    assert cost_usd(usage, price) == pytest.approx(expected, rel=1e-12, abs=0)


@MANY
@given(usages(), prices())
def test_a_cost_is_never_negative(usage: Usage, price: Price) -> None:
    assert cost_usd(usage, price) >= 0


@MANY
@given(usages(), usages(), prices())
def test_costs_add_up(one: Usage, two: Usage, price: Price) -> None:
    apart = cost_usd(one, price) + cost_usd(two, price)
    assert cost_usd(one + two, price) == pytest.approx(apart, rel=1e-9)


@MANY
@given(usages(), usages(), prices())
def test_more_tokens_never_cost_less(usage: Usage, more: Usage, price: Price) -> None:
    assert cost_usd(usage + more, price) >= cost_usd(usage, price)


@MANY
@given(usages(), prices(), dollars, dollars, dollars)
def test_higher_prices_never_cost_less(
    usage: Usage, price: Price, more_in: float, more_out: float, more_cached: float
) -> None:
    higher = Price(
        input=price.input + more_in,
        output=price.output + more_out,
        cached=price.cached_input + max(more_in, more_cached),
    )
    assert cost_usd(usage, higher) >= cost_usd(usage, price)


# --- prices


@pytest.mark.parametrize("wrong", [-0.01, math.inf, math.nan, "expensive"])
@pytest.mark.parametrize("field", ["input", "output", "cached"])
def test_a_price_must_be_a_finite_number_of_at_least_zero(field: str, wrong: object) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate({"input": 1, "output": 1} | {field: wrong})


@pytest.mark.parametrize("missing", ["input", "output"])
def test_a_missing_price_is_an_error_rather_than_zero(missing: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        Price.model_validate({k: 1 for k in ("input", "output", "cached") if k != missing})


def test_different_prices_have_different_versions() -> None:
    price = Price(input=0.15, output=0.6)
    assert price.version.startswith("undated/") and len(price.version) == len("undated/") + 8
    assert price.version == Price(input=0.15, output=0.6, cached=0.15).version
    others = [
        Price(input=0.6, output=0.15),
        Price(input=0.15, output=0.6, cached=0.075),
        Price(input=0.15, output=0.60001),
        Price(input=0.15, output=0.6, as_of=date(2026, 11, 1)),
    ]
    assert len({p.version for p in (price, *others)}) == 5
    assert others[-1].version.startswith("2026-11-01/")


def test_equal_prices_have_equal_versions() -> None:
    assert Price(input=0.0, output=1) == Price(input=-0.0, output=1)
    assert Price(input=0.0, output=1).version == Price(input=-0.0, output=1).version
    assert Price(input=1, output=2).version == Price(input=1.0, output=2.0).version


# --- usage


@pytest.mark.parametrize("tokens", [(-1, 0), (0, -1), (5, 5, 6), (5, 5, 0, 6), (0, 0, -1)])
def test_impossible_token_counts_are_refused(tokens: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"token counts|part of"):
        Usage(*tokens)


def test_a_sum_of_usages_is_estimated_if_any_of_them_is() -> None:
    total = Usage(10, 5, 2, 1) + Usage(1, 1, 1, 1, estimated=True)
    assert total == Usage(11, 6, 3, 2, estimated=True)


def openai(prompt: object, completion: object, **more: object) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion} | more


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (openai(10, 5), Usage(10, 5)),
        (openai(10, 5, total_tokens=15), Usage(10, 5)),
        (
            openai(
                10,
                5,
                total_tokens=15,
                prompt_tokens_details={"cached_tokens": 4, "audio_tokens": 0},
                completion_tokens_details={"reasoning_tokens": 3},
            ),
            Usage(10, 5, 4, 3),
        ),
        (openai(0, 0), Usage(0, 0)),
        # details without usable counts
        (openai(10, 5, prompt_tokens_details=None, completion_tokens_details={}), Usage(10, 5)),
        (openai(10, 5, prompt_tokens_details={"cached_tokens": None}), Usage(10, 5)),
        (openai(10, 5, prompt_tokens_details=[1], total_tokens="15"), Usage(10, 5)),
        (openai(10, 5, prompt_tokens_details={"cached_tokens": -4}), Usage(10, 5)),
        (openai(10, 5, total_tokens=0), Usage(10, 5)),
        # reasoning that is only in the total counts as completion
        (
            openai(32, 9, total_tokens=135, completion_tokens_details={"reasoning_tokens": 94}),
            Usage(32, 103, 0, 94),
        ),
        (
            openai(21, 0, total_tokens=81, completion_tokens_details={"reasoning_tokens": 60}),
            Usage(21, 60, 0, 60),
        ),
        # other names; more in `transport/test_reported_usage.py`
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 5)),
        (openai(10, 5, prompt_cache_hit_tokens=4, prompt_cache_miss_tokens=6), Usage(10, 5, 4)),
        (openai(10, 5, cached_tokens=4), Usage(10, 5, 4)),
        (
            openai(10, 5, prompt_tokens_details={"cached_tokens": None}, cached_tokens=4),
            Usage(10, 5, 4),
        ),
        # of several counts of cached tokens, the largest that the prompt can hold
        (
            openai(10, 5, prompt_tokens_details={"cached_tokens": 0}, num_cached_tokens=4),
            Usage(10, 5, 4),
        ),
        # Anthropic counts the cache beside the input, Gemini the thoughts beside the candidates
        (
            {"input_tokens": 1, "output_tokens": 5}
            | {"cache_read_input_tokens": 4, "cache_creation_input_tokens": 5},
            Usage(10, 5, 4),
        ),
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7},
            Usage(10, 12, 0, 7),
        ),
    ],
)
def test_the_usage_object_of_a_reply_is_read(raw: object, expected: Usage) -> None:
    assert Usage.from_openai(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (openai(10, 5, prompt_tokens_details={"cached_tokens": 11}), Usage(10, 5, 10, 0, True)),
        (
            openai(10, 5, completion_tokens_details={"reasoning_tokens": 6}),
            Usage(10, 5, 0, 5, True),
        ),
        # the unexplained rest of the total is priced as completion
        (openai(10, 5, total_tokens=20), Usage(10, 10, 0, 5, True)),
    ],
)
def test_counts_that_contradict_each_other_are_marked_as_estimated(
    raw: object, expected: Usage
) -> None:
    assert Usage.from_openai(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        [],
        "10",
        7,
        openai(None, None),
        openai(10, None),
        openai(-1, 5),
        openai(10, "5"),
        openai(10.5, 5),
        openai(True, 5),
        {"total_tokens": 15},
    ],
)
def test_usage_without_usable_counts_is_none(raw: object) -> None:
    assert Usage.from_openai(raw) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 50) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens", "x"]), inner)
    ),
    max_leaves=4,
)

USAGE_FIELDS = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
)


@MANY
@given(st.dictionaries(st.sampled_from(USAGE_FIELDS), anything) | anything)
def test_no_usage_object_makes_the_parser_raise_or_undercount(raw: object) -> None:
    usage = Usage.from_openai(raw)
    if usage is not None:
        assert isinstance(raw, dict)
        assert usage.prompt == raw["prompt_tokens"]
        assert usage.completion >= raw["completion_tokens"]


def test_an_estimate_counts_bytes_and_is_zero_only_for_empty_text() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1
    assert estimate_tokens("a" * 400) == 100
    assert estimate_tokens("語" * 4) == 3
    assert estimate_tokens("\ud800") == 1
