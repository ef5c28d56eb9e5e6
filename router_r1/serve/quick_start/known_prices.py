"""Prices and context windows of hosted models, from the data inside the package `genai-prices`; no server is asked.

Of each model the package knows prices with tiers, hours and dates, and most context windows. It does not know how long
an answer may be, which inputs a model takes except by their prices, nor tools and JSON schemas (`known_families.py`).

A card has one price. So of several hours the most expensive counts, and where a longer prompt costs more, the context window
ends there unless the user asks for more. Writing to a cache, searches of the web, and batches are left out. Input that
is billed at a higher rate than text, such as audio, is named, so that the card can leave it out.
"""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from router_r1.errors import MissingDependencyError
from router_r1.token_prices import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_DAILY = "openrouter"
"""The list in the package that a program reads every day, so its newest price tells the age of the data."""
_RATES = ("input_mtok", "output_mtok", "cache_read_mtok")
_KINDS = ("image", "audio", "video")


@dataclass(frozen=True)
class ListedModel:
    """What the price list knows of a model."""

    price: Price
    """The highest price that applies within `context_window`; `as_of` is the day of the package's data."""
    context_window: int | None
    """Tokens; None if the list does not say. Ends where a higher price begins."""
    dearer_inputs: frozenset[str]
    """Kinds of input that cost more than text: of `image`, `audio` and `video`."""


def listed_model(
    price_list: str, model: str, *, context_window: int | None = None, now: datetime | None = None
) -> ListedModel | None:
    """Look a model up.

    Args:
        price_list: the provider's id in genai-prices.
        model: the id that the provider knows.
        context_window: tokens that the user wants, which may reach into a tier with a higher price.
        now: the time whose prices count; by default the present.

    Returns:
        None if the list does not have the model, or no price per token of input and output.

    Raises:
        MissingDependencyError: genai-prices is not installed.
    """
    found = _find(price_list, model)
    if found is None:
        return None
    prices = _prices_at(found, now or datetime.now(UTC))
    if model.endswith(":free") and not any(_value(p, "input_mtok") for p in prices):
        zero = Price(input=0.0, output=0.0, as_of=data_date())
        return ListedModel(zero, context_window or found.context_window, frozenset())
    if any(_value(p, k) is None for p in prices for k in ("input_mtok", "output_mtok")):
        return None
    if any(_value(p, "requests_kcount") for p in prices):
        return None  # billed by the request as well, which no card can say
    starts = [tier.start for p in prices for k in _RATES for tier in _tiers(_value(p, k))]
    window = context_window or min(filter(None, [found.context_window, *starts]), default=None)
    rates = {k: max(_rate(_value(p, k), window) for p in prices) for k in _RATES}
    has_cache = all(_value(p, "cache_read_mtok") is not None for p in prices)
    price = Price(
        input=rates["input_mtok"],
        output=rates["output_mtok"],
        cached=rates["cache_read_mtok"] if has_cache else None,
        as_of=data_date(),
    )
    higher = {
        kind
        for kind in _KINDS
        if any(_rate(_value(p, f"input_{kind}_mtok"), window) > price.input for p in prices)
    }
    return ListedModel(price, window, frozenset(higher))


@functools.cache
def data_date() -> date | None:
    """The day of the package's data: the newest day on which its daily list changed a price. None if it has none.

    Raises:
        MissingDependencyError: genai-prices is not installed.
    """
    days = [
        start
        for listed in _provider(_DAILY).models
        if isinstance(listed.prices, list)
        for each in listed.prices
        if (start := getattr(each.constraint, "start_date", None)) is not None
    ]
    # Not later than today: an announced change would be dated ahead.
    return max((day for day in days if day <= datetime.now(UTC).date()), default=None)


def close_names(price_list: str, model: str) -> list[str]:
    """Ids with a price per token that are spelt similarly, at most three.

    Args:
        price_list: the provider's id in genai-prices.
        model: what was not found.
    """
    known = [one.id for one in _provider(price_list).models]
    close = difflib.get_close_matches(model, known, 6, cutoff=0.75)
    return [name for name in close if listed_model(price_list, name) is not None][:3]


def _provider(price_list: str) -> Provider:
    try:
        from genai_prices.data import providers
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "the prices of hosted models come from the package genai-prices, which is not installed: "
            "pip install 'router-r1[serve]', or give each price: 'openai/gpt-5-mini{input=0.25,output=2}'"
        ) from error
    return next(one for one in providers if one.id == price_list)


def _find(price_list: str, model: str) -> ModelInfo | None:
    # Without other providers' lists: what Google charges for Claude is no price of the Gemini API.
    return _provider(price_list).find_model(model)


def _prices_at(model: ModelInfo, now: datetime) -> list[ModelPrice]:
    """The prices that apply at some hour of the day, from the list in which later entries take precedence."""
    if not isinstance(model.prices, list):
        return [model.prices]
    found = []
    for each in reversed(model.prices):
        starts_on = getattr(each.constraint, "start_date", None)
        if starts_on is not None and starts_on > now.date():
            continue
        found.append(each.prices)
        at_some_hours = hasattr(each.constraint, "start_time")
        if not at_some_hours:  # it hides what is before it
            return found
    return found or [model.prices[0].prices]


def _value(price: ModelPrice, key: str) -> Any:
    return getattr(price, key, None)


def _tiers(value: Any) -> list[Any]:
    return getattr(value, "tiers", None) or []


def _rate(value: Any, window: int | None) -> float:
    """Dollars per million tokens: the highest of the base and the tiers that begin below `window`. 0 for no price."""
    base = getattr(value, "base", value)
    tiers = [tier.price for tier in _tiers(value) if window is None or tier.start < window]
    return float(max([base or 0, *tiers]))
