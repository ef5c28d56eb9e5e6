"""Servers of language models on this machine, what they serve, and a pool file for it.

A server is found by its list of models, `GET {base_url}/models`, which everything that speaks the OpenAI protocol has.
Size and context window are read from what the server adds to that list (llama.cpp: `meta`, vLLM: `max_model_len`), from
Ollama's `/api/tags`, from LM Studio's `/api/v0/models`, and last from the model's name (`qwen2.5:7b`, `8x7b`).

A model on this machine costs nothing, and a policy has no reason to avoid the largest one. So a pool file made here has
prices that grow with the number of parameters, as hosted models' do. They are made up, and the file says so.

Nothing here calls a model. Models for embeddings and ranking are left out, by their names.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router_r1 import config
from router_r1.endpoint_checks import check_base_url
from router_r1.errors import ConfigError
from router_r1.json_text import parse_json
from router_r1.model_cards import CallLimits, Endpoint, ModelCard, PoolFile
from router_r1.token_prices import Price

DEFAULT_SERVERS = {
    "ollama": "http://127.0.0.1:11434/v1",
    "lm-studio": "http://127.0.0.1:1234/v1",
    "llama.cpp": "http://127.0.0.1:8080/v1",
    "vllm": "http://127.0.0.1:8000/v1",
}
"""Where each server listens unless it is told otherwise."""
USD_PER_BILLION = Price(input=0.01, output=0.02)
"""The made-up price: dollars per million tokens for each billion parameters, about what hosted models of 8B cost."""
UNKNOWN_BILLIONS = 7.0
"""The size that the price assumes where none is known."""
LOCAL_LIMITS = CallLimits(
    max_concurrency=4, attempt_timeout_s=900.0, deadline_s=1800.0, max_attempts=2
)
"""A laptop is slow, and a model may have to be loaded first. Four calls at a time are what the servers do by default."""

_TIMEOUT_S = 5.0
_NOT_CHAT = re.compile(r"embed|rerank|(^|[^a-z])bge-|minilm", re.IGNORECASE)
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
_FILE_SUFFIX = re.compile(
    r"(\.gguf|:latest|[-_.](gguf|mlx|awq|gptq|fp8|f16|bf16|[48]bit|i?q\d(_[a-z0-9]+)*))+$",
    re.IGNORECASE,
)
_TUNING = re.compile(r"[-_](instruct|it|chat)$", re.IGNORECASE)


@dataclass(frozen=True)
class ServedModel:
    """A model that a server offers."""

    id: str
    """What requests call it."""
    parameters_billions: float | None = None
    """None if nothing tells."""
    context_window: int | None = None
    """Tokens of prompt and answer together, as the server was started; None if it does not say."""


@dataclass(frozen=True)
class LocalServer:
    """A server, and what it serves or why that is unknown."""

    name: str
    base_url: str
    models: tuple[ServedModel, ...] = ()
    problem: str = ""
    """What is wrong, in a few words; empty if the server listed its models."""
    absent: bool = False
    """Nothing listens there."""


async def find_servers(places: Mapping[str, str] | None = None) -> list[LocalServer]:
    """Ask each server for its models, all at the same time. Takes at most some seconds.

    Args:
        places: name -> base URL; by default the usual ports of this machine. `/v1` is added to a URL without a path.

    Returns:
        One entry for each place, in order, also for those where nothing answers.

    Raises:
        ConfigError: a URL cannot be called.
    """
    urls = {n: _base_url(n, u) for n, u in (DEFAULT_SERVERS if places is None else places).items()}
    return list(await asyncio.gather(*(_ask(name, url) for name, url in urls.items())))


def local_pool(
    servers: Sequence[LocalServer],
    *,
    prices: Mapping[str, Price] | None = None,
    only: Iterable[str] = (),
    system_prompt: str | None = None,
    max_output_tokens: int = 512,
) -> PoolFile:
    """The pool of what servers offer. Names are those of the models, without what only says how the file was made.

    Args:
        servers: as `find_servers` returned them.
        prices: by a model's name or id, instead of the made-up ones.
        only: names or ids of the models to take; all by default.
        system_prompt: sent before each sub-query.
        max_output_tokens: limit on one answer.

    Raises:
        ConfigError: nothing is served, or `prices` or `only` name a model that is not.
    """
    found = [(server, model) for server in servers for model in server.models]
    if not found:
        tried = ", ".join(f"{s.name} at {s.base_url} ({s.problem})" for s in servers)
        raise ConfigError(
            f"no server with a model was found; tried {tried}; start one, or say where it is: --server NAME=URL"
        )
    names = _names([(server.name, model.id) for server, model in found])
    known = {key for (_, model), name in zip(found, names, strict=True) for key in (name, model.id)}
    wanted, given = set(only), dict(prices or {})
    if unknown := sorted({*wanted, *given} - known):
        raise ConfigError(f"{unknown[0]!r} is not served; served are {', '.join(names)}")
    cards = [
        ModelCard(
            name=name,
            model=model.id,
            endpoint=server.name,
            price=given.get(name) or given.get(model.id) or made_up_price(model),
            parameters_billions=model.parameters_billions,
            context_window=model.context_window,
            system_prompt=system_prompt,
            max_output_tokens=max_output_tokens,
            limits=LOCAL_LIMITS,
        )
        for (server, model), name in zip(found, names, strict=True)
        if not wanted or wanted & {name, model.id}
    ]
    used = {card.endpoint for card in cards}
    endpoints = {
        s.name: Endpoint(base_url=s.base_url, max_concurrency=LOCAL_LIMITS.max_concurrency)
        for s in servers
        if s.name in used
    }
    # Validated as a file would be: a name that prompts cannot hold is an error here.
    content = {
        "endpoints": {name: each.model_dump() for name, each in endpoints.items()},
        "candidates": [card.model_dump() for card in cards],
    }
    return config.validate(PoolFile, content, "what the servers serve")


def pool_text(pool: PoolFile) -> str:
    """The pool as a YAML file, which says that its prices are made up and how to set them."""
    import yaml

    content = pool.model_dump(mode="json", exclude_defaults=True)
    head = (
        f"Local models cost nothing. Unless you gave them, the prices are made up: ${USD_PER_BILLION.input:g} (input)",
        f"and ${USD_PER_BILLION.output:g} (output) per million tokens for each billion parameters "
        f"({UNKNOWN_BILLIONS:g} where unknown), so that a",
        "policy has a reason to prefer a small model. Set others here, in dollars per million tokens; docs/pool.md says",
        "how to price electricity. A description tells a policy what a model is good at.",
    )
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return "".join(f"# {line}\n" for line in head) + body


def made_up_price(model: ServedModel) -> Price:
    """`USD_PER_BILLION` times the parameters, with two significant digits; as for `UNKNOWN_BILLIONS` if unknown."""
    billions = model.parameters_billions or UNKNOWN_BILLIONS
    rates = {"input": USD_PER_BILLION.input, "output": USD_PER_BILLION.output}
    return Price(**{kind: float(f"{rate * billions:.2g}") for kind, rate in rates.items()})


def short_name(model_id: str) -> str:
    """A model's id without folder, file ending, quantisation and `-instruct`: `qwen2.5-coder-1.5b`."""
    name = model_id.rstrip("/").rpartition("/")[2]
    name = _FILE_SUFFIX.sub("", name)
    return _TUNING.sub("", name) or model_id


