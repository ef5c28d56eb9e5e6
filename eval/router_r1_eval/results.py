"""The content of results.json: one model for the commands that write it and for the report that reads it.

A tournament, a benchmark run and the generated world each fill some of the fields. A field that a writer does not set
is absent from the file; a field set to None is null there. Writers cannot set a field that is not declared here, while
readers ignore unknown keys, so that files of other versions can be read.

Not covered: the rows in detail (`result_rows.py`, whose names can be imported from here), how the figures are measured
(`tournament`, `run`, `stats`) and how they are shown (`report`).
"""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, field_serializer

from router_r1.errors import DataError, one_line
from router_r1.files import read_input, write_json
from router_r1.json_text import parse_json
from router_r1.token_prices import Price
from router_r1_envs.worlds.base import Level
from router_r1_eval.json_record import IGNORE_UNKNOWN, JsonRecord, ignoring_unknown
from router_r1_eval.result_rows import (
    Bounds,
    Category,
    Hindsight,
    Kind,
    McNemarTest,
    Mixture,
    Point,
    Row,
    Share,
    Versus,
)

__all__ = [
    "BEST_SINGLE",
    "FILE_NAME",
    "NAME_SEPARATOR",
    "Bounds",
    "Category",
    "CrossFittedOracle",
    "Efficiency",
    "Headroom",
    "Hindsight",
    "JudgeRecord",
    "Kind",
    "McNemarTest",
    "Mixture",
    "Point",
    "Results",
    "Row",
    "RunSettings",
    "TwoModels",
    "Versus",
    "versions",
]

BEST_SINGLE = "best single"
"""Name of the row of the best single model in a tournament."""
NAME_SEPARATOR = " = "
"""Joins the names of rows that are shown as one."""
FILE_NAME = "results.json"


class Efficiency(JsonRecord):
    """Calls of one candidate, or of the policy, in a run."""

    attempts: int
    failed: int
    cut: int | None = None
    """Replies or turns that ended at the limit on their tokens; None in older files."""
    input_tokens: int
    output_tokens: int
    tokens_estimated: bool = False
    cost_usd: float | None = None
    tokens_per_s: float | None = None
    """Median over calls of generated tokens per second of the whole call."""
    first_token_s: float | None = None
    """Median time to the first token; None if replies were not streamed."""
    price: Annotated[Price, ignoring_unknown(Price)] | None = None


class CrossFittedOracle(JsonRecord):
    """The oracle without the luck of a single draw, on questions with several samples of every model."""

    accuracy: Share
    oracle: Share
    """The plain oracle on these questions."""
    best_single: Share | None = None
    questions: int
    samples: int


class Headroom(JsonRecord):
    """How much a router could gain over the best single model, and which differences the sample can show."""

    best_single: Share
    oracle: Share
    oracle_less_chance: Share | None = None
    """The oracle without lucky guesses; None where scores are not all 0 or 1, or questions have no options."""
    oracle_cross_fitted: CrossFittedOracle | None = None
    ties: dict[str, Share] = {}
    """Share of the questions with one best model, with a tie, and with no correct model."""
    smallest_difference: float


class TwoModels(JsonRecord):
    """A pool of two models."""

    weak: str
    strong: str
    gap: float
    """How much more accurate the stronger model is."""


class JudgeRecord(JsonRecord):
    """The model that graded the answers."""

    model: str
    pool: str | None = None
    """The file of its pool."""
    version: str | None = None
    """Version of the judge's prompt."""
    cost_usd: float | None = None
    """What grading cost this time."""


class RunSettings(JsonRecord):
    """The settings of a comparison. A benchmark run adds those of its run.json, which may have more keys than these."""

    model_config = ConfigDict(extra="allow")

    split: str | None = None
    best_single: str | None = None
    """The best single model, chosen on the training or validation questions."""
    corners: str | None = None
    """The split on which the settings of a mixture are chosen."""
    reference_usd: float | None = None
    costs_estimated: float = 0.0
    """Share of the outcomes whose costs are estimates."""
    levels: tuple[Annotated[Level, ignoring_unknown(Level)], ...] = ()
    reward: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    """Benchmark, agent and pool of a run, which a resumed run must repeat."""
    samples: int | None = None
    peak_mib: dict[str, float] = {}
    """Peak memory of a run, of its process and its GPU."""
    judge: JudgeRecord | None = None
    """None if metrics graded the answers."""

    @field_serializer("levels")
    def _levels_in_full(self, levels: tuple[Level, ...]) -> list[dict[str, Any]]:
        """Write unset fields of levels as null, so that a level without a budget says so."""
        return [level.model_dump() for level in levels]


