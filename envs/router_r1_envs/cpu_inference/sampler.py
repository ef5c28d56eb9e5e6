"""Continuous batching for a Hugging Face causal language model on a CPU: token ids in, token ids and log-probs out.

A thread runs the model; requests join and leave its batch between steps (`running_batch`). One version of the weights
generates a turn: new weights wait for the running requests, and later requests wait for the weights. When generation
raises, every waiting and every later request fails with that error; no request is left waiting.
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

from router_r1_envs.cpu_inference.generation_request import (
    GeneratedTurn,
    GenerationRequest,
    SamplingParams,
)
from router_r1_envs.cpu_inference.running_batch import RunningBatch
from router_r1_envs.cpu_inference.stop_strings import StopStrings


@dataclass(eq=False)
class _LoadWeights:
    state: Mapping[str, torch.Tensor]
    version: int | None
    done: Future[None] = field(default_factory=Future)


@dataclass(eq=False)
class _AbortAll:
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
            seed: seed of the draws.
            max_rows: maximum number of sequences held at once, including cached sessions; further requests wait.
            prefill_tokens: maximum number of tokens fed in one pass over new prompts, including padding.
            gather_s: how long an idle sampler waits for more requests after the first, in seconds.

        Raises:
            ValueError: the model's attention is not full in every layer.
        """
        ends = getattr(model.generation_config, "eos_token_id", None)
        ends = {
            *(ends if isinstance(ends, list) else [ends]),
            getattr(tokenizer, "eos_token_id", None),
        }
        self._batch = RunningBatch(model, ends - {None}, max_rows, prefill_tokens)
        self._state: dict[str, torch.Tensor] = model.state_dict()
        config = model.config.get_text_config()
        self._vocabulary = int(config.vocab_size)
        self._context: int | None = getattr(config, "max_position_embeddings", None)
        self._tokenizer, self._gather_s = tokenizer, gather_s
        self._seed, self._number = seed, 0
        self._stop_strings: dict[tuple[str, ...], StopStrings] = {}
        self._waiting: list[GenerationRequest] = []
        self._admitted: list[GenerationRequest] = []  # while the batch gives them rows
        self._loads: list[_LoadWeights] = []
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._inbox: queue.SimpleQueue[GenerationRequest | _LoadWeights | _AbortAll | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._serve, name="sampler", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # --- called from any thread

    def submit(
        self, prompt: Sequence[int], sampling: SamplingParams, session: str | None = None
    ) -> Future[GeneratedTurn]:
        """Request a turn.

        Args:
            prompt: token ids.
            sampling: how to sample its tokens.
            session: identifies the episode, whose turns must come one at a time; None caches nothing.

        Raises:
            ValueError: the prompt is empty, has ids outside the vocabulary, or leaves too little room.
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
                f"{len(prompt)} tokens of prompt and max_tokens={sampling.max_tokens} do not fit into the"
                f" model's {self._context}"
            )
        with self._lock:
            stops = self._stop_strings_for(sampling.stop)
            seed = (self._seed, self._number) if sampling.seed is None else sampling.seed
            self._number += 1
            rng = random.Random(f"{seed}")
            request = GenerationRequest(prompt, sampling, session, stops, rng)
            self._put(request)
        return request.done

    def load(self, state: Mapping[str, torch.Tensor], version: int | None = None) -> None:
        """Replace the weights once the running requests are done. All cached sessions are dropped.

        Args:
            state: every tensor of the model by name; either name of tied tensors, such as `lm_head`, will do.
            version: the version that turns generated with these weights report.

        Raises:
            ValueError: a tensor is missing, unknown or of the wrong shape; the weights are unchanged.
            RuntimeError: the sampler failed or was closed.
        """
        self._check_state(state)
        load = _LoadWeights(state, version)
        with self._lock:
            self._put(load)
        load.done.result()

    def abort(self) -> int:
        """End the waiting and the running requests with the tokens they have; return how many there were."""
        abort = _AbortAll()
        with self._lock:
            self._put(abort)
        return abort.done.result()

    def close(self) -> None:
        """Fail the requests that are not done, and end the thread."""
        atexit.unregister(self.close)
        self._inbox.put(None)
        self._thread.join()

    def _put(self, item: GenerationRequest | _LoadWeights | _AbortAll) -> None:
        if self._error is not None:
            raise RuntimeError(f"the sampler has ended: {self._error}") from self._error
        self._inbox.put(item)

    def _stop_strings_for(self, stops: tuple[str, ...]) -> StopStrings | None:
        if not stops:
            return None
        if self._tokenizer is None:
            raise ValueError(f"stop strings {stops} need a tokenizer; give one to Sampler")
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

    # --- in the sampler's thread

    def _serve(self) -> None:
        try:
            with torch.inference_mode():
                while self._receive():
                    self._load_weights()
                    self._admitted = self._next_requests()
                    self._batch.start(self._admitted)
                    self._admitted = []
                    self._batch.step()
            raise RuntimeError("it was closed")
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Fail everything that waits; from now on `_put` raises."""
        with self._lock:
            self._error = error
            waiting: list[GenerationRequest | _LoadWeights | _AbortAll] = [
                *self._waiting,
                *self._loads,
                *(r for r in self._batch.requests if r not in self._admitted),
                *(r for r in self._admitted if not r.done.done()),
            ]
            while not self._inbox.empty():
                if (item := self._inbox.get()) is not None:
                    waiting.append(item)
        for item in waiting:
            if item.done.running() or item.done.set_running_or_notify_cancel():
                failure = RuntimeError(f"the sampler has ended: {type(error).__name__}: {error}")
                failure.__cause__ = error
                item.done.set_exception(failure)

    def _receive(self) -> bool:
        """Take everything from the inbox, waiting if there is nothing to do; False once the sampler is closed."""
        idle = not (self._batch.running or self._waiting or self._loads)
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
            if isinstance(item, GenerationRequest):
                self._waiting.append(item)
                continue
            if isinstance(item, _LoadWeights):
                self._loads.append(item)
            else:
                self._abort(item)
            idle = False

    def _abort(self, abort: _AbortAll) -> None:
        waiting = [r for r in self._waiting if r.done.set_running_or_notify_cancel()]
        self._waiting = []
        abort.done.set_result(len(waiting) + self._batch.running)
        for request in waiting:
            request.done.set_result(GeneratedTurn([], [], "aborted", self._batch.version, 0))
        self._batch.abort()

    def _load_weights(self) -> None:
        if self._batch.running:
            return
        for load in self._loads:
            for name, tensor in load.state.items():
                self._state[name].copy_(tensor)
            self._batch.version = load.version
            self._batch.forget_sessions()
            load.done.set_result(None)
        self._loads.clear()

    def _next_requests(self) -> list[GenerationRequest]:
        """The requests that start now, without those that were cancelled."""
        free = 0 if self._loads else self._batch.free_rows
        starting, self._waiting = self._waiting[:free], self._waiting[free:]
        return [r for r in starting if r.done.set_running_or_notify_cancel()]
