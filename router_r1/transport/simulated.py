"""The simulated transport: a Python function in place of a model, for tests and generated worlds."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from router_r1.ledger import Cause
from router_r1.model_cards import ModelSpec
from router_r1.token_prices import Usage, estimate_tokens
from router_r1.transport.messages import Attempt, Failure, FailureKind, OnAttempt, Request, Response

Reply = str | Response | Failure
Replier = Callable[[ModelSpec, Request], Reply | Awaitable[Reply]]


class SimulatedTransport:
    """Answers by calling a function `(card, request) -> str, Response or Failure`, which may be async.

    Tokens are estimated from the text unless the function returns a `Response` with a `Usage`. Nothing is billed, but
    the calls have costs at the declared prices, as in every transport.
    """

    def __init__(self, reply: Replier) -> None:
        self._reply = reply

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Call the function and report one attempt.

        Args:
            card: passed to the function.
            request: passed to the function.
            on_attempt: called with the attempt when the function ends.
        """
        started_at, clock = time.time(), time.monotonic()
        outcome = FailureKind.CANCELLED.value
        usage = Usage(request.prompt_tokens_estimate, estimated=True)
        try:
            reply = self._reply(card, request)
            if inspect.isawaitable(reply):
                reply = await reply
            response = _as_response(reply, request)
            outcome = response.failure.kind.value if response.failure else "ok"
            usage = response.usage
        finally:
            latency = time.monotonic() - clock
            on_attempt(
                Attempt(1, Cause.FIRST, outcome, usage, False, "simulated", started_at, latency)
            )
        return replace(response, attempts=1, latency_s=latency, source="simulated")

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Always passes: the function serves every model."""

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""


def _as_response(reply: Reply, request: Request) -> Response:
    if isinstance(reply, Failure):
        return Response(failure=reply)
    if isinstance(reply, str):
        usage = Usage(request.prompt_tokens_estimate, estimate_tokens(reply), estimated=True)
        return Response(text=reply, usage=usage, finish_reason="stop")
    return reply
