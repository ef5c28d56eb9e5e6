"""One-shot routers, which choose one model from the question alone: baselines for a policy that reads answers.

    label     the mean score of the question's category (task or subject)
    knn       the mean score of the most similar training questions
    linear    ridge regression for each model
    kmeans    the mean score of the question's cluster

All learn from score vectors, never from a label "best model": where models tie, such a label is arbitrary, and routers
trained on it are up to 20 points worse on the same data (`router-r1 table check` prints how often models tie).

    router = routers.make("knn").fit(table)
    router.scores(questions)                       # [n, m] predicted score of each model
    router.choose(questions, willingness_to_pay)   # names of models

To add one, write a module in this folder, or in a package of your own, that registers a subclass of `Router` in
`ROUTERS` (`base.py`). All but `label` need scikit-learn, the extra `routers`.
"""

from __future__ import annotations

from typing import Any

from router_r1.errors import ConfigError, shown_name
from router_r1.routers.base import ROUTERS, Router


def names() -> tuple[str, ...]:
    """The names of all routers."""
    return tuple(ROUTERS)


def make(name: str, **settings: Any) -> Router:
    """Make an unfitted router.

    Args:
        name: one of `names()`.
        settings: arguments of its class, e.g. `make("knn", k=100)`.

    Raises:
        ConfigError: the router is unknown, or does not have a setting.
    """
    maker = ROUTERS.find(name)
    try:
        return maker(**settings)
    except TypeError as error:
        raise ConfigError(f"router {name!r}: {error}") from None


def from_text(text: str) -> Router:
    """Make an unfitted router from its name and settings in one text: `knn`, `knn:k=50`, `linear:penalty=10`.

    Raises:
        ConfigError: as `make`, or a setting is not written SETTING=NUMBER.
    """
    name, colon, assignments = text.partition(":")
    if colon and not assignments:
        raise ConfigError(f"router {text!r}: expected NAME:SETTING=VALUE,... after the colon")
    settings: dict[str, Any] = {}
    for item in filter(None, assignments.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"router {text!r}: expected NAME:SETTING=VALUE,..., got {item!r}")
        try:
            settings[key.strip()] = int(value) if value.strip("-").isdigit() else float(value)
        except ValueError:
            raise ConfigError(
                f"router {shown_name(text)!r}: {shown_name(value)!r} is not a number"
            ) from None
    return make(name, **settings)


__all__ = ["ROUTERS", "Router", "from_text", "make", "names"]
