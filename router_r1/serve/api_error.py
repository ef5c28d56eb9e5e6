"""An error that a client gets: a status, a kind, and a message that says what was expected, what came and what to do."""

from __future__ import annotations

from typing import Any

from router_r1.errors import RouterR1Error


class ApiError(RouterR1Error):
    """Ends a request with an HTTP error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """
        Args:
            status: HTTP status.
            message: for people.
            kind: OpenAI's `type`, e.g. `invalid_request_error`.
            param: the field that is wrong.
            code: a stable word for programs, e.g. `model_not_found`.
            retry_after_s: seconds after which to try again.
        """
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind
        self.param, self.code, self.retry_after_s = param, code, retry_after_s

    @property
    def body(self) -> dict[str, Any]:
        """The error in OpenAI's shape."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the reply."""
        if self.retry_after_s is None:
            return {}
        return {"retry-after": str(max(1, round(self.retry_after_s + 0.499)))}


def unsupported(param: str, why: str) -> ApiError:
    """The error for a field that the agent cannot honour."""
    return ApiError(400, f"{param}: {why}", param=param, code="unsupported_parameter")
