"""Model cards: what is known about a model, how it is called, and the pool file that holds the cards.

A pool file is YAML; `docs/pools/` has one for each kind of endpoint. Prices are required, in dollars per million
tokens: a free model says `price: {input: 0, output: 0}`. The file never contains a key, only the name of the
environment variable that holds it. Candidates without an endpoint can be replayed or simulated, but not called.

`transport/` carries out calls; `token_prices.py` says what they cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from router_r1.config import JsonObject, StrictModel
from router_r1.conversation import Conversation, Need
from router_r1.endpoint_checks import check_base_url, check_headers
from router_r1.names import Name
from router_r1.protocol import escape
from router_r1.token_prices import Price, Usage, cost_usd
from router_r1.transport.messages import Message, Request, merge_system

_MARKUP_CHARACTERS = set("<>\"'")


def _check_in_prompts(name: str) -> str:
    if bad := sorted(set(name) & _MARKUP_CHARACTERS):
        raise ValueError(f"a name must not contain {bad[0]!r}: it would not fit into a route tag")
    if escape(name) != name:
        raise ValueError(
            "a name must not contain a tag or a control token of a chat template, such as [INST]: it stands in prompts; "
            "choose another one, and put the endpoint's name for the model into `model`"
        )
    return name


def _check_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError(
            "expected the name of an environment variable in capitals, such as OPENAI_API_KEY; "
            "export the key in that variable and do not write it here"
        )
    return name


BaseUrl = Annotated[str, AfterValidator(check_base_url)]
VariableName = Annotated[str, AfterValidator(_check_variable)]
Headers = Annotated[dict[str, str], AfterValidator(check_headers)]
Positive = Annotated[float, Field(gt=0, le=1e12)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**64)]
"""What servers take as a seed: 64 bits, with or without a sign."""


class Endpoint(StrictModel):
    """An OpenAI-compatible server that serves one or more candidates."""

    base_url: BaseUrl
    """URL of the server, e.g. `https://api.openai.com/v1` or `http://127.0.0.1:8000/v1`."""
    api_key_env: VariableName | None = None
    """Name of the environment variable that holds the key; null for a server without keys."""
    headers: Headers = {}
    """Extra headers that are not secret, e.g. `HTTP-Referer` for OpenRouter."""
    max_concurrency: Count | None = None
    """Maximum number of requests in flight over all candidates of this endpoint; further ones queue."""
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The server's name for the limit on generated tokens; OpenAI's newest models need the longer one."""


class CallLimits(StrictModel):
    """Concurrency, rates, retries and time-outs of one candidate. Calls over a limit queue, in order."""

    max_concurrency: Count = 64
    """Maximum number of calls in flight."""
    requests_per_minute: Positive | None = None
    """Rate limit on requests; null for none."""
    tokens_per_minute: Positive | None = None
    """Rate limit on tokens, counted as estimated prompt plus `max_output_tokens`; null for none."""
    max_attempts: Count = 3
    """Maximum number of requests sent for one call: the first one, retries and hedges."""
    attempt_timeout_s: Positive = 60.0
    """Seconds one attempt may take."""
    deadline_s: Positive = 180.0
    """Seconds one call may take over all attempts and back-off, counted from when it leaves the queue."""
    connect_timeout_s: Positive = 30.0
    """Seconds to open a connection; separate from the time to answer, so that a burst of calls does not fail on it."""
    backoff_base_s: Positive = 0.5
    """The wait before the first retry is random up to this many seconds; the bound doubles each time (full jitter)."""
    backoff_max_s: Positive = 20.0
    """Upper bound of that wait, in seconds. A `Retry-After` of the server takes precedence."""
    hedge_after_s: Positive | None = None
    """Seconds until a second request is sent if the first has no answer; off by default, since both may be billed."""
    breaker_failures: Count = 5
    """Consecutive transport failures after which the candidate is no longer called."""
    breaker_cooldown_s: Positive = 30.0
    """Seconds until one call may probe such a candidate again."""
    stream: bool = False
    """Request server-sent events, which give the time to the first token, and the text of an answer that breaks off."""


class Sampling(StrictModel):
    """Sampling parameters of a candidate. Parameters that are null are not sent."""

    temperature: Annotated[float, Field(ge=0)] | None = 0.0
    """0 by default, so that the same question gets the same answer; null leaves it to the server."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Nucleus sampling."""
    seed: Seed | None = None
    """Seed of the server's sampler; few servers honour it."""
    extra: JsonObject = {}
    """Vendor fields, sent unchanged, e.g. `{reasoning_effort: low}`."""


