"""The figures of every entrant on the test questions of a table, as results.json has them.

Not covered: the choice of the setting that represents an entrant, also under a cap on cost (`setting_choice.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from router_r1.data.splits import Split
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.results import (
    Category,
    McNemarTest,
    Mixture,
    Point,
    Results,
    Row,
    RunSettings,
    Versus,
    versions,
)
from router_r1_eval.stats.bootstrap import paired
from router_r1_eval.stats.cost_curves import arena_score
from router_r1_eval.stats.significance import detectable_difference, mcnemar
from router_r1_eval.tournament.category_lookup import BEST_PER_CATEGORY_BY_PRICE
from router_r1_eval.tournament.entrants import Entrant, single_model
from router_r1_eval.tournament.headroom import headroom
from router_r1_eval.tournament.mixtures import (
    cost_range,
    mixture,
    points,
    with_routerbench_aiq,
)
from router_r1_eval.tournament.setting_choice import CAPS, EntrantRuns
from router_r1_eval.tournament.two_models import ModelPair

UNSEEN_CATEGORY = "unseen in training"


def measure(splits: TableSplits, entrants: Sequence[Entrant], *, seed: int = 0) -> Results:
    """The results of a tournament, without the caveats and the figures that only episodes have.

    Args:
        splits: the table.
        entrants: in the order of their rows.
        seed: seed of the bootstrap.
    """
    best = single_model(splits.test, splits.best_column)
    limit_usd = float(single_model(splits.validation, splits.best_column).cost.mean())
    singles, validation_singles = (
        {name: single_model(arrays, j) for j, name in enumerate(arrays.names)}
        for arrays in (splits.test, splits.validation)
    )
    range_usd = cost_range(singles)
    pair = ModelPair.of(splits)
    measured = [EntrantRuns.of(splits, entrant) for entrant in entrants]
    rows = [_row(splits, m, best, limit_usd, range_usd, pair, seed) for m in measured]
    rows = _versus_best_per_category(rows, {m.entrant.name: m.test for m in measured}, seed)
    zero_router, *mixtures = with_routerbench_aiq(
        [mixture(validation_singles, singles, best, range_usd), *map(_hull, rows)],
        [points(singles), *(points(m.test) for m in measured)],
    )
    rows = [row.with_fields(hull=mixed) for row, mixed in zip(rows, mixtures, strict=True)]
    # The smallest visible difference is that of the routers with levels or, if there are none, of the single models.
    visible = [row.smallest_difference for row in rows if row.curve] or [
        detectable_difference(run.value, best.value) for run in singles.values()
    ]
    return Results(
        table=splits.table.source,
        questions=len(splits.test),
        pool=splits.test.names,
        rows=tuple(rows),
        zero_router=zero_router,
        headroom=headroom(splits, max(v for v in visible if v is not None)),
        two_models=None if pair is None else pair.result(),
        settings=RunSettings(
            split=str(Split.TEST),
            best_single=splits.best_single,
            corners=str(Split.VALIDATION),
            reference_usd=splits.reference_usd,
            costs_estimated=splits.table.costs_estimated,
            levels=splits.levels,
        ),
        versions=versions(),
        seed=seed,
    )


def _row(
    splits: TableSplits,
    measured: EntrantRuns,
    best: RouterRun,
    limit_usd: float,
    range_usd: tuple[float, float],
    pair: ModelPair | None,
    seed: int,
) -> Row:
    """The row of one entrant.

    Args:
        splits: the table.
        measured: the entrant's runs.
        best: the best single model on the test questions.
        limit_usd: cost of the best single model on the validation questions, which the main setting may not exceed.
        range_usd: the costs over which AIQ is a mean.
        pair: the two models of the pool, if it has two.
        seed: seed of the bootstrap.
    """
    entrant, main = measured.entrant, measured.main(limit_usd)
    run = measured.test[main]
    row = Row.of_runs(entrant.name, entrant.kind, measured.test, main, best, seed=seed)
    chosen = {name: measured.most_accurate(share * limit_usd) for name, share in CAPS.items()}
    figures = {point.setting: point for point in row.points}
    categories, regret = _by_category(splits, run)
    graded = not np.isin(splits.test.score, (0.0, 1.0)).all()
    return row.with_fields(
        within={name: None if s is None else _plain(figures[s]) for name, s in chosen.items()},
        smallest_difference=detectable_difference(run.value, best.value),
        mcnemar=_mcnemar(run, best, graded),
        arena_score=arena_score(row.accuracy, 1000 * row.cost_usd),
        hull=mixture(measured.validation, measured.test, best, range_usd),
        categories=categories,
        regret=regret,
        **(
            {"overhead_ms": 1000 * measured.seconds / len(splits.test)}
            if entrant.kind == "router"
            else {}
        ),
        **({} if pair is None else pair.metrics(splits, entrant, run)),
    )


def _plain(figures: Point) -> Point:
    """The figures alone, of a row or of a point of its curve."""
    return Point(**{name: v for name, v in figures.given.items() if name in Point.model_fields})


def _hull(row: Row) -> Mixture:
    assert row.hull is not None
    return row.hull


def _versus_best_per_category(
    rows: Sequence[Row], runs: Mapping[str, Mapping[str, RouterRun]], seed: int
) -> list[Row]:
    """Under each cap, add the paired difference to the look-up by category; None if the look-up has no level under it.

    Args:
        rows: rows with `within`.
        runs: entrant -> setting -> run on the test questions.
        seed: seed of the bootstrap.
    """
    lookup = {row.name: row.within for row in rows}.get(BEST_PER_CATEGORY_BY_PRICE, {})

    def compared(row: Row, cap: str, figures: Point) -> Point:
        chosen = lookup.get(cap)
        if chosen is None:
            return figures.with_fields(vs_best_per_category=None)
        ours = runs[row.name][figures.setting]
        theirs = runs[BEST_PER_CATEGORY_BY_PRICE][chosen.setting]
        difference = paired(ours.value, theirs.value, seed=seed)
        versus = Versus(accuracy_diff=difference.mean, ci95=(difference.low, difference.high))
        return figures.with_fields(vs_best_per_category=versus)

    return [
        row.with_fields(
            within={
                cap: None if figures is None else compared(row, cap, figures)
                for cap, figures in row.within.items()
            }
        )
        for row in rows
    ]


def _mcnemar(run: RouterRun, best: RouterRun, graded: bool) -> McNemarTest | None:
    """The exact test against the best single model.

    None for a run with values between 0 and 1, such as an expectation, unless the table itself has such scores
    (`graded`); then 0.5 and more counts as right.
    """
    if not graded and not np.isin(run.value, (0.0, 1.0)).all():
        return None
    test = mcnemar(run.value, best.value)
    return McNemarTest(only_ours=test.ours, only_theirs=test.theirs, p=test.p)


def _by_category(
    splits: TableSplits, run: RouterRun
) -> tuple[dict[str, Category], dict[str, float]]:
    """Questions and accuracy by category; and the regret, against the best model of each category in hindsight."""
    test = splits.test
    found, regret = {}, {}
    for number, name in enumerate((*splits.features.categories, UNSEEN_CATEGORY)):
        here = test.category == number
        if here.any():
            accuracy = float(run.value[here].mean())
            found[name] = Category(questions=int(here.sum()), accuracy=accuracy)
            regret[name] = float(test.score[here].mean(0).max()) - accuracy
    return found, regret
