"""A policy that is a checkpoint on this machine: transformers, batched across episodes.

Turns of all running episodes that wait at the same moment are generated as one batch. Token ids go in and come out:
what an episode holds is exactly what the model wrote. For throughput on a GPU serve the checkpoint with vLLM and use
`OpenAIPolicy(mode="native")`; the transcripts are the same.

Needs the extra `local` (torch, transformers). Importing this module does not import them.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.episode import Episode
from router_r1.errors import ConfigError, MissingDependencyError, PolicyError
from router_r1.ledger import Cause
from router_r1.policies import token_ids
from router_r1.policies.base import WrittenTurn
from router_r1.pool import Account, new_call_id
from router_r1.pricing import Price, Usage
from router_r1.transport.messages import Attempt, Failure, FailureKind


@dataclass
class _Waiting:
    """A turn that waits for a batch."""

    prompt: list[int]
    max_tokens: int
    stops: tuple[str, ...]
    done: Future[list[int]]


class _Worker:
    """A thread that generates batch after batch. Belongs to no event loop; has its own queue, and is used once."""

    def __init__(
        self,
        generate: Callable[[list[_Waiting], threading.Event], list[list[int]]],
        max_batch: int,
        gather_s: float,
    ) -> None:
        self._generate, self._max_batch, self._gather_s = generate, max_batch, gather_s
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting: list[_Waiting] = []
        self._ending = threading.Event()
        # A daemon, so that a policy that is never closed does not keep the program from ending; but it must not be in
        # the middle of a batch when the interpreter goes.
        self._thread = threading.Thread(target=self._serve, name="transformers-policy", daemon=True)
        self._thread.start()
        atexit.register(self.end)

    @property
    def alive(self) -> bool:
        """False once it was told to end, and in a forked child."""
        return self._thread.is_alive() and not self._ending.is_set()

    def submit(self, item: _Waiting) -> None:
        """Put a turn into the queue."""
        self._queue.put(item)

    def end(self) -> None:
        """Break off the batch, fail what waits, and wait for the thread."""
        atexit.unregister(self.end)
        self._ending.set()
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while batch := self._next_batch():
            try:
                outputs = self._generate(batch, self._ending)
                if self._ending.is_set():
                    raise PolicyError("the policy was closed in the middle of a turn")
            except BaseException as error:
                # Every turn of the batch must hear of it: a turn left waiting would be a hang.
                for item in batch:
                    item.done.set_exception(error)
            else:
                for item, ids in zip(batch, outputs, strict=True):
                    item.done.set_result(ids)

    def _next_batch(self) -> list[_Waiting]:
        """The oldest waiting turn and those that can be generated with it; empty at the end. Drops abandoned ones."""
        while self._gather():
            stops = self._waiting[0].stops
            batch = [item for item in self._waiting if item.stops == stops][: self._max_batch]
            self._waiting = [item for item in self._waiting if item not in batch]
            batch = [item for item in batch if item.done.set_running_or_notify_cancel()]
            if batch:
                return batch
        for item in self._waiting:
            item.done.cancel()
        return []

    def _gather(self) -> bool:
        """Wait until somebody waits, and a little for others; False at the end."""
        # Those that are left over from the last batch have waited long enough.
        until = time.monotonic() if self._waiting else None
        while len(self._waiting) < self._max_batch:
            try:
                timeout = None if until is None else max(0.0, until - time.monotonic())
                item = self._queue.get(timeout=timeout)
            except queue.Empty:
                break
            if item is None:
                return False
            self._waiting.append(item)
            until = until or time.monotonic() + self._gather_s
        return True


class TransformersPolicy:
    """A local checkpoint in the Hugging Face format, with a tokenizer that has a chat template."""

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        max_batch: int = 32,
        gather_s: float = 0.005,
        price: Price | None = None,
    ) -> None:
        """
        Args:
            path: the checkpoint's folder, or a name on the hub.
            name: what ledger and traces call it; the folder's name by default.
            device: `cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU where there is one.
            dtype: `float32`, `bfloat16`, ...; `auto` takes the checkpoint's.
            temperature: 0 is greedy.
            top_p: nucleus sampling.
            seed: of the sampler; reproducible for the same order and batching of requests only.
            max_batch: most turns generated together.
            gather_s: how long to wait for others before a batch starts, in seconds.
            price: dollars per million tokens, to count a hosted checkpoint's cost; None counts tokens only.

        Raises:
            MissingDependencyError: torch or transformers is not installed.
            ConfigError: no checkpoint there, or its tokenizer has no chat template or drops the protocol's tags.
        """
        try:
            import torch
            import transformers
        except ImportError as error:
            raise MissingDependencyError(
                "TransformersPolicy needs torch and transformers; install router-r1[local]"
            ) from error
        self.name = name or Path(path).name
        self.price = price
        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(path)
            self._model: Any = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"{path}: no checkpoint with a tokenizer there; check the path ({reason})"
            ) from error
        token_ids.check_tokenizer(self._tokenizer, str(path))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(device).eval()
        self._device = device
        self._sampling: dict[str, Any] = {"do_sample": temperature > 0}
        if temperature > 0:
            self._sampling |= {"temperature": temperature, "top_p": top_p, "top_k": 0}
        if seed is not None:
            torch.manual_seed(seed)
        ends = self._model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self._ends = {e for e in (*ends, self._tokenizer.eos_token_id) if e is not None}
        pad = self._tokenizer.pad_token_id
        self._pad = pad if pad is not None else next(iter(self._ends), 0)
        self._context: int | None = getattr(self._model.config, "max_position_embeddings", None)
        self._max_batch, self._gather_s = max_batch, gather_s
        self._encode = functools.lru_cache(4096)(self._encode_uncached)
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def check(self) -> None:
        """The checkpoint was loaded when the policy was made."""

    async def aclose(self) -> None:
        """Break off what is being generated, and end the worker. Writing again starts another."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.end)

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Generate the next turn in the next batch."""
        began, clock = time.time(), time.monotonic()
        prompt = self.prompt_ids(episode)
        limit = episode.turn_token_limit
        if self._context is not None and len(prompt) + limit > self._context:
            detail = f"{len(prompt)} + {limit} tokens, and the checkpoint reads {self._context}"
            return WrittenTurn(failure=Failure(FailureKind.CONTEXT_OVERFLOW, detail))
        ids: list[int] = []
        failure: Failure | None = None
        outcome = FailureKind.CANCELLED.value
        cost: float | None = None
        try:
            item = _Waiting(prompt, limit, episode.stop_strings, Future())
            self._submit(item)
            ids = await asyncio.wrap_future(item.done)
            outcome = "ok"
        except (
            RuntimeError,
            MemoryError,
        ) as error:  # what torch raises when memory runs out, among others
            failure = Failure(FailureKind.SERVER_ERROR, f"{type(error).__name__}: {error}"[:300])
            outcome = failure.kind.value
        finally:
            attempt = Attempt(
                number=1,
                cause=Cause.FIRST,
                outcome=outcome,
                usage=Usage(len(prompt), len(ids)),
                billed=False,
                source="local",
                started_at=began,
                latency_s=time.monotonic() - clock,
            )
            cost = account.book(self.name, new_call_id(), attempt, self.price)
        text, overhang = token_ids.turn_text(self._tokenizer, ids, episode.stop_strings)
        return WrittenTurn(text, tuple(ids), None, overhang, len(ids), cost, failure)

    def _submit(self, item: _Waiting) -> None:
        with self._lock:
            if self._worker is None or not self._worker.alive:
                self._worker = _Worker(self._generate, self._max_batch, self._gather_s)
            self._worker.submit(item)

    def prompt_ids(self, episode: Episode) -> list[int]:
        """The native prompt of an episode as token ids: the policy's own tokens exactly as it wrote them."""
        return (
            token_ids.opening_ids(self._tokenizer, episode.opening)
            + token_ids.following(episode, self._encode).ids
        )

    def _encode_uncached(self, text: str) -> tuple[int, ...]:
        return tuple(token_ids.encode_text(self._tokenizer, text))

    def _text(self, ids: list[int]) -> str:
        """The text of generated ids, without control tokens; tags that are tokens of their own are none."""
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _generate(self, batch: list[_Waiting], ending: threading.Event) -> list[list[int]]:
        """One left-padded batch, broken off when `ending` is set. Runs in the worker thread."""
        import torch
        import transformers

        def broken_off(ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
            return torch.full((ids.shape[0],), ending.is_set(), device=ids.device)

        width = max(len(item.prompt) for item in batch)
        ids = torch.full((len(batch), width), self._pad)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, item in enumerate(batch):
            ids[row, width - len(item.prompt) :] = torch.tensor(item.prompt)
            mask[row, width - len(item.prompt) :] = 1
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids.to(self._device),
                attention_mask=mask.to(self._device),
                max_new_tokens=max(item.max_tokens for item in batch),
                stop_strings=list(batch[0].stops),
                stopping_criteria=transformers.StoppingCriteriaList([broken_off]),
                tokenizer=self._tokenizer,
                pad_token_id=self._pad,
                eos_token_id=sorted(self._ends) or None,
                **self._sampling,
            )
        rows: list[list[int]] = output[:, width:].tolist()
        return [self._own(row, item) for row, item in zip(rows, batch, strict=True)]

    def _own(self, row: list[int], item: _Waiting) -> list[int]:
        """A row's own tokens: up to its limit, its end-of-turn token, or its stop string; the rest is padding."""
        row = row[: item.max_tokens]
        end = next((at + 1 for at, token in enumerate(row) if token in self._ends), len(row))
        # The stop string first: what follows it in a batch is padding, and padding may be an end-of-turn token.
        text = self._text(row[:end])
        stop = min(
            (found + len(s) for s in item.stops if (found := text.find(s)) >= 0), default=None
        )
        if stop is None:
            return row[:end]
        # The shortest prefix of tokens that holds the stop string.
        low, high = 1, end
        while low < high:
            middle = (low + high) // 2
            if len(self._text(row[:middle])) >= stop:
                high = middle
            else:
                low = middle + 1
        return row[:low]
