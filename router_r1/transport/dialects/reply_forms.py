"""How servers spell finish reasons, which parts of a message are not its text, and what keeps a stream alive."""

from __future__ import annotations

from enum import StrEnum


class Finish(StrEnum):
    """Why a reply ended: the closed set that `Response.finish_reason` uses."""

    STOP = "stop"
    """The model ended its answer, or wrote a stop string."""
    LENGTH = "length"
    """The limit on tokens, or the context window, was reached."""
    TOOL_CALLS = "tool_calls"
    """The model called a tool."""
    REFUSAL = "refusal"
    """The model declined; its text says so."""
    CONTENT_FILTER = "content_filter"
    """The provider cut the answer short for what it says, or gave none."""
    ERROR = "error"
    """The server broke off; what is there is no answer."""


FINISH_REASONS: dict[str, Finish] = {
    # OpenAI: platform.openai.com/docs/api-reference/chat/object
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.CONTENT_FILTER,
    # Anthropic: platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "pause_turn": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.REFUSAL,
    "model_context_window_exceeded": Finish.LENGTH,
    # Gemini: ai.google.dev/api/generate-content#FinishReason
    "safety": Finish.CONTENT_FILTER,
    "recitation": Finish.CONTENT_FILTER,
    "blocklist": Finish.CONTENT_FILTER,
    "prohibited_content": Finish.CONTENT_FILTER,
    "spii": Finish.CONTENT_FILTER,
    "image_safety": Finish.CONTENT_FILTER,
    "malformed_function_call": Finish.ERROR,
    "unexpected_tool_call": Finish.ERROR,
    "language": Finish.ERROR,
    "other": Finish.ERROR,
    # Cohere: docs.cohere.com/reference/chat
    "complete": Finish.STOP,
    "error_toxic": Finish.CONTENT_FILTER,
    "error_limit": Finish.LENGTH,
    "tool_call": Finish.TOOL_CALLS,
    # Text Generation Inference, Together, Mistral: docs.mistral.ai/api
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "model_length": Finish.LENGTH,
    # Responses API, Ollama, Bedrock
    "completed": Finish.STOP,
    "done": Finish.STOP,
    "load": Finish.ERROR,
    "unload": Finish.ERROR,
    "max_output_tokens": Finish.LENGTH,
    "incomplete": Finish.LENGTH,
    "guardrail_intervened": Finish.CONTENT_FILTER,
    "content_filtered": Finish.CONTENT_FILTER,
    # Zhipu: docs.z.ai/api-reference/llm/chat-completion
    "sensitive": Finish.CONTENT_FILTER,
    "network_error": Finish.ERROR,
    # DeepSeek: api-docs.deepseek.com/api/create-chat-completion
    "insufficient_system_resource": Finish.ERROR,
}
"""Known finish reasons, in lower case with underscores."""
FINISH_WORDS: tuple[tuple[str, Finish], ...] = (
    ("filter", Finish.CONTENT_FILTER),
    ("safety", Finish.CONTENT_FILTER),
    ("moderat", Finish.CONTENT_FILTER),
    ("blocked", Finish.CONTENT_FILTER),
    ("error", Finish.ERROR),
    ("fail", Finish.ERROR),
    ("abort", Finish.ERROR),  # vLLM, SGLang
    ("cancel", Finish.ERROR),
    ("timeout", Finish.ERROR),
    ("timed_out", Finish.ERROR),
    ("interrupt", Finish.ERROR),
    ("disconnect", Finish.ERROR),
    ("unavailable", Finish.ERROR),
    ("overload", Finish.ERROR),
    ("resource", Finish.ERROR),
    ("preempt", Finish.ERROR),
    ("evicted", Finish.ERROR),
    ("killed", Finish.ERROR),
    ("crash", Finish.ERROR),
    ("malformed", Finish.ERROR),
    ("length", Finish.LENGTH),
    ("max_token", Finish.LENGTH),
    ("token_limit", Finish.LENGTH),
    ("eos", Finish.STOP),
    ("stop", Finish.STOP),
)
"""Words that tell what a finish reason means that is not in `FINISH_REASONS`; the first that occurs counts."""
MODELS_OWN_ERRORS = frozenset({"malformed_function_call", "unexpected_tool_call"})
"""Finish reasons of `Finish.ERROR` that are the model's doing: it tried to call a tool and there is none."""

THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Fields of a message with the model's thoughts (DeepSeek, vLLM; OpenRouter; Ollama). They are not its text."""
CALL_FIELDS = ("tool_calls", "function_call")
"""Fields of a message with calls of tools."""
THOUGHT_WORDS = ("think", "thought", "reason")
"""A part of a message whose type has one of these is a thought: `thinking` (Mistral: docs.mistral.ai/capabilities/
reasoning; Anthropic), `reasoning`, `reasoning.text` (OpenRouter), `redacted_thinking`."""
LABELS = frozenset({"type", "id", "index", "format", "signature"})
"""Fields of thoughts and calls that hold no text."""
TEXT_KEYS = ("text", "content", "value", "output_text")
"""Where the text of a part stands: OpenAI's `text`, also as `{"value": ...}` (Assistants), a nested `content`."""

SIGNS_OF_LIFE = ("ping", "keepalive", "keep-alive", "keep_alive", "heartbeat")
"""Names of events that only keep a connection open. Data that is words and no JSON does the same: `[KEEPALIVE]`,
`: OPENROUTER PROCESSING` passed on as data (github.com/mnfst/llm-gateway/issues/2053), nothing at all
(github.com/openai/openai-python/issues/2722)."""