class ModelSpec(StrictModel):
    """How one model is called: everything a client needs, without price and description."""

    name: Annotated[Name, AfterValidator(_check_in_prompts)]
    """The name that the policy uses. Colons, slashes, dots and spaces are allowed."""
    endpoint: str | None = None
    """Name of an entry under `endpoints`."""
    model: str | None = None
    """The model id that the endpoint knows; by default the name."""
    system_prompt: str | None = None
    """Sent before each sub-query."""
    system_role: Literal["send", "merge"] = "send"
    """`merge` puts the system prompt in front of the sub-query, for a model that refuses system messages."""
    sampling: Sampling = Sampling()
    """Sampling parameters."""
    max_output_tokens: Count = 1024
    """Maximum number of tokens of one answer. It bounds the cost of a call, and a budget reserves that much."""
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
        """The request for one sub-query.

        Args:
            query: the sub-query.
            sample_index: distinguishes repeated samples of the same query in a recording.
            token_limit_field: the endpoint's name for the limit on generated tokens.
        """
        messages: list[Message] = []
        if self.system_prompt:
            messages.append({"role": "system", "content": self.system_prompt})
        messages.append({"role": "user", "content": query})
        return self.chat(
            messages if self.system_role == "send" else merge_system(messages),
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
        """A chat request with this card's sampling parameters.

        Args:
            messages: the conversation.
            sample_index: distinguishes repeated samples of the same conversation in a recording.
            max_tokens: limit on generated tokens; by default `max_output_tokens`.
            token_limit_field: the endpoint's name for that limit.
            stop: stop strings; empty to send none.
        """
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
    """A candidate: how it is called, its price, and its description for the policy."""

    price: Price
    """Dollars per million tokens. Required; zeros for a free model."""
    description: str = ""
    """One or two sentences for the policy: what this model is good at."""
    context_window: Count | None = None
    """Tokens of prompt and answer together; a query that exceeds it is rejected before it is sent."""
    modalities: tuple[Literal["text", "image", "audio", "video"], ...] = ("text",)
    """Kinds of input the model accepts."""
    tools: bool = False
    """Whether the model takes definitions of tools and calls them. A conversation with tools goes to no other model."""
    json_schema: bool = False
    """Whether the model takes a JSON schema as response format. A conversation that sets one goes to no other model."""
    parameters_billions: Positive | None = None
    """Total parameters, in billions; null if not published."""
    active_parameters_billions: Positive | None = None
    """Parameters active per token, in billions, of a mixture of experts."""
    mixture_of_experts: bool | None = None
    """True, false, or null if not published."""

    def lacks(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        """What the model cannot do of what a conversation needs, sorted."""
        able: set[str] = {*self.modalities}
        able |= {Need.TOOLS} if self.tools else set()
        able |= {Need.JSON_SCHEMA} if self.json_schema else set()
        return tuple(sorted(need for need in needs if need not in able))

    def forward(
        self,
        conversation: Conversation,
        *,
        sample_index: int = 0,
        token_limit_field: str = "max_tokens",
    ) -> Request:
        """The request that hands a conversation to this model as it came, without the card's system prompt.

        Args:
            conversation: messages and options.
            sample_index: distinguishes repeated samples of the same conversation in a recording.
            token_limit_field: the endpoint's name for the limit on generated tokens.
        """
        messages: Any = conversation.messages
        given = dict(conversation.sampling)
        limits = [given.pop(name, None) for name in ("max_tokens", "max_completion_tokens")]
        request = self.chat(
            messages if self.system_role == "send" else merge_system(messages),
            sample_index=sample_index,
            max_tokens=min([self.max_output_tokens, *filter(None, limits)]),
            token_limit_field=token_limit_field,
        )
        return replace(request, sampling={**request.sampling, **conversation.options, **given})

    def quote_forward(self, conversation: Conversation) -> float:
        """Maximum cost of one answer to a conversation, in dollars; see `quote`."""
        return cost_usd(Usage(conversation.tokens, self.max_output_tokens), self.price)

    def quote(self, query: str) -> float:
        """Maximum cost of one answer to `query`, in dollars: the estimated prompt and the longest allowed answer.

        A budget reserves this much before a call. Retries that the provider bills can exceed it.
        """
        prompt = self.request(query).prompt_tokens_estimate
        return cost_usd(Usage(prompt, self.max_output_tokens), self.price)


class EmbedderCard(ModelSpec):
    """A model that makes vectors of texts. It is no candidate; the gateway passes requests for it through."""

    price: Price
    """Dollars per million tokens of input; `output` is 0."""
    dimensions: Count | None = None
    """Length of its vectors."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Kinds of input the model accepts."""
        return ("text",)


class PoolFile(StrictModel):
    """The content of a pool file."""

    candidates: tuple[ModelCard, ...]
    """The models that can be routed to."""
    embedders: tuple[EmbedderCard, ...] = ()
    """Models that make vectors of texts, for the gateway."""
    endpoints: dict[str, Endpoint] = {}
    """Servers by name."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.candidates:
            raise ValueError("candidates: the pool is empty; add at least one candidate")
        seen: dict[str, str] = {}
        for card in (*self.candidates, *self.embedders):
            folded = card.name.casefold()
            if folded in seen:
                raise ValueError(
                    f"candidates: {card.name!r} occurs twice (names must differ by more than case); rename one"
                )
            seen[folded] = card.name
            if card.endpoint is not None and card.endpoint not in self.endpoints:
                known = ", ".join(self.endpoints) or "none is defined"
                raise ValueError(
                    f"candidates: {card.name!r} names the endpoint {card.endpoint!r}, which is not under "
                    f"endpoints ({known}); define it or correct the name"
                )
        return self
