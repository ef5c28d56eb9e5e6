"""Where servers report token counts, and what they call them. Read by `Usage.from_openai` and `reported_usage.py`."""

from __future__ import annotations

Path = tuple[str | int, ...]
"""Keys and indices from an object down to a value."""

PLACES: tuple[Path, ...] = (
    ("usage",),
    ("choices", 0, "usage"),  # Moonshot, streamed: platform.moonshot.ai/docs/api/chat
    ("x_groq", "usage"),  # Groq, streamed: console.groq.com/docs/api-reference
    ("amazon-bedrock-invocationMetrics",),  # Bedrock, streamed: docs.aws.amazon.com/bedrock
    ("usageMetadata",),  # Gemini: ai.google.dev/api/generate-content#UsageMetadata
    ("usage_metadata",),
    ("meta", "tokens"),  # Cohere: docs.cohere.com/reference/chat
    ("meta", "billed_units"),
    ("meta", "usage"),
    ("usage", "tokens"),  # Cohere, version 2
    ("usage", "billed_units"),
    ("choices", 0, "message", "usage"),
    ("choices", 0, "delta", "usage"),
    ("message", "usage"),  # Anthropic, streamed
    ("response", "usage"),  # gateways that wrap the Responses API
    ("timings",),  # llama.cpp: tools/server/README.md
    (),  # Ollama and llama.cpp put counts beside the text: docs/api.md of ollama/ollama
)
"""Where a reply or an event may have its counts. Of several reports, the one with most tokens counts."""

PROMPT = (
    "prompt_tokens",
    "input_tokens",  # Responses API, Anthropic, Cohere
    "inputTokenCount",  # Bedrock
    "inputTokens",  # Bedrock Converse
    "promptTokenCount",  # Gemini
    "prompt_token_count",
    "prompt_eval_count",  # Ollama
    "tokens_evaluated",  # llama.cpp
    "prompt_n",  # llama.cpp, `timings`
)
"""Names of the tokens of the prompt; the first that has a count is used."""
COMPLETION = (
    "completion_tokens",
    "output_tokens",
    "outputTokenCount",
    "outputTokens",
    "candidatesTokenCount",
    "candidates_token_count",
    "eval_count",
    "tokens_predicted",
    "predicted_n",
)
"""Names of the tokens of the completion."""
TOTAL = ("total_tokens", "totalTokens", "totalTokenCount", "total_token_count")

CACHED: tuple[Path, ...] = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),  # Responses API
    ("prompt_cache_hit_tokens",),  # DeepSeek: api-docs.deepseek.com/guides/kv_cache
    ("cached_tokens",),  # Moonshot, Mistral, Together
    ("num_cached_tokens",),  # vLLM and servers built on it
    ("cached_prompt_tokens",),
    (
        "cache_read_input_tokens",
    ),  # Anthropic, LiteLLM: docs.litellm.ai/docs/completion/prompt_caching
    ("prompt_tokens_details", "cache_read_input_tokens"),
    ("input_token_details", "cache_read"),
    ("cacheReadInputTokenCount",),  # Bedrock
    ("cacheReadInputTokens",),
    ("cachedContentTokenCount",),  # Gemini
    ("cached_content_token_count",),
    ("cache_n",),  # llama.cpp, `timings`
)
"""Where the tokens read from a cache stand."""
BESIDE_PROMPT: dict[str, tuple[str, ...]] = {
    "input_tokens": ("cache_read_input_tokens", "cache_creation_input_tokens"),
    "inputTokenCount": ("cacheReadInputTokenCount", "cacheWriteInputTokenCount"),
    "inputTokens": ("cacheReadInputTokens", "cacheWriteInputTokens"),
    "prompt_n": ("cache_n",),
}
"""Counts of the prompt that a name of `PROMPT` leaves out: Anthropic's `input_tokens` are those beside the cache
(platform.claude.com/docs/en/build-with-claude/prompt-caching), and llama.cpp's `prompt_n` those it had to process."""

REASONING: tuple[Path, ...] = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),  # Perplexity, Together
    ("thoughtsTokenCount",),
    ("thoughts_token_count",),
)
"""Where the tokens of hidden reasoning stand."""
BESIDE_COMPLETION = ("thoughtsTokenCount", "thoughts_token_count")
"""Reasoning that the completion leaves out (Gemini). xAI leaves it out too, but under the usual name: its total tells."""

TOKEN_LIMITS = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "n_predict",
    "num_predict",
)
"""Parameters of a request that limit the generated tokens."""
LONGEST_COMPLETION = 131_072
"""The most tokens that a model generates without a limit: 128,000 is the largest limit that OpenAI, Anthropic and xAI
publish (platform.openai.com/docs/models, docs.x.ai/developers)."""
ADDED_PROMPT = 16_384
"""The most tokens that a server is believed to add to a prompt: templates, its own instructions, search results."""