def size_in_name(model_id: str) -> float | None:
    """Billions of parameters that a model's name states: 7 for `qwen2.5:7b`, 0.135 for `SmolLM2-135M`, 56 for `8x7b`."""
    match = _SIZE.search(model_id)
    if match is None:
        return None
    experts, number, unit = match.groups()
    size = float(number) * int(experts or 1) / (1000 if unit.lower() == "m" else 1)
    return size or None


def _names(found: Sequence[tuple[str, str]]) -> list[str]:
    """A name for each (server, id): the shortest of short name, id, and id with server that no other model has."""
    forms = [(short_name(m), m, f"{m} at {s}") for s, m in found]
    return [
        next(f for f in own if sum(f.casefold() in map(str.casefold, o) for o in forms) == 1)
        for own in forms
    ]


def _base_url(name: str, url: str) -> str:
    try:
        url = check_base_url(url if "://" in url else f"http://{url}")
    except ValueError as error:
        raise ConfigError(f"server {name!r}: {error}") from None
    return url if url.count("/") > 2 else f"{url}/v1"


async def _ask(name: str, base_url: str) -> LocalServer:
    """One server: its models, or what is wrong."""
    import httpx2

    from router_r1.transport import bounded_body

    async with httpx2.AsyncClient(
        timeout=_TIMEOUT_S,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bounded_body.bound]},
    ) as client:
        try:
            listed = await _rows(client, f"{base_url}/models", "data")
            root = base_url.removesuffix("/v1")
            extra: dict[str, Mapping[str, Any]] = {}
            for path, key in (("/api/tags", "models"), ("/api/v0/models", "data")):
                for row in await _rows_if_any(client, root + path, key):
                    extra[str(row.get("id") or row.get("name"))] = row
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            return LocalServer(name, base_url, problem="nothing listens there", absent=True)
        except httpx2.HTTPError as error:
            problem = str(error) or type(error).__name__
            return LocalServer(name, base_url, problem=f"no list of models: {problem}")
        except ValueError as error:
            return LocalServer(name, base_url, problem=f"no list of models: {error}")
    ids = [str(row["id"]) for row in listed if isinstance(row.get("id"), str) and row["id"]]
    rows = {str(row.get("id")): row for row in listed}
    chat = [i for i in dict.fromkeys(ids) if not _NOT_CHAT.search(i)]
    models = tuple(_served(i, rows[i], extra.get(i, {})) for i in chat)
    problem = "" if models else "serves no model that can chat; load one"
    return LocalServer(name, base_url, models, problem)


async def _rows(client: Any, url: str, key: str) -> list[Mapping[str, Any]]:
    """The objects of a list in a JSON reply. Raises `ValueError` if the reply is something else."""
    reply = await client.get(url)
    if reply.status_code != 200:
        raise ValueError(f"HTTP {reply.status_code}")
    data = parse_json(reply.text)
    rows = data.get(key) if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"the reply has no list {key!r}")
    return [row for row in rows if isinstance(row, dict)]


async def _rows_if_any(client: Any, url: str, key: str) -> list[Mapping[str, Any]]:
    """The same of a path that only one kind of server has; empty on the others."""
    import httpx2

    try:
        return await _rows(client, url, key)
    except (ValueError, httpx2.HTTPError):
        return []


def _served(model_id: str, row: Mapping[str, Any], extra: Mapping[str, Any]) -> ServedModel:
    """What is known of a model, from its row in the list of models and from the server's own list."""
    meta, details = _mapping(row.get("meta")), _mapping(extra.get("details"))
    counted = _positive(meta.get("n_params"))
    size = counted / 1e9 if counted else size_in_name(str(details.get("parameter_size", "")))
    windows = (
        meta.get("n_ctx"),
        row.get("max_model_len"),
        extra.get("loaded_context_length"),
    )
    window = next(filter(None, map(_positive, windows)), None)
    size = size or size_in_name(model_id)
    return ServedModel(
        model_id,
        float(f"{size:.3g}") if size else None,
        int(window) if window else None,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _positive(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 1e15 else None
