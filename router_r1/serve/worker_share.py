"""The part of a candidate's limits that one of several workers may use, so that all together keep them.

Each worker queues what is over its own part. A limit on calls in flight that is lower than the number of workers cannot
be divided: each worker may then make one call.
"""

from __future__ import annotations

from typing import TypeVar

from router_r1.agent import RouterAgent
from router_r1.model_cards import Endpoint, ModelSpec
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.pool import ModelPool
from router_r1.transport.live import LiveTransport

Card = TypeVar("Card", bound=ModelSpec)


def take_share(agent: RouterAgent, workers: int) -> None:
    """Divide the limits of an agent's candidates, endpoints and policy by the number of workers.

    Args:
        agent: changed in place, before its first call.
        workers: number of processes.
    """
    pool = agent.pool
    if workers == 1 or not isinstance(pool.transport, LiveTransport):
        return
    agent.pool = ModelPool(
        [_shared(card, workers) for card in pool.cards],
        {name: _shared_endpoint(each, workers) for name, each in pool.endpoints.items()},
        embedders=[_shared(card, workers) for card in pool.embedders],
        source=pool.source,
    )
    if isinstance(agent.policy, OpenAIPolicy):
        agent.policy.spec = _shared(agent.policy.spec, workers)


def _shared(card: Card, workers: int) -> Card:
    limits = card.limits
    part = {
        "max_concurrency": max(1, limits.max_concurrency // workers),
        "requests_per_minute": _part(limits.requests_per_minute, workers),
        "tokens_per_minute": _part(limits.tokens_per_minute, workers),
    }
    return card.model_copy(update={"limits": limits.model_copy(update=part)})


def _shared_endpoint(endpoint: Endpoint, workers: int) -> Endpoint:
    if endpoint.max_concurrency is None:
        return endpoint
    most = max(1, endpoint.max_concurrency // workers)
    return endpoint.model_copy(update={"max_concurrency": most})


def _part(rate: float | None, workers: int) -> float | None:
    return None if rate is None else rate / workers
