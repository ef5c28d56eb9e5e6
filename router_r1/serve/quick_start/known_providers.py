"""Providers of models as a table of facts: where each is reached, which variable holds its key, what it takes.

A line is what the provider's documentation says; `source` is the page. To add a provider, add a line. Facts about
single models are in `known_models.py`, their prices in `known_prices.py`. Nothing here calls a server.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from router_r1.errors import ConfigError, shown_name


@dataclass(frozen=True)
class Provider:
    """A provider of models behind an OpenAI-compatible URL."""

    id: str
    """Its name in a model spec: `openai` in `openai/gpt-5-mini`."""
    base_url: str
    """OpenAI-compatible URL; of a local server, where it listens unless it is told otherwise."""
    source: str
    """Page of the documentation that these facts are from."""
    keys: tuple[str, ...] = ()
    """Environment variables that may hold the key, the usual one first; empty for a server without keys."""
    local: bool = False
    """Runs on a machine of the user's, and nobody sends a bill."""
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Its name for the limit on generated tokens."""
    system_role: Literal["send", "merge"] = "send"
    """`merge` where system messages are refused."""
    tools: bool | None = None
    """Whether chat requests may define tools: True for every model, False for none, None: depends on the model."""
    json_schema: bool | None = None
    """Whether chat requests may give a JSON schema as response format; the values as for `tools`."""
    price_list: str = ""
    """Its id in genai-prices; empty for local servers."""
    aliases: tuple[str, ...] = ()
    """Other names that are understood in a spec."""
    suggested: tuple[str, ...] = ()
    """Models that `router-r1 init` offers, cheapest first; all are in the price list."""

    def key_in(self, env: Mapping[str, str]) -> str | None:
        """The variable that holds the key, or None if none of them is set.

        Args:
            env: environment variables.
        """
        return next((name for name in self.keys if env.get(name, "").strip()), None)


PROVIDERS = (
    Provider(
        id="openai",
        base_url="https://api.openai.com/v1",
        source="https://developers.openai.com/api/reference/resources/chat",
        keys=("OPENAI_API_KEY",),
        token_limit_field="max_completion_tokens",
        price_list="openai",
        suggested=("gpt-6-luna", "gpt-6-sol"),
    ),
    Provider(
        id="anthropic",
        base_url="https://api.anthropic.com/v1",
        source="https://platform.claude.com/docs/en/api/openai-sdk",
        keys=("ANTHROPIC_API_KEY",),
        json_schema=False,  # the page lists `response_format` as ignored
        price_list="anthropic",
        suggested=("claude-haiku-5-5", "claude-sonnet-5-5"),
    ),
    Provider(
        id="openrouter",
        base_url="https://openrouter.ai/api/v1",
        source="https://openrouter.ai/docs/api-reference/overview",
        keys=("OPENROUTER_API_KEY",),
        price_list="openrouter",
        suggested=("qwen/qwen3-235b-a22b-2507", "openai/gpt-6-luna", "anthropic/claude-haiku-4.5"),
    ),
    Provider(
        id="groq",
        base_url="https://api.groq.com/openai/v1",
        source="https://console.groq.com/docs/openai",
        keys=("GROQ_API_KEY",),
        token_limit_field="max_completion_tokens",
        price_list="groq",
        suggested=("llama-3.1-8b-instant", "openai/gpt-oss-120b"),
    ),
    Provider(
        id="mistral",
        base_url="https://api.mistral.ai/v1",
        source="https://docs.mistral.ai/api",
        keys=("MISTRAL_API_KEY",),
        price_list="mistral",
        suggested=("mistral-small-2603", "mistral-large-2512"),
    ),
    Provider(
        id="together",
        base_url="https://api.together.xyz/v1",
        source="https://docs.together.ai/docs/openai-api-compatibility",
        keys=("TOGETHER_API_KEY",),
        price_list="together",
        suggested=("openai/gpt-oss-120b", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ),
    Provider(
        id="deepseek",
        base_url="https://api.deepseek.com",
        source="https://api-docs.deepseek.com",
        keys=("DEEPSEEK_API_KEY",),
        json_schema=False,  # `response_format` takes `json_object` only
        price_list="deepseek",
        suggested=("deepseek-flash", "deepseek-v4-pro"),
    ),
    Provider(
        id="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        source="https://ai.google.dev/gemini-api/docs/openai",
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        price_list="google",
        aliases=("google",),
        suggested=("gemini-3.5-flash-lite", "gemini-3.8-flash"),
    ),
    Provider(
        id="ollama",
        base_url="http://127.0.0.1:11434/v1",
        source="https://docs.ollama.com/api/openai-compatibility",
        local=True,
        json_schema=True,  # generation is constrained, whatever the model
    ),
    Provider(
        id="vllm",
        base_url="http://127.0.0.1:8000/v1",
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        local=True,
        tools=False,  # refused unless the server was started with --enable-auto-tool-choice
        json_schema=True,
    ),
    Provider(
        id="lmstudio",
        base_url="http://127.0.0.1:1234/v1",
        source="https://lmstudio.ai/docs/developer/openai-compat",
        local=True,
        tools=True,  # models that were not trained for tools get a default format
        json_schema=True,
        aliases=("lm-studio",),
    ),
    Provider(
        id="llamacpp",
        base_url="http://127.0.0.1:8080/v1",
        source="https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        local=True,
        json_schema=True,
        aliases=("llama.cpp",),
    ),
)
"""All providers that a model spec may name."""


def provider_named(name: str, source: str) -> Provider:
    """The provider with this id or alias; upper and lower case are the same.

    Args:
        name: id or alias.
        source: starts the error message.

    Raises:
        ConfigError: there is none.
    """
    known = {each: one for one in PROVIDERS for each in (one.id, *one.aliases)}
    folded = name.strip().casefold()
    if folded in known:
        return known[folded]
    close = difflib.get_close_matches(folded, known, 1)
    hint = f"; did you mean {close[0]}?" if close else "."
    raise ConfigError(
        f"{source}: no provider {shown_name(name)!r}{hint} Providers are {', '.join(p.id for p in PROVIDERS)}; "
        "a server of your own that speaks the OpenAI protocol is vllm/MODEL@URL, or an endpoint of a pool file"
    )
