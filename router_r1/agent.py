"""`RouterAgent`: a policy, a pool and an aggregator, asked one question or thousands.

    agent = RouterAgent(policy=policy, pool=pool, aggregator="synthesize", budget_usd=0.002, max_rounds=4)
    result = agent.ask("Who wrote the opera that opened the theatre in ...?")

Every call walks episode -> protocol -> pool, writes its trace the moment it ends, and returns a `Result`, also when
the policy never answered: see `stop_reason`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from router_r1 import config
from router_r1.aggregation.base import Aggregation, Aggregator
from router_r1.aggregation.settings import make_aggregator
from router_r1.episode import Episode, Limits, StopReason
from router_r1.errors import CallerError, ConfigError
from router_r1.ledger import Ledger
from router_r1.policies.base import Policy
from router_r1.pool import Account, ModelPool
from router_r1.prompts import PROMPTS, PromptBuilder
from router_r1.rollout import Emit, Event, roll_out
from router_r1.trace import Trace, TraceWriter

T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """The outcome of one question."""

    question: str
    answer: str | None
    """The final answer; None when nothing led to one."""
    cost_usd: float
    """Dollars of all attempts of candidates, policy and aggregator, at the declared prices."""
    rounds: int
    """Rounds of routing."""
    stop_reason: StopReason
    trace: Trace = field(repr=False)
    ledger: Ledger = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a stream."""

    result: Result


