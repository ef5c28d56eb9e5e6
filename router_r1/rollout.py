"""The rollout of one episode: the policy writes a turn, the candidates answer, until the episode ends.

Episodes run independently, with no barrier between rounds: a slow candidate delays its own episode and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from router_r1.episode import Call, Episode, StopReason
from router_r1.errors import PolicyError
from router_r1.ledger import Ledger, Role
from router_r1.policies.base import Policy
from router_r1.pool import Account, ModelPool
from router_r1.protocol import Turn
from router_r1.transport.messages import Failure, FailureKind, Response


@dataclass(frozen=True, slots=True)
class TurnWritten:
    """The policy wrote a turn."""

    number: int
    turn: Turn
    calls: tuple[Call, ...]
    """The calls that follow; none if the turn is malformed or a limit was reached."""
    observation: str
    """What the policy reads immediately: a correction, or why no call was made; empty while responses are awaited."""


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call to a candidate was started."""

    turn: int
    call: Call


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call to a candidate ended, with an answer or a failure."""

    turn: int
    call: Call
    response: Response


@dataclass(frozen=True, slots=True)
class AnswerWritten:
    """An LLM wrote a piece of the final answer; all pieces together are the beginning of the answer, or all of it."""

    text: str


Event = TurnWritten | CallStarted | CallFinished | AnswerWritten
Emit = Callable[[Event], None]


async def roll_out(
    episode: Episode,
    policy: Policy,
    pool: ModelPool,
    ledger: Ledger,
    *,
    emit: Emit | None = None,
    timeout_s: float | None = None,
) -> None:
    """Drive `episode` to its end. Whether this returns or raises, the episode is over.

    Failures of models become observations or a stop reason.

    Args:
        episode: a new episode.
        policy: writes the turns.
        pool: the candidates that are called.
        ledger: books the cost of every call.
        emit: called with each event as it happens.
        timeout_s: seconds the episode may take; None: no limit.

    Raises:
        asyncio.CancelledError: the caller gave up; the calls in flight were cancelled.
        Exception: any error that a retry would not solve: a replay miss, a broken store, a bug.
    """
    clock = asyncio.timeout(timeout_s)
    try:
        async with clock:
            await _drive(episode, policy, pool, ledger, emit or (lambda _: None))
    except PolicyError as error:
        episode.stop(StopReason.POLICY_FAILED, str(error))
    except asyncio.CancelledError:
        if not episode.done:
            episode.stop(StopReason.CANCELLED)
        raise
    except BaseException as error:
        if clock.expired() and isinstance(error, TimeoutError):
            if not episode.done:
                episode.stop(StopReason.DEADLINE, f"not finished in {timeout_s:g} s")
            return
        if not episode.done:
            episode.stop(StopReason.ERROR, f"{type(error).__name__}: {error}")
        raise


async def _drive(
    episode: Episode, policy: Policy, pool: ModelPool, ledger: Ledger, emit: Emit
) -> None:
    while not episode.done:
        number = len(episode.turns) + 1
        account = Account(ledger, episode.id, number, Role.POLICY)
        written = await policy.write_turn(episode, account)
        if written.failure is not None:
            detail = f"{policy.name}: {written.failure.kind.value}: {written.failure.detail}"
            episode.stop(StopReason.POLICY_FAILED, detail)
            return
        step = episode.step(
            written.text,
            token_ids=written.token_ids,
            logprobs=written.logprobs,
            overhang=written.overhang,
            tokens=written.tokens,
            cost_usd=written.cost_usd,
        )
        emit(TurnWritten(number, step.turn, step.calls, step.observation))
        if step.calls:
            account = Account(ledger, episode.id, number, Role.CANDIDATE)
            await _ask_all(episode, step.calls, pool, account, emit)


async def _ask_all(
    episode: Episode, calls: tuple[Call, ...], pool: ModelPool, account: Account, emit: Emit
) -> None:
    """Make the calls of one turn concurrently, and let the episode observe the responses.

    If time runs out or the caller gives up, the episode still observes the responses that have arrived.
    """

    async def ask(call: Call) -> Response:
        asked = call.query if call.conversation is None else call.conversation
        response = await pool.ask(call.model, asked, account, sample_index=call.sample_index)
        emit(CallFinished(account.round, call, response))
        return response

    for call in calls:
        emit(CallStarted(account.round, call))
    tasks = [asyncio.ensure_future(ask(call)) for call in calls]
    try:
        episode.observe(await asyncio.gather(*tasks))
    except asyncio.CancelledError:
        done_before = [task.done() for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # The ledger has the cost of a cancelled call.
        cancelled = Response(failure=Failure(FailureKind.CANCELLED), cost_usd=0.0)
        episode.observe(
            [
                task.result()
                if was_done and not task.cancelled() and not task.exception()
                else cancelled
                for task, was_done in zip(tasks, done_before, strict=True)
            ]
        )
        raise
    finally:
        for task in tasks:
            task.cancel()
        # Wait, so that a cancelled call is booked and its connection closed before the episode ends.
        await asyncio.gather(*tasks, return_exceptions=True)
