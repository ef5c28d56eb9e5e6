"""The content of results.json: one model for the commands that write it and for the report that reads it.

A tournament, a benchmark run and the generated world each fill some of the fields. A field that a writer does not set
is absent from the file; a field set to None is null there. Writers cannot set a field that is not declared here, while
readers ignore unknown keys, so that files of other versions can be read.

Not covered: how the figures are measured (`tournament`, `run`, `stats`) and how they are shown (`report`).
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from router_r1.errors import DataError
from router_r1.files import write_json
from router_r1.pricing import Price
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_eval.stats.bootstrap import interval, paired

Share = Annotated[float, Field(ge=0, le=1)]
Dollars = Annotated[float, Field(ge=0)]
Bounds = tuple[float, float]
"""The lower and the upper end of a 95 % interval."""
Kind = Literal["baseline", "router", "agent", "oracle"]

BEST_SINGLE = "best single"
"""Name of the row of the best single model in a tournament."""
NAME_SEPARATOR = " = "
"""Joins the names of rows that are shown as one."""
FILE_NAME = "results.json"
_IGNORE_UNKNOWN = "ignore unknown keys"  # validation context of `Results.read`


class _Record(BaseModel):
    """A JSON object of results.json."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_unknown_keys(cls, values: Any, info: ValidationInfo) -> Any:
        ignore = info.context == _IGNORE_UNKNOWN and cls.model_config.get("extra") == "forbid"
        if ignore and isinstance(values, dict):
            return {key: values[key] for key in values if key in cls.model_fields}
        return values

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were set, as keyword arguments for a constructor."""
        names = (*type(self).model_fields, *(self.model_extra or ()))
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}

    def with_fields(self, **fields: Any) -> Self:
        """A copy in which these fields are set too, validated as by the constructor."""
        return type(self)(**{**self.given, **fields})

    def to_json(self) -> dict[str, Any]:
        """The JSON object; it has a key for each field that was set."""
        return self.model_dump(mode="json", exclude_unset=True)


class Versus(_Record):
    """The paired difference to another router on the same questions."""

    accuracy_diff: float
    ci95: Bounds
    """Of the difference."""
    cost_ratio: float | None = None
    """Cost as a share of the other router's; None if the other one is free."""

    @property
    def verdict(self) -> Literal[-1, 0, 1]:
        """1: significantly more accurate, -1: significantly less accurate, 0: the interval contains 0."""
        low, high = self.ci95
        return 1 if low > 0 else -1 if high < 0 else 0


class Point(_Record):
    """The figures of a router at one setting, as means over the questions."""

    setting: str = ""
    accuracy: Share
    cost_usd: Dollars
    """Dollars per question."""
    calls: float = Field(ge=0)
    """Candidate calls per question."""
    ci95: Bounds | None = None
    """Of the accuracy."""
    cost_ci95: Bounds | None = None
    """Of the dollars per question."""
    vs_best_single: Versus | None = None
    vs_best_per_category: Versus | None = None
    """Under a cost cap: against the best model of each category, chosen under the same cap."""
    reward: float | None = None
    valid: Share | None = None
    """Share of the episodes that ended with an answer."""
    asked: dict[str, Share] = {}
    """Candidate -> share of the questions for which the policy called it."""

    @classmethod
    def of_run(
        cls,
        run: RouterRun,
        baseline: RouterRun | None = None,
        *,
        setting: str | None = None,
        seed: int = 0,
    ) -> Point:
        """Measure a router.

        Args:
            run: its result on each question.
            baseline: the best single model on the same questions; None where there is none.
            setting: name of the setting.
            seed: seed of the bootstrap.

        Raises:
            ValueError: `run` and `baseline` have different numbers of questions.
        """
        accuracy, cost = interval(run.value, seed=seed), interval(run.cost, seed=seed)
        point = Point(
            **({} if setting is None else {"setting": setting}),
            accuracy=float(run.value.mean()),
            cost_usd=float(run.cost.mean()),
            calls=float(run.calls.mean()),
            ci95=(accuracy.low, accuracy.high),
            cost_ci95=(cost.low, cost.high),
        )
        if baseline is None:
            return point
        difference = paired(run.value, baseline.value, seed=seed)
        baseline_cost = float(baseline.cost.mean())
        versus = Versus(
            accuracy_diff=difference.mean,
            ci95=(difference.low, difference.high),
            cost_ratio=point.cost_usd / baseline_cost if baseline_cost else None,
        )
        return point.with_fields(vs_best_single=versus)


