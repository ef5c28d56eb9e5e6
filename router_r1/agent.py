"""`RouterAgent`: answers one question or thousands with a policy, a pool and an aggregator.

    agent = RouterAgent(policy=policy, pool=pool, aggregator="synthesize", budget_usd=0.002, max_rounds=4)
    result = agent.ask("Who wrote the opera that opened the theatre in ...?")

Each question runs one episode and returns a `Result`, even if the policy never answered; `stop_reason` says why. The
trace is appended as soon as the episode ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from router_r1 import config, search_dialect
from router_r1.aggregation.base import Aggregation, Aggregator
from router_r1.aggregation.settings import make_aggregator
from router_r1.aggregation.statements import statements_of
from router_r1.aggregation.synthesize import Synthesize
from router_r1.background_loop import BackgroundLoop
from router_r1.concurrency import for_each
from router_r1.conversation import Conversation
from router_r1.episode import Episode, Limits, StopReason, adopted_reply
from router_r1.errors import ConfigError, TraceError
from router_r1.forwarded_answer import FORMAL, able, ask_for_reply, forwarded_reply
from router_r1.json_text import problem_in
from router_r1.ledger import Ledger
from router_r1.policies.base import Policy
from router_r1.pool import Account, ModelPool
from router_r1.prompts import PROMPTS, AnswerStyle, PromptBuilder
from router_r1.rollout import AnswerWritten, Emit, Event, roll_out
from router_r1.trace import Trace, TraceWriter
from router_r1.transport.messages import Response

log = logging.getLogger("router_r1.agent")


@dataclass(frozen=True)
class Result:
    """The outcome of one question."""

    question: str
    answer: str | None
    """The final answer, after aggregation; None if there is none."""
    message: dict[str, Any] | None
    """The whole message of the candidate whose reply is the answer, where it has more than text: tool calls."""
    finish_reason: str | None
    """Why that candidate's reply ended; None where the answer is not a candidate's reply."""
    cost_usd: float
    """Dollars for all calls (candidates, policy, aggregator; failed attempts included), at the declared prices."""
    rounds: int
    """Number of routing rounds."""
    stop_reason: StopReason
    trace: Trace = field(repr=False)
    ledger: Ledger = field(repr=False)
    not_saved: str | None = None
    """What could not be written to its file, and why: the trace, or calls that were to be recorded. None if all was."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a stream, with the result."""

    result: Result