class RouterAgent:
    """Answers questions. Safe to use from several threads and event loops; close it, or use it in a `with` block."""

    def __init__(
        self,
        *,
        policy: Policy,
        pool: ModelPool,
        aggregator: str | Aggregator = "policy",
        budget_usd: float | None = None,
        max_rounds: int | None = None,
        limits: Limits | None = None,
        timeout_s: float | None = None,
        traces: str | Path | None = None,
        prompt: str | PromptBuilder = "full",
    ) -> None:
        """
        Args:
            policy: who writes the turns.
            pool: who can be asked.
            aggregator: `policy`, `select`, `vote`, `synthesize`, or an object from `router_r1.aggregation`.
            budget_usd: dollars a question may cost, all told; wins over `limits`. None: no limit.
            max_rounds: most rounds of routing; wins over `limits`.
            limits: all limits of an episode.
            timeout_s: seconds the rounds of a question may take before it is stopped with what there is.
            traces: file to append traces to.
            prompt: what a policy reads first: `full`, `compact` (for a small policy trained on this pool), or a
                function as in `router_r1.prompts`.

        Raises:
            ConfigError: a key is not set, a limit is out of range, an aggregator does not fit the pool.
        """
        if not isinstance(pool, ModelPool):
            raise ConfigError(f"agent: pool is a {type(pool).__name__}; give a ModelPool")
        if not hasattr(policy, "write_turn"):
            raise ConfigError(
                f"agent: policy is a {type(policy).__name__}; give an OpenAIPolicy, say"
            )
        given = {"budget_usd": budget_usd, "max_rounds": max_rounds}
        fields = (limits or Limits()).model_dump()
        fields |= {name: value for name, value in given.items() if value is not None}
        self.limits = config.validate(Limits, fields, "agent")
        if timeout_s is not None and timeout_s <= 0:
            raise ConfigError(f"agent: timeout_s is {timeout_s}; give seconds above 0, or None")
        self.timeout_s = timeout_s
        if isinstance(prompt, str) and prompt not in PROMPTS:
            raise ConfigError(f"agent: prompt is {prompt!r}; give one of {', '.join(PROMPTS)}")
        self.prompt = PROMPTS[prompt] if isinstance(prompt, str) else prompt
        self.policy = policy
        self.pool = pool
        self.aggregator = make_aggregator(aggregator) if isinstance(aggregator, str) else aggregator
        self.aggregator.check(pool)
        pool.check()
        policy.check()
        self._writer = TraceWriter(traces) if traces is not None else None
        self._background = _Background()

    # --- one question

    def ask(self, question: str, **options: Any) -> Result:
        """Answer one question and wait for it; works inside a notebook too. Options as for `aask`."""
        return self._background.run(self.aask(question, **options))

    async def aask(
        self,
        question: str,
        *,
        emit: Emit | None = None,
        sample_index: int = 0,
        metadata: dict[str, Any] | None = None,
    ) -> Result:
        """Answer one question.

        Args:
            question: must not be empty.
            emit: called with each event as it happens.
            sample_index: tells repeated samples of one question apart in recordings.
            metadata: kept in the trace.

        Raises:
            ReplayMissError: a replayed pool lacks an answer.
            asyncio.CancelledError: the caller gave up; upstream calls were cancelled and the trace is written.
        """
        try:
            json.dumps(metadata)
        except (TypeError, ValueError) as error:  # before anything is paid for
            raise ConfigError(f"metadata can not be written as JSON: {error}") from error
        episode = Episode(
            question,
            self.pool.cards,
            self.limits,
            prompt=self.prompt,
            sample_index=sample_index,
        )
        ledger = Ledger()
        started_at, clock = time.time(), time.monotonic()
        aggregation: Aggregation | None = None

        def record() -> Trace:
            trace = Trace.of(
                episode,
                ledger,
                policy=self.policy.name,
                pool_version=self.pool.version,
                answer=aggregation.answer if aggregation else episode.answer,
                aggregation=aggregation,
                started_at=started_at,
                latency_s=time.monotonic() - clock,
                metadata=metadata,
            )
            if self._writer is not None:
                self._writer.write(trace)
            return trace

        try:
            await roll_out(
                episode, self.policy, self.pool, ledger, emit=emit, timeout_s=self.timeout_s
            )
            account = Account(ledger, episode.id, len(episode.turns) + 1)
            aggregation = await self.aggregator.aggregate(episode, self.pool, account)
        finally:
            trace = record()
        return Result(
            question=question,
            answer=trace.answer,
            cost_usd=trace.cost_usd,
            rounds=episode.rounds,
            stop_reason=trace.stop_reason,
            trace=trace,
            ledger=ledger,
        )

    async def astream(self, question: str, **options: Any) -> AsyncIterator[Event | Finished]:
        """Answer one question, yielding `TurnWritten`, `CallStarted`, `CallFinished` as they happen, then `Finished`.

        Leaving the loop early cancels the question and its upstream calls.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        task = asyncio.ensure_future(self.aask(question, emit=events.put_nowait, **options))
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield Finished(task.result())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # --- many questions

    def ask_many(
        self, questions: Iterable[str], *, concurrency: int = 64, progress: bool = True
    ) -> list[Result]:
        """Answer many questions at once; results in the order of the questions. See `aask_many`."""
        items = questions if isinstance(questions, str) else list(questions)
        if not progress:
            return self._background.run(self.aask_many(items, concurrency=concurrency))
        from router_r1.progress import counting

        with counting("asking", len(items)) as advance:
            return self._background.run(
                self.aask_many(
                    items,
                    concurrency=concurrency,
                    on_result=lambda result: advance(result.cost_usd),
                )
            )

    async def aask_many(
        self,
        questions: Sequence[str],
        *,
        concurrency: int = 64,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]:
        """Answer many questions, at most `concurrency` episodes at a time.

        An error that is no model's failure (a replay miss, say) cancels what is running and is raised; the traces of
        finished questions are on disk by then.
        """
        if concurrency < 1:
            raise ConfigError(f"concurrency is {concurrency}; it must be at least 1")
        if isinstance(questions, str):
            raise ConfigError("expected a list of questions, got one text; use ask()")
        for number, question in enumerate(questions, 1):
            if not isinstance(question, str) or not question.strip():
                raise ConfigError(f"question {number} of {len(questions)} is empty; remove it")
        results: dict[int, Result] = {}
        waiting = iter(enumerate(questions))

        async def work() -> None:
            for index, question in waiting:
                results[index] = await self.aask(question)
                if on_result is not None:
                    on_result(results[index])

        workers = [asyncio.ensure_future(work()) for _ in range(min(concurrency, len(questions)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return [results[index] for index in range(len(questions))]

    # --- the end

    def close(self) -> None:
        """Release connections, files and the background thread; questions in flight there are cancelled.

        May be called again. An agent that is asked after it was closed opens what it needs anew.
        """
        self._background.stop(self.aclose())

    async def aclose(self) -> None:
        """Release the running event loop's connections, and files."""
        await self.policy.aclose()
        await self.pool.aclose()
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _Background:
    """An event loop in a thread, for callers that have none or can not wait on theirs.

    One loop for all synchronous calls of an agent, so that connections and queues are shared between them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait; an interrupt here cancels it there."""
        with self._lock:
            if threading.current_thread() is self._thread:
                work.close()
                raise CallerError(
                    "ask() and close() wait, and can not be called from a callback; use aask() and aclose()"
                )
            if self._loop is None:
                self._loop, self._thread = _start()
                # An agent that is never closed takes its thread with it.
                weakref.finalize(self, _end, self._loop)
            ended = threading.Event()
            future: Future[T] = asyncio.run_coroutine_threadsafe(_then(work, ended), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            # After an interrupt: let the calls in flight be cancelled and the trace be written.
            ended.wait(5.0)
            raise

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what is running, run `last`, end the thread; a `run` meanwhile or later starts another."""
        with self._lock:
            if threading.current_thread() is self._thread:
                last.close()
                raise CallerError(
                    "close() waits, and can not be called from a callback; use aclose()"
                )
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            loop, thread = _start()

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last

        try:
            asyncio.run_coroutine_threadsafe(end(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _start() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop,), name="router-r1", daemon=True)
    thread.start()
    return loop, thread


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)


async def _then(work: Coroutine[Any, Any, T], ended: threading.Event) -> T:
    try:
        return await work
    finally:
        ended.set()
