"""What a random mixture of a router's settings reaches: the convex hull of accuracy over cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from router_r1_envs.worlds.recorded_world.table_arrays import Floats, RouterRun
from router_r1_eval.results import Hindsight, Mixture
from router_r1_eval.stats.cost_curves import Curve, corners, hull, routerbench_aiq, through

SPENDS = (0.25, 0.5, 1.0)
"""Shares of the best single model's cost at which the accuracy of a mixture is stated."""
_NEARLY_AS_ACCURATE = 0.95  # share of the best single model's accuracy for which the cost is stated

CostAndScore = tuple[float, float]
"""Mean dollars and mean score of a run."""
Runs = Mapping[str, RouterRun]
"""Setting -> run."""


def point(run: RouterRun) -> CostAndScore:
    """Mean dollars and mean score of a run."""
    return float(run.cost.mean()), float(run.value.mean())


def points(runs: Runs) -> list[CostAndScore]:
    """Mean dollars and mean score of each setting."""
    return [point(run) for run in runs.values()]


def cost_range(singles: Runs) -> tuple[float, float]:
    """Mean dollars of the cheapest and of the most expensive single model: the range over which AIQ is a mean."""
    costs = [cost for cost, _ in points(singles)]
    return min(costs), max(costs)


def mixture(
    validation: Runs, test: Runs, best_single: RouterRun, range_usd: tuple[float, float]
) -> Mixture:
    """The figures of a mixture of settings.

    Args:
        validation: the runs that choose which settings are mixed: the corners of their hull.
        test: the runs that are measured.
        best_single: the best single model on the test questions.
        range_usd: lowest and highest cost, between which AIQ is the mean.
    """
    mixed = corners({setting: point(run) for setting, run in validation.items()})
    curve = through(point(test[setting]) for setting in mixed)
    cost, accuracy = point(best_single)
    low, high = range_usd

    def aiq(curve: Curve) -> float | None:
        return curve.mean(low, high) if low < high else None

    def cost_ratio(part: float) -> float | None:
        found = curve.cost_of(part * accuracy)
        return None if found is None or not cost else found / cost

    return Mixture(
        corners=tuple(mixed),
        aiq=aiq(curve),
        in_hindsight=Hindsight(aiq=aiq(hull(points(test)))),
        range_usd=range_usd,
        accuracy_at={f"{part:.0%}": curve.at(part * cost) for part in SPENDS},
        cost_ratio_at_100=cost_ratio(1.0),
        cost_ratio_at_95=cost_ratio(_NEARLY_AS_ACCURATE),
    )


def mixed_under_cap(validation: Runs, test: Runs, cap_usd: float) -> RouterRun | None:
    """What the best random mixture of settings under a cap on mean cost does, in expectation, on the test questions.

    The mixture is chosen on the validation questions, where it costs the cap, or less if no setting costs as much. Its
    cost on the test questions may differ.

    Args:
        validation: the runs that choose the mixture.
        test: the runs that are measured.
        cap_usd: highest mean cost, in dollars.

    Returns:
        Expected score, cost and calls of each test question; None if every setting costs more.
    """
    mixed = corners({setting: point(run) for setting, run in validation.items()})
    costs = [point(validation[setting])[0] for setting in mixed]
    below = sum(cost <= cap_usd for cost in costs) - 1
    if below < 0:
        return None
    here, above = test[mixed[below]], test[mixed[min(below + 1, len(mixed) - 1)]]
    share = 0.0
    if below + 1 < len(mixed):
        share = (cap_usd - costs[below]) / (costs[below + 1] - costs[below])

    def mean(less: Floats, more: Floats) -> Floats:
        return (1 - share) * less + share * more

    return RouterRun(
        mean(here.value, above.value), mean(here.cost, above.cost), mean(here.calls, above.calls)
    )


def with_routerbench_aiq(
    mixtures: Sequence[Mixture], settings: Sequence[Sequence[CostAndScore]]
) -> list[Mixture]:
    """Add AIQ as RouterBench's code computes it, up to the highest cost of any router.

    Args:
        mixtures: one for each router.
        settings: the settings of each router on the test questions.
    """
    # RouterBench integrates up to the highest of all routers' costs, each at its most accurate setting; on a tie, at
    # the most expensive one.
    highest = max(_cost_of_most_accurate(found) for found in settings)
    added = []
    for mixed, found in zip(mixtures, settings, strict=True):
        aiq = routerbench_aiq(found, highest) if highest else None
        hindsight = mixed.in_hindsight or Hindsight()
        added.append(
            mixed.with_fields(in_hindsight=Hindsight(aiq=hindsight.aiq, aiq_routerbench=aiq))
        )
    return added


def _cost_of_most_accurate(settings: Iterable[CostAndScore]) -> float:
    return max((score, cost) for cost, score in settings)[1]
