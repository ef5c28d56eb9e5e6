"""The `Transport` protocol: what carries a request to a model and brings back the response."""

from __future__ import annotations

from typing import Protocol

from router_r1.model_cards import ModelSpec
from router_r1.transport.messages import OnAttempt, Request, Response


class Transport(Protocol):
    """Anything that can carry requests to models."""

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Carry out one request.

        Never raises for a failure of the model or the network; that is a `Failure` inside the response.

        Args:
            card: the model to call, with its limits.
            request: what to send.
            on_attempt: called with every attempt the moment it ends.
        """
        ...

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Raise `ConfigError` if one of these models cannot be called (no endpoint, no key)."""
        ...

    async def aclose(self) -> None:
        """Release connections and files."""
        ...
