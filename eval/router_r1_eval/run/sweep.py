"""One comparison from the runs of several settings on several question sets, e.g. of policies trained with other alphas.

Every setting has a folder, which holds a run of `router-r1 eval` for each set. The agent of a setting becomes a row
that is called like the setting; single models keep their names. A figure is the mean over the sets of the mean over
their questions, so that all sets have the same weight; its interval resamples the questions within each set.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_r1.data.questions import read_questions
from router_r1.errors import ConfigError, DataError
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_eval.results import Category, Results, Row, RunSettings, Versus, versions
from router_r1_eval.run.grader import MetricGrader
from router_r1_eval.run.grading import grade_episodes
from router_r1_eval.run.run_folder import RunFolder
from router_r1_eval.run.run_results import Comparison, compared, means
from router_r1_eval.run.trace_status import failed, failure_reason
from router_r1_eval.stats.bootstrap import Interval, interval_over_sets
from router_r1_eval.stats.significance import smallest_difference

Values = NDArray[np.float64]


@dataclass(frozen=True)
class _Run:
    """The run of one setting on one set."""

    comparison: Comparison
    spent_usd: float
    spent_on_failed_usd: float
    pool: tuple[str, ...]
    asked: int
    """Questions of the set."""


@dataclass(frozen=True)
class _Measured:
    """What a router did in each set, on the questions that all routers were asked."""

    kind: str
    runs: Mapping[str, RouterRun]
    """Set -> its figures on each question."""
    failures: Sequence[str]
    """The reason of each failed episode."""

    def figures(self, value: Callable[[RouterRun], Values]) -> list[Values]:
        """One array of figures for each set."""
        return [value(run) for run in self.runs.values()]


def sweep(folders: Mapping[str, Path], name: str = "sweep", *, seed: int = 0) -> Results:
    """Compare settings over question sets.

    Args:
        folders: setting -> the folder with its runs, one subfolder for each set.
        name: of the comparison.
        seed: seed of the bootstrap.

    Raises:
        DataError: a folder holds no run, or settings were run on other sets or share no question.
        ConfigError: a single model has the name of a setting.
        ScorerError: an answer cannot be graded.
    """
    runs = {setting: _runs(folder) for setting, folder in folders.items()}
    sets = _common_sets(runs, folders)
    asked = {one: _common_questions(one, [runs[s][one] for s in runs]) for one in sets}
    rows: dict[str, _Measured] = {}
    for setting, by_set in runs.items():
        for router in next(iter(by_set.values())).comparison.cells:
            single = router in by_set[sets[0]].comparison.single_models()
            label = router if single else setting
            if single and label in folders:
                raise ConfigError(f"{label}: a candidate has this name; rename the setting")
            everywhere = all(router in by_set[one].comparison.cells for one in sets)
            if everywhere and label not in rows:
                rows[label] = _measure(router, single, by_set, asked)
    singles = [label for label, row in rows.items() if row.kind == "baseline"]
    best = max(singles, key=lambda label: _mean(rows[label].figures(_value)), default=None)
    every = [run for by_set in runs.values() for run in by_set.values()]
    sizes = [len(keys) for keys in asked.values()]
    return Results(
        table=name,
        questions=sum(sizes),
        left_out=sum(max(runs[s][one].asked for s in runs) - len(asked[one]) for one in sets),
        pool=every[0].pool,
        rows=tuple(
            _row(label, row, rows[best] if best else None, seed) for label, row in rows.items()
        ),
        smallest_difference=smallest_difference(_effective(sizes)),
        spent_usd=math.fsum(run.spent_usd for run in every),
        spent_on_failed_usd=math.fsum(run.spent_on_failed_usd for run in every),
        settings=RunSettings(best_single=best),
        versions=versions(),
        seed=seed,
        notes=(
            f"Figures are means over {len(sets)} question sets ({', '.join(sets)}), all with the same weight; intervals "
            f"resample the questions within each set",
        ),
    )


def _effective(sizes: Sequence[int]) -> int:
    """How many questions of one set would give a mean as precise as the mean over these sets."""
    return round(len(sizes) ** 2 / sum(1 / size for size in sizes))


def _runs(folder: Path) -> dict[str, _Run]:
    """Set -> its run, for every subfolder with a run."""
    places = sorted(path.parent for path in folder.glob("*/run.json"))
    if not places:
        raise DataError(
            f"{folder}: holds no runs; give a folder with one for each question set, made with "
            f"`router-r1 eval SET --out {folder}/SET`"
        )
    return {place.name: _read(RunFolder(place)) for place in places}


def _read(folder: RunFolder) -> _Run:
    questions = read_questions(folder.questions)
    graded = grade_episodes(folder.episodes(), {q.id: q for q in questions}, MetricGrader())
    comparison = compared(folder, questions, graded)
    agents = [name for name in comparison.cells if name not in comparison.single_models()]
    if len(agents) > 1:
        raise DataError(f"{folder.path}: several agents were asked: {', '.join(agents)}")
    traces = [trace for episode in graded for trace in episode.traces]
    return _Run(
        comparison,
        math.fsum(trace.cost_usd for trace in traces),
        math.fsum(trace.cost_usd for trace in traces if failed(trace)),
        tuple(card.name for card in graded[0].trace.candidates),
        len(questions),
    )


def _common_sets(
    runs: Mapping[str, Mapping[str, _Run]], folders: Mapping[str, Path]
) -> tuple[str, ...]:
    """The sets, which must be the same for all settings."""
    first, *others = runs
    for other in others:
        if differ := sorted(runs[first].keys() ^ runs[other].keys()):
            missing = other if differ[0] in runs[first] else first
            raise DataError(
                f"{folders[missing]}: has no run on {differ[0]}; run every setting on the same question sets"
            )
    return tuple(runs[first])


def _common_questions(one: str, runs: Iterable[_Run]) -> list[str]:
    """The ids of the questions of a set that every router of every setting was asked."""
    ids = [[q.id for q in run.comparison.questions] for run in runs]
    common = set(ids[0]).intersection(*ids[1:])
    if not common:
        raise DataError(f"{one}: the settings share no question; use the same question file")
    return [key for key in ids[0] if key in common]


def _measure(
    router: str, single: bool, runs: Mapping[str, _Run], asked: Mapping[str, Sequence[str]]
) -> _Measured:
    measured: dict[str, RouterRun] = {}
    failures: list[str] = []
    for one, keys in asked.items():
        comparison = runs[one].comparison
        cells = dict(
            zip((q.id for q in comparison.questions), comparison.cells[router], strict=True)
        )
        chosen = [cells[key] for key in keys]
        measured[one] = means(chosen)
        tries = [episode.trace for samples in chosen for episode in samples]
        failures += [failure_reason(trace) for trace in tries if failed(trace)]
    return _Measured("baseline" if single else "agent", measured, failures)


def _row(label: str, row: _Measured, best: _Measured | None, seed: int) -> Row:
    accuracy = interval_over_sets(row.figures(_value), seed=seed)
    cost = interval_over_sets(row.figures(_cost), seed=seed)
    fields: dict[str, Any] = {
        "name": label,
        "kind": row.kind,
        "accuracy": accuracy.mean,
        "ci95": _bounds(accuracy),
        "cost_usd": cost.mean,
        "cost_ci95": _bounds(cost),
        "calls": _mean(row.figures(lambda run: run.calls)),
        "failed": len(row.failures),
        "failure": tuple(Counter(row.failures).most_common(1)),
        "categories": {
            one: Category(questions=len(run.value), accuracy=float(run.value.mean()))
            for one, run in row.runs.items()
        },
        "curve": (),
    }
    if best is not None:
        pairs = zip(row.figures(_value), best.figures(_value), strict=True)
        difference = interval_over_sets([ours - theirs for ours, theirs in pairs], seed=seed)
        theirs = _mean(best.figures(_cost))
        fields["vs_best_single"] = Versus(
            accuracy_diff=difference.mean,
            ci95=_bounds(difference),
            cost_ratio=cost.mean / theirs if theirs else None,
        )
    return Row(**fields)


def _value(run: RouterRun) -> Values:
    return run.value


def _cost(run: RouterRun) -> Values:
    return run.cost


def _mean(sets: Sequence[Values]) -> float:
    return float(np.mean([values.mean() for values in sets]))


def _bounds(found: Interval) -> tuple[float, float]:
    return found.low, found.high
