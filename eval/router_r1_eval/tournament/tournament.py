"""Routers on an outcome table, against each other and against what needs no router: `results.json`, with every setting as a curve.

What is measured are bars, the planner, one-shot routers, and policies, which play the real episodes. All choices are made on training and
validation questions; the test questions give the figures.

    accuracy, cost, calls     means; of accuracy and cost with 95 % bootstrap intervals, of accuracy the paired difference to the best single model too
    mcnemar                   the exact test against the best single model; None for a row that is not right or wrong where the table's answers
                              are, such as the expectation `random`
    within                    the setting that validation chooses under a cap on cost; `vs_best_per_category`: how much more accurate it is than the best model of
                              each category, chosen under the same cap, which is what knowing the category alone is worth
    hull                      what mixing a router's settings reaches: AIQ, accuracy at fixed spends, and what 95 % and 100 % of the best single
                              model's accuracy cost. Which settings are mixed is chosen by validation: those on the non-decreasing convex hull there.
                              `in_hindsight` is AIQ by the hull of the test questions themselves, as it is published for other routers, and
                              RouterBench's AIQ of this hull; it flatters
    zero_router               the same for the single models: what needs no look at a question
    arena_score               accuracy and log cost in one number
    regret                    by category: accuracy that the best single model of this category, in hindsight, has more
    categories                questions and accuracy of a router in each category
    overhead_ms               of a router: milliseconds on the clock for a decision, all questions decided at once
    headroom                  the oracle as it is, less the luck of many guessers, and less the luck of one draw where there are repeated
                              samples; what a comparison here can show at all
    two_models                for a pool of two: the gap between them, how much of it each row recovers (pgr), and the whole curve of each
                              router that says how much a question needs the stronger one (apgr, cpt)
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from router_r1 import routers
from router_r1.data.splits import Split
from router_r1.errors import ConfigError, DataError
from router_r1.files import write_json
from router_r1.policies.base import Policy
from router_r1_envs.worlds.recorded_world.arrays import Grid
from router_r1_envs.worlds.recorded_world.runs import Method, Run, chosen, sensitivities, single
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.results import row, versions
from router_r1_eval.stats.bootstrap import paired
from router_r1_eval.stats.cost_curves import (
    Curve,
    arena_score,
    corners,
    hull,
    routerbench_aiq,
    through,
)
from router_r1_eval.stats.significance import detectable_difference, mcnemar
from router_r1_eval.tables.check import check
from router_r1_eval.tournament.baselines import LABEL, bars, not_listed
from router_r1_eval.tournament.headroom import headroom
from router_r1_eval.tournament.rollouts import PlayedMethod, write_traces
from router_r1_eval.tournament.two_models import Between
from router_r1_reward import RewardConfig

if TYPE_CHECKING:
    from router_r1_envs.planner.planner import Planner

CAPS = {"its cost": 1.0, "three quarters of its cost": 0.75}
"""What a router may spend, as shares of what the best single model costs; for each a setting is chosen by validation."""
SPENDS = (0.25, 0.5, 1.0)
"""Shares of what the best single model costs at which the accuracy of a mixture is stated."""
_MOST_SILENT = 0.05  # share of answers without output tokens that needs no word
_WIDE = 0.95  # share of the best single model's accuracy whose cost is stated


def router_method(world: RecordedWorld, name: str) -> Method:
    """A one-shot router (`label`, `knn:k=50`), fitted on the training questions, with a setting for each level.

    Raises:
        ConfigError: no such router (see `router_r1.routers`), or one that can not be fitted with these settings.
    """
    router = routers.from_text(name)
    known = world.table.subset(question.id for question in world.questions(Split.TRAIN))
    try:
        router.fit(known)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"router {name!r} can not be fitted: {error}") from error
    worths = {level.name: level.worth_usd for level in world.levels if level.worth_usd is not None}
    column = {model: place for place, model in enumerate(world.table.names)}
    predicted: dict[tuple[str, ...], tuple[Any, Any]] = {}

    def predict(grid: Grid) -> tuple[Any, Any]:
        key = tuple(question.id for question in grid.questions)
        if key not in predicted:
            # As in `fit`, without options in the text.
            asked = [world.table.question(question_id) for question_id in key]
            predicted[key] = router.scores(asked), router.costs(asked)
        return predicted[key]

    def run(grid: Grid, setting: str) -> Run:
        models = router.decide(*predict(grid), worths[setting])
        return chosen(grid, np.array([column[model] for model in models], dtype=np.int64))

    return Method(
        name, "router", tuple(sensitivities(world)), run, lambda grid: np.asarray(predict(grid)[0])
    )


def tournament(
    world: RecordedWorld,
    policies: Mapping[str, Policy] | None = None,
    planner: Planner | None = None,
    one_shot: Sequence[str] = (),
    reward: RewardConfig | None = None,
    *,
    traces: str | Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The content of `results.json`: policies, planner, one-shot routers and bars on the test questions.

    Args:
        world: a table with its splits and levels.
        policies: by name; each plays every test question at every level, and validation questions for the choice of a level.
        planner: fitted on this world.
        one_shot: routers as in `router_r1.routers.from_text`.
        reward: what episodes of policies are scored by.
        traces: where the first policy's episodes on the test questions are written, at the level that stands for it.
        seed: of the bootstrap.

    Raises:
        ConfigError: no level of the world states a worth, or an unknown router.
        DataError: not every model was asked every question, and the world does not say what to do about it.
    """
    if world.incomplete and world.settings.complete is None:
        raise DataError(
            f"{world.table.source}: {world.incomplete} questions were not asked of every model; leave them out (--set "
            f"complete=true), or count what is missing as wrong and free (--set complete=false)"
        )
    played = {
        name: PlayedMethod(world, policy, reward or RewardConfig())
        for name, policy in (policies or {}).items()
    }
    methods = [p.method(name) for name, p in played.items()]
    if planner is not None:
        methods.append(planner.method())
    methods += [router_method(world, name) for name in one_shot]
    every = [*methods, *bars(world)]
    twice = [name for name, count in Counter(m.name for m in every).items() if count > 1]
    if twice:
        raise ConfigError(
            f"two rows of this tournament are called {twice[0]!r}; call a policy otherwise (--policy NAME=...)"
        )
    results = measure(world, every, seed=seed)
    results["not_listed"] = not_listed(every)
    results["notes"] = _notes(world)
    asked = world.questions(Split.TEST)
    for entry in results["rows"]:
        if entry["name"] in played:
            for item in entry["curve"]:
                item |= played[entry["name"]].shown(asked, item["setting"])
    if traces is not None and played:
        first = results["rows"][0]  # policies come first
        write_traces(traces, [played[first["name"]].at(asked, first["setting"])])
    results["settings"]["reward"] = (reward or RewardConfig()).model_dump()
    return results


