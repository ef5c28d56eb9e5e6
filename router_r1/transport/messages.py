"""The messages between a caller and a transport: requests, responses, attempts and failures.

A transport never raises for what a model or a network does: that is a `Failure` inside the `Response`. It reports
every attempt the moment the attempt ends, through a callback, so that nothing is lost when the caller is cancelled.

The transports are `live.py` (an OpenAI-compatible endpoint over HTTP), `record_replay.py` (a record store) and
`simulated.py` (a Python function).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic reads only this one before Python 3.12

from router_r1.conversation import call_text, joined, message_tokens
from router_r1.ledger import Cause
from router_r1.token_prices import Usage, estimate_tokens


class Message(TypedDict):
    """One chat message in the OpenAI shape. A forwarded `Conversation` has richer ones."""

    role: Literal["system", "user", "assistant"]
    content: str


def merge_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with the system message in front of the first user message's text, for models that refuse one."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return tuple(messages)
    system, user, *rest = messages
    content: Any = joined([system["content"], user["content"]])
    merged: Message = {"role": user["role"], "content": content}
    return (merged, *rest)


OnText = Callable[[str | None], None]
"""Called with each piece of a text; with None when a reply begins, which may be again after one that broke off."""


@dataclass(frozen=True)
class Request:
    """What is sent to a model. All fields that can change the answer make up the key of a recording.

    Exactly one of `messages` (chat) and `prompt` (completions: text or token ids) is set.
    """

    model: str
    """The model id that the endpoint knows; in a simulated or recorded pool, the name of the candidate."""
    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """Parameters sent unchanged: `temperature`, `max_tokens`, `stop`, vendor fields, ..."""
    sample_index: int = 0
    """Distinguishes repeated samples of one request, so that a replay does not collapse them."""
    encode: bool = False
    """Only encode the prompt: the response has its `token_ids`; nothing is generated or booked."""
    on_text: OnText | None = field(default=None, compare=False)
    """Told of the text while it is generated, where the transport can; changes no answer, so it is not in the key."""

    def __post_init__(self) -> None:
        if bool(self.messages) == (self.prompt is not None):
            raise ValueError("a request needs messages or a prompt, and not both")

    @property
    def key(self) -> str:
        """SHA-256 of `canonical_json`, in hexadecimal."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def canonical_json(self) -> str:
        """All fields but `on_text` as JSON with sorted keys and no insignificant space: what `key` hashes."""
        content = {
            "model": self.model,
            "messages": list(self.messages),
            "prompt": self.prompt,
            "sampling": dict(self.sampling),
            "sample_index": self.sample_index,
            "encode": self.encode,
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @property
    def prompt_tokens_estimate(self) -> int:
        """Estimated tokens of the prompt, for rate limits, quotes and replies without usage."""
        if isinstance(self.prompt, tuple):
            return len(self.prompt)
        if self.prompt is not None:
            return estimate_tokens(self.prompt)
        tools = self.sampling.get("tools")
        beside = estimate_tokens(json.dumps(tools)) if tools else 0
        return sum(map(message_tokens, self.messages)) + beside


class FailureKind(StrEnum):
    """Why a call has no answer."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    """One attempt took longer than `attempt_timeout_s`."""
    DEADLINE = "deadline"
    """The call's total time ran out."""
    MALFORMED_REPLY = "malformed_reply"
    EMPTY_REPLY = "empty_reply"
    CONTENT_FILTER = "content_filter"
    """The provider refused the prompt for what it says."""
    STREAM_CUT = "stream_cut"
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    CONTEXT_OVERFLOW = "context_overflow"
    CIRCUIT_OPEN = "circuit_open"
    """The model failed too often recently; no request was sent."""
    NOT_RECORDED = "not_recorded"
    """The record store has no such call, and the pool counts a miss as a failure."""
    CANCELLED = "cancelled"
    """Only in ledger rows: the caller was cancelled, or the attempt lost to its hedge."""


MODEL_FAULTS = frozenset(
    {FailureKind.EMPTY_REPLY, FailureKind.CONTEXT_OVERFLOW, FailureKind.CONTENT_FILTER}
)
"""Failures caused by the model itself, which would fail again, and not by its server or the network; evaluation counts
them as its answer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call has no answer. `detail` is for people and never holds a key."""

    kind: FailureKind
    detail: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a call, as a transport reports it; the ledger keeps it as a row."""

    number: int
    """1 for the first attempt of a call."""
    cause: Cause
    outcome: str
    """`ok`, or the value of the `FailureKind` that ended the attempt."""
    usage: Usage
    billed: bool
    """Whether the provider may charge for it."""
    source: str
    """`live`, `replay`, `simulated` or `local`."""
    started_at: float
    """Unix time in seconds."""
    latency_s: float


OnAttempt = Callable[[Attempt], None]


@dataclass(frozen=True)
class Response:
    """What came back from one call. `text` is meaningful only if `failure` is None."""

    text: str = ""
    failure: Failure | None = None
    usage: Usage = Usage()
    """Tokens of all attempts of the call."""
    cost_usd: float | None = None
    """Dollars of all attempts; None until the call is priced, and for models without a price."""
    attempts: int = 0
    finish_reason: str | None = None
    """Why the answer ended: `stop`, `length`, `tool_calls`, `refusal` or `content_filter` (the provider cut it short),
    whatever the server calls it; None if it gave no reason, or an unknown one."""
    served_by: str | None = None
    """The model that the endpoint reported; it need not be the one requested."""
    latency_s: float = 0.0
    first_token_s: float | None = None
    """Seconds to the first piece of text of a streamed reply; None without streaming."""
    token_ids: tuple[int, ...] | None = None
    """The generated token ids, if the endpoint returns them; for `encode`, those of the prompt."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each generated token, if the endpoint returns them."""
    changed: tuple[str, ...] = ()
    """What was sent otherwise than asked, because the endpoint refuses it; e.g. `temperature: not sent (...)`."""
    source: str = "live"
    message: dict[str, Any] | None = None
    """The whole message as it came, where it has more than text: tool calls."""
    score: float | None = None
    """Score of the text as an answer to the episode's question, 0 to 1, where a record has graded it."""

    @property
    def shown(self) -> str:
        """The reply as the policy reads it: its text, and the tools it calls."""
        calls = (self.message or {}).get("tool_calls") or ()
        return "\n".join(filter(None, [self.text.strip(), *map(call_text, calls)]))

    @property
    def ok(self) -> bool:
        """Whether there is an answer."""
        return self.failure is None
