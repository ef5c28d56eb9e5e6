"""Battles between three models, and the settings with which each router learns them quickly."""

import random

import pytest

from router_r1 import routers
from router_r1.routers.preference.battles import Battle

MODELS = ("lawyer", "solver", "clerk")
BEST = {
    "court judge contract statute appeal tort": ("lawyer", "clerk", "solver"),
    "triangle integral prime matrix vector sum": ("solver", "clerk", "lawyer"),
}


@pytest.fixture(scope="session")
def battles():
    """160 battles; on each topic the better model of a fixed order wins nine of ten, and a few are ties."""
    source, made = random.Random(5), []
    for number in range(160):
        words, order = list(BEST.items())[number % 2]
        text = f"About {' and '.join(source.sample(words.split(), 3))}: what of number {number}?"
        a, b = source.sample(MODELS, 2)
        better = "a" if order.index(a) < order.index(b) else "b"
        worse = "b" if better == "a" else "a"
        winner = source.choices([better, worse, "tie"], [0.8, 0.1, 0.1])[0]
        made.append(Battle(text, a, b, winner))
    return made


@pytest.fixture(params=["sw", "mf", "bert", "causal_lm"])
def make_router(request):
    """Makes one of the routers that learn from battles; `passes` is for those that fine-tune a model."""
    if request.param in ("sw", "mf"):
        pytest.importorskip("sklearn")
    if request.param == "mf":
        pytest.importorskip("torch")
    settings = {}
    if request.param == "bert":
        settings["backbone"] = str(request.getfixturevalue("tiny_encoder"))
    if request.param == "causal_lm":
        settings["backbone"] = str(request.getfixturevalue("tiny_language_model"))
    if settings:
        settings |= {"layers": 9, "learning_rate": 5e-3}
        settings["epochs"] = {"bert": 6, "causal_lm": 14}[request.param]

    def make(passes=None, **changes):
        if passes is not None and "epochs" in settings:
            changes["epochs"] = passes
        return routers.make(request.param, **settings | changes)

    return make
