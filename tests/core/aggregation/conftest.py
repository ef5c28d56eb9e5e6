"""An agent with scripted candidates, and the turns of its policy."""

from collections.abc import Callable

import pytest

from router_r1 import ModelCard, Result, RouterAgent, testing
from router_r1.aggregation import Aggregator


def _ask(
    scripts: dict[str, testing.Script],
    aggregator: str | Aggregator,
    *,
    turns: list[str] | None = None,
    budget_usd: float | None = None,
    cards: list[ModelCard] | None = None,
) -> tuple[Result, testing.ScriptedPool]:
    """Ask for the capital of Australia: one round to every candidate, then the policy's answer, or the given turns."""
    routes = "".join(f'<route model="{name}">Capital of Australia?</route>' for name in scripts)
    turns = turns or [f"<think>t</think>{routes}", "<think>t</think><answer>Canberra</answer>"]
    pool = testing.ScriptedPool(scripts, cards=cards)
    agent = RouterAgent(
        policy=testing.ScriptedPolicy(turns),
        pool=pool,
        aggregator=aggregator,
        budget_usd=budget_usd,
        max_rounds=1,
        limits=None,
    )
    with agent:
        return agent.ask("What is the capital of Australia?"), pool


def _routes_to(*names: str) -> str:
    """A turn that asks each of these candidates for the capital of Australia."""
    return "<think>t</think>" + "".join(
        f'<route model="{name}">Capital of Australia?</route>' for name in names
    )


def _no_answer(*names: str) -> list[str]:
    """Turns of a policy that routes again instead of answering, so that only the candidates have votes."""
    return [_routes_to(*names), _routes_to(*names)]


@pytest.fixture
def ask() -> Callable[..., tuple[Result, testing.ScriptedPool]]:
    """See `_ask`."""
    return _ask


@pytest.fixture
def routes_to() -> Callable[..., str]:
    """See `_routes_to`."""
    return _routes_to


@pytest.fixture
def no_answer() -> Callable[..., list[str]]:
    """See `_no_answer`."""
    return _no_answer
