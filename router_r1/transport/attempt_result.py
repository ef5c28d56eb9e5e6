"""The result of one HTTP request, whether to retry it, and the cleaning of text that a server sent."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.token_prices import Usage
from router_r1.transport.credentials import KEYS
from router_r1.transport.messages import Failure, FailureKind, Response

RETRIABLE = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.MALFORMED_REPLY,
        FailureKind.EMPTY_REPLY,
        FailureKind.STREAM_CUT,
    }
)
"""Failures that another attempt may cure."""
_MAX_DETAIL_CHARACTERS = 300
_MAX_MESSAGE_CHARACTERS = 20_000


@dataclass
class AttemptResult:
    """The response to one request, and what it means for billing and retries."""

    response: Response
    billed: bool = True
    retry_after_s: float | None = None
    """Seconds the server asked to wait; None if it did not."""
    retriable: bool = True

    @classmethod
    def failed(
        cls,
        kind: FailureKind,
        detail: str,
        *,
        usage: Usage | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
        retriable: bool | None = None,
    ) -> AttemptResult:
        """A failed attempt.

        Args:
            kind: the kind of failure.
            detail: for people; shortened and cleared of keys here.
            usage: tokens that may be billed; None for an attempt that is not billed.
            status: HTTP status, if there was one.
            retry_after_s: seconds the server asked to wait.
            retriable: whether another attempt may succeed; by default as `RETRIABLE` says.
        """
        failure = Failure(kind, clean_message(detail), status)
        retriable = kind in RETRIABLE if retriable is None else retriable
        response = Response(failure=failure, usage=usage or Usage())
        return cls(response, usage is not None, retry_after_s, retriable)


def clean_text(text: str) -> str:
    """A server's text, safe to store: without keys, and without lone surrogates."""
    if not text.isascii():
        # JSON can spell lone surrogates, which no file can hold. A pair split over two events is joined here.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return KEYS.hide(text)


def clean_message(text: str) -> str:
    """An error message of a server or a library: without keys, on one line, and not too long."""
    # Half a key would not be recognised as one, so what the first cut may have halved does not survive the second.
    shown = KEYS.redact(clean_text(text[:_MAX_MESSAGE_CHARACTERS]))
    if len(text) > _MAX_MESSAGE_CHARACTERS:
        shown = shown[: len(shown) // 2]
    return " ".join(shown.split())[:_MAX_DETAIL_CHARACTERS]
