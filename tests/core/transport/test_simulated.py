"""The simulated transport: what its function may return, and what is reported."""

import asyncio

import pytest

from router_r1 import Failure, FailureKind, ModelCard, Price, Request, Response, Usage
from router_r1.transport.messages import Attempt
from router_r1.transport.simulated import SimulatedTransport

CARD = ModelCard(name="a", price=Price(input=1, output=1))
REQUEST = Request("a", ({"role": "user", "content": "2+2?"},))


async def call(reply) -> tuple[Response, Attempt]:
    """One call of a transport that replies with `reply(card, request)`, and its attempt."""
    attempts: list[Attempt] = []
    response = await SimulatedTransport(reply).call(CARD, REQUEST, attempts.append)
    (attempt,) = attempts
    assert (response.attempts, response.source) == (1, "simulated")
    assert (attempt.billed, attempt.source) == (False, "simulated")
    return response, attempt


async def test_text_is_an_answer_with_estimated_usage() -> None:
    response, attempt = await call(lambda card, request: f"{card.name}: 4")
    assert (response.text, response.finish_reason) == ("a: 4", "stop")
    assert response.usage == attempt.usage == Usage(5, 1, estimated=True)
    assert attempt.outcome == "ok"


async def test_a_function_may_be_async() -> None:
    async def reply(card, request) -> str:
        await asyncio.sleep(0.01)
        return "4"

    response, attempt = await call(reply)
    assert response.text == "4"
    assert response.latency_s == attempt.latency_s >= 0.01


async def test_a_response_keeps_its_usage() -> None:
    response, attempt = await call(lambda *_: Response(text="4", usage=Usage(100, 7)))
    assert response.usage == attempt.usage == Usage(100, 7)


async def test_a_failure_is_a_failed_attempt() -> None:
    failure = Failure(FailureKind.TIMEOUT, "too slow")
    response, attempt = await call(lambda *_: failure)
    assert response.failure == failure and not response.ok
    assert attempt.outcome == "timeout"


async def test_a_cancelled_call_is_reported_as_cancelled() -> None:
    async def reply(card, request) -> str:
        await asyncio.sleep(30)
        return "4"

    attempts: list[Attempt] = []
    running = asyncio.ensure_future(SimulatedTransport(reply).call(CARD, REQUEST, attempts.append))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [(attempt.outcome, attempt.usage.estimated) for attempt in attempts] == [
        ("cancelled", True)
    ]
