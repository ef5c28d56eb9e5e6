"""`agent.yaml`: a policy, a pool, an aggregator and limits in one file, from which `load_agent` makes a `RouterAgent`.

Paths in the file are relative to the file. `docs/pools/` has an example for each kind of endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from router_r1 import config
from router_r1.agent import RouterAgent
from router_r1.aggregation.settings import complete_settings, make_aggregator
from router_r1.config import JsonObject, RandomSeed, StrictModel
from router_r1.episode import Limits
from router_r1.errors import ConfigError, RouterR1Error
from router_r1.model_cards import BaseUrl, CallLimits, Headers, Seed, VariableName
from router_r1.policies.base import Policy
from router_r1.policies.cascade_policy import CascadePolicy
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.policies.transformers_policy import TransformersPolicy
from router_r1.pool import ModelPool
from router_r1.search_dialect import with_dialect
from router_r1.serve.settings import ServeSettings
from router_r1.token_prices import Price
from router_r1.transport.record_replay import OnMiss
from router_r1.written_opening import written_opening


class OpenAIPolicyConfig(StrictModel):
    """A policy behind an OpenAI-compatible server; fields as for `OpenAIPolicy`."""

    kind: Literal["openai"]
    base_url: BaseUrl
    """URL of the server, e.g. `http://127.0.0.1:8000/v1`."""
    model: str
    """The model id on the server."""
    price: Price
    """Dollars per million tokens of the policy itself. Required; write zeros for one that is free."""
    api_key_env: VariableName | None = None
    """Name of the environment variable that holds the key."""
    mode: Literal["chat", "native"] = "chat"
    """`chat` for hosted models; `native` for a policy trained by this project, served by vLLM."""
    name: str | None = None
    """The policy's name in ledger and traces."""
    temperature: Annotated[float, Field(ge=0)] | None = 0.0
    """0 is greedy decoding; null leaves it to the server."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Nucleus sampling."""
    seed: Seed | None = None
    """Seed of the server's sampler; sent only if set."""
    extra: JsonObject = {}
    """Vendor fields, sent untouched."""
    chat_template_kwargs: JsonObject = {}
    """Variables of the model's chat template, e.g. `{enable_thinking: false}`; the same as in training."""
    system_role: Literal["send", "merge"] = "send"
    """`merge` puts the rules in front of the question, for a model that refuses system messages."""
    send_stop: bool = True
    """Whether to send stop strings. Turn it off for models that reject them."""
    headers: Headers = {}
    """Extra headers that are not secret."""
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The server's name for the limit on generated tokens."""
    limits: CallLimits = CallLimits()
    """Concurrency, rates, retries and time-outs."""

    def build(self, path: Path) -> Policy:
        """Make the policy; `path` is the agent file."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}
        return OpenAIPolicy(**fields, source=str(path))


class TransformersPolicyConfig(StrictModel):
    """A checkpoint on this machine; fields as for `TransformersPolicy`."""

    kind: Literal["transformers"]
    path: str
    """Folder of the checkpoint, relative to the file if it exists there; else a name on the hub."""
    price: Price
    """Dollars per million tokens of the policy itself. Required; write zeros for one that is free."""
    name: str | None = None
    """The policy's name in ledger and traces."""
    device: str = "auto"
    """`cpu`, `cuda`, or `auto`."""
    dtype: str = "auto"
    """`float32`, `bfloat16`, or `auto` for that of the checkpoint."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus sampling."""
    seed: RandomSeed | None = None
    """Seed of the sampler."""
    max_batch: Annotated[int, Field(ge=1)] = 32
    """Maximum number of turns generated together."""
    chat_template_kwargs: JsonObject = {}
    """Variables of the chat template, e.g. `{enable_thinking: false}`; the same as in training."""

    def build(self, path: Path) -> Policy:
        """Load the checkpoint; `path` is the agent file."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}
        local = path.parent / self.path
        return TransformersPolicy(**fields | {"path": local if local.exists() else self.path})


class RouterPolicyConfig(StrictModel):
    """A fitted router that decides by rule, without a model and at no cost; see `CascadePolicy`."""

    kind: Literal["router"]
    path: str
    """Folder of the saved router, relative to the file; its models are candidates by the same names."""
    name: str | None = None
    """The policy's name in ledger and traces; null: `router:` and the name of the router."""

    def build(self, path: Path) -> Policy:
        """Load the router; `path` is the agent file."""
        try:
            return CascadePolicy(path.parent / self.path, name=self.name)
        except RouterR1Error as error:
            raise ConfigError(f"{path}: policy: {error}") from error


