"""One call to one model, whoever serves it: the request, the response, and the protocol all transports share.

    live        client.py    an OpenAI-compatible endpoint over HTTP
    record      record.py    live, and every answer is kept
    replay      record.py    from what was kept
    simulated   here         a Python function; worlds and tests are made of it

A transport never raises for what a model or a network does: that is a `Failure` inside the `Response`. It reports
every attempt the moment the attempt ends, through a callback, so that nothing is lost when the caller is cancelled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypedDict  # pydantic reads only this one before Python 3.12

from router_r1.ledger import Cause
from router_r1.pricing import Usage, estimate_tokens

if TYPE_CHECKING:
    pass


class Message(TypedDict):
    """One chat message in the OpenAI shape."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Request:
    """What is asked. Everything here changes the answer, and so all of it is the key of a recording.

    Exactly one of `messages` (chat) and `prompt` (completions: text, or token ids) is set.
    """

    model: str
    """The model id the endpoint knows; for a simulated or recorded pool simply the candidate's name."""
    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """Parameters sent as they are: `temperature`, `max_tokens`, `stop`, vendor fields, ..."""
    sample_index: int = 0
    """Tells repeated samples of one request apart, so that replay does not collapse them."""
    encode: bool = False
    """Only encode: the response has the prompt's `token_ids`, nothing is generated and nothing is booked."""

    def __post_init__(self) -> None:
        if bool(self.messages) == (self.prompt is not None):
            raise ValueError("a request has either messages or a prompt")

    @property
    def key(self) -> str:
        """SHA-256 of all fields."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def canonical_json(self) -> str:
        """The key's preimage: sorted keys, no insignificant space."""
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
        """A guess at the prompt's tokens, for rate limits, quotes and replies without usage."""
        if isinstance(self.prompt, tuple):
            return len(self.prompt)
        if self.prompt is not None:
            return estimate_tokens(self.prompt)
        return sum(
            estimate_tokens(m["content"]) + 4 for m in self.messages
        )  # about 4 a message header


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
    STREAM_CUT = "stream_cut"
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    CONTEXT_OVERFLOW = "context_overflow"
    CIRCUIT_OPEN = "circuit_open"
    """The candidate failed too often of late; it was not called at all."""
    NOT_RECORDED = "not_recorded"
    """A replay has no such call, and the pool was told to count that as a failure."""
    CANCELLED = "cancelled"
    """Only in ledger rows: the attempt was given up because its caller was, or because it lost to a hedge."""


ITS_OWN = frozenset(
    {FailureKind.EMPTY_REPLY, FailureKind.MALFORMED_REPLY, FailureKind.CONTEXT_OVERFLOW}
)
"""Failures of a call that are the model's own doing: it was asked, and this is its answer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that got no answer. `detail` is for people and never holds a key."""

    kind: FailureKind
    detail: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a request: the raw material of a ledger row."""

    number: int
    cause: Cause
    outcome: str
    usage: Usage
    billed: bool
    source: str
    started_at: float
    latency_s: float


OnAttempt = Callable[[Attempt], None]


@dataclass(frozen=True)
class Response:
    """What came back from one call. Exactly one of `text` (not None) and `failure` is meaningful."""

    text: str = ""
    failure: Failure | None = None
    usage: Usage = Usage()
    """Tokens of all attempts of the call."""
    cost_usd: float | None = None
    """Dollars of all attempts; None until priced, and for models without a price."""
    attempts: int = 0
    finish_reason: str | None = None
    served_by: str | None = None
    """The model name the endpoint reported, which need not be the one asked for."""
    latency_s: float = 0.0
    first_token_s: float | None = None
    """Seconds to the first piece of text, where the reply was streamed."""
    token_ids: tuple[int, ...] | None = None
    """The generated token ids, where the endpoint returns them."""
    logprobs: tuple[float, ...] | None = None
    source: str = "live"

    @property
    def ok(self) -> bool:
        """True when there is an answer."""
        return self.failure is None
