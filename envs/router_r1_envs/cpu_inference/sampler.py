"""Continuous batching for a Hugging Face causal language model on a CPU: token ids in, token ids and log-probs out.

A thread runs the model; requests join and leave its batch between steps (`batch` says how). A turn is written by one
version of the weights: new weights wait for the turns that are being written, and the turns that came later wait for
them. An error while generating fails every request that waits and every later one: nobody is left waiting.
"""

from __future__ import annotations

import atexit
import queue
import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import torch

from router_r1_envs.cpu_inference.batch import Batch, Request, Sampling, Turn
from router_r1_envs.cpu_inference.stop_strings import StopStrings


@dataclass(eq=False)
class _Load:
    state: Mapping[str, torch.Tensor]
    version: int | None
    done: Future[None] = field(default_factory=Future)


@dataclass(eq=False)
class _Abort:
    done: Future[int] = field(default_factory=Future)


class Sampler:
    """Owns a model and the thread that runs it."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        seed: int = 0,
        max_rows: int = 256,
        prefill_tokens: int = 8192,
        gather_s: float = 0.002,
    ) -> None:
        """
        Args:
            model: a causal language model with full attention; it belongs to the sampler from now on.
            tokenizer: its tokenizer; needed for stop strings.
            seed: of the draws.
            max_rows: most texts held at once, kept sessions included; others wait.
            prefill_tokens: most tokens fed in one pass over new prompts, padding included.
            gather_s: how long to wait for others when the first request comes, in seconds.

        Raises:
            ValueError: the model's attention is not full in every layer.
        """
        ends = getattr(model.generation_config, "eos_token_id", None)
        ends = {
            *(ends if isinstance(ends, list) else [ends]),
            getattr(tokenizer, "eos_token_id", None),
        }
        self._batch = Batch(model, ends - {None}, max_rows, prefill_tokens)
        self._state: dict[str, torch.Tensor] = model.state_dict()
        config = model.config.get_text_config()
        self._vocabulary = int(config.vocab_size)
        self._context: int | None = getattr(config, "max_position_embeddings", None)
        self._tokenizer, self._gather_s = tokenizer, gather_s
        self._seed, self._number = seed, 0
        self._stop_strings: dict[tuple[str, ...], StopStrings] = {}
        self._waiting: list[Request] = []
        self._admitted: list[Request] = []  # while they are being given rows
        self._loads: list[_Load] = []
        self._turns = 0  # how many have ended
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._inbox: queue.SimpleQueue[Request | _Load | _Abort | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="sampler", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # --- from any thread

    def submit(
        self, prompt: Sequence[int], sampling: Sampling, session: str | None = None
    ) -> Future[Turn]:
        """Ask for a turn.

        Args:
            prompt: token ids.
            sampling: how to draw it.
            session: the same for the turns of an episode, one at a time; None keeps nothing.

        Raises:
            ValueError: the prompt is empty, has ids the model does not know, or leaves too little room.
            RuntimeError: the sampler failed or was closed.
        """
        prompt = list(prompt)
        if not prompt or min(prompt) < 0 or max(prompt) >= self._vocabulary:
            raise ValueError(
                f"expected a prompt of ids from 0 to {self._vocabulary - 1}, got {len(prompt)} ids"
                + (f" from {min(prompt)} to {max(prompt)}" if prompt else "")
            )
        if self._context is not None and len(prompt) + sampling.max_tokens > self._context:
            raise ValueError(
                f"{len(prompt)} tokens of prompt and {sampling.max_tokens} to write do not fit into the"
                f" model's {self._context}"
            )
        with self._lock:
            stops = self._stops(sampling.stop)
            seed = (self._seed, self._number) if sampling.seed is None else sampling.seed
            self._number += 1
            request = Request(prompt, sampling, session, stops, random.Random(f"{seed}"))
            self._put(request)
        return request.done

    def load(self, state: Mapping[str, torch.Tensor], version: int | None = None) -> None:
        """Replace the weights, when the turns being written are done. All sessions are forgotten.

        Args:
            state: every tensor of the model by name; of tensors that are one, such as a tied `lm_head`, any.
            version: what turns written with them report.

        Raises:
            ValueError: a tensor is missing, unknown or of another shape; nothing was changed.
            RuntimeError: the sampler failed or was closed.
        """
        self._check_state(state)
        load = _Load(state, version)
        with self._lock:
            self._put(load)
        load.done.result()

    def abort(self) -> int:
        """End the turns that wait or are being written with what they have; says how many there were."""
        abort = _Abort()
        with self._lock:
            self._put(abort)
        return abort.done.result()

    def close(self) -> None:
        """Fail what waits, and end the thread."""
        atexit.unregister(self.close)
        self._inbox.put(None)
        self._thread.join()

    def _put(self, item: Request | _Load | _Abort) -> None:
        if self._error is not None:
            raise RuntimeError(f"the sampler has ended: {self._error}") from self._error
        self._inbox.put(item)

    def _stops(self, stops: tuple[str, ...]) -> StopStrings | None:
        if not stops:
            return None
        if self._tokenizer is None:
            raise ValueError(f"stop strings {stops} need a tokenizer; the sampler was made without")
        if stops not in self._stop_strings:
            self._stop_strings[stops] = StopStrings(stops, self._tokenizer)
        return self._stop_strings[stops]

    def _check_state(self, state: Mapping[str, torch.Tensor]) -> None:
        own = self._state
        given = {own[name].data_ptr() for name in state if name in own}
        problems = [f"missing {n}" for n, t in own.items() if t.data_ptr() not in given]
        problems += [f"unknown {n}" for n in state if n not in own]
        problems += [
            f"{n} is {tuple(t.shape)}, not {tuple(own[n].shape)}"
            for n, t in state.items()
            if n in own and t.shape != own[n].shape
        ]
        if problems:
            more = f", and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise ValueError(f"weights do not fit the model: {', '.join(problems[:5])}{more}")

    # --- in the thread

    def _serve(self) -> None:
        try:
            with torch.inference_mode():
                while self._receive():
                    self._load_weights()
                    self._admitted = self._next()
                    self._batch.start(self._admitted)
                    self._admitted = []
                    self._batch.step()
            raise RuntimeError("it was closed")
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Tell everybody who waits; from here on `_put` refuses."""
        with self._lock:
            self._error = error
            waiting: list[Request | _Load | _Abort] = [*self._waiting, *self._loads]
            waiting += [r for r in self._batch.requests if r not in self._admitted]
            waiting += [r for r in self._admitted if not r.done.done()]
            while not self._inbox.empty():
                if (item := self._inbox.get()) is not None:
                    waiting.append(item)
        for item in waiting:
            if item.done.running() or item.done.set_running_or_notify_cancel():
                failure = RuntimeError(f"the sampler has ended: {type(error).__name__}: {error}")
                failure.__cause__ = error
                item.done.set_exception(failure)

    def _receive(self) -> bool:
        """Take what has come, waiting when there is nothing to do; False at the end."""
        idle = not (self._batch.writing or self._waiting or self._loads)
        first = idle
        while True:
            try:
                timeout = None if first else self._gather_s if idle else 0
                item = self._inbox.get(block=timeout != 0, timeout=timeout)
            except queue.Empty:
                return True
            first = False
            if item is None:
                return False
            if isinstance(item, Request):
                self._waiting.append(item)
                continue
            if isinstance(item, _Load):
                self._loads.append(item)
            else:
                self._abort(item)
            idle = False

    def _abort(self, abort: _Abort) -> None:
        waiting = [r for r in self._waiting if r.done.set_running_or_notify_cancel()]
        self._waiting = []
        abort.done.set_result(len(waiting) + self._batch.writing)
        for request in waiting:
            request.done.set_result(Turn([], [], "aborted", self._batch.version, 0))
        self._batch.abort()

    def _load_weights(self) -> None:
        if self._batch.writing:
            return
        for load in self._loads:
            for name, tensor in load.state.items():
                self._state[name].copy_(tensor)
            self._batch.version = load.version
            self._batch.forget()
            load.done.set_result(None)
        self._loads.clear()

    def _next(self) -> list[Request]:
        """The requests to be started now. Those that were cancelled are dropped."""
        room = 0 if self._loads else self._batch.room
        several, self._waiting = self._waiting[:room], self._waiting[room:]
        return [r for r in several if r.done.set_running_or_notify_cancel()]
