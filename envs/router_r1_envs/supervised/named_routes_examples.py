"""What a model learns named routes from: questions, each with its route, and with the routes that are worse.

    by category    the route that has the name of the question's category
    by oracle      the route whose candidate should have answered (`named_routes_oracle.py`)
    from a file    JSON Lines of `question` and `route`, with `id` and `worse` where you like

Each example also has the analysis of its question, which is computed from the text alone. Gold answers and replies are
no part of an example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.config import StrictModel
from router_r1.data.json_lines import located_json_lines, write_json_lines
from router_r1.data.options import with_options
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Text
from router_r1.errors import ConfigError, DataError
from router_r1.routers.named_routes import OTHER, QueryAnalysis, RoutesFile, analyse
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.supervised.named_routes_oracle import (
    OracleSettings,
    cell_counts,
    mean_costs,
    oracle_labels,
)


class RoutedQuestion(StrictModel):
    """A question and its route."""

    question: Text
    """What the user asks, with options if there are any."""
    route: str
    """The name of its route, or `other`."""
    id: str = ""
    """The question's id."""
    worse: tuple[str, ...] | None = None
    """Routes that are worse on this question; null: all others are. Those that only cost more are not among them."""

    @property
    def analysis(self) -> QueryAnalysis:
        """The analysis of the question."""
        return analyse(self.question)


@dataclass(frozen=True)
class Examples:
    """Examples with a note of how they came about."""

    rows: tuple[RoutedQuestion, ...]
    made: dict[str, Any]
    """Where they are from, cells of the oracle, what was left out."""


def by_category(table: OutcomeTable, routes: RoutesFile, *, others: bool = False) -> Examples:
    """The questions of a table, each with the route that has the name of its category, whatever the case.

    Args:
        table: whose questions they are.
        routes: the routes.
        others: whether questions of further categories are learned as `other`; by default they are left out.

    Raises:
        DataError: no category has the name of a route.
    """
    named = {name.casefold(): name for name in routes.names}
    rows, left_out = [], Counter[str]()
    for question in table.questions:
        route = named.get((question.category or "").casefold())
        if route is None and not others:
            left_out[question.category or "no category"] += 1
            continue
        rows.append(
            RoutedQuestion(question=with_options(question), route=route or OTHER, id=question.id)
        )
    if not any(row.route != OTHER for row in rows):
        has = ", ".join(sorted({q.category or "none" for q in table.questions})[:12])
        raise DataError(f"{table.source}: no category is named as a route is; it has {has}")
    return Examples(tuple(rows), {"labels": "category", "left_out": dict(left_out)})


def by_oracle(table: OutcomeTable, routes: RoutesFile, settings: OracleSettings) -> Examples:
    """The questions of a table, each with the route whose candidate should have answered.

    Args:
        table: the candidates' recorded replies.
        routes: each of two or more candidates of the map must belong to one route.
        settings: what replies are worth.

    Raises:
        ConfigError: two routes lead to one candidate, or fewer than two routes have one.
        DataError: the table has no replies of a candidate.
    """
    route_of: dict[str, str] = {}
    for route in routes.names:
        if (model := routes.map.get(route)) is None:
            continue
        if model in route_of:
            raise ConfigError(
                f"the routes {route_of[model]!r} and {route!r} both lead to {model!r}, so that an oracle of models cannot "
                f"tell them apart; map one candidate to each, or learn by category"
            )
        route_of[model] = route
    labels = oracle_labels(table, tuple(route_of), settings)
    names = list(route_of)
    rows = tuple(
        RoutedQuestion(
            question=with_options(label.question),
            route=route_of[names[label.best]],
            id=label.question.id,
            worse=tuple(route_of[names[j]] for j in label.worse()),
        )
        for label in labels
    )
    made = {
        "labels": "oracle",
        "models": names,
        "mean_usd": dict(mean_costs(table, names)),
        "cells": cell_counts(labels),
        "settings": settings.model_dump(mode="json"),
    }
    return Examples(rows, made)


def from_file(path: Path, routes: RoutesFile) -> Examples:
    """Read examples. Raises `ConfigError` or `DataError`, which name file and line, for one that is none."""
    rows = []
    for where, data in located_json_lines(path):
        if isinstance(data, dict):
            data = {name: value for name, value in data.items() if name != "analysis"}
        row = config.validate(RoutedQuestion, data, where)
        known = {*routes.names, OTHER}
        for name in (row.route, *(row.worse or ())):
            if name not in known:
                raise DataError(
                    f"{where}: there is no route {name!r}; there are {', '.join(sorted(known))}"
                )
        if row.route in (row.worse or ()):
            raise DataError(f"{where}: the route {row.route!r} is among the worse ones, too")
        rows.append(row)
    if not rows:
        raise DataError(f"{path}: holds no examples")
    return Examples(tuple(rows), {"labels": str(path)})


def write_examples(path: Path, rows: Sequence[RoutedQuestion]) -> None:
    """Write examples with their analyses, as `from_file` reads them; it computes the analyses anew."""
    write_json_lines(
        path,
        (
            row.model_dump(mode="json", exclude_defaults=True) | {"analysis": asdict(row.analysis)}
            for row in rows
        ),
    )


def divide(
    rows: Sequence[RoutedQuestion], held_out: int, most: int, seed: int
) -> tuple[list[RoutedQuestion], list[RoutedQuestion]]:
    """Draw training and held-out examples; questions with the same text are all on one side.

    Args:
        rows: the examples.
        held_out: how many to hold out.
        most: most training examples.
        seed: of the draw.

    Returns:
        Training and held-out examples.

    Raises:
        ConfigError: nothing is left to train on.
    """
    texts: dict[str, list[RoutedQuestion]] = {}
    for row in rows:
        texts.setdefault(" ".join(row.question.split()).casefold(), []).append(row)
    groups = [texts[key] for key in sorted(texts)]
    seeded_random("named routes", seed).shuffle(groups)
    drawn = [group[0] for group in groups]  # one of each: copies would count a question twice
    if len(drawn) <= held_out:
        raise ConfigError(
            f"of {len(drawn)} distinct questions {held_out} are held out, so none is left to learn; lower --held-out"
        )
    return drawn[held_out : held_out + most], drawn[:held_out]
