"""Cards: what is known about a model, how it is called, and the pool file that holds them.

A pool file is YAML; `docs/pools/` has one for each kind of endpoint. Prices are required, in dollars per million
tokens: a model that costs nothing says `price: {input: 0, output: 0}`. Keys are never in the file, only the name of
the environment variable that holds one. Candidates without an endpoint can be replayed or simulated, not called.

How calls are carried out is `transport.py` and its implementations; what they cost is `ledger.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from router_r1.config import StrictModel
from router_r1.pricing import Price, Usage, cost_usd
from router_r1.transport.messages import Message, Request

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
