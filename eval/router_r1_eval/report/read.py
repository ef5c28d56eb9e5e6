"""results.json as typed values: what a report can show, and what it does without.

Only names, kinds, accuracy, cost and calls must be there. Everything else is optional, for not every comparison has it; fields that a report
does not know are passed over.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router_r1.errors import DataError

Share = Annotated[float, Field(ge=0, le=1)]
Bounds = tuple[float, float]
SAME = " = "
"""Between the names of a row that has several."""
Kind = Literal["agent", "router", "bar", "oracle"]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Versus(_Read):
    """How a router compares with the best single model on the same questions."""

    accuracy_diff: float
    ci95: Bounds
    cost_ratio: float | None = None
    """Its cost as a share of the best single model's; None where that is free."""

    @property
    def verdict(self) -> int:
        """1 and -1: significantly more, and less, accurate; 0: the interval holds 0."""
        low, high = self.ci95
        return 1 if low > 0 else -1 if high < 0 else 0


class Point(_Read):
    """A router at one setting."""

    setting: str = ""
    accuracy: Share
    cost_usd: float = Field(ge=0)
    """Dollars per question."""
    calls: float = Field(ge=0)
    """Calls of candidates per question."""
    ci95: Bounds | None = None
    """Of the accuracy."""
    vs_best_single: Versus | None = None
    reward: float | None = None
    right_specialist: Share | None = None
    """Share of the calls that a skill oracle would make too."""
    valid: Share | None = None
    """Share of the episodes that ended with an answer."""
    asked: dict[str, Share] = {}
    """Candidate -> share of the questions for which it was asked."""


class McNemar(_Read):
    """The exact test against the best single model."""

    only_ours: int
    only_theirs: int
    p: float


class Reached(_Read):
    """What mixing a router's settings reaches."""

    aiq: float | None = None
    cost_ratio_at_100: float | None = None
    cost_ratio_at_95: float | None = None


class Category(_Read):
    """A router on the questions of one category."""

    questions: int = Field(ge=0)
    accuracy: Share


class Row(Point):
    """A router: at the setting that stands for it, and at all."""

    name: str
    kind: Kind
    curve: tuple[Point, ...] = ()
    within: dict[str, Point | None] = {}
    """Cap on cost -> the setting that validation chose under it; None where no setting is that cheap."""
    mcnemar: McNemar | None = None
    arena_score: float | None = None
    hull: Reached | None = None
    overhead_ms: float | None = None
    """Milliseconds for a decision."""
    apgr: float | None = None
    """Between two models: the average part of the gap that is recovered, over all shares of calls to the stronger one."""
    cpt: dict[str, float | None] | None = None
    """Part of the gap -> the smallest share of calls to the stronger one that recovers it."""
    failed: int = 0
    """Episodes without a verdict on the router: they count as wrong until they are asked again."""
    categories: dict[str, Category] = {}
    regret: dict[str, float] = {}
    """Category -> accuracy that its best single model, in hindsight, has more."""


class CrossFitted(_Read):
    """The oracle less the luck of one draw, on questions with several samples of every model."""

    accuracy: Share
    oracle: Share
    questions: int
    samples: int


class TwoModels(_Read):
    """A pool of two, and by how much one is better."""

    weak: str
    strong: str
    gap: float


class Headroom(_Read):
    """What could be gained, and what the sample can show."""

    best_single: Share
    oracle: Share
    oracle_less_chance: Share | None = None
    """None where scores are not all 0 or 1."""
    oracle_cross_fitted: CrossFitted | None = None
    smallest_difference: float
    ties: dict[str, Share] = {}


class Results(_Read):
    """The content of results.json."""

    table: str = "results"
    questions: int = Field(ge=1)
    pool: tuple[str, ...] = ()
    rows: tuple[Row, ...] = Field(min_length=1)
    zero_router: Reached | None = None
    headroom: Headroom | None = None
    smallest_difference: float | None = None
    """Of a run of a benchmark, which has no headroom."""
    left_out: int = 0
    """Questions that somebody was not asked yet."""
    two_models: TwoModels | None = None
    not_listed: dict[str, str] = {}
    """Bar -> why this table can not have it."""
    settings: dict[str, Any] = {}
    versions: dict[str, str] = {}
    seed: int | None = None

    @cached_property
    def singles(self) -> tuple[Row, ...]:
        """The rows that ask one candidate everything."""
        return tuple(row for row in self.rows if self.is_single(row))

    def is_single(self, row: Row) -> bool:
        """Whether a row asks one candidate everything: it is called by it, in a table or in a generated world."""
        names = {*self.pool, *(f"single {name}" for name in self.pool)}
        return not names.isdisjoint(row.name.split(SAME))

    @cached_property
    def distinct(self) -> tuple[Row, ...]:
        """The rows, where bars that do the same (the cheapest model, by its name and as a bar) are one with all their names."""
        merged: dict[object, Row] = {}
        for row in self.rows:
            # Equal dollars are equal choices, unless everything is free.
            alike = row.kind == "bar" and row.cost_usd > 0
            key = (row.accuracy, row.cost_usd, row.calls, row.ci95) if alike else row.name
            first = merged.get(key)
            if first is not None:
                richer = row if len(row.curve) > len(first.curve) else first
                row = richer.model_copy(update={"name": f"{row.name}{SAME}{first.name}"})
            merged[key] = row
        return tuple(merged.values())

    @cached_property
    def best(self) -> Row | None:
        """The best single model; None if no row is it."""
        chosen = str(self.settings.get("best_single"))
        names = ("best single", chosen, f"single {chosen}")
        return next((row for row in self.rows if row.name in names), None)


def read_results(path: Path) -> Results:
    """Read results.json.

    Raises:
        DataError: not readable, not JSON, or a field is missing or has another shape.
    """
    hint = "write results with `router-r1 tournament`, `eval` or `rescore`"
    try:
        return Results.model_validate(json.loads(path.read_text()))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: no results: {where}: {first['msg']}; {hint}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no results: {error}; {hint}") from error