class Results(JsonRecord):
    """The content of results.json."""

    table: str = "results"
    questions: int = Field(ge=1)
    left_out: int = 0
    """Questions that some router has not been asked yet."""
    unfinished: dict[str, int] = {}
    """Routers that were asked too few questions to be compared -> how many."""
    pool: tuple[str, ...] = ()
    rows: tuple[Row, ...] = Field(min_length=1)
    zero_router: Mixture | None = None
    """What mixing single models reaches without looking at the question."""
    headroom: Headroom | None = None
    smallest_difference: float | None = None
    """The smallest difference that a benchmark run can show; a tournament reports it in `headroom`."""
    two_models: TwoModels | None = None
    efficiency: dict[str, Efficiency] = {}
    """Candidate or policy -> its calls."""
    spent_usd: float | None = None
    """Cost of a run, including failed tries."""
    spent_on_failed_usd: float | None = None
    """Cost of its failed tries."""
    settings: RunSettings = RunSettings()
    versions: dict[str, str] = {}
    seed: int | None = None
    not_listed: dict[str, str] = {}
    """Baseline -> why this table cannot have it."""
    notes: tuple[str, ...] = ()
    """Caveats about the sample, a sentence each."""

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read a results.json, also of earlier versions.

        Raises:
            DataError: the file is missing or not JSON, or a field is missing or invalid.
        """
        hint = "write results with `router-r1 tournament`, `eval` or `rescore`"
        try:
            content = parse_json(read_input(path))
            return cls.model_validate(content, context=IGNORE_UNKNOWN)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            problem = f"{path}: no results: {where}: {first['msg']}; {hint}"
            raise DataError(one_line(problem)) from None
        except OSError as error:
            raise DataError(f"{path}: no results: {error.strerror}; {hint}") from error
        except ValueError as error:
            raise DataError(f"{path}: no results: {error}; {hint}") from error

    def write(self, folder: str | Path) -> Path:
        """Write results.json into a folder, and remove a report.html there, which shows other results."""
        path = Path(folder) / FILE_NAME
        write_json(path, self.to_json())
        (path.parent / "report.html").unlink(missing_ok=True)
        return path

    @property
    def cost_notes(self) -> list[str]:
        """A line if some costs are estimates; empty if none is."""
        share = self.settings.costs_estimated
        line = (
            f"costs are estimates in {share:.0%} of the outcomes: their token counts were guessed"
        )
        return [line] if share else []

    @cached_property
    def has_levels(self) -> bool:
        """Whether a row other than a single model has several settings."""
        return any(len(row.curve) > 1 and not self.is_single(row) for row in self.rows)

    def has(self, *kinds: Kind) -> bool:
        """Whether there is a row of one of these kinds."""
        return any(row.kind in kinds for row in self.rows)

    @cached_property
    def singles(self) -> tuple[Row, ...]:
        """The rows that send every question to one candidate."""
        return tuple(row for row in self.rows if self.is_single(row))

    @property
    def mixed_singles(self) -> tuple[str, ...]:
        """The single models that validation chose to mix; empty if it chose none."""
        chosen = () if self.zero_router is None else self.zero_router.corners
        return chosen if {row.name for row in self.singles}.issuperset(chosen) else ()

    def is_single(self, row: Row) -> bool:
        """Whether a row sends every question to one candidate, which it is named after."""
        names = {*self.pool, *(f"single {name}" for name in self.pool)}
        return not names.isdisjoint(row.name.split(NAME_SEPARATOR))

    @cached_property
    def distinct(self) -> tuple[Row, ...]:
        """The rows, with equal baselines (such as `cheapest` and the model it calls) merged under all their names."""
        merged: dict[object, Row] = {}
        for row in self.rows:
            # Equal dollars mean equal choices, unless everything is free.
            mergeable = row.kind == "baseline" and row.cost_usd > 0
            key = (row.accuracy, row.cost_usd, row.calls, row.ci95) if mergeable else row.name
            first = merged.get(key)
            if first is not None:
                richer = row if len(row.curve) > len(first.curve) else first
                row = richer.with_fields(name=f"{row.name}{NAME_SEPARATOR}{first.name}")
            merged[key] = row
        return tuple(merged.values())

    @cached_property
    def best(self) -> Row | None:
        """The row of the best single model, or None."""
        chosen = self.settings.best_single
        names = (BEST_SINGLE, chosen, f"single {chosen}")
        return next((row for row in self.rows if row.name in names), None)


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that figures depend on."""
    found = {"python": platform.python_version()}
    for package in ("router-r1", "verl", "torch", "transformers", "numpy"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
