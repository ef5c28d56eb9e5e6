"""TODO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from router_r1.model_cards import ModelSpec
from router_r1.transport.messages import OnAttempt, Request, Response


class Transport(Protocol):
    """Anything that can carry a request for a candidate."""

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Carry out one request; never raises for a failure of the model or the network."""
        ...

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Raise `ConfigError` if these candidates can not be served (no endpoint, no key)."""
        ...

    async def aclose(self) -> None:
        """Release connections and files."""
        ...
