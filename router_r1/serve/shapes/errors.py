"""What the translation raises: for a request that cannot be translated, and for a chat reply that cannot.

The first two are the client's to correct (HTTP 400); `error` of the shape makes their body. The third is the fault of
the endpoint that answered (HTTP 502).
"""

from __future__ import annotations

from router_r1.errors import RouterR1Error


class UnsupportedFieldError(RouterR1Error, ValueError):
    """A request asks for something that this gateway cannot do, so it is refused rather than answered differently."""

    def __init__(self, field: str, why: str) -> None:
        """
        Args:
            field: the dotted path of the field in the request.
            why: what is not supported, and what to do instead.
        """
        super().__init__(f"{field}: not supported: {why}")
        self.field = field
        """The dotted path of the field in the request."""


class InvalidRequestError(RouterR1Error, ValueError):
    """A request is malformed: a field is missing, of the wrong type, or contradicts another."""

    def __init__(self, field: str, expected: str, came: str) -> None:
        """
        Args:
            field: the dotted path of the field in the request.
            expected: what should have been there.
            came: what was there, without its content if that may be secret.
        """
        super().__init__(f"{field}: expected {expected}, got {came}")
        self.field = field
        """The dotted path of the field in the request."""


class BadReplyError(RouterR1Error, ValueError):
    """A chat reply, or one of its chunks, is not what Chat Completions prescribes."""

    def __init__(self, field: str, expected: str, came: str) -> None:
        """
        Args:
            field: the dotted path of the field in the reply.
            expected: what should have been there.
            came: what was there.
        """
        super().__init__(
            f"the model's reply, {field}: expected {expected}, got {came}; try again or use another model"
        )
        self.field = field
        """The dotted path of the field in the reply."""
