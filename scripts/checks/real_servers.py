"""Asks a real OpenAI-compatible server and prints what held, one behaviour a line; status 1 if one did not.

Run it through `real_servers.sh`, which says what the arguments are.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from router_r1 import Ledger, ModelPool, Price
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import Account
from router_r1.transport.messages import FailureKind, Response

QUESTION = "Count from 1 to 12 in digits, separated by spaces."


class Server:
    """The server under test, with and without streams."""

    def __init__(self, base_url: str, model: str, window: int) -> None:
        self.window = window
        endpoint = Endpoint(base_url=base_url, api_key_env=os.environ.get("API_KEY_ENV"))
        limits = CallLimits(
            max_attempts=1, attempt_timeout_s=120, deadline_s=150, max_concurrency=8
        )
        cards = [
            ModelCard(
                name=name,
                model=model,
                endpoint="server",
                price=Price(input=1.0, output=1.0),
                max_output_tokens=64,
                limits=limits.model_copy(update={"stream": name == "stream"}),
            )
            for name in ("whole", "stream")
        ]
        self.pool = ModelPool(cards, {"server": endpoint})

    async def ask(
        self, name: str, query: str = QUESTION, account: Account | None = None, **sampling: Any
    ) -> Response:
        """Ask with these parameters added to the request."""
        request = self.pool.card(name).request(query)
        request = replace(request, sampling={**request.sampling, **sampling})
        return await self.pool.call(name, request, account)


def check(holds: bool, what: object) -> None:
    """Raise `AssertionError` with what came unless it holds."""
    if not holds:
        raise AssertionError(str(what))


async def chat(server: Server, name: str) -> str:
    """An answer with a finish reason, and the model that gave it."""
    response = await server.ask(name)
    check(response.ok and bool(response.text.strip()), response)
    check(response.finish_reason in ("stop", "length"), response.finish_reason)
    first = (
        "" if response.first_token_s is None else f", first token {response.first_token_s:.2f} s"
    )
    return f"{len(response.text)} characters in {response.latency_s:.2f} s{first}"


async def usage(server: Server, name: str) -> str:
    """The server's own counts, not an estimate."""
    used = (await server.ask(name)).usage
    check(not used.estimated and used.prompt > 0 and used.completion > 0, used)
    return f"{used.prompt} + {used.completion} tokens, {used.cached} cached"


async def same_either_way(server: Server, name: str) -> str:
    """At temperature 0, a stream says what a whole reply says."""
    whole, stream = await server.ask("whole"), await server.ask("stream")
    check(whole.text.strip() == stream.text.strip(), (whole.text, stream.text))
    check(whole.usage.completion == stream.usage.completion, (whole.usage, stream.usage))
    return "equal text and tokens"


async def stop(server: Server, name: str) -> str:
    """A stop string ends the answer and is not in it."""
    response = await server.ask(name, stop=["5"])
    check(response.ok and bool(response.text), response)
    check("5" not in response.text, response.text)
    return f"{response.text!r} ({response.finish_reason}) {' '.join(response.changed)}"


async def limit(server: Server, name: str) -> str:
    """The limit on tokens holds and is reported."""
    response = await server.ask(name, "Tell me a long story.", max_tokens=5)
    check(response.ok and response.finish_reason == "length", response)
    check(response.usage.completion <= 5, response.usage)
    return f"{response.usage.completion} tokens"


async def overflow(server: Server, name: str) -> str:
    """A prompt longer than the window is refused as such, at no cost, in one call."""
    ledger = Ledger()
    response = await server.ask(name, "word " * 3 * server.window, Account(ledger))
    check(response.failure is not None, "answered; is the window larger?")
    assert response.failure is not None
    check(response.failure.kind is FailureKind.CONTEXT_OVERFLOW, response.failure)
    check([row.billed for row in ledger] == [False], list(ledger))
    return response.failure.detail


async def concurrency(server: Server, name: str) -> str:
    """Eight calls at once are all answered."""
    began = time.monotonic()
    responses = await asyncio.gather(*(server.ask(name, f"What is {n} + {n}?") for n in range(8)))
    failed = [response.failure for response in responses if not response.ok]
    check(not failed, failed)
    return f"8 in {time.monotonic() - began:.2f} s"


async def cancel(server: Server, name: str) -> str:
    """A call that is cancelled is booked, and the server answers the next one."""
    ledger = Ledger()
    call = asyncio.ensure_future(
        server.ask(name, "Tell me a long story.", Account(ledger), max_tokens=1000)
    )
    await asyncio.sleep(0.3)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    check([row.outcome for row in ledger] == ["cancelled"], list(ledger))
    began = time.monotonic()
    check((await server.ask(name)).ok, "the next call failed")
    return f"the next call took {time.monotonic() - began:.2f} s"


async def connections(server: Server, name: str) -> str:
    """Ten calls one after the other: ten rows, none of them a failure."""
    ledger = Ledger()
    for number in range(10):
        await server.ask(name, f"{number}?", Account(ledger), max_tokens=1)
    check([row.outcome for row in ledger] == ["ok"] * 10, [row.outcome for row in ledger])
    return "10 of 10"


async def unknown_parameter(server: Server, name: str) -> str:
    """A parameter nobody knows is ignored or refused, and nothing breaks."""
    response = await server.ask(name, no_such_parameter=1)
    kind = "ignored" if response.ok else response.failure and response.failure.kind.value
    check(kind in ("ignored", "bad_request"), response.failure)
    return str(kind)


EACH: tuple[Callable[[Server, str], Awaitable[str]], ...] = (
    chat, usage, stop, limit, overflow, concurrency, cancel, connections, unknown_parameter
)  # fmt: skip
BEHAVIOURS: list[tuple[Callable[[Server, str], Awaitable[str]], str]] = [
    *((each, name) for each in EACH for name in ("whole", "stream")),
    (same_either_way, "both"),
]
"""Each behaviour, and how the server is asked."""


async def main(base_url: str, model: str, window: str = "2048") -> int:
    """Check every behaviour; the exit status."""
    server = Server(base_url, model, int(window))
    failures = 0
    async with server.pool:
        for behaviour, name in BEHAVIOURS:
            try:
                held, detail = "ok", await behaviour(server, name)
            except AssertionError as error:
                held, detail, failures = "FAILED", str(error), failures + 1
            label = behaviour.__name__.replace("_", " ")
            print(f"{held:7} {name:7} {label:18} {' '.join(detail.split())[:200]}", flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:4])))
