"""One-shot routers: they see the question alone and choose one model. The bars that a policy which reads answers has to beat.

    label     the mean score of a question's category (task or subject): what knowing the label alone is worth
    knn       the mean score of the most similar training questions
    linear    ridge regression for each model
    kmeans    the mean score of the cluster a question falls into

All learn from score vectors, never from a label "best model": where models tie such a label is drawn, and routers that learn it are
up to 20 points worse on the same data (`router-r1 table check` prints how often models tie).

    router = routers.make("knn").fit(table)
    router.scores(questions)                       # [n, m] how right each model will be
    router.choose(questions, willingness_to_pay)   # names

To add one: a module here with a subclass of `Router`, registered in `ROUTERS`. Needs scikit-learn (the extra `routers`), but for `label`.
"""

from __future__ import annotations

from typing import Any

from router_r1.errors import ConfigError
from router_r1.routers.base import ROUTERS, Router


def names() -> tuple[str, ...]:
    """All routers by name."""
    return tuple(ROUTERS)


def make(name: str, **settings: Any) -> Router:
    """An unfitted router.

    Args:
        name: one of `names()`.
        settings: of its class, e.g. `make("knn", k=100)`.

    Raises:
        ConfigError: no such router, or a setting that it does not have.
    """
    maker = ROUTERS.find(name)
    try:
        return maker(**settings)
    except TypeError as error:
        raise ConfigError(f"router {name!r}: {error}") from None


def from_text(text: str) -> Router:
    """An unfitted router from a name with settings: `knn`, `knn:k=50`, `linear:penalty=10`.

    Raises:
        ConfigError: as `make`, or settings that are not written NAME=VALUE.
    """
    name, colon, given = text.partition(":")
    if colon and not given:
        raise ConfigError(f"router {text!r}: expected NAME:SETTING=VALUE,... after the colon")
    settings: dict[str, Any] = {}
    for item in filter(None, given.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"router {text!r}: expected NAME:SETTING=VALUE,..., got {item!r}")
        try:
            settings[key.strip()] = int(value) if value.strip("-").isdigit() else float(value)
        except ValueError:
            raise ConfigError(f"router {text!r}: {value!r} is no number") from None
    return make(name, **settings)


__all__ = ["ROUTERS", "Router", "from_text", "make", "names"]
