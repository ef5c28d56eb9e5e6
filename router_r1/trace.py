"""Traces: the record of an episode as one line of JSON, appended when the episode ends.

A trace has all that is needed to show, score or replay an episode without its pool: question, cards, limits, every turn
with its responses, the aggregation, and every ledger row. It has no key and no environment variable.
"""

from __future__ import annotations

import fcntl
import functools
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, PlainSerializer, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from router_r1.aggregation.base import Aggregation
from router_r1.conversation import Conversation
from router_r1.episode import Episode, Limits, StopReason, TurnRecord
from router_r1.errors import TraceError, one_line
from router_r1.files import drop_unfinished_line, input_lines, open_input
from router_r1.ledger import Ledger, LedgerEntry
from router_r1.model_cards import ModelCard
from router_r1.prompts import PROMPT_VERSION
from router_r1.transport.messages import Message

log = logging.getLogger("router_r1.trace")

SCHEMA = "router-r1.trace/1"
_START = f'{{"schema":"{SCHEMA}"'.encode()  # of every line


@functools.cache
def package_version() -> str:
    """The installed version of this package; cached, as the lookup takes longer than writing a trace."""
    try:
        return version("router-r1")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _dump_cards(cards: tuple[ModelCard, ...]) -> list[dict[str, Any]]:
    # Drop how a candidate is reached: that does not affect the record.
    hidden = {"limits", "endpoint"}
    return [card.model_dump(mode="json", exclude=hidden, exclude_none=True) for card in cards]


@dataclass(frozen=True)
class Trace:
    """The record of one episode."""

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    schema: str
    router_r1: str
    """Version of the package that wrote the trace."""
    prompt_version: str
    pool_version: str
    episode_id: str
    question: str
    opening: tuple[Message, ...]
    candidates: Annotated[tuple[ModelCard, ...], PlainSerializer(_dump_cards)]
    limits: Limits
    sample_index: int
    turns: tuple[TurnRecord, ...]
    rounds: int
    stop_reason: StopReason
    stop_detail: str
    policy: str
    """Name of the policy that wrote the turns."""
    policy_answer: str | None
    """The policy's own answer; None if it gave none."""
    answer: str | None
    """The final answer, after aggregation."""
    aggregation: Aggregation | None
    ledger: tuple[LedgerEntry, ...]
    cost_usd: float
    """Dollars of all ledger rows."""
    started_at: float
    """Unix time in seconds."""
    latency_s: float
    metadata: dict[str, Any] = field(default_factory=dict)
    """Data the caller attached, e.g. a question id or a gold answer."""
    conversation: Conversation | None = None
    """The conversation that was replied to; None for a question that is text."""

    @classmethod
    def of(
        cls,
        episode: Episode,
        ledger: Ledger,
        *,
        policy: str,
        pool_version: str,
        answer: str | None,
        aggregation: Aggregation | None,
        started_at: float,
        latency_s: float,
        metadata: dict[str, Any] | None = None,
    ) -> Trace:
        """Make the record of a finished episode.

        Args:
            episode: the episode.
            ledger: its calls and their costs.
            policy: name of the policy.
            pool_version: version of the pool.
            answer: the final answer, after aggregation.
            aggregation: how the final answer was made; None if aggregation did not finish.
            started_at: Unix time in seconds.
            latency_s: seconds from start to end, aggregation included.
            metadata: data to attach; must be JSON.

        Raises:
            TraceError: the episode is not over.
        """
        if episode.stop_reason is None:
            raise TraceError(
                "only a finished episode has a trace; step it to its end, or stop() it"
            )
        return cls(
            schema=SCHEMA,
            router_r1=package_version(),
            prompt_version=PROMPT_VERSION,
            pool_version=pool_version,
            episode_id=episode.id,
            question=episode.question,
            opening=episode.opening,
            candidates=episode.cards,
            limits=episode.limits,
            sample_index=episode.sample_index,
            turns=episode.turns,
            rounds=episode.rounds,
            stop_reason=episode.stop_reason,
            stop_detail=episode.stop_detail,
            policy=policy,
            policy_answer=episode.answer,
            answer=answer,
            aggregation=aggregation,
            ledger=tuple(ledger),
            cost_usd=ledger.cost_usd(),
            started_at=started_at,
            latency_s=latency_s,
            metadata=metadata or {},
            conversation=episode.conversation,
        )

    def to_json(self) -> str:
        """The trace as one line of JSON. Raises `TraceError` for a text or value that JSON cannot hold."""
        try:
            return _adapter().dump_json(self).decode()
        except (PydanticSerializationError, ValueError) as error:
            raise TraceError(f"cannot be written as JSON: {one_line(error)}") from error

    def to_dict(self) -> dict[str, Any]:
        """The JSON object as a dictionary."""
        data: dict[str, Any] = json.loads(self.to_json())
        return data

    @classmethod
    def from_json(cls, text: str | bytes) -> Trace:
        """Read a line that `to_json` wrote. Raises `TraceError` for anything else."""
        try:
            trace = _adapter().validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            problem = f"not a trace: {where + ': ' if where else ''}{first['msg']}"
            raise TraceError(one_line(problem)) from None
        if trace.schema != SCHEMA:
            raise TraceError(f"expected a trace in format {SCHEMA}, found {trace.schema}")
        return trace

    def replay(self) -> Episode:
        """Drive a new episode through the recorded turns and responses, and return it finished.

        With the version of the package that recorded it, transcript, costs and stop reason equal the recorded ones.
        """
        episode = Episode(
            self.conversation or self.question,
            self.candidates,
            self.limits,
            episode_id=self.episode_id,
            prompt=lambda *_: self.opening,
            sample_index=self.sample_index,
        )
        for record in self.turns:
            step = episode.step(
                record.turn.text,
                token_ids=record.token_ids,
                logprobs=record.logprobs,
                overhang=record.overhang,
                tokens=record.tokens,
                cost_usd=record.cost_usd,
            )
            responses = [o.response for o in record.outcomes if o.response is not None]
            if step.calls and responses:
                episode.observe(responses)
        if not episode.done:
            episode.stop(self.stop_reason, self.stop_detail)
        return episode