def _notes(world: RecordedWorld) -> list[str]:
    """What of the table makes figures other than they seem, a sentence each."""
    table, asked = world.table, world.questions(Split.TEST)
    cells = [(q.id, name) for q in asked for name in table.names]
    outcomes = [o for cell in cells if (o := table.outcome(*cell)) is not None]
    silent = sum(o.cost is None and not o.output_tokens for o in outcomes) / max(1, len(outcomes))
    repeated = any(table.outcome(*cell, sample=1) for cell in cells)
    notes = []
    if world.incomplete and world.settings.complete:
        notes.append(
            f"{world.incomplete} of {len(table.questions)} questions are left out: not every model was asked them"
        )
    elif len(outcomes) < len(cells):
        notes.append(
            f"{len(cells) - len(outcomes)} of {len(cells)} answers are missing: they count as wrong and free"
        )
    if silent > _MOST_SILENT:
        notes.append(
            f"no output tokens are recorded of {silent:.0%} of the answers: their dollars are those of the prompts alone, so compare calls"
        )
    if repeated:
        notes.append(
            "a candidate's first sample is its answer; others count where self-consistency asks again, and for what of the oracle is luck"
        )
    errors = [f.message for f in check(table) if f.weight == "error"]
    if errors:
        notes.append(
            f"table check finds {len(errors)} errors in this table, the first: {errors[0]}"
        )
    return notes


