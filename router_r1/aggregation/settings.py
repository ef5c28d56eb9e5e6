"""Makes aggregators from their entry in an agent file: a name, or a mapping with `kind` and settings.

The settings of an aggregator are the fields of its class, which is a dataclass; any other class has none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import Field, create_model

from router_r1 import config
from router_r1.aggregation.base import AGGREGATORS, Aggregator
from router_r1.config import StrictModel
from router_r1.errors import ConfigError


def make_aggregator(given: object) -> Aggregator:
    """Make an aggregator from its name, or from a mapping with `kind` and settings.

    Raises:
        ConfigError: the kind is unknown, or a setting is unknown, missing or out of range.
    """
    kind, settings = _validated(given)
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return AGGREGATORS.find(kind)(**values)


def complete_settings(given: object) -> str | dict[str, Any]:
    """Validate the input of `make_aggregator`: returns a name unchanged, and a mapping with all defaults filled in.

    Raises:
        ConfigError: as `make_aggregator`.
    """
    kind, settings = _validated(given)
    return kind if isinstance(given, str) else {"kind": kind, **settings.model_dump()}


def _validated(given: object) -> tuple[str, StrictModel]:
    """The kind and its settings."""
    if not isinstance(given, (str, Mapping)):
        raise ConfigError(
            f"expected a name, or a mapping with 'kind' and settings (found {type(given).__name__})"
        )
    settings = {"kind": given} if isinstance(given, str) else dict(given)
    if "kind" not in settings:
        raise ConfigError("it needs a field 'kind': add it")
    kind = settings.pop("kind")
    if not isinstance(kind, str):
        raise ConfigError(f"'kind' must be a name (found {type(kind).__name__})")
    return kind, config.validate(_settings_model(AGGREGATORS.find(kind)), settings, kind)


def _settings_model(aggregator: Any) -> type[StrictModel]:
    """A model with the fields of an aggregator's class."""
    fields: dict[str, Any] = {}
    if dataclasses.is_dataclass(aggregator):
        types = get_type_hints(aggregator, include_extras=True)
        for field in dataclasses.fields(aggregator):
            default: Any = ...
            if field.default is not dataclasses.MISSING:
                default = field.default
            elif field.default_factory is not dataclasses.MISSING:
                default = Field(default_factory=field.default_factory)
            if field.init:
                fields[field.name] = (types[field.name], default)
    return create_model("AggregatorSettings", __base__=StrictModel, **fields)
