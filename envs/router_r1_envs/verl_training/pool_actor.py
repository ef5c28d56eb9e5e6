"""One pool and one record store for all agent-loop workers of all nodes: a Ray actor that carries out their calls.

Agent loops run in several processes, on several nodes. A pool in each of them would multiply every rate limit, and a
record store would be opened from nodes whose file system cannot lock it. So the transport of such a world is opened
once, in an actor on the node of the trainer; keys are needed on that node only. Every worker has a `PoolClient`, which
is a `Transport`: the pool, the episode and the ledger above it are the same as without an actor.

What a call returns or raises and all its attempts come back in one message, also when the caller is cancelled: what a
cancelled attempt may have cost is booked. At most `CALLS` calls are in the actor at a time; more wait in the workers.
The actor is never restarted: without it no episode can end, so its death ends the run.

Not here: which worlds need this (`WorldKind.transport`), and who starts the actor (`agent_loop_worker.Manager`).
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from router_r1.errors import ConfigError, RouterR1Error, one_line
from router_r1.model_cards import ModelSpec
from router_r1.transport.base import Transport
from router_r1.transport.messages import Attempt, OnAttempt, Request, Response
from router_r1_envs.worlds.load import load_transport

CALLS = 4096
"""Calls in the actor at a time, of all workers together."""
_CONTROL_CALLS = 64
"""Room for cancellations when there is none for calls."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended: a response, an error, or neither if it was cancelled."""

    attempts: tuple[Attempt, ...]
    response: Response | None = None
    error: RouterR1Error | None = None


class PoolActor:
    """Opens the transport of a world, and carries out calls that other processes request. All on one event loop."""

    def __init__(self) -> None:
        self._transport: Transport | None = None
        self._running: dict[str, asyncio.Future[Response]] = {}

    async def open(self, source: str, overrides: tuple[str, ...]) -> None:
        """Open the transport.

        Args:
            source: of the world, see `load_world`.
            overrides: assignments that replace the world's settings.

        Raises:
            ConfigError: the world cannot be opened: settings, a key, or the record store. One line.
        """
        try:
            self._transport = load_transport(source, overrides)
        except RouterR1Error as error:
            raise ConfigError(one_line(error)) from None

    async def call(self, call_id: str, asked: bytes) -> bytes:
        """Carry out one call.

        Args:
            call_id: for `cancel`.
            asked: the model to call and what to send, pickled: Ray would take more time to do that.

        Returns:
            A pickled `CallResult`.
        """
        card, request = pickle.loads(asked)
        return pickle.dumps(await self._call(call_id, card, request))

    async def _call(self, call_id: str, card: ModelSpec, request: Request) -> CallResult:
        assert self._transport is not None, "`open` comes first"
        attempts: list[Attempt] = []
        task = asyncio.ensure_future(self._transport.call(card, request, attempts.append))
        self._running[call_id] = task
        try:
            response = await task
        except asyncio.CancelledError:
            return CallResult(tuple(attempts))
        except RouterR1Error as error:
            return CallResult(tuple(attempts), error=error)
        finally:
            del self._running[call_id]
        return CallResult(tuple(attempts), response)

    async def cancel(self, call_id: str) -> None:
        """Cancel a call, which then returns its attempts. Nothing happens if it has ended."""
        if call_id in self._running:
            self._running[call_id].cancel()


def start_pool_actor(source: str, overrides: Iterable[str] = ()) -> Any:
    """Start the actor on this node, and open the transport of a world.

    Args:
        source: of the world, see `load_world`.
        overrides: assignments that replace the world's settings.

    Returns:
        The handle of the actor, which lives as long as this process.

    Raises:
        ConfigError: the world cannot be opened.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = (
        ray.remote(PoolActor)
        .options(
            num_cpus=0,  # it waits
            max_concurrency=CALLS + _CONTROL_CALLS,
            max_restarts=0,
            scheduling_strategy=here,
        )
        .remote()
    )
    try:
        ray.get(actor.open.remote(source, tuple(overrides)))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ConfigError):
            raise error.cause from None
        raise
    return actor


class PoolClient:
    """A `Transport` whose calls the actor carries out. One for all episodes of a process."""

    def __init__(self, actor: Any, processes: int = 1) -> None:
        """
        Args:
            actor: the handle of a `PoolActor`.
            processes: how many processes use this actor; each may have its share of `CALLS` there.
        """
        self._actor = actor
        self._slots = asyncio.Semaphore(max(1, CALLS // processes))

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Carry out one request.

        Args:
            card: the model to call, with its limits.
            request: what to send.
            on_attempt: called with every attempt when the call has ended, also if the caller was cancelled.

        Raises:
            RuntimeError: the actor is dead or cannot be reached.
            RouterR1Error: what the transport in the actor raises.
        """
        async with self._slots:
            call_id = uuid4().hex
            asked = asyncio.ensure_future(self._ask(call_id, card, request))
            try:
                result = await asyncio.shield(asked)
            except asyncio.CancelledError:
                self._actor.cancel.remote(call_id)
                await asyncio.wait([asked])
                if asked.exception() is None:
                    _report(asked.result(), on_attempt)
                raise
        _report(result, on_attempt)
        if result.error is not None:
            raise result.error
        assert result.response is not None, "only this client cancels its calls"
        return result.response

    async def _ask(self, call_id: str, card: ModelSpec, request: Request) -> CallResult:
        try:
            ended = await self._actor.call.remote(call_id, pickle.dumps((card, request)))
        except ray.exceptions.RayActorError as error:
            raise RuntimeError(
                f"the pool actor died or cannot be reached, during a call to {card.name}; no candidate can be called "
                f"without it; see its log for the cause ({one_line(error)})"
            ) from error
        result: CallResult = pickle.loads(ended)
        return result

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Nothing to do: the actor has checked endpoints and keys."""

    async def aclose(self) -> None:
        """Nothing to do: the actor serves other processes too."""


def _report(result: CallResult, on_attempt: OnAttempt) -> None:
    for attempt in result.attempts:
        on_attempt(attempt)