def measure(
    world: RecordedWorld, methods: Sequence[Method], split: Split = Split.TEST, *, seed: int = 0
) -> dict[str, Any]:
    """The content of `results.json`: every method on one split.

    A method with a curve is represented by the most accurate setting among those that cost no more than the best single
    model, and by the cheapest if all cost more; both on the validation split. `within` has the same for every cap of
    `CAPS`; None where no setting is that cheap there.
    """
    grid = Grid.of(world, world.questions(split))
    validation = Grid.of(world, world.questions(Split.VALIDATION))
    best = world.table.names.index(world.best_single)
    bar, limit = single(grid, best), float(single(validation, best).cost.mean())
    singles, tried_singles = (
        {name: single(g, j) for j, name in enumerate(g.names)} for g in (grid, validation)
    )
    spread = (
        min(_point(r)[0] for r in singles.values()),
        max(_point(r)[0] for r in singles.values()),
    )
    between = Between.of(world, grid)
    graded = not np.isin(grid.score, (0.0, 1.0)).all()
    rows: list[dict[str, Any]] = []
    every: dict[str, dict[str, Run]] = {}
    reached = [_points(singles)]
    for method in methods:
        began = time.perf_counter()
        runs = {method.settings[0]: method.run(grid, method.settings[0])}
        elapsed = time.perf_counter() - began
        runs |= {setting: method.run(grid, setting) for setting in method.settings[1:]}
        tried = {s: method.run(validation, s) for s in method.settings}
        head = _most_accurate(tried, limit) or min(tried, key=lambda s: tried[s].cost.mean())
        entry = row(method.name, method.kind, runs, head, bar, seed)
        alone = {key: told for key, told in entry.items() if key not in ("name", "kind", "curve")}
        figures = {item["setting"]: item for item in entry["curve"] or [alone]}
        entry["within"] = {}
        for name, share in CAPS.items():
            setting = _most_accurate(tried, share * limit)
            entry["within"][name] = None if setting is None else dict(figures[setting])
        entry["smallest_difference"] = detectable_difference(runs[head].value, bar.value)
        entry["mcnemar"] = _mcnemar(runs[head], bar, graded)
        entry["arena_score"] = arena_score(entry["accuracy"], 1000 * entry["cost_usd"])
        entry["hull"] = _mixed(tried, runs, bar, spread)
        reached.append(_points(runs))
        every[method.name] = runs
        entry["categories"], entry["regret"] = _by_category(world, grid, runs[head])
        if method.kind == "router":
            entry["overhead_ms"] = 1000 * elapsed / len(grid)
        if between is not None:
            entry |= between.recovered(method, grid, runs[head])
        rows.append(entry)
    _compare_with_label(rows, every, seed)
    zero = _mixed(tried_singles, singles, bar, spread)
    # RouterBench's largest cost: of the most accurate setting of each, the dearest where several are.
    dearest = max(max((quality, cost) for cost, quality in points)[1] for points in reached)
    for mixed, points in zip((zero, *(entry["hull"] for entry in rows)), reached, strict=True):
        found = routerbench_aiq(points, dearest) if dearest else None
        mixed["in_hindsight"]["aiq_routerbench"] = found
    # Of what one comes to compare; of the single models where there is nothing else.
    visible = [entry["smallest_difference"] for entry in rows if entry["curve"]]
    visible = visible or [detectable_difference(run.value, bar.value) for run in singles.values()]
    return {
        "table": world.table.source,
        "questions": len(grid),
        "pool": list(grid.names),
        "rows": rows,
        "zero_router": zero,
        "headroom": headroom(world, grid, bar) | {"smallest_difference": max(visible)},
        "two_models": None if between is None else between.shown(),
        "settings": {
            "split": str(split),
            "best_single": world.best_single,
            "corners": str(Split.VALIDATION),
            "reference_usd": world.reference_usd,
            "costs_estimated": world.table.costs_estimated,
            "levels": [level.model_dump() for level in world.levels],
        },
        "versions": versions(),
        "seed": seed,
    }


