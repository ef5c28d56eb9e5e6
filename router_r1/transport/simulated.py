"""TODO."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from router_r1.ledger import Cause
from router_r1.pricing import Usage, estimate_tokens

if TYPE_CHECKING:
    from router_r1.model_cards import ModelSpec
from router_r1.transport.messages import Attempt, Failure, FailureKind, OnAttempt, Request, Response

Reply = str | Response | Failure


Replier = Callable[["ModelSpec", Request], Reply | Awaitable[Reply]]


class SimulatedTransport:
    """Answers from a Python function `(card, request) -> text, Response or Failure`, plain or async.

    Tokens are estimated from the text unless the function returns a `Response` with a `Usage`. Nothing is billed;
    costs are counted at the declared prices, as everywhere.
    """

    def __init__(self, reply: Replier) -> None:
        self._reply = reply

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Ask the function."""
        started_at, clock = time.time(), time.monotonic()
        outcome = FailureKind.CANCELLED.value
        usage = Usage(request.prompt_tokens_estimate, estimated=True)
        try:
            answer = self._reply(card, request)
            if inspect.isawaitable(answer):
                answer = await answer
            response = _as_response(answer, request)
            outcome = response.failure.kind.value if response.failure else "ok"
            usage = response.usage
        finally:
            latency = time.monotonic() - clock
            on_attempt(
                Attempt(1, Cause.FIRST, outcome, usage, False, "simulated", started_at, latency)
            )
        return replace(response, attempts=1, latency_s=latency, source="simulated")

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """A function can serve every candidate."""

    async def aclose(self) -> None:
        """Nothing to release."""


def _as_response(answer: Reply, request: Request) -> Response:
    if isinstance(answer, Failure):
        return Response(failure=answer)
    if isinstance(answer, str):
        usage = Usage(request.prompt_tokens_estimate, estimate_tokens(answer), estimated=True)
        return Response(text=answer, usage=usage, finish_reason="stop")
    return answer
