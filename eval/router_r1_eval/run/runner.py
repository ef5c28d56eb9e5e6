"""Ask the questions of a benchmark: an agent, and single models of its pool. What was answered is not asked again.

    run.json          what is run: benchmark, configuration, versions; a rerun must be of the same
    questions.jsonl   the questions
    traces.jsonl      every episode, appended the moment it ends: an interrupted run loses what was in flight

A single model is an agent too, one that passes the question on and takes the whole reply for its answer. So both have the same
ledger, retries, limits on calls, and traces.

Not covered: what the answers are worth (`scoring.py`), and tables that were recorded elsewhere (`tournament.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import math
import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from router_r1.agent import Result, RouterAgent
from router_r1.aggregation.base import Aggregation
from router_r1.data.questions import Question, read_questions, write_questions
from router_r1.episode import Episode, Limits, StopReason
from router_r1.errors import ConfigError, DataError
from router_r1.files import write_json
from router_r1.pool import Account, ModelPool
from router_r1.pricing import Price
from router_r1.protocol import Route, render_turn
from router_r1.testing import ScriptedPolicy
from router_r1.trace import Trace, read_traces
from router_r1.transport.messages import MODEL_FAULTS

_BROKEN_OFF = frozenset({StopReason.ERROR, StopReason.CANCELLED})
_NO_ANSWER = frozenset({StopReason.POLICY_FAILED, StopReason.DEADLINE})
_FREE = Price(input=0, output=0)
_PASSES_ON = "passes on to "
_LONGEST = 10**7  # tokens of a question that is passed on


@dataclass(frozen=True, slots=True)
class Job:
    """One question for one router, once."""

    router: str
    question: str
    """Its id."""
    sample: int


@dataclass(frozen=True)
class Contestant:
    """Somebody who answers questions."""

    name: str
    kind: Literal["agent", "bar"]
    agent: RouterAgent


@dataclass(frozen=True)
class Reply:
    """Takes the last reply of a candidate as it is; no answer where there is none."""

    kind: str = "reply"

    def check(self, pool: ModelPool) -> None:
        """Works with every pool."""

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Pass it on."""
        replies = [o.response for turn in episode.turns for o in turn.outcomes if o.response]
        text = replies[-1].text if replies and replies[-1].ok else None
        return Aggregation(self.kind, text)


def single(pool: ModelPool, name: str, traces: Path, timeout_s: float | None = None) -> Contestant:
    """One model of a pool, asked every question. Raises `ConfigError` for a name the pool does not hold."""
    pool.card(name)

    def write(episode: Episode) -> str:
        if episode.turns:
            return render_turn("Its reply stands.", answer="-")
        return render_turn("Pass it on.", [Route(name, episode.question)])

    limits = Limits(
        max_rounds=1, max_routes=1, max_turn_tokens=_LONGEST, max_policy_tokens=2 * _LONGEST
    )
    policy = ScriptedPolicy(write, name=f"{_PASSES_ON}{name}", price=_FREE)
    agent = RouterAgent(
        policy=policy,
        pool=pool,
        aggregator=Reply(),
        limits=limits,
        timeout_s=timeout_s,
        traces=traces,
    )
    return Contestant(name, "bar", agent)


class RunFolder:
    """The files of a run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.traces = self.path / "traces.jsonl"
        self.questions = self.path / "questions.jsonl"
        self.settings = self.path / "run.json"

    def begin(
        self, fixed: Mapping[str, Any], questions: Sequence[Question], *, resume: bool
    ) -> None:
        """Write what is run; a folder that holds a run is gone on with, if it is of the same.

        Args:
            fixed: what a rerun may not change. Questions, samples and routers may be added.
            questions: all that will be asked.
            resume: the folder may hold a run.

        Raises:
            ConfigError: it does and it may not, or it is another run.
        """
        if self.traces.exists() and not self.settings.exists():
            raise ConfigError(
                f"{self.path} has traces and no run.json that says of what; choose another --out"
            )
        if self.settings.exists():
            if not resume:
                raise ConfigError(
                    f"{self.path} holds a run; go on with it by --resume, or choose another --out"
                )
            began = self.read_settings()["fixed"]
            now = json.loads(json.dumps(fixed))
            other = sorted(key for key in {*began, *now} if began.get(key) != now.get(key))
            if other:
                raise ConfigError(
                    f"{self.path} was begun with another {' and '.join(other)} (see {self.settings}); choose another --out"
                )
            known = {q.id: q for q in read_questions(self.questions)}
            for question in questions:
                if known.setdefault(question.id, question) != question:
                    raise ConfigError(
                        f"{self.path}: the question {question.id!r} is not what it was when this run began; make the same change in "
                        f"{self.questions} too, or choose another --out"
                    )
            questions = list(known.values())
        write_questions(self.questions, questions)
        self.write_settings({"fixed": dict(fixed)})

    def read_settings(self) -> dict[str, Any]:
        """The content of `run.json`. Raises `DataError` where there is none."""
        try:
            found: dict[str, Any] = json.loads(self.settings.read_text())
            found["fixed"]["benchmark"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.settings}: no run, which `router-r1 eval` writes: {error}"
            ) from error
        return found

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Replace the content of `run.json`, whole or not at all; what is there and not given stays."""
        kept = self.read_settings() if self.settings.exists() else {}
        write_json(self.settings, kept | dict(settings))

    def episodes(self) -> dict[Job, tuple[Trace, ...]]:
        """All traces of each job; the last one counts, unless another says more: it did not fail, or has an answer. Then that one is last.

        Raises:
            DataError: traces of something else.
        """
        found: dict[Job, tuple[Trace, ...]] = {}
        for trace in read_traces(self.traces) if self.traces.exists() else ():
            try:
                job = Job(trace.metadata["router"], trace.metadata["id"], trace.sample_index)
            except KeyError as error:
                raise DataError(f"{self.traces}: a trace says no {error} in its metadata") from None
            tried = found.get(job, ())
            better = not tried or _worth(trace) >= _worth(tried[-1])
            found[job] = (*tried, trace) if better else (trace, *tried)
        return found

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out while a run goes on. Raises `ConfigError` if one is at it already."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "run.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"{self.path}: another process runs here; wait for it") from None
            yield


