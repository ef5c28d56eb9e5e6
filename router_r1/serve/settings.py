"""The section `serve` of an agent file: names, limits and files of the gateway."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from router_r1.config import StrictModel
from router_r1.names import Name

Level = Literal["cheap", "balanced", "best"]
LEVELS: tuple[Level, ...] = ("cheap", "balanced", "best")
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Ceiling(StrictModel):
    """The most that a request may ask for itself. A request that asks for more gets an error that says so."""

    budget_usd: Annotated[float, Field(ge=0)] | None = None
    """Dollars for all calls of one request of the agent; null: no limit but the agent's own."""
    timeout_s: Seconds = 600.0
    """Seconds one request may take. All waiting, queues and retries included, ends then."""
    rounds: Annotated[int, Field(ge=0)] | None = None
    """Rounds of routing; null: as many as the agent has."""


class Preset(StrictModel):
    """What a named level of the agent changes in its limits. What is null stays as the agent has it."""

    worth_usd: Annotated[float, Field(gt=0)] | None = None
    """Value of a right answer in dollars, which the policy weighs costs against."""
    budget_usd: Annotated[float, Field(ge=0)] | None = None
    """Dollars for all calls of a request."""
    max_rounds: Annotated[int, Field(ge=0)] | None = None
    """Rounds of routing."""


class FittedRouter(StrictModel):
    """A one-shot router, asked for as `router:NAME`: read from a folder, or fitted when the gateway starts."""

    worth_usd: Annotated[float, Field(gt=0)]
    """Value of a right answer in dollars, which it weighs costs against."""
    path: str | None = None
    """Folder of a router from `router-r1 router fit`, relative to the agent file."""
    kind: str | None = None
    """Instead of a folder, its name in `router-r1 list routers`, e.g. `knn`, to fit it on `table`."""
    table: str | None = None
    """The outcome table it learns from, relative to the agent file; its models are candidates by the same names."""
    settings: dict[str, Any] = {}
    """Settings of a router that is fitted, e.g. `{k: 50}`."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        fitted = self.kind is not None and self.table is not None
        if (self.path is not None) == fitted or (self.path is not None and self.settings):
            raise ValueError("give either `path`, or `kind` and `table`")
        if self.path is not None and (self.kind or self.table):
            raise ValueError("give either `path`, or `kind` and `table`")
        return self


class NamedRouter(StrictModel):
    """Named routes, asked for as `router:NAME`: a model reads which route a conversation belongs to; see named-routes.md."""

    routes: str
    """The routes file, relative to the agent file; its map names candidates."""
    checkpoint: str | None = None
    """The model that reads: a folder, relative to the agent file, or a name on the hub."""
    candidate: str | None = None
    """Instead of a checkpoint, a candidate that reads, by its name in the pool."""

    @model_validator(mode="after")
    def _one_reader(self) -> Self:
        if (self.checkpoint is None) == (self.candidate is None):
            raise ValueError("give either checkpoint or candidate: the model that reads the routes")
        return self


class ServeSettings(StrictModel):
    """How the gateway serves an agent and its candidates."""

    name: Name = "router-r1"
    """The agent's name for clients."""
    presets: dict[Level, Preset] = {}
    """Levels of the agent, asked for as `NAME:cheap` and so on. Without an entry a level is one of those that the
    checkpoint was trained at (lowest, middle, highest), or else is derived from the prices of the pool: `cheap` values a right answer at 10 typical answers of the cheapest candidate, `balanced` at 10 of the
    median one, `best` at 100 of the most expensive one."""
    routers: dict[Name, FittedRouter] = {}
    """One-shot routers by name."""
    named_routes: dict[Name, NamedRouter] = {}
    """Named routes by name; they share the names `router:NAME` with the routers."""
    ceiling: Ceiling = Ceiling()
    """The most a request may ask for."""
    heartbeat_s: Annotated[float, Field(ge=0.05, le=10)] = 10.0
    """Seconds of silence after which a stream sends a comment, so that nobody in between closes the connection."""
    max_body_mib: Annotated[float, Field(gt=0, le=1024)] = 32.0
    """MiB of a request's body; images in it are base64."""
    max_depth: Annotated[int, Field(ge=8, le=500)] = 64
    """Levels of nested lists and objects in a request's body."""
    cache_s: Annotated[float, Field(ge=0)] = 300.0
    """Seconds for which providers keep a prompt in their cache: what it saves to ask the same model again counts in a
    choice. 0: nothing counts."""
    keys: str | None = None
    """File of API keys, relative to the agent file; null: the file of `router-r1 keys`, if it exists."""
    receipts: str | None = "receipts.db"
    """SQLite file of receipts, relative to the agent file; null: none are kept."""
    redis: str | None = None
    """URL of a Redis server that counts limits of keys for several machines; null: a file beside the keys does."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if both := set(self.routers) & set(self.named_routes):
            raise ValueError(f"routers and named_routes both have {min(both)!r}; rename one")
        return self
