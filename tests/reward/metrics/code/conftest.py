"""The ways to confine a program, for tests that run with each of them."""

import pytest

from router_r1_reward import ScorerError
from router_r1_reward.metrics.code.sandbox_runner import run

WAYS = ("namespaces", "landlock")


@pytest.fixture(scope="module")
def unavailable() -> dict[str, str]:
    """Ways to confine a program that this machine does not permit -> the reason."""
    reasons = {}
    for way in WAYS:
        try:
            run("", "assert True", how=way)
        except ScorerError as error:
            reasons[way] = str(error)
    return reasons


@pytest.fixture(params=WAYS)
def how(request: pytest.FixtureRequest, unavailable: dict[str, str]) -> str:
    """A way to confine a program that this machine permits."""
    way: str = request.param
    if way in unavailable:
        pytest.skip(f"this machine does not permit it: {unavailable[way]}")
    return way