def passed_on(trace: Trace) -> bool:
    """Is it the episode of a single model?"""
    return trace.policy.startswith(_PASSES_ON)


def failed(trace: Trace) -> bool:
    """Does it say too little about the router, so that it is asked again?

    It broke off; or policy or deadline failed and there is no answer; or candidates were called and not one could be reached, for an agent as
    for a single model. An empty reply is a model's own doing. An agent may have answered without them; then
    that is what counts until it is asked again (`graded_answer`).
    """
    if broken_off(trace):
        return True
    if trace.stop_reason in _NO_ANSWER and trace.answer is None:
        return True
    replies = [o.response for turn in trace.turns for o in turn.outcomes if o.response]
    return bool(replies) and all(
        reply.failure is not None and reply.failure.kind not in MODEL_FAULTS for reply in replies
    )


def broken_off(trace: Trace) -> bool:
    """Was the router never asked to the end, by nobody's fault (an interrupt, a bug)?"""
    return trace.stop_reason in _BROKEN_OFF


def graded_answer(trace: Trace) -> str | None:
    """What of an episode counts: its answer, also while it waits to be asked again; None where it has none, or broke off."""
    return None if broken_off(trace) else trace.answer


def _worth(trace: Trace) -> tuple[bool, bool, bool]:
    return not failed(trace), graded_answer(trace) is not None, not broken_off(trace)


def why_failed(trace: Trace) -> str:
    """Why an episode failed, in words."""
    failures = [
        o.response.failure
        for turn in trace.turns
        for o in turn.outcomes
        if o.response is not None and o.response.failure is not None
    ]
    if failures:
        return f"{failures[-1].kind.value}: {failures[-1].detail}".strip(": ")
    return trace.stop_detail or trace.stop_reason.value


def jobs(
    routers: Sequence[str],
    questions: Iterable[Question],
    samples: int,
    done: Mapping[Job, Sequence[Trace]],
) -> Iterator[Job]:
    """What is left to do, question by question: a run that is cut short has the same questions for all."""
    for question in questions:
        for sample in range(samples):
            for router in routers:
                job = Job(router, question.id, sample)
                if job not in done or failed(done[job][-1]):
                    yield job


async def ask_all(
    contestants: Sequence[Contestant],
    questions: Sequence[Question],
    todo: Sequence[Job],
    instruction: str = "",
    *,
    concurrency: int = 64,
    max_usd: float = math.inf,
    on_result: Callable[[Job, Result], None] = lambda *_: None,
) -> bool:
    """Carry out jobs; their traces are on disk when this returns, or raises.

    Args:
        contestants: the routers that jobs name.
        questions: the questions that jobs name.
        todo: the jobs, in the order they are begun.
        instruction: how to answer, put under every question.
        concurrency: most episodes at a time.
        max_usd: no new episode begins when what was spent, and what those in flight may cost by the mean of the others, comes to more. Few
            are in flight until there is a mean.
        on_result: called when an episode has ended.

    Returns:
        True if all were carried out, False if the money ended first.
    """
    agents = {contestant.name: contestant.agent for contestant in contestants}
    texts = {question.id: question for question in questions}
    waiting = iter(todo)
    spent, finished, flying = 0.0, 0, 0
    enough = False
    ended = asyncio.Condition()

    def affordable() -> bool:
        return spent + (flying + 1) * spent / max(1, finished) <= max_usd

    def room() -> bool:
        return flying <= finished  # so that a price is known before much is spent

    async def work() -> None:
        nonlocal spent, finished, flying, enough
        for job in waiting:
            if max_usd < math.inf:
                async with ended:
                    await ended.wait_for(room)
            if enough or not affordable():
                enough = True
                return
            question = texts[job.question]
            flying += 1
            try:
                result = await agents[job.router].aask(
                    asked(question, instruction),
                    sample_index=job.sample,
                    metadata={
                        "id": question.id,
                        "router": job.router,
                        "gold": list(question.answers),
                        "category": question.category,
                    },
                )
            finally:
                flying -= 1
            spent += result.cost_usd
            finished += 1
            async with ended:
                ended.notify_all()
            on_result(job, result)

    workers = [asyncio.ensure_future(work()) for _ in range(min(concurrency, len(todo)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for contestant in contestants:
            await contestant.agent.aclose()
    return not enough


def asked(question: Question, instruction: str) -> str:
    """What a router is asked."""
    return f"{question.question}\n\n{instruction}" if instruction else question.question


def peak_mib() -> dict[str, float]:
    """Peak memory of this process, and of its GPU where a policy ran there; MiB."""
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"process": rss / (2**20 if sys.platform == "darwin" else 2**10)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.max_memory_allocated() / 2**20
    return found