@functools.cache
def _adapter() -> TypeAdapter[Trace]:
    return TypeAdapter(Trace)


class TraceWriter:
    """Appends traces to a file, which several writers may share, also in other processes.

    The first write creates the file and its folder. `close` may be called at any time; a later write reopens the file.
    """

    def __init__(self, path: str | Path) -> None:
        """Check the path. Raises `TraceError` if it cannot be written to."""
        self.path = Path(path)
        self._lock = threading.Lock()
        self._file: int | None = None
        try:
            place = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
            usable = os.access(place, os.R_OK | os.W_OK) and (
                (place.is_file() or place.is_char_device())
                if place == self.path
                else place.is_dir()
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise TraceError(f"{self.path}: cannot be written: {reason}") from error
        if not usable:
            raise TraceError(f"{self.path}: cannot be written; choose another path")
        if self.path.is_file():
            with open_input(self.path) as file:
                start = file.read(len(_START))
            if not _START.startswith(start):
                raise TraceError(f"{self.path}: is not a file of traces; choose another path")

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the file exclusively, among threads and among processes."""
        with self._lock:
            if self._file is not None and os.fstat(self._file).st_nlink == 0:
                os.close(
                    self._file
                )  # the file was removed: nobody could find what is written to it
                self._file = None
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield self._file
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def write(self, trace: Trace) -> None:
        """Append one trace. On return, the operating system has the whole line.

        Raises:
            TraceError: it could not be written, e.g. because the disk is full. The file has no part of it.
        """
        try:
            line = (trace.to_json() + "\n").encode()
            with self._locked() as file:
                drop_unfinished_line(file, self.path)
                try:
                    while line:
                        line = line[os.write(file, line) :]
                except OSError:
                    drop_unfinished_line(file, self.path)
                    raise
        except OSError as error:
            raise TraceError(
                f"{self.path}: the trace cannot be written: {error.strerror}"
            ) from error
        except TraceError as error:
            raise TraceError(f"{self.path}: the trace {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_traces(path: str | Path) -> Iterator[Trace]:
    """Read a trace file lazily, in order.

    An unfinished last line, left by a writer that was killed, is skipped with a warning.

    Raises:
        TraceError: the file cannot be read, or a finished line is not a trace; names file and line.
    """
    try:
        for number, line in enumerate(input_lines(path), 1):
            if not line.endswith(b"\n"):
                log.warning("%s:%d: skipped an unfinished line", path, number)
            elif line.strip():
                try:
                    yield Trace.from_json(line)
                except TraceError as error:
                    raise TraceError(f"{path}:{number}: {error}") from error
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from error
