"""Fits the map of named routes to an outcome table: who is best on the questions of each route, for what it costs."""

from __future__ import annotations

import math

from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError, DataError
from router_r1.routers.named_routes.routes_file import RoutesFile


def fit_map(
    routes: RoutesFile, table: OutcomeTable, *, worth_usd: float = math.inf, prior: float = 5.0
) -> RoutesFile:
    """The same routes, each leading to the candidate with the highest `worth_usd x score - cost` on its questions.

    A question belongs to the route that has the name of its category, whatever the case. Scores are means, drawn
    towards the candidate's mean over the whole table as if `prior` further questions had that score. The default is the best
    candidate on the whole table, and so is the candidate of a route without questions. Nothing is trained.

    Args:
        routes: the routes; their map is replaced.
        table: replies of the candidates.
        worth_usd: dollars a right answer is worth; infinity ignores the cost.
        prior: above 0.

    Raises:
        ConfigError: `worth_usd` is negative or NaN, or `prior` is not above 0.
        DataError: no category has the name of a route.
    """
    if not worth_usd >= 0:
        raise ConfigError(f"worth_usd must be dollars of 0 or more, got {worth_usd}")
    if not 0 < prior < math.inf:
        raise ConfigError(f"prior must be a number above 0, got {prior}")
    route_of = {name.casefold(): name for name in routes.names}
    everything: dict[str, list[tuple[float, float]]] = {name: [] for name in table.names}
    cells: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for outcome in table:
        point = (outcome.score, table.cost_usd(outcome))
        everything[outcome.model].append(point)
        category = (table.question(outcome.id).category or "").casefold()
        if category in route_of:
            found = cells.setdefault(route_of[category], {})
            found.setdefault(outcome.model, []).append(point)
    if not cells:
        raise DataError(f"{table.source}: no category is named as a route is")
    means = {name: _mean(points) for name, points in everything.items() if points}

    def best(found: dict[str, list[tuple[float, float]]]) -> str:
        def key(model: str) -> tuple[float, float]:
            points = found.get(model, [])
            score, cost = means[model]
            shrunk = (sum(s for s, _ in points) + prior * score) / (len(points) + prior)
            usual = _mean(points)[1] if points else cost
            return shrunk - usual / worth_usd, -usual

        if not worth_usd:  # nothing is worth a cent: the cheapest
            return min(means, key=lambda model: means[model][1])
        return max(means, key=key)

    return routes.with_map(
        {name: best(cells.get(name, {})) for name in routes.names}, default=best({})
    )


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(s for s, _ in points) / len(points), sum(c for _, c in points) / len(points)
