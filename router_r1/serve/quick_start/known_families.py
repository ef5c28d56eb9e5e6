"""What families of models take, by their names: kinds of input, tools, a JSON schema, a temperature.

No price list has these facts, so they are here, each with the page that it is from. A model that no line matches takes
text and nothing else: a request with tools or images then goes to another candidate, which is safer than an error of
the server. A model spec can say otherwise: `vllm/my-model{tools=true}`.

Providers may take more or less than their models; that is in `known_providers.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from router_r1.serve.quick_start.known_providers import Provider

Kind = Literal["text", "image", "audio", "video"]
TEXT: tuple[Kind, ...] = ("text",)
IMAGE: tuple[Kind, ...] = ("text", "image")


@dataclass(frozen=True)
class Family:
    """Models whose names have the same form."""

    pattern: str
    """Matches the start of a model's name in lower case, without the vendor in front of the slash."""
    source: str = ""
    """Page of the vendor's documentation."""
    modalities: tuple[Kind, ...] = TEXT
    """Kinds of input."""
    tools: bool = False
    """Takes definitions of tools."""
    json_schema: bool = False
    """Takes a JSON schema as response format."""
    thinks: bool = False
    """Thinks before it answers, which counts as output."""
    temperature: bool = True
    """Takes a temperature other than its default."""
    system: bool = True
    """Has a system role in its chat template."""


_OPENAI = "https://developers.openai.com/api/docs/models"
_CLAUDE = "https://platform.claude.com/docs/en/about-claude/models/overview"
_GEMINI = "https://ai.google.dev/gemini-api/docs/openai"
_MISTRAL = "https://docs.mistral.ai/getting-started/models"
_OLLAMA = "https://ollama.com/search?c=tools"
_GEMMA = "https://ai.google.dev/gemma/docs/core"

FAMILIES = (
    Family(
        r"gpt-oss",
        "https://huggingface.co/openai/gpt-oss-120b",
        TEXT,
        tools=True,
        json_schema=True,
        thinks=True,
    ),
    Family(r"(gpt-4o|gpt-5|gpt-6)[\w.-]*(audio|realtime|transcribe|tts|image|search)", _OPENAI),
    Family(r"gpt-4o-2024-05-13", _OPENAI, IMAGE, tools=True),  # older than structured outputs
    Family(r"gpt-4o|gpt-4\.1", _OPENAI, IMAGE, tools=True, json_schema=True),
    Family(
        r"gpt-(5|6)", _OPENAI, IMAGE, tools=True, json_schema=True, thinks=True, temperature=False
    ),
    Family(r"o1-(mini|preview)", _OPENAI, thinks=True, temperature=False, system=False),
    Family(r"o3-mini", _OPENAI, TEXT, tools=True, json_schema=True, thinks=True, temperature=False),
    Family(
        r"o[134](-|$)", _OPENAI, IMAGE, tools=True, json_schema=True, thinks=True, temperature=False
    ),
    Family(r"claude-([34]|haiku|sonnet|opus|fable|mythos)", _CLAUDE, IMAGE, tools=True),
    Family(r"gemini-[\w.-]*(tts|image|live|embedding)", _GEMINI),
    Family(r"gemini-1\.5|gemini-2\.0", _GEMINI, (*IMAGE, "audio"), tools=True, json_schema=True),
    Family(
        r"gemini-(2\.5|[3-9])",
        _GEMINI,
        (*IMAGE, "audio"),
        tools=True,
        json_schema=True,
        thinks=True,
    ),
    Family(
        r"mistral-(small-(2503|2506|2603|latest)|small-?3\.[12]|medium-(2505|2508|3|latest)|large-(2512|4|latest))"
        r"|ministral-\d+b-2512|pixtral",
        _MISTRAL,
        IMAGE,
        tools=True,
        json_schema=True,
    ),
    Family(r"magistral", _MISTRAL, TEXT, tools=True, json_schema=True, thinks=True),
    Family(
        r"(mistral-(small|medium|large|nemo)|ministral|codestral|devstral)",
        _MISTRAL,
        TEXT,
        tools=True,
        json_schema=True,
    ),
    Family(
        r"deepseek-(flash|v4\.1)", "https://api-docs.deepseek.com", IMAGE, tools=True, thinks=True
    ),
    Family(
        r"deepseek-(reasoner|v4)", "https://api-docs.deepseek.com", TEXT, tools=True, thinks=True
    ),
    Family(r"deepseek-(chat|v3)", "https://api-docs.deepseek.com", TEXT, tools=True),
    Family(r"deepseek-r1", "https://huggingface.co/deepseek-ai/DeepSeek-R1", thinks=True),
    # Open models, by the names that Ollama, Hugging Face, Groq and Together give them.
    Family(
        r"(meta-)?llama-?3\.2[\w.:-]*vision", "https://ollama.com/library/llama3.2-vision", IMAGE
    ),
    Family(r"(meta-)?llama-?3\.[123]", "https://ollama.com/library/llama3.1", TEXT, tools=True),
    Family(r"(meta-)?llama-?4", "https://ollama.com/library/llama4", IMAGE, tools=True),
    Family(r"qwen-?(2\.5|3)-?vl", "https://ollama.com/library/qwen2.5vl", IMAGE),
    Family(r"qwen-?3(?!.*thinking).*(instruct|coder|2507)", _OLLAMA, TEXT, tools=True),
    Family(r"qwen-?3|qwq", _OLLAMA, TEXT, tools=True, thinks=True),
    Family(r"qwen-?2\.5", _OLLAMA, TEXT, tools=True),
    Family(
        r"mistral:|mistral-7b|mixtral|hermes-?3|smollm2|granite-?3|phi-?4-mini",
        _OLLAMA,
        TEXT,
        tools=True,
    ),
    Family(r"llava|bakllava|moondream|minicpm-v", "https://ollama.com/search?c=vision", IMAGE),
    Family(r"gemma-?2", _GEMMA, system=False),
    Family(r"gemma-?3(?!n|:1b|:270m|-1b|-270m)", _GEMMA, IMAGE, system=False),
    Family(r"gemma-?3", _GEMMA, system=False),
)
"""The first line that matches counts."""

_UNKNOWN = Family("")


def family_of(model: str) -> Family:
    """The family of a model; of an unknown one a family that takes text only.

    Args:
        model: the id that the endpoint knows, e.g. `meta-llama/llama-3.3-70b-instruct`.
    """
    name = model.rpartition("/")[2].lower()
    return next((one for one in FAMILIES if re.match(one.pattern, name)), _UNKNOWN)


def takes(of_provider: bool | None, of_family: bool) -> bool:
    """Whether a model at a provider takes something: what the provider says of all models, else what the family says.

    Args:
        of_provider: `Provider.tools` or `Provider.json_schema`.
        of_family: the same field of the family.
    """
    return of_family if of_provider is None else of_provider


def system_role(provider: Provider, family: Family) -> Literal["send", "merge"]:
    """`merge` if the provider or the model refuses system messages. Ollama's templates put them where the model can
    read them, so there only the provider counts.

    Args:
        provider: serves the model.
        family: of the model.
    """
    refused = provider.system_role == "merge" or not (family.system or provider.id == "ollama")
    return "merge" if refused else "send"
