"""The rows of results.json: the figures of a router at its main setting, at all settings, and against baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_eval.json_record import JsonRecord
from router_r1_eval.stats.bootstrap import interval, paired

Share = Annotated[float, Field(ge=0, le=1)]
Dollars = Annotated[float, Field(ge=0)]
Bounds = tuple[float, float]
"""The lower and the upper end of a 95 % interval."""
Kind = Literal["baseline", "router", "agent", "oracle"]


class Versus(JsonRecord):
    """The paired difference to another router on the same questions."""

    accuracy_diff: float
    ci95: Bounds
    """95 % interval of the difference."""
    cost_ratio: float | None = None
    """Cost as a share of the other router's; None if the other one is free."""

    @property
    def verdict(self) -> Literal[-1, 0, 1]:
        """1: significantly more accurate, -1: significantly less accurate, 0: the interval contains 0."""
        low, high = self.ci95
        return 1 if low > 0 else -1 if high < 0 else 0


class Point(JsonRecord):
    """The figures of a router at one setting, as means over the questions."""

    setting: str = ""
    accuracy: Share
    cost_usd: Dollars
    """Dollars per question."""
    calls: float = Field(ge=0)
    """Candidate calls per question."""
    ci95: Bounds | None = None
    """95 % interval of the accuracy."""
    cost_ci95: Bounds | None = None
    """95 % interval of the dollars per question."""
    vs_best_single: Versus | None = None
    vs_best_per_category: Versus | None = None
    """Difference to the best model of each category, chosen under the same cost cap; set only under a cost cap."""
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


class McNemarTest(JsonRecord):
    """The exact test against the best single model."""

    only_ours: int
    """Questions that only this router answers correctly."""
    only_theirs: int
    """Questions that only the best single model answers correctly."""
    p: float


class Hindsight(JsonRecord):
    """What mixing would reach with settings chosen on the test questions themselves; this flatters the router."""

    aiq: float | None = None
    aiq_routerbench: float | None = None
    """AIQ as computed by RouterBench's code."""


class Mixture(JsonRecord):
    """What a random mixture of a router's settings reaches."""

    corners: tuple[str, ...] = ()
    """The settings that are mixed, chosen on validation questions; empty in old files, whose mixtures were chosen on
    the test questions."""
    aiq: float | None = None
    """Average improvement in quality (arXiv:2403.12031): mean accuracy over `range_usd`."""
    in_hindsight: Hindsight | None = None
    range_usd: Bounds | None = None
    """Costs per question of the cheapest and of the most expensive single model."""
    accuracy_at: dict[str, float] = {}
    """Share of the best single model's cost -> accuracy of the mixture that costs as much."""
    cost_ratio_at_100: float | None = None
    """Cost at which the mixture is as accurate as the best single model, as a share of that model's cost."""
    cost_ratio_at_95: float | None = None
    """The same for 95 % of its accuracy."""


class Category(JsonRecord):
    """The figures of a router in one category of questions."""

    questions: int = Field(ge=0)
    accuracy: Share


class _Named(JsonRecord):
    """The first keys of a row."""

    name: str
    kind: Kind

    @field_validator("kind", mode="before")
    @classmethod
    def _rename_bar(cls, kind: Any) -> Any:
        """Old files call a baseline a bar."""
        return "baseline" if kind == "bar" else kind


class Row(Point, _Named):
    """A router: its figures at the main setting, and at all settings as a curve."""

    right_specialist: Share | None = None
    """Share of its calls that a skill oracle would have made too."""
    failed: int = 0
    """Failed episodes; those without an answer count as wrong until their questions are asked again."""
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
    """RouterArena's weighted harmonic mean of accuracy and log cost."""
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
    """Two models only: the average of that part over all shares of calls to the stronger model (arXiv:2406.18665)."""
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
