"""The exceptions that the gateway raises on purpose; the general ones are in `router_r1.errors`.

Their messages may be shown to the client: they name a key by its name and never hold a secret. Which HTTP status each
one becomes is not decided here.
"""

from __future__ import annotations

from router_r1.errors import RouterR1Error


class RateLimitedError(RouterR1Error, RuntimeError):
    """A key has used up its requests or tokens per minute."""

    def __init__(self, retry_after_s: float | None, detail: str) -> None:
        """
        Args:
            retry_after_s: seconds until the same request would be admitted, if the key asks nothing else meanwhile;
                None if it never would be, because it alone asks for more tokens than the key has per minute.
            detail: what was expected, what came, what to do.
        """
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.detail = detail


class BudgetExceededError(RouterR1Error, RuntimeError):
    """What a request may cost is more than is left of its key's budget."""

    def __init__(self, detail: str) -> None:
        """
        Args:
            detail: what was expected, what came, what to do.
        """
        super().__init__(detail)
        self.detail = detail


class StoreUnavailableError(RouterR1Error, OSError):
    """The file of keys, the file of spending or the Redis server cannot be used, so nobody can be let in."""
