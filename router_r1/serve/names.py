"""The names that a client may ask for, and what each stands for.

router-r1              the agent; also `router-r1@VERSION`, which names this policy and pool exactly
router-r1:cheap        the agent at a level: cheap, balanced, best
gpt-5-mini             a candidate, passed straight through
router:knn             a one-shot router that chooses the candidate
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from router_r1.agent import RouterAgent
from router_r1.episode import Limits
from router_r1.errors import ConfigError, shown_name
from router_r1.model_cards import EmbedderCard, ModelCard
from router_r1.serve.access.keys import Key
from router_r1.serve.api_error import ApiError
from router_r1.serve.settings import LEVELS, Level, Preset, ServeSettings
from router_r1.serve.trained_levels import trained_levels
from router_r1.token_prices import Usage, cost_usd

_TYPICAL = Usage(600, 400)
"""Tokens of a typical call, from which levels are derived."""


@dataclass(frozen=True)
class AgentName:
    """The agent, with the limits of a level."""

    name: str
    limits: Limits


@dataclass(frozen=True)
class CandidateName:
    """A candidate."""

    card: ModelCard


@dataclass(frozen=True)
class EmbedderName:
    """A model that makes vectors of texts."""

    card: EmbedderCard


@dataclass(frozen=True)
class RouterName:
    """A one-shot router."""

    router: str


Target = AgentName | CandidateName | RouterName | EmbedderName


def targets(
    agent: RouterAgent, settings: ServeSettings, routers: Mapping[str, object]
) -> dict[str, Target]:
    """All names and what they stand for.

    Args:
        agent: the agent.
        settings: names and levels.
        routers: one-shot routers by name.

    Raises:
        ConfigError: a candidate has the agent's name, or a name that belongs to a level or a router.
    """
    found: dict[str, Target] = {settings.name: AgentName(settings.name, agent.limits)}
    found[f"{settings.name}@{version(agent)}"] = AgentName(settings.name, agent.limits)
    trained = trained_levels(agent.policy)
    for level in LEVELS:
        preset = settings.presets.get(level) or trained.get(level)
        preset = preset or _derived(level, agent.pool.cards)
        changed = {k: v for k, v in preset.model_dump().items() if v is not None}
        limits = agent.limits.model_copy(update=changed)
        found[f"{settings.name}:{level}"] = AgentName(settings.name, limits)
    found |= {f"router:{name}": RouterName(name) for name in routers}
    for card in agent.pool.cards:
        if card.name in found:
            raise ConfigError(
                f"serve: a candidate is called {card.name!r}, which is a name of the gateway; "
                f"rename it, or set serve.name"
            )
        found[card.name] = CandidateName(card)
    for embedder in agent.pool.embedders:
        if embedder.name in found:
            raise ConfigError(
                f"serve: {embedder.name!r} is an embedder and another name; rename it"
            )
        found[embedder.name] = EmbedderName(embedder)
    return found


def version(agent: RouterAgent) -> str:
    """Names policy, prompt and pool: equal agents have equal versions."""
    facts = f"{agent.policy.name}|{agent.style}|{getattr(agent.prompt, '__name__', '')}|{agent.pool.version}"
    return hashlib.sha256(facts.encode()).hexdigest()[:10]


def find(found: Mapping[str, Target], name: object, key: Key | None = None) -> Target:
    """What a name stands for.

    Args:
        found: all names.
        name: as the client gave it.
        key: who asks; others' models are not told.

    Raises:
        ApiError: 400 if it is no name, 404 if it is an unknown one.
    """
    if not isinstance(name, str) or not name:
        raise ApiError(400, "model: expected the name of a model", param="model")
    target = found.get(name)
    if target is None:
        known = [each for each in found if key is None or key.limits.allows(each)]
        raise ApiError(
            404,
            f"model: there is no {shown_name(name)!r}; the models are {', '.join(known)}",
            param="model",
            code="model_not_found",
        )
    return target


def _derived(level: Level, cards: tuple[ModelCard, ...]) -> Preset:
    costs = sorted(cost_usd(_TYPICAL, card.price) for card in cards)
    worth = {
        "cheap": 10 * costs[0],
        "balanced": 10 * statistics.median(costs),
        "best": 100 * costs[-1],
    }[level]
    return Preset(worth_usd=worth or None)
