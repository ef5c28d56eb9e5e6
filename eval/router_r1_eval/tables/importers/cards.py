"""Model cards of an imported table: prices from the user, from a pool file, or from the importer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from router_r1 import config
from router_r1.errors import ConfigError, shown_name
from router_r1.model_cards import ModelCard, PoolFile
from router_r1.token_prices import Price
from router_r1_eval.tables.importers.base import ImportOptions


def card(name: str, input_price: float, output_price: float, description: str = "") -> ModelCard:
    """A model card.

    Args:
        name: the model.
        input_price: dollars per million input tokens.
        output_price: dollars per million output tokens.
        description: what the model is good at.
    """
    return ModelCard(
        name=name, description=description, price=Price(input=input_price, output=output_price)
    )


def cards(
    names: Iterable[str], known: Mapping[str, ModelCard], options: ImportOptions
) -> list[ModelCard]:
    """The cards of the models in a source; the user's override the importer's.

    Args:
        names: the models.
        known: the importer's cards by name.
        options: the user's cards.

    Raises:
        ConfigError: a model has no card, or the user gave a price for a model that the source lacks.
    """
    every = list(names)
    if unknown := sorted(options.priced - set(every)):
        raise ConfigError(
            f"--price {unknown[0]}: there is no such model; there are {', '.join(every)}"
        )
    found = {**known, **options.cards}
    if missing := [name for name in every if name not in found]:
        raise ConfigError(
            f"no price is known for {', '.join(missing)}; pass --price '{missing[0]}=INPUT,OUTPUT' in dollars per million "
            f"tokens, or --pool FILE with all of them"
        )
    return [found[name] for name in every]


def user_cards(prices: Iterable[str], pool: Path | None) -> dict[str, ModelCard]:
    """Cards from `NAME=INPUT,OUTPUT` texts and a pool file, by name; a text overrides the file.

    Raises:
        ConfigError: a text has another form, or the pool file is wrong.
    """
    found = {c.name: c for c in config.load(PoolFile, pool).candidates} if pool else {}
    for text in prices:
        name, _, rates = text.rpartition("=")
        try:
            input_price, output_price = (float(rate) for rate in rates.split(","))
            found[name] = card(name, input_price, output_price)
        except ValueError:
            raise ConfigError(
                f"--price {shown_name(text)}: expected NAME=INPUT,OUTPUT in dollars per million tokens"
            ) from None
    return found
