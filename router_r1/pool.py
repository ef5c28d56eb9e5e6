"""Who can be called, and at what price: model cards, endpoints and the pool they make.

A pool file is YAML; `docs/pools/` has one for each kind of endpoint. Prices are required, in dollars per million
tokens: a model that costs nothing says `price: {input: 0, output: 0}`. Keys are never in the file, only the name of
the environment variable that holds one. A pool without endpoints can be replayed or simulated, not called.

How calls are carried out is `transport.py` and its implementations; what they cost is `ledger.py`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from router_r1 import config
from router_r1.config import StrictModel
from router_r1.errors import ConfigError
from router_r1.ledger import Ledger, LedgerEntry, Price, Role, Usage, cost_usd
from router_r1.transport import Attempt, Message, Request, Response, Transport

if TYPE_CHECKING:
    from router_r1.record import OnMiss

_NAME_TAKEN_BY_MARKUP = set("<>\"'")
_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "api-key", "x-api-key"}


def _check_name(name: str) -> str:
    if not name.strip() or name != name.strip():
        raise ValueError("a name must not be empty or begin or end with space")
    if not name.isprintable():
        raise ValueError("a name must be one line of printable characters")
    if bad := sorted(set(name) & _NAME_TAKEN_BY_MARKUP):
        raise ValueError(f"a name must not hold {bad[0]!r}: it could not be written in a route tag")
    return name


def _check_base_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("a base URL starts with http:// or https://, and usually ends with /v1")
    host = url.split("://", 1)[1].split("/", 1)[0]
    if not host:
        raise ValueError("a base URL names a host, e.g. http://127.0.0.1:8000/v1")
    if "@" in host or "?" in url:
        raise ValueError(
            "a base URL must hold no user, password or query: "
            "put the key into an environment variable and name it in api_key_env"
        )
    return url.rstrip("/")


def _check_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError(
            "expected the name of an environment variable, in capitals, such as OPENAI_API_KEY; "
            "a key itself is never written here"
        )
    return name


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    if secret := sorted(name for name in headers if name.lower() in _SECRET_HEADERS):
        raise ValueError(f"{secret[0]} holds a key: name its environment variable in api_key_env")
    return headers


BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
VariableName = Annotated[str, AfterValidator(_check_variable)]
Headers = Annotated[dict[str, str], AfterValidator(_check_headers)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Endpoint(StrictModel):
    """An OpenAI-compatible server that serves one or more candidates."""

    base_url: BaseUrl
    """Where requests go, e.g. `https://api.openai.com/v1` or `http://127.0.0.1:8000/v1`."""
    api_key_env: VariableName | None = None
    """Name of the environment variable that holds the key; none for a server without keys."""
    headers: Headers = {}
    """Extra headers that are not secret, e.g. `HTTP-Referer` for OpenRouter."""
    max_concurrency: Count | None = None
    """Most calls in flight over all candidates of this endpoint; further calls queue."""
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What this server calls the limit on generated tokens; OpenAI's newest models want the longer name."""


class CallLimits(StrictModel):
    """How hard, how often and how long one candidate is called. Calls over a limit queue, in order."""

    max_concurrency: Count = 64
    """Most calls in flight."""
    requests_per_minute: Positive | None = None
    """Rate limit on requests."""
    tokens_per_minute: Positive | None = None
    """Rate limit on tokens: estimated prompt plus the limit on generated tokens."""
    max_attempts: Count = 3
    """Most requests sent for one call, the first one, retries and hedges together."""
    attempt_timeout_s: Positive = 60.0
    """Seconds one attempt may take."""
    deadline_s: Positive = 180.0
    """Seconds one call may take over all attempts and back-off, from the moment it leaves the queue."""
    connect_timeout_s: Positive = 30.0
    """Seconds to open a connection; apart from the read time, so that a burst of calls does not fail on it."""
    backoff_base_s: Positive = 0.5
    """The first wait before a retry is random up to this; it doubles each time (full jitter)."""
    backoff_max_s: Positive = 20.0
    """The longest such wait. `Retry-After` wins where a server sends it."""
    hedge_after_s: Positive | None = None
    """Send a second request when the first has not answered by then; off by default, since both may be billed."""
    breaker_failures: Count = 5
    """Transport failures in a row after which a candidate is no longer called."""
    breaker_cooldown_s: Positive = 30.0
    """Seconds until one call may try it again."""
    stream: bool = False
    """Ask for server-sent events: gives the time to the first token, and exact text of a broken-off answer."""


class Sampling(StrictModel):
    """How a candidate is sampled. What is not set is not sent."""

    temperature: Annotated[float, Field(ge=0)] | None = 0.0
    """0 by default, so that the same question gives the same answer; null to leave it to the server."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Nucleus sampling."""
    seed: int | None = None
    """Sent where set; few servers honour it."""
    extra: dict[str, Any] = {}
    """Vendor fields, sent untouched, e.g. `{reasoning_effort: low}`."""


