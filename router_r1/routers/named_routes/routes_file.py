"""The routes file: what routes there are, in words, and apart from them which candidate each leads to.

    routes:
      - {name: code, description: "Writing, explaining or correcting programs"}
      - {name: law, description: "Statutes, contracts, courts"}
    map: {code: qwen-coder, law: large}
    default: small

A model that chooses routes reads names and descriptions and never the map, so the map may change at any time without
training that model again. The reserved name `other` is the reply for a conversation that fits no route.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from router_r1 import config
from router_r1.config import StrictModel
from router_r1.names import Name

OTHER = "other"
"""The reply of a model for a conversation that no route fits; it leads to the default."""
_NAME = re.compile(r"\w(?:[\w .-]{0,62}\w)?")


def _check_route(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a route's name has 1 to 64 letters, digits, spaces, dots, hyphens and underscores"
        )
    if name.lower() == OTHER:
        raise ValueError(f"{OTHER!r} is what a model replies where no route fits; choose another")
    return name


RouteName = Annotated[str, AfterValidator(_check_route)]


class Route(StrictModel):
    """One route, as the model that chooses routes reads it."""

    name: RouteName
    """A word or two, unique whatever the case of its letters."""
    description: Annotated[str, Field(min_length=1, max_length=2000)]
    """In plain language, what conversations belong here: one or two sentences."""


class RoutesFile(StrictModel):
    """Named routes, and where they lead."""

    routes: Annotated[tuple[Route, ...], Field(min_length=1)]
    """The routes, in the order in which the model reads them."""
    map: dict[str, Name] = {}
    """The candidate of each route. A route without an entry leads to the default. Not part of the prompt."""
    default: Name
    """The candidate where no route fits, and where the reply of the model cannot be read."""
    window_tokens: Annotated[int, Field(ge=16, le=1_000_000)] = 2048
    """Estimated tokens of a conversation that the model reads; the newest turns are kept."""
    analysis: bool = False
    """Also show the model a computed analysis of the last question: difficulty, domain, kind of answer."""
    max_reply_tokens: Annotated[int, Field(ge=8, le=32_768)] = 64
    """Most tokens of the model's reply; a model that thinks first needs more."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        seen: set[str] = set()
        for route in self.routes:
            if route.name.lower() in seen:
                raise ValueError(f"two routes are called {route.name!r}; rename one")
            seen.add(route.name.lower())
        if unknown := set(self.map) - set(self.names):
            raise ValueError(
                f"map: there is no route {min(unknown)!r}; the routes are {', '.join(self.names)}"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the routes."""
        return tuple(route.name for route in self.routes)

    @property
    def models(self) -> tuple[str, ...]:
        """The candidates that can be chosen, each once: those of the routes, then the default."""
        return tuple(dict.fromkeys([*map(self.model_of, self.names), self.default]))

    def model_of(self, route: str | None) -> str:
        """The candidate that a route leads to; the default for None, `other` and a route without an entry."""
        return self.default if route is None else self.map.get(route, self.default)

    def with_map(self, routes_to_models: Mapping[str, str], default: str | None = None) -> Self:
        """The same routes with another map. Raises `ConfigError` if it names a route that there is not."""
        changed = self.model_dump() | {"map": dict(routes_to_models)}
        if default is not None:
            changed["default"] = default
        return config.validate(type(self), changed, "map of named routes")


def load_routes(path: str | Path) -> RoutesFile:
    """Read a routes file. Raises `ConfigError`, which names file, field and remedy, for an invalid one."""
    return config.load(RoutesFile, path)