class McNemarTest(_Record):
    """The exact test against the best single model."""

    only_ours: int
    """Questions that only this router answers correctly."""
    only_theirs: int
    """Questions that only the best single model answers correctly."""
    p: float


class Hindsight(_Record):
    """What mixing would reach if the settings were chosen on the test questions themselves; this flatters the router."""

    aiq: float | None = None
    aiq_routerbench: float | None = None
    """AIQ as computed by RouterBench's code."""


class Mixture(_Record):
    """What a random mixture of a router's settings reaches."""

    corners: tuple[str, ...] = ()
    """The settings that are mixed, chosen on validation questions; empty in old files, which chose them on the test."""
    aiq: float | None = None
    """Average improvement in quality: mean accuracy over the range of costs."""
    in_hindsight: Hindsight | None = None
    range_usd: Bounds | None = None
    """The range of costs of `aiq`: the cheapest and the most expensive single model."""
    accuracy_at: dict[str, float] = {}
    """Share of the best single model's cost -> accuracy of the mixture that costs as much."""
    cost_ratio_at_100: float | None = None
    """Cost at which the mixture is as accurate as the best single model, as a share of that model's cost."""
    cost_ratio_at_95: float | None = None
    """The same for 95 % of its accuracy."""


class Category(_Record):
    """The figures of a router in one category of questions."""

    questions: int = Field(ge=0)
    accuracy: Share


class _Named(_Record):
    name: str
    kind: Kind

    @field_validator("kind", mode="before")
    @classmethod
    def _rename_bar(cls, kind: Any) -> Any:
        """Files of version 0.1 call a baseline a bar."""
        return "baseline" if kind == "bar" else kind


class Row(Point, _Named):
    """A router: its figures at the main setting, and at all others as a curve."""

    right_specialist: Share | None = None
    """Share of its calls that a skill oracle would have made too."""
    failed: int = 0
    """Episodes without a verdict on the router; they count as wrong until they are asked again."""
    failure: tuple[tuple[str, int], ...] = ()
    """The most frequent reason of failures and its count; empty if no episode failed."""
    asked_again: int = 0
    """Episodes that took more than one try."""
    curve: tuple[Point, ...] = ()
    """All settings; empty if there is only one."""
    within: dict[str, Point | None] = {}
    """Cost cap -> the setting that validation chooses under it; None if no setting is that cheap."""
    smallest_difference: float | None = None
    """The smallest accuracy difference to the best single model that the sample can show."""
    mcnemar: McNemarTest | None = None
    arena_score: float | None = None
    hull: Mixture | None = None
    categories: dict[str, Category] = {}
    regret: dict[str, float] = {}
    """Category -> how much more accurate its best single model is, chosen in hindsight."""
    corpus: dict[str, float] = {}
    """Metrics over all answers together, by name, for benchmarks that do not report a mean over questions."""
    overhead_ms: float | None = None
    """Milliseconds per decision."""
    pgr: float | None = None
    """Two models only: the part of the gap between them that the router recovers."""
    apgr: float | None = None
    """Two models only: the average of that part over all shares of calls to the stronger model."""
    cpt: dict[str, float | None] | None = None
    """Two models only: part of the gap -> the smallest share of calls to the stronger model that recovers it."""

    @classmethod
    def of_runs(
        cls,
        name: str,
        kind: Kind,
        runs: Mapping[str, RouterRun],
        main: str,
        baseline: RouterRun,
        *,
        seed: int = 0,
    ) -> Row:
        """Measure a router at each of its settings.

        Args:
            name: what the row is called.
            kind: `baseline`, `router`, `agent` or `oracle`.
            runs: the results at each setting.
            main: the setting that represents the router; a key of `runs`.
            baseline: the best single model on the same questions.
            seed: seed of the bootstrap.
        """
        points = {
            setting: Point.of_run(run, baseline, setting=setting, seed=seed)
            for setting, run in runs.items()
        }
        curve = tuple(points.values()) if len(points) > 1 else ()
        return cls(name=name, kind=kind, **points[main].given, curve=curve)

    @property
    def points(self) -> tuple[Point, ...]:
        """The settings: its curve, or the row itself if it has only one."""
        return self.curve or (self,)