class StoreConfig(StrictModel):
    """Recording or replay of the candidates, the aggregator, and a policy behind a server."""

    path: str
    """The record store, relative to this file."""
    mode: Literal["record", "replay"]
    """`record` pays for each distinct request once; `replay` calls no model."""
    on_miss: Literal["error", "failure"] = "error"
    """What a replay does about a request that was not recorded: end with an error, or count it as a failed call."""


class AgentFile(StrictModel):
    """The content of an agent file."""

    pool: str
    """The pool file, relative to this file."""
    policy: Annotated[
        OpenAIPolicyConfig | TransformersPolicyConfig | RouterPolicyConfig,
        Field(discriminator="kind"),
    ]
    """The model, or the fitted router, that writes the turns."""
    aggregator: Annotated[str | dict[str, Any], BeforeValidator(complete_settings)] = "policy"
    """How responses become one answer: a name, or a mapping with `kind` and settings."""
    limits: Limits = Limits()
    """Budget and limits of an episode."""
    prompt: Literal["full", "compact", "router_r1"] = "full"
    """`full`; `compact` for a small policy trained on this pool; `router_r1`, which sets limits, for Router-R1's weights."""
    opening: str | None = None
    """A text file, relative to this file, to open with instead: one user message, in which `{question}` is replaced."""
    style: Literal["short", "full"] = "short"
    """`short` answers, as benchmarks grade them, or `full` ones, which people read."""
    fallback: str | None = None
    """The candidate that answers where the policy gives no answer; null: nobody does."""
    timeout_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds the rounds of a question may take."""
    traces: str | None = None
    """File to append traces to, relative to this file."""
    serve: ServeSettings = ServeSettings()
    """Names, limits and files of the gateway, `router-r1 serve`."""
    store: StoreConfig | None = None
    """Recording or replay; without it, calls are live and not recorded."""

    _with_dialect = model_validator(mode="before")(with_dialect)


def load_agent(
    path: str | Path, overrides: Sequence[str] = (), *, traces: Path | None = None
) -> RouterAgent:
    """Read an agent file and make the agent.

    Args:
        path: the file.
        overrides: `a.b=value` assignments, which take precedence over the file.
        traces: the file to append traces to, instead of the one that the agent file names.

    Raises:
        ConfigError: the file, or a file it refers to, is invalid; the message names file, field and remedy.
    """
    if "candidates" in config.read_yaml(path):
        raise ConfigError(f"{path}: this is a pool file; give the agent file that names it")
    content = config.load(AgentFile, path, overrides)
    path = Path(path)
    folder = path.parent
    try:
        pool = ModelPool.from_yaml(folder / content.pool)
    except ConfigError as error:
        raise ConfigError(f"{path}: pool: {error}") from None
    policy = content.policy.build(path)
    aggregator = make_aggregator(content.aggregator)
    try:
        aggregator.check(pool)
    except ConfigError as error:
        raise ConfigError(f"{path}: aggregator: {error}") from error
    if traces is None and content.traces:
        traces = folder / content.traces
    if content.store is not None:
        store = folder / content.store.path
        on_miss: OnMiss = "live" if content.store.mode == "record" else content.store.on_miss
        if on_miss == "live":  # check keys before the store's file is created
            pool.check()
            policy.check()
        pool = pool.through_store(store, on_miss)
        if isinstance(policy, OpenAIPolicy):
            policy = policy.through_store(store, on_miss)
    return RouterAgent(
        policy=policy,
        pool=pool,
        aggregator=aggregator,
        limits=content.limits,
        timeout_s=content.timeout_s,
        traces=traces,
        style=content.style,
        fallback=content.fallback,
        prompt=content.prompt
        if content.opening is None
        else written_opening(folder / content.opening),
    )
