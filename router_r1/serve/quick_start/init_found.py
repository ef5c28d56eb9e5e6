"""What `router-r1 init` finds: models of servers on this machine, and hosted models whose key is in the environment.

Servers are found as `router-r1 pool find` does. Ollama also says of each model what it takes, by `/api/show`
(https://docs.ollama.com/api-reference/show-model-details); for other servers that is known by the model's name. No
model is called, and no hosted provider is asked: its models and prices come from tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router_r1 import config
from router_r1.errors import ConfigError
from router_r1.json_text import parse_json
from router_r1.local_servers import (
    DEFAULT_SERVERS,
    LOCAL_LIMITS,
    LocalServer,
    ServedModel,
    find_servers,
)
from router_r1.model_cards import Endpoint, ModelCard
from router_r1.serve.quick_start.known_families import IMAGE, TEXT
from router_r1.serve.quick_start.known_models import (
    THINKING_TOKENS,
    ModelAt,
    endpoint_name,
    known_fields,
    model_at,
)
from router_r1.serve.quick_start.known_providers import PROVIDERS, Provider, provider_named
from router_r1.token_prices import Price

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Found:
    """What there is to choose from."""

    models: tuple[ModelAt, ...]
    """Candidates: those of local servers first, then hosted ones by provider."""
    notes: tuple[str, ...]
    """What was looked for and is not among the models, each with its reason."""


def find_models(places: Mapping[str, str] | None, env: Mapping[str, str]) -> Found:
    """Look for servers and keys. Takes at most some seconds.

    Args:
        places: kind of server -> URL; by default the usual ports of this machine.
        env: environment variables.

    Raises:
        ConfigError: a URL cannot be called, or a kind is none of ollama, lm-studio, llama.cpp and vllm.
        MissingDependencyError: a key is set, and genai-prices is not installed.
    """
    for kind in places or {}:
        if not provider_named(kind, "--server").local:
            raise ConfigError(
                f"--server {kind}: expected one of {', '.join(DEFAULT_SERVERS)}; hosted models are found by their keys"
            )
    servers, capabilities = asyncio.run(_ask(places))
    models: list[ModelAt] = []
    notes: list[str] = []
    for server in servers:
        if server.problem and not (server.absent and places is None):
            notes.append(f"{server.name} at {server.base_url}: {server.problem}")
        for served in server.models:
            try:
                one = _local(server, served, capabilities.get((server.name, served.id)))
            except ConfigError as error:
                notes.append(f"left out: {error}")
                continue
            if one is not None and one.card.name.casefold() in {
                m.card.name.casefold() for m in models
            }:
                notes.append(f"left out: {one.card.name} differs from another name only in case")
            elif one is not None:
                models.append(one)
    for provider in PROVIDERS:
        if provider.key_in(env):
            models += [model_at(f"{provider.id}/{name}", env) for name in provider.suggested]
    return Found(tuple(models), tuple(notes))


def nothing_found(found: Found) -> ConfigError:
    """The error for an empty `Found`: what to start or export.

    Args:
        found: for its notes.
    """
    keys = ", ".join(provider.keys[0] for provider in PROVIDERS if provider.keys)
    seen = f" ({'; '.join(found.notes)})" if found.notes else ""
    return ConfigError(
        f"no models: no server on this machine offers one{seen}, and no key of a provider is set; start a server, e.g. "
        f"`ollama serve` and `ollama pull llama3.1:8b`, or export a key, one of {keys}; then repeat this command"
    )


async def _ask(
    places: Mapping[str, str] | None,
) -> tuple[Sequence[LocalServer], dict[tuple[str, str], frozenset[str]]]:
    """The servers, and what Ollama says that its models can do, by server and model."""
    servers = await find_servers(places)
    asked = [
        (s, m.id) for s in servers if provider_named(s.name, "").id == "ollama" for m in s.models
    ]
    told = await asyncio.gather(*(_capabilities(s.base_url, model) for s, model in asked))
    pairs = zip(asked, told, strict=True)
    return servers, {(s.name, model): each for (s, model), each in pairs if each is not None}


async def _capabilities(base_url: str, model: str) -> frozenset[str] | None:
    """What Ollama says that a model can do, e.g. `completion`, `tools`, `vision`; None if it does not say."""
    import httpx2

    from router_r1.transport import bounded_body

    hooks: Any = {"response": [bounded_body.bound]}
    url = f"{base_url.removesuffix('/v1')}/api/show"
    plain = {"Accept-Encoding": "identity"}
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, headers=plain, event_hooks=hooks) as client:
        try:
            reply = await client.post(url, json={"model": model})
            data = parse_json(reply.text) if reply.status_code == 200 else None
        except (httpx2.HTTPError, ValueError):
            return None  # an older Ollama, or a busy one: the name of the model has to do
    able = data.get("capabilities") if isinstance(data, dict) else None
    return frozenset(map(str, able)) if isinstance(able, list) else None


def _local(server: LocalServer, served: ServedModel, able: frozenset[str] | None) -> ModelAt | None:
    """The candidate of a served model, free of charge; None for one that does not chat.

    Args:
        server: serves it.
        served: what the server's list says.
        able: what Ollama says, or None.

    Raises:
        ConfigError: the name does not fit into prompts.
    """
    if able is not None and "completion" not in able:
        return None
    provider: Provider = provider_named(server.name, "")
    fields = known_fields(provider, served.id) | {
        "name": f"{provider.id}/{served.id}",
        "endpoint": endpoint_name(provider, server.base_url),
        "price": Price(input=0.0, output=0.0),
        "context_window": served.context_window,
        "parameters_billions": served.parameters_billions,
    }
    if able is not None:
        fields["tools"] = "tools" in able
        fields["modalities"] = IMAGE if "vision" in able else TEXT
        if "thinking" in able:
            fields["max_output_tokens"] = THINKING_TOKENS
    card = config.validate(ModelCard, fields, f"{server.name} serves {served.id}")
    limit = LOCAL_LIMITS.max_concurrency
    return ModelAt(card, Endpoint(base_url=server.base_url, max_concurrency=limit))