def _compare_with_label(
    rows: Sequence[dict[str, Any]], runs: Mapping[str, Mapping[str, Run]], seed: int
) -> None:
    """Under each cap, add the paired difference to the router that knows a question's category alone: `vs_best_per_category`, None where either has no level."""
    known = {row["name"]: row["within"] for row in rows}.get(LABEL, {})
    for entry in rows:
        for cap, figures in entry["within"].items():
            if figures is None:
                continue
            level = known.get(cap)
            figures["vs_best_per_category"] = None
            if level is not None:
                ours, label = runs[entry["name"]][figures["setting"]], runs[LABEL][level["setting"]]
                difference = paired(ours.value, label.value, seed=seed)
                figures["vs_best_per_category"] = {
                    "accuracy_diff": difference.mean,
                    "ci95": difference.bounds,
                }


def _most_accurate(tried: dict[str, Run], limit: float) -> str | None:
    """Of the settings that cost no more than this; of equal ones the cheapest."""
    costs = {s: float(run.cost.mean()) for s, run in tried.items()}
    fitting = [s for s, cost in costs.items() if cost <= limit * (1 + 1e-9)]
    # Rounded: means of the same values in another order differ in the last bits.
    key = {s: (round(float(tried[s].value.mean()), 12), -costs[s]) for s in fitting}
    return max(fitting, key=key.__getitem__) if fitting else None


def _mcnemar(run: Run, bar: Run, graded: bool) -> dict[str, Any] | None:
    """None where one of two answers is neither right nor wrong, as an expectation is: unless the table itself has graded scores, of which a half is right."""
    if not graded and not np.isin(run.value, (0.0, 1.0)).all():
        return None
    test = mcnemar(run.value, bar.value)
    return {"only_ours": test.ours, "only_theirs": test.theirs, "p": test.p}


def _point(run: Run) -> tuple[float, float]:
    return float(run.cost.mean()), float(run.value.mean())


def _points(runs: Mapping[str, Run]) -> list[tuple[float, float]]:
    return [_point(run) for run in runs.values()]


def _mixed(
    tried: Mapping[str, Run], runs: Mapping[str, Run], bar: Run, spread: tuple[float, float]
) -> dict[str, Any]:
    """What mixing settings reaches on `runs`, of those that are corners of the hull of `tried`; AIQ is over the costs of the single models."""
    mixed = corners({setting: _point(run) for setting, run in tried.items()})
    curve = through(_point(runs[setting]) for setting in mixed)
    cost, accuracy = _point(bar)

    low, high = spread

    def aiq(curve: Curve) -> float | None:
        return curve.mean(low, high) if low < high else None

    def share(part: float) -> float | None:
        found = curve.cost_of(part * accuracy)
        return None if found is None or not cost else found / cost

    return {
        "corners": mixed,
        "aiq": aiq(curve),
        "in_hindsight": {"aiq": aiq(hull(_points(runs)))},
        "range_usd": list(spread),
        "accuracy_at": {f"{part:.0%}": curve.at(part * cost) for part in SPENDS},
        "cost_ratio_at_100": share(1.0),
        "cost_ratio_at_95": share(_WIDE),
    }


def _by_category(
    world: RecordedWorld, grid: Grid, run: Run
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Category -> questions and accuracy; and how far below the model that is best on these very questions (negative: above it)."""
    found, regret = {}, {}
    for number, name in enumerate((*world.categories, "unseen in training")):
        here = grid.category == number
        if here.any():
            accuracy = float(run.value[here].mean())
            found[name] = {"questions": int(here.sum()), "accuracy": accuracy}
            regret[name] = float(grid.score[here].mean(0).max()) - accuracy
    return found, regret


def write_results(results: dict[str, Any], folder: str | Path) -> Path:
    """Write `results.json` into a folder; a `report.html` there is of other results, and is removed."""
    path = Path(folder) / "results.json"
    if (path.parent / "run.json").exists():
        raise ConfigError(f"{folder}: `router-r1 eval` ran here; choose another --out")
    write_json(path, results)
    (path.parent / "report.html").unlink(missing_ok=True)
    return path