class ModelSpec(StrictModel):
    """How one model is called: all that a client needs, and nothing about what it is worth."""

    name: Annotated[str, AfterValidator(_check_name)]
    """How the policy names it. Colons, slashes, dots and spaces are fine."""
    endpoint: str | None = None
    """Name of an entry under `endpoints`."""
    model: str | None = None
    """The id the endpoint knows; the name when left out."""
    system_prompt: str | None = None
    """Sent before each sub-query."""
    sampling: Sampling = Sampling()
    """Sampling parameters."""
    max_output_tokens: Count = 1024
    """Most tokens one answer may have. Bounds what a call can cost, so it is also what a budget reserves."""
    limits: CallLimits = CallLimits()
    """Concurrency, rates, retries and time-outs."""

    @property
    def model_id(self) -> str:
        """The id sent to the endpoint."""
        return self.model or self.name

    def request(
        self,
        query: str,
        *,
        sample_index: int = 0,
        token_limit_field: str = "max_tokens",
    ) -> Request:
        """The request that asks this candidate one sub-query."""
        messages: list[Message] = []
        if self.system_prompt:
            messages.append({"role": "system", "content": self.system_prompt})
        messages.append({"role": "user", "content": query})
        return self.chat(
            messages,
            sample_index=sample_index,
            token_limit_field=token_limit_field,
        )

    def chat(
        self,
        messages: Iterable[Message],
        *,
        sample_index: int = 0,
        max_tokens: int | None = None,
        token_limit_field: str = "max_tokens",
        stop: tuple[str, ...] = (),
    ) -> Request:
        """A chat request with this card's sampling parameters."""
        sampling = self.sampling_parameters(max_tokens or self.max_output_tokens, token_limit_field)
        if stop:
            sampling["stop"] = list(stop)
        return Request(self.model_id, tuple(messages), sampling=sampling, sample_index=sample_index)

    def sampling_parameters(self, max_tokens: int, token_limit_field: str) -> dict[str, Any]:
        """The parameters sent with a request."""
        named = {
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
            "seed": self.sampling.seed,
            token_limit_field: max_tokens,
        }
        return {k: v for k, v in named.items() if v is not None} | self.sampling.extra


class ModelCard(ModelSpec):
    """A candidate: how it is called, what it costs, and what the policy is told about it."""

    price: Price
    """Dollars per million tokens. Required; write zeros for a model that is free."""
    description: str = ""
    """One or two sentences the policy reads: what this model is good at."""
    context_window: Count | None = None
    """Prompt and answer together, in tokens; a longer query is refused before it is sent."""
    modalities: tuple[Literal["text", "image", "audio", "video"], ...] = ("text",)
    """What it reads."""
    parameters_billions: Positive | None = None
    """Total parameters, in billions, where published."""
    active_parameters_billions: Positive | None = None
    """Parameters active per token, in billions, for a mixture of experts."""
    mixture_of_experts: bool | None = None
    """True, false, or null where not published."""

    def quote(self, query: str) -> float:
        """The most one answer to `query` can cost, in dollars: estimated prompt, longest allowed answer.

        A budget reserves this much before a call. Retries that a provider bills can exceed it.
        """
        prompt = self.request(query).prompt_tokens_estimate
        return cost_usd(Usage(prompt, self.max_output_tokens), self.price)