class RouterAgent:
    """Answers questions. Safe to use from several threads and event loops. Close it, or use a `with` block."""

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
        style: AnswerStyle = "short",
        fallback: str | None = None,
    ) -> None:
        """
        Args:
            policy: writes the turns.
            pool: the candidates.
            aggregator: a name in `aggregation.AGGREGATORS`, e.g. `vote`, or an aggregator with settings.
            budget_usd: dollars a question may cost, all calls together; takes precedence over `limits`. None: no limit.
            max_rounds: the most rounds of routing; takes precedence over `limits`.
            limits: all limits of an episode; by default those of `Limits`, or those that belong to `router_r1`.
            timeout_s: seconds the rounds of a question may take; the responses so far are then aggregated. None: no
                limit.
            traces: file to which traces are appended.
            prompt: the opening prompt: `full`, `compact` (for a small policy trained on this pool), `router_r1` (for
                Router-R1's weights), or a function like those in `router_r1.prompts`.
            style: `short` answers, as benchmarks grade them, or `full` ones, for people. A small policy that was
                trained to answer shortly gives full answers by adopting a reply, or with `synthesize`.
            fallback: the candidate that answers where the policy gives no answer; None: nobody does.

        Raises:
            ConfigError: a key is not set, a limit is out of range, or the aggregator does not fit the pool.
        """
        if not isinstance(pool, ModelPool):
            raise ConfigError(f"agent: pool is a {type(pool).__name__}; give a ModelPool")
        if not hasattr(policy, "write_turn"):
            raise ConfigError(
                f"agent: policy is a {type(policy).__name__}; give a policy, e.g. an OpenAIPolicy"
            )
        given = {"budget_usd": budget_usd, "max_rounds": max_rounds}
        if limits is None and prompt == search_dialect.NAME:
            limits = Limits(**search_dialect.LIMITS)
        fields = (limits or Limits()).model_dump()
        fields |= {name: value for name, value in given.items() if value is not None}
        self.limits = config.validate(Limits, fields, "agent")
        if timeout_s is not None and timeout_s <= 0:
            raise ConfigError(f"agent: timeout_s is {timeout_s}; give seconds above 0, or None")
        self.timeout_s = timeout_s
        if isinstance(prompt, str) and prompt not in PROMPTS:
            raise ConfigError(f"agent: prompt is {prompt!r}; give one of {', '.join(PROMPTS)}")
        self.prompt = PROMPTS[prompt] if isinstance(prompt, str) else prompt
        if style not in ("short", "full"):
            raise ConfigError(f"agent: style is {style!r}; give short or full")
        self.style: AnswerStyle = style
        self.fallback = None if fallback is None else pool.card(fallback).name
        self.policy = policy
        self.pool = pool
        self.aggregator = make_aggregator(aggregator) if isinstance(aggregator, str) else aggregator
        self.aggregator.check(pool)
        pool.check()
        policy.check()
        self._writer = TraceWriter(traces) if traces is not None else None
        self._logged: set[str] = set()
        self._background = BackgroundLoop()

    # --- one question

    def ask(self, question: str | Conversation, **options: Any) -> Result:
        """Answer one question and wait for it, also inside a notebook. Options as for `aask`."""
        return self._background.run(self.aask(question, **options))

    async def aask(
        self,
        question: str | Conversation,
        *,
        emit: Emit | None = None,
        sample_index: int = 0,
        metadata: dict[str, Any] | None = None,
        limits: Limits | None = None,
        timeout_s: float | None = None,
        ledger: Ledger | None = None,
    ) -> Result:
        """Answer one question, or reply to a conversation.

        Args:
            question: the question, or the conversation; must not be empty.
            emit: called with each event as it happens.
            sample_index: number of this sample of the question, so that recordings keep samples apart.
            metadata: kept in the trace; must be JSON.
            limits: limits of this episode; by default the agent's.
            timeout_s: seconds the rounds of this question may take; by default the agent's.
            ledger: where all calls are booked, also those of a question that is cancelled; by default a new one.

        Raises:
            ConfigError: the question is empty, or the metadata is not JSON.
            CannotServeError: no candidate can do what the conversation needs.
            ReplayMissError: a call is replayed and was not recorded.
            asyncio.CancelledError: the caller gave up; upstream calls were cancelled and the trace was written.

        A trace or a recording that cannot be written is no error here, since the answer was paid for: it is logged, and
        `Result.not_saved` names the file.
        """
        _check_metadata(metadata)
        if isinstance(question, Conversation):
            able(question, self.pool.cards)
        episode = Episode(
            question,
            self.pool.cards,
            limits or self.limits,
            prompt=self.prompt,
            style=self.style,
            sample_index=sample_index,
        )
        ledger = Ledger() if ledger is None else ledger
        reply: Response | None = None
        started_at, clock = time.time(), time.monotonic()
        aggregation: Aggregation | None = None
        faults: list[str] = []

        try:
            timeout_s = self.timeout_s if timeout_s is None else timeout_s
            await roll_out(episode, self.policy, self.pool, ledger, emit=emit, timeout_s=timeout_s)
            account = Account(ledger, episode.id, len(episode.turns) + 1)
            aggregation, reply = await self._conclude(episode, account, emit)
        finally:
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
            faults += self._save(trace)
        return Result(
            question=episode.question,
            answer=trace.answer,
            message=None if reply is None else reply.message,
            finish_reason=None if reply is None else reply.finish_reason,
            cost_usd=trace.cost_usd,
            rounds=episode.rounds,
            stop_reason=trace.stop_reason,
            trace=trace,
            ledger=ledger,
            not_saved="; ".join(faults) or None,
        )

    async def _conclude(
        self, episode: Episode, account: Account, emit: Emit | None
    ) -> tuple[Aggregation, Response | None]:
        """The final answer, and the candidate's reply that it is, if it is one."""
        conversation = episode.conversation
        formal = conversation is not None and bool(conversation.needs & FORMAL)
        found = forwarded_reply(episode) if formal else None
        if not formal:
            aggregator = self.aggregator
            if isinstance(aggregator, Synthesize) and emit is not None and self.style == "full":
                aggregation = await aggregator.aggregate(
                    episode, self.pool, account, on_text=lambda text: emit(AnswerWritten(text))
                )
            else:
                aggregation = await aggregator.aggregate(episode, self.pool, account)
            if aggregation.answer is not None or self.fallback is None:
                adopted = adopted_reply(episode.turns)
                return aggregation, adopted if aggregation.answer == episode.answer else None
        if found is None:
            found = await ask_for_reply(episode, self.pool, account, self.fallback)
        kind = self.aggregator.kind
        reason = "formal" if formal else (episode.stop_reason or StopReason.ERROR).value
        if found is None:
            return Aggregation(kind, None, statements_of(episode), fallback=reason), None
        model, reply = found
        answer = reply.text or reply.shown
        return Aggregation(
            kind, answer, statements_of(episode), sources=(model,), model=model, fallback=reason
        ), reply

    def _save(self, trace: Trace) -> list[str]:
        """Write a trace. Returns what could not be written, here and in the record stores, and logs it."""
        stores = (self.pool.not_recorded, getattr(self.policy, "not_recorded", None))
        faults = [fault for fault in dict.fromkeys(stores) if fault is not None]
        if self._writer is not None:
            try:
                self._writer.write(trace)
            except TraceError as error:
                faults.append(str(error))
        for fault in faults:
            if fault not in self._logged:  # thousands of questions may meet the same full disk
                self._logged.add(fault)
                log.error("%s", fault)
        return faults

    async def astream(
        self, question: str | Conversation, **options: Any
    ) -> AsyncGenerator[Event | Finished, None]:
        """Answer one question; yields `TurnWritten`, `CallStarted` and `CallFinished` as they happen, then `Finished`.

        A full answer that an LLM writes from the replies comes in `AnswerWritten` events as it is written.

        Leaving the loop early cancels the question and its upstream calls. Options as for `aask`.
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
        """Answer many questions and wait for all of them; see `aask_many`.

        Args:
            questions: the questions.
            concurrency: the most episodes at a time.
            progress: whether to show progress on standard error.
        """
        items = questions if isinstance(questions, str) else list(questions)
        if not progress:
            return self._background.run(self.aask_many(items, concurrency=concurrency))
        from router_r1.progress import show_progress

        with show_progress("asking", len(items)) as advance:
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
        """Answer many questions concurrently; results are in the order of the questions.

        An exception other than the failure of a model, such as a replay miss, cancels all running episodes. The traces
        of finished questions are on disk by then.

        Args:
            questions: the questions.
            concurrency: the most episodes at a time, at least 1.
            on_result: called with each result as it arrives.

        Raises:
            ConfigError: `concurrency` is below 1, or a question is empty.
        """
        if concurrency < 1:
            raise ConfigError(f"concurrency is {concurrency}; it must be at least 1")
        if isinstance(questions, str):
            raise ConfigError("expected a list of questions, got one text; use ask()")
        for number, question in enumerate(questions, 1):
            if not isinstance(question, str) or not question.strip():
                raise ConfigError(f"question {number} of {len(questions)} is empty; remove it")
        results: dict[int, Result] = {}

        async def ask(index: int) -> None:
            results[index] = await self.aask(questions[index])
            if on_result is not None:
                on_result(results[index])

        await for_each(range(len(questions)), ask, concurrency=concurrency)
        return [results[index] for index in range(len(questions))]

    # --- closing

    def close(self) -> None:
        """Release connections, files and the background thread, and cancel the questions that run there.

        Closing twice is harmless, and a closed agent that is asked again reopens what it needs.
        """
        self._background.stop(self.aclose())

    async def aclose(self) -> None:
        """Release the connections of the running event loop, and files."""
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


def _check_metadata(metadata: dict[str, Any] | None) -> None:
    """Raise `ConfigError` for metadata that no trace can hold, before any call costs money."""
    if problem := problem_in(metadata):
        raise ConfigError(f"metadata cannot be written as JSON: {problem}")
