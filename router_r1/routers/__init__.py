"""One-shot routers, which choose one model from the question alone, and cascades, which read its reply before they ask another.

Baselines for a policy that reads answers, and for many users all they need. All learn from score vectors, never from a
label "best model": where models tie, such a label is arbitrary, and routers trained on it are up to 20 points worse on
the same data (`router-r1 table check` prints how often models tie).

    router = routers.make("knn").fit(table)
    router.scores(questions)                       # [n, m] predicted score of each model
    router.choose(questions, willingness_to_pay)   # names of models
    router.save("routers/knn"); routers.load("routers/knn")

    base.py          the interface: fit, scores, costs, choose, add_model, explain, save
    embedding/       vectors of questions: TF-IDF, a sentence model, an endpoint; facts beside the words
    lookup/          how models did on similar questions: label, knn, kmeans, uniroute, hybrid, ...
    regression/      a function of the vector for each model: linear, svm, mlp, carrot
    latent/          a learned vector of each model: embedllm, irt, routerdc, graphrouter, routoo
    preference/      which model beats which: mf, sw, bert, causal_lm
    cascade/         read the reply, then ask another: frugalgpt, automix, cascade_routing, ...
    traffic/         under rate limits: switch
    named_routes/    routes described in words, mapped to models
    programs/        a model for each step of a program
    fusion/          what the best answers teach: templates of thought, sets for fine-tuning

To add one, write a module in one of these folders, or in a package of your own, that registers a subclass of `Router`
in `ROUTERS`. All need numpy, and all but `label` scikit-learn: the extra `routers`.
"""

from __future__ import annotations

from typing import Any

from router_r1.errors import ConfigError
from router_r1.routers.base import ROUTERS, Explanation, Router
from router_r1.routers.saved_router import load_router as load


def names() -> tuple[str, ...]:
    """The names of all routers."""
    return tuple(ROUTERS)


def make(name: str, **settings: Any) -> Router:
    """Make an unfitted router.

    Args:
        name: one of `names()`.
        settings: arguments of its class, e.g. `make("knn", k=100)`.

    Raises:
        ConfigError: the router is unknown, does not have a setting, or cannot have this value of it.
    """
    maker = ROUTERS.find(name)
    try:
        return maker(**settings)
    except TypeError as error:
        raise ConfigError(f"router {name!r}: {error}") from None


def from_text(text: str) -> Router:
    """Make an unfitted router from its name and settings in one text: `knn`, `knn:k=50`, `linear:penalty=10`.

    Raises:
        ConfigError: as `make`, or a setting is not written SETTING=VALUE.
    """
    name, colon, assignments = text.partition(":")
    if colon and not assignments:
        raise ConfigError(f"router {text!r}: expected NAME:SETTING=VALUE,... after the colon")
    settings: dict[str, Any] = {}
    for item in filter(None, assignments.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"router {text!r}: expected NAME:SETTING=VALUE,..., got {item!r}")
        settings[key.strip()] = _value(value.strip())
    return make(name, **settings)


def _value(text: str) -> int | float | str:
    """A number where the text is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


__all__ = ["ROUTERS", "Explanation", "Router", "from_text", "load", "make", "names"]