class PoolFile(StrictModel):
    """The content of a pool file."""

    candidates: tuple[ModelCard, ...]
    """The models that can be routed to."""
    endpoints: dict[str, Endpoint] = {}
    """Servers by name."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.candidates:
            raise ValueError("candidates: the pool is empty; add at least one candidate")
        seen: dict[str, str] = {}
        for card in self.candidates:
            folded = card.name.casefold()
            if folded in seen:
                raise ValueError(
                    f"candidates: {card.name!r} is given twice (names differ by more than case); rename one"
                )
            seen[folded] = card.name
            if card.endpoint is not None and card.endpoint not in self.endpoints:
                known = ", ".join(self.endpoints) or "none is defined"
                raise ValueError(
                    f"candidates: {card.name!r} names the endpoint {card.endpoint!r}, which is not under "
                    f"endpoints ({known}); define it or correct the name"
                )
        return self


@dataclass(frozen=True)
class Account:
    """Where the attempts of a call are booked, and for whom."""

    ledger: Ledger
    episode_id: str = ""
    round: int = 0
    role: Role = Role.CANDIDATE

    def book(self, model: str, call_id: str, attempt: Attempt, price: Price | None) -> float | None:
        """Add one attempt to the ledger; returns its dollars, None without a price."""
        cost = None if price is None else cost_usd(attempt.usage, price)
        self.ledger.add(
            LedgerEntry(
                episode_id=self.episode_id,
                round=self.round,
                role=self.role,
                model=model,
                call_id=call_id,
                attempt=attempt.number,
                cause=attempt.cause,
                outcome=attempt.outcome,
                usage=attempt.usage,
                price_version=price.version if price else None,
                cost_usd=cost,
                billed=attempt.billed,
                source=attempt.source,
                started_at=attempt.started_at,
                latency_s=attempt.latency_s,
            )
        )
        return cost


async def call_and_book(
    transport: Transport, card: ModelSpec, request: Request, account: Account, price: Price | None
) -> Response:
    """Carry out one request and book every attempt, even when the caller is cancelled half-way."""
    call_id = new_call_id()
    costs: list[float] = []

    def book(attempt: Attempt) -> None:
        costs.append(account.book(card.name, call_id, attempt, price) or 0.0)

    response = await transport.call(card, request, book)
    return replace(response, cost_usd=None if price is None else math.fsum(costs))


def new_call_id() -> str:
    """A name that ties the attempts of one call together."""
    return uuid.uuid4().hex[:12]


class ModelPool:
    """The candidates, and the transport that reaches them.

    A pool is cheap to make and may be shared by any number of agents and episodes. It holds connections after the
    first live call: close it with `aclose`, or use `async with`.
    """

    def __init__(
        self,
        cards: Iterable[ModelCard],
        endpoints: dict[str, Endpoint] | None = None,
        *,
        transport: Transport | None = None,
        source: str = "pool",
    ) -> None:
        """
        Args:
            cards: the candidates.
            endpoints: servers by the names the cards use.
            transport: how to reach them; a live client over the endpoints by default.
            source: what to call this pool in error messages, usually its file.

        Raises:
            ConfigError: an empty pool, a name given twice, an endpoint that is not defined.
        """
        content = {"candidates": tuple(cards), "endpoints": endpoints or {}}
        checked = config.validate(PoolFile, content, source)
        self.cards = checked.candidates
        self.endpoints = checked.endpoints
        self.source = source
        self._by_name = {card.name: card for card in self.cards}
        if transport is None:
            from router_r1.client import LiveTransport

            transport = LiveTransport(self.endpoints, source=source)
        self.transport: Transport = transport

    @classmethod
    def from_yaml(cls, path: str | Path, *, transport: Transport | None = None) -> ModelPool:
        """Read a pool file. Raises `ConfigError` that names file, field and remedy."""
        content = config.load(PoolFile, path)
        return cls(content.candidates, content.endpoints, transport=transport, source=str(path))

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates' names, in the file's order."""
        return tuple(self._by_name)

    @functools.cached_property
    def version(self) -> str:
        """A short hash over all cards: equal pools, prices and prompts included, have equal versions."""
        cards = [card.model_dump(mode="json") for card in self.cards]
        return hashlib.sha256(json.dumps(cards, sort_keys=True).encode()).hexdigest()[:12]

    def card(self, name: str) -> ModelCard:
        """The card of one candidate. Raises `ConfigError` for a name the pool does not hold."""
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self.names)
            raise ConfigError(f"{self.source}: no candidate {name!r}; it has {known}") from None

    def check(self) -> None:
        """Raise `ConfigError` if a candidate can not be called: no endpoint, or its key is not set."""
        self.transport.check(self.cards)

    def token_limit_field(self, card: ModelCard) -> str:
        """What this candidate's endpoint calls the limit on generated tokens."""
        endpoint = self.endpoints.get(card.endpoint or "")
        return endpoint.token_limit_field if endpoint else "max_tokens"

    async def ask(
        self, name: str, query: str, account: Account | None = None, *, sample_index: int = 0
    ) -> Response:
        """Ask one candidate one sub-query."""
        card = self.card(name)
        field = self.token_limit_field(card)
        request = card.request(query, sample_index=sample_index, token_limit_field=field)
        return await self.call(name, request, account)

    async def call(self, name: str, request: Request, account: Account | None = None) -> Response:
        """Carry out a request at one candidate and book its attempts in the account's ledger."""
        card = self.card(name)
        account = account or Account(Ledger())
        return await call_and_book(self.transport, card, request, account, card.price)

    def recording(self, store: str | Path) -> ModelPool:
        """This pool, keeping every answer in a record store: each distinct request is paid for once."""
        return self.through_store(store, "live")

    def replaying(self, store: str | Path, *, on_miss: OnMiss = "error") -> ModelPool:
        """This pool, answered from a record store. See `record.StoreTransport` for `on_miss`."""
        return self.through_store(store, on_miss)

    def through_store(self, store: str | Path, on_miss: OnMiss) -> ModelPool:
        """This pool behind a record store: what `recording` (`live`) and `replaying` are short for."""
        from router_r1.record import RecordStore, StoreTransport

        transport = StoreTransport(
            RecordStore(store, create=on_miss == "live"), self.transport, on_miss=on_miss
        )
        return ModelPool(self.cards, self.endpoints, transport=transport, source=self.source)

    async def aclose(self) -> None:
        """Close connections and files."""
        await self.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
