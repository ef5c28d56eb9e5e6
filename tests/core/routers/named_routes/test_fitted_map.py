"""The map that a table suggests: the best candidate of each route, for what it costs."""

import pytest

from router_r1.errors import ConfigError, DataError
from router_r1.routers.named_routes import Route, RoutesFile, fit_map

ROUTES = RoutesFile(
    routes=tuple(Route(name=name, description=name) for name in ("Law", "maths", "poems")),
    map={"Law": "old", "maths": "old"},
    default="old",
)


def test_each_route_gets_the_candidate_that_is_best_on_its_questions(topic_table) -> None:
    # `lawyer` is right on 0.9 of law and 0.2 of maths, `solver` the other way round, at ten times the cost.
    found = fit_map(ROUTES, topic_table(0))
    assert found.map["Law"] == "lawyer" and found.map["maths"] == "solver"
    # A route without questions gets what is best on the whole, as the default does.
    assert found.map["poems"] == found.default
    assert found.routes == ROUTES.routes


def test_the_expensive_candidate_is_taken_only_where_it_is_worth_its_cost(topic_table) -> None:
    # In maths it is right 0.7 more often, and costs $0.0018 more.
    table = topic_table(0)
    assert fit_map(ROUTES, table, worth_usd=0.0018 / 0.7 * 2).map["maths"] == "solver"
    assert fit_map(ROUTES, table, worth_usd=0.0018 / 0.7 / 2).map["maths"] == "lawyer"
    assert set(fit_map(ROUTES, table, worth_usd=0).map.values()) == {"lawyer"}


def test_few_questions_are_drawn_towards_the_mean_of_the_table(topic_table) -> None:
    table = topic_table(0)
    assert set(fit_map(ROUTES, table, prior=1e9).map.values()) == {fit_map(ROUTES, table).default}


def test_bad_input_is_an_error(topic_table) -> None:
    with pytest.raises(ConfigError, match="worth_usd must be dollars of 0 or more, got -1"):
        fit_map(ROUTES, topic_table(0), worth_usd=-1)
    with pytest.raises(ConfigError, match="prior must be a number above 0, got 0"):
        fit_map(ROUTES, topic_table(0), prior=0)
    with pytest.raises(DataError, match="no category is named as a route is"):
        fit_map(ROUTES, topic_table(0, labels=False))
