"""A pool without a file: `openai/gpt-5-mini`, `ollama/llama3.1:8b`, `vllm/NAME@http://127.0.0.1:8000/v1`.

    PROVIDER/MODEL[@URL][{option=value,...}]

PROVIDER is a line of `known_providers.py`. MODEL is the id that the provider knows, slashes and colons included. URL
replaces the provider's address; no key is sent there unless `key=VARIABLE` names one, for it is another server. Options
are the fields of a candidate in a pool file that `OPTIONS` lists, with the price as `input`, `output` and `cached` in
dollars per million tokens. Quote a spec with options: to a shell, braces and commas mean something else.

The name of a candidate is `PROVIDER/MODEL`, with the provider's id, or what `name=` says. It depends on nothing else,
so it stays the same whatever other models are given. Two servers of one model therefore need a `name=`.

Nothing here calls a server. What a server offers is asked by `router-r1 init`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router_r1 import config
from router_r1.endpoint_checks import check_base_url
from router_r1.errors import ConfigError, shown_name
from router_r1.local_servers import LOCAL_LIMITS, size_in_name
from router_r1.model_cards import CallLimits, Endpoint, ModelCard, Sampling
from router_r1.pool import ModelPool
from router_r1.serve.quick_start.known_families import family_of, system_role, takes
from router_r1.serve.quick_start.known_prices import close_names, listed_model
from router_r1.serve.quick_start.known_providers import Provider, provider_named
from router_r1.token_prices import Price

THINKING_TOKENS = 4096
"""`max_output_tokens` of a model that thinks first; of the others it is the default of a card."""

_SPEC = re.compile(
    r"(?P<provider>[^/@{}]+)/(?P<model>[^{}\s]+?)(?:@(?P<url>https?://[^{}\s]+))?(?:\{(?P<options>[^{}]*)\})?"
)
_SHOWN = re.compile(r"\{|@(?=https?:)")
_COMMA = re.compile(r",(?![^{]*\})")
"""A comma outside braces."""
_NEXT_OPTION = re.compile(r",(?=\s*\w+\s*=)")
"""A comma before the next option: a description may hold others."""


def _number(text: str) -> float:
    return float(text)


def _count(text: str) -> int:
    return int(text.replace("_", ""))


def _flag(text: str) -> bool:
    try:
        return {"true": True, "yes": True, "false": False, "no": False}[text.casefold()]
    except KeyError:
        raise ValueError from None


def _kinds(text: str) -> tuple[str, ...]:
    return tuple(text.split("+"))


OPTIONS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "input": (_number, "dollars per million tokens, e.g. 0.25"),
    "output": (_number, "dollars per million tokens, e.g. 2"),
    "cached": (_number, "dollars per million tokens, e.g. 0.025"),
    "context_window": (_count, "a number of tokens, e.g. 131072"),
    "max_output_tokens": (_count, "a number of tokens, e.g. 4096"),
    "tools": (_flag, "true or false"),
    "json_schema": (_flag, "true or false"),
    "modalities": (_kinds, "kinds of input, e.g. text+image"),
    "description": (str, "a sentence"),
    "name": (str, "a name"),
    "key": (str, "the name of an environment variable"),
}
"""Option of a spec -> what reads its value, and what is expected."""


@dataclass(frozen=True)
class ModelAt:
    """One model at one server: a candidate and the endpoint that serves it."""

    card: ModelCard
    """Its `endpoint` is the name that `endpoint_name` makes."""
    endpoint: Endpoint
    """The server."""


def split_specs(text: str) -> list[str]:
    """The specs of a list separated by commas; commas inside braces do not separate.

    Args:
        text: e.g. `openai/gpt-5-mini,vllm/x{tools=true,name=x}`.
    """
    return [spec.strip() for spec in _COMMA.split(text) if spec.strip()]


def pool_of(specs: Sequence[str], env: Mapping[str, str] = os.environ) -> ModelPool:
    """The pool of some models.

    Args:
        specs: model specs; each item may be a list separated by commas.
        env: environment variables, in which the keys are expected.

    Raises:
        ConfigError: a spec is malformed, its provider, model or price is unknown, a name occurs twice, or a key is not
            set; the message says what to write instead.
        MissingDependencyError: a hosted model is given without a price, and genai-prices is not installed.
    """
    split = [spec for item in specs for spec in split_specs(item)]
    if not split:
        raise ConfigError(
            "--models: no model is given; expected e.g. openai/gpt-5-mini,ollama/llama3.1:8b"
        )
    found = [model_at(spec, env) for spec in split]
    endpoints = merged_endpoints(found)
    if missing := sorted(
        {e.api_key_env for e in endpoints.values() if e.api_key_env} - _set_in(env)
    ):
        raise ConfigError(
            f"--models: the environment variable{'s' * (len(missing) > 1)} {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} not set; export the key, or leave out the models that need it"
        )
    return ModelPool([one.card for one in found], endpoints, source="--models")


def merged_endpoints(models: Sequence[ModelAt], source: str = "--models") -> dict[str, Endpoint]:
    """The endpoints of some models by name.

    Args:
        models: the models.
        source: starts the error message.

    Raises:
        ConfigError: a name of a candidate occurs twice, or one server is given with two keys.
    """
    endpoints: dict[str, Endpoint] = {}
    names: set[str] = set()
    for one in models:
        if one.card.name.casefold() in names:
            raise ConfigError(
                f"{source}: {shown_name(one.card.name)!r} is given twice; leave one out, or give one another name: "
                f"'{shown_name(one.card.name)}{{name=NAME}}'"
            )
        names.add(one.card.name.casefold())
        where = one.card.endpoint or ""
        if endpoints.setdefault(where, one.endpoint) != one.endpoint:
            raise ConfigError(
                f"{source}: {where} is given with different keys; give all its models the same key=VARIABLE"
            )
    return endpoints


def model_at(spec: str, env: Mapping[str, str] = os.environ, source: str = "--models") -> ModelAt:
    """The candidate of one spec.

    Args:
        spec: e.g. `openai/gpt-5-mini`; see the module.
        env: environment variables; the first variable of the provider that is set is used for its key.
        source: starts the error message.

    Raises:
        ConfigError: as for `pool_of`, except that no key needs to be set.
    """
    # Neither options nor URL are shown: they may hold a key.
    shown = f"{source}: {shown_name(_SHOWN.split(spec.strip(), maxsplit=1)[0])!r}"
    match = _SPEC.fullmatch(spec.strip())
    if match is None:
        raise ConfigError(
            f"{shown}: expected PROVIDER/MODEL, PROVIDER/MODEL@URL or 'PROVIDER/MODEL{{option=value,...}}', "
            "e.g. openai/gpt-5-mini or vllm/NAME@http://127.0.0.1:8000/v1"
        )
    provider = provider_named(match["provider"], shown)
    options = _options(match["options"] or "", shown)
    fields = known_fields(provider, match["model"]) | {"name": f"{provider.id}/{match['model']}"}
    key = options.pop("key", None)
    rates = {kind: options.pop(kind) for kind in ("input", "output", "cached") if kind in options}
    if rates:
        fields["price"] = config.validate(Price, rates, shown)
    elif provider.local:
        fields["price"] = Price(input=0.0, output=0.0)
    else:
        fields |= _listed_fields(provider, match["model"], fields, options, shown)
    url = match["url"]
    endpoint = Endpoint(
        base_url=provider.base_url if url is None else _base_url(url, shown),
        api_key_env=None if url else provider.key_in(env) or next(iter(provider.keys), None),
        token_limit_field=provider.token_limit_field,
        max_concurrency=LOCAL_LIMITS.max_concurrency if provider.local else None,
    )
    if key is not None:
        endpoint = config.validate(Endpoint, endpoint.model_dump() | {"api_key_env": key}, shown)
    fields["endpoint"] = endpoint_name(provider, endpoint.base_url)
    return ModelAt(config.validate(ModelCard, fields | options, shown), endpoint)


def endpoint_name(provider: Provider, base_url: str) -> str:
    """Name of an endpoint in a pool: the provider's id, with the URL if that is not the usual one.

    Args:
        provider: its kind.
        base_url: where it is reached.
    """
    return provider.id if base_url == provider.base_url else f"{provider.id} at {base_url}"


def known_fields(provider: Provider, model: str) -> dict[str, Any]:
    """Fields of a card that follow from provider and model, without name, endpoint and price.

    Args:
        provider: serves the model.
        model: the id that the provider knows.
    """
    family = family_of(model)
    fields: dict[str, Any] = {
        "model": model,
        "modalities": family.modalities,
        "tools": takes(provider.tools, family.tools),
        "json_schema": takes(provider.json_schema, family.json_schema),
        "system_role": system_role(provider, family),
        "sampling": Sampling() if family.temperature else Sampling(temperature=None),
        "limits": LOCAL_LIMITS if provider.local else CallLimits(),
    }
    if family.thinks:
        fields["max_output_tokens"] = THINKING_TOKENS
    if provider.local:
        fields["parameters_billions"] = size_in_name(model)
    return fields


def _listed_fields(
    provider: Provider,
    model: str,
    fields: Mapping[str, Any],
    options: Mapping[str, Any],
    shown: str,
) -> dict[str, Any]:
    """Price, context window and inputs from the price list. Raises `ConfigError` for a model that is not in it."""
    listed = listed_model(provider.price_list, model, context_window=options.get("context_window"))
    if listed is None:
        close = close_names(provider.price_list, model)
        hint = f" Similar names with a price: {', '.join(close)}." if close else ""
        raise ConfigError(
            f"{shown}: no price per token of this model is known.{hint} Give it in dollars per million tokens: "
            f"'{provider.id}/{shown_name(model)}{{input=1,output=2}}', or write a pool file (docs/pool.md)"
        )
    return {
        "price": listed.price,
        "context_window": listed.context_window,
        "modalities": tuple(k for k in fields["modalities"] if k not in listed.dearer_inputs),
    }


def _options(text: str, shown: str) -> dict[str, Any]:
    """The options between the braces of a spec. Raises `ConfigError` for one that is unknown, twice or unreadable."""
    found: dict[str, Any] = {}
    for item in filter(str.strip, _NEXT_OPTION.split(text)):
        option, equals, value = (part.strip() for part in item.partition("="))
        if option not in OPTIONS or not equals:
            raise ConfigError(
                f"{shown}: no option {shown_name(option)!r}; expected option=value with one of {', '.join(OPTIONS)}"
            )
        if option in found:
            raise ConfigError(f"{shown}: {option} is given twice; give it once")
        read, expected = OPTIONS[option]
        try:
            found[option] = read(value)
        except ValueError:
            raise ConfigError(f"{shown}: {option}: expected {expected}") from None
    return found


def _base_url(url: str, shown: str) -> str:
    """The URL as an endpoint takes it; `/v1` is added to one without a path."""
    try:
        url = check_base_url(url)
    except ValueError as error:
        raise ConfigError(f"{shown}: {error}") from None
    return url if url.count("/") > 2 else f"{url}/v1"


def _set_in(env: Mapping[str, str]) -> set[str]:
    return {name for name, value in env.items() if value.strip()}