class Efficiency(_Record):
    """Calls of one candidate, or of the policy, in a run."""

    attempts: int
    failed: int
    input_tokens: int
    output_tokens: int
    tokens_estimated: bool = False
    cost_usd: float | None = None
    tokens_per_s: float | None = None
    """Median of generated tokens by the seconds of the whole call."""
    first_token_s: float | None = None
    """Median time to the first token; None if replies were not streamed."""
    price: Price | None = None


class CrossFittedOracle(_Record):
    """The oracle without the luck of a single draw, on questions with several samples of every model."""

    accuracy: Share
    oracle: Share
    """The plain oracle on these questions."""
    best_single: Share | None = None
    questions: int
    samples: int


class Headroom(_Record):
    """How much a router could gain over the best single model, and which differences the sample can show."""

    best_single: Share
    oracle: Share
    oracle_less_chance: Share | None = None
    """The oracle without lucky guesses; None where scores are not all 0 or 1, or questions have no options."""
    oracle_cross_fitted: CrossFittedOracle | None = None
    ties: dict[str, Share] = {}
    """Share of the questions with one best model, with a tie, and with no correct model."""
    smallest_difference: float


class TwoModels(_Record):
    """A pool of two models."""

    weak: str
    strong: str
    gap: float
    """How much more accurate the stronger model is."""


class JudgeRecord(_Record):
    """The model that graded the answers."""

    model: str
    pool: str | None = None
    """The file of its pool."""
    version: str | None = None
    """Version of the judge's prompt."""
    cost_usd: float | None = None
    """What grading cost this time."""


class RunSettings(_Record):
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
    levels: tuple[Level, ...] = ()
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
        """With unset fields as null: a level without a budget says so."""
        return [level.model_dump() for level in levels]


class Results(_Record):
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
    """For a benchmark run; a tournament has it in `headroom`."""
    two_models: TwoModels | None = None
    efficiency: dict[str, Efficiency] = {}
    """Candidate or policy -> its calls."""
    spent_usd: float | None = None
    """Cost of a run, failed tries included."""
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
            content = json.loads(Path(path).read_text())
            return cls.model_validate(content, context=_IGNORE_UNKNOWN)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise DataError(f"{path}: no results: {where}: {first['msg']}; {hint}") from error
        except (OSError, ValueError) as error:
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
        return estimated({"costs_estimated": self.settings.costs_estimated})

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


def point(run: RouterRun, bar: RouterRun | None, seed: int = 0) -> dict[str, Any]:
    """`Point.of_run` as a JSON object."""
    return Point.of_run(run, bar, seed=seed).to_json()


def row(
    name: str, kind: Any, runs: Mapping[str, RouterRun], head: str, bar: RouterRun, seed: int = 0
) -> dict[str, Any]:
    """`Row.of_runs` as a JSON object."""
    return Row.of_runs(name, kind, runs, head, bar, seed=seed).to_json()


def estimated(settings: Mapping[str, Any]) -> list[str]:
    """A line if some costs are estimates, by the settings of results.json; empty if none is."""
    share = settings.get("costs_estimated", 0)
    line = f"costs are estimates in {share:.0%} of the outcomes: their token counts were guessed"
    return [line] if share else []


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that figures depend on."""
    found = {"python": platform.python_version()}
    for package in ("router-r1", "verl", "torch", "transformers", "numpy"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
