"""A policy that is a checkpoint on this machine: transformers, batched across episodes.

Turns of all running episodes that wait at the same moment are generated as one batch. Token ids go in and come out:
an episode holds exactly what the model wrote. For throughput on a GPU, serve the checkpoint with vLLM and use
`OpenAIPolicy(mode="native")`; the transcripts are the same.

Needs the extra `local` (torch, transformers). Importing this module does not import them.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from router_r1.episode import Episode
from router_r1.ledger import Cause
from router_r1.policies import token_ids
from router_r1.policies.base import WrittenTurn
from router_r1.policies.batch_worker import BatchWorker, PendingTurn
from router_r1.policies.checkpoint import load_checkpoint
from router_r1.policies.turn_reopening import reopening
from router_r1.pool import Account, new_call_id
from router_r1.token_prices import Price, Usage
from router_r1.transport.messages import Attempt, Failure, FailureKind


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
        chat_template_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """
        Args:
            path: folder of the checkpoint, or its name on the hub.
            name: name in ledger and traces; by default that of the folder.
            device: `cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU if there is one.
            dtype: `float32`, `bfloat16`, ...; `auto` takes that of the checkpoint.
            temperature: 0 for greedy decoding.
            top_p: nucleus sampling, in (0, 1].
            seed: seed of the sampler; reproducible only for the same order and batching of requests.
            max_batch: maximum number of turns generated together.
            gather_s: seconds to wait for more turns before a batch starts.
            price: dollars per million tokens, to count the cost of a hosted checkpoint; None counts tokens only.
            chat_template_kwargs: variables of the chat template, e.g. `{"enable_thinking": False}`; as in training.

        Raises:
            MissingDependencyError: torch or transformers is not installed.
            ConfigError: there is no checkpoint, or its tokenizer has no chat template or drops the protocol's tags.
        """
        self.path = path
        """Folder of the checkpoint, or its name on the hub."""
        self.name = name or Path(path).name
        self.price = price
        self._tokenizer, self._model = load_checkpoint(
            path, dtype=dtype, template_kwargs=chat_template_kwargs
        )
        self._template_kwargs = chat_template_kwargs

        import torch

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(device).eval()
        self._device = device
        self._sampling: dict[str, Any] = {"do_sample": temperature > 0}
        if temperature > 0:
            self._sampling |= {"temperature": temperature, "top_p": top_p, "top_k": 0}
        if seed is not None:
            torch.manual_seed(seed)
        eos = self._model.generation_config.eos_token_id
        eos = eos if isinstance(eos, list) else [eos]
        self._eos_ids = {e for e in (*eos, self._tokenizer.eos_token_id) if e is not None}
        pad = self._tokenizer.pad_token_id
        self._pad_id = pad if pad is not None else next(iter(self._eos_ids), 0)
        self._context: int | None = getattr(self._model.config, "max_position_embeddings", None)
        self._max_batch, self._gather_s = max_batch, gather_s
        self._encode = functools.lru_cache(4096)(self._encode_uncached)
        self._reopen = reopening(
            lambda chat: token_ids.opening_ids(self._tokenizer, chat, self._template_kwargs)
        )
        self._lock = threading.Lock()
        self._worker: BatchWorker | None = None

    def check(self) -> None:
        """Always passes: the constructor has loaded the checkpoint."""

    async def aclose(self) -> None:
        """Break off what is being generated, and stop the worker. The next turn starts another."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.close)

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Generate the next turn in the next batch."""
        began, clock = time.time(), time.monotonic()
        prompt = self.prompt_ids(episode)
        limit = episode.turn_token_limit
        if self._context is not None and len(prompt) + limit > self._context:
            detail = (
                f"{len(prompt)} + {limit} tokens exceed the checkpoint's context of {self._context}"
            )
            return WrittenTurn(failure=Failure(FailureKind.CONTEXT_OVERFLOW, detail))
        ids: list[int] = []
        failure: Failure | None = None
        outcome = FailureKind.CANCELLED.value
        cost: float | None = None
        try:
            turn = PendingTurn(prompt, limit, episode.stop_strings, Future())
            self._submit(turn)
            ids = await asyncio.wrap_future(turn.done)
            outcome = "ok"
        except (RuntimeError, MemoryError) as error:  # torch raises these when memory runs out
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
        text, overhang = token_ids.decode_turn(self._tokenizer, ids, episode.stop_strings)
        return WrittenTurn(text, tuple(ids), None, overhang, len(ids), cost, failure)

    def _submit(self, turn: PendingTurn) -> None:
        with self._lock:
            if self._worker is None or not self._worker.alive:
                self._worker = BatchWorker(self._generate, self._max_batch, self._gather_s)
            self._worker.submit(turn)

    def prompt_ids(self, episode: Episode) -> list[int]:
        """The native prompt of an episode as token ids, with the policy's own tokens exactly as it wrote them."""
        return (
            token_ids.opening_ids(self._tokenizer, episode.opening, self._template_kwargs)
            + token_ids.continuation_tokens(episode, self._encode, self._reopen).ids
        )

    def _encode_uncached(self, text: str) -> tuple[int, ...]:
        return tuple(token_ids.encode_text(self._tokenizer, text))

    def _decode(self, ids: list[int]) -> str:
        """The text of generated ids without control tokens; the protocol's tags are kept."""
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _generate(self, batch: list[PendingTurn], closing: threading.Event) -> list[list[int]]:
        """Generate one left-padded batch; breaks off when `closing` is set. Runs in the worker thread."""
        import torch
        import transformers

        def is_closing(ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
            return torch.full((ids.shape[0],), closing.is_set(), device=ids.device)

        width = max(len(turn.prompt) for turn in batch)
        ids = torch.full((len(batch), width), self._pad_id)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, turn in enumerate(batch):
            ids[row, width - len(turn.prompt) :] = torch.tensor(turn.prompt)
            mask[row, width - len(turn.prompt) :] = 1
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids.to(self._device),
                attention_mask=mask.to(self._device),
                max_new_tokens=max(turn.max_tokens for turn in batch),
                stop_strings=list(batch[0].stops),
                stopping_criteria=transformers.StoppingCriteriaList([is_closing]),
                tokenizer=self._tokenizer,
                pad_token_id=self._pad_id,
                eos_token_id=sorted(self._eos_ids) or None,
                **self._sampling,
            )
        generated: list[list[int]] = output[:, width:].tolist()
        return [self._trim(ids, turn) for ids, turn in zip(generated, batch, strict=True)]

    def _trim(self, ids: list[int], turn: PendingTurn) -> list[int]:
        """The ids up to the turn's token limit, its end-of-turn token or its stop string; the rest is padding."""
        ids = ids[: turn.max_tokens]
        end = next((at + 1 for at, token in enumerate(ids) if token in self._eos_ids), len(ids))
        # Look for the stop string first: padding follows it in a batch, and padding may be an end-of-turn token.
        text = self._decode(ids[:end])
        stop = min(
            (found + len(s) for s in turn.stops if (found := text.find(s)) >= 0), default=None
        )
        if stop is None:
            return ids[:end]
        # Bisect for the shortest prefix that contains the stop string.
        low, high = 1, end
        while low < high:
            middle = (low + high) // 2
            if len(self._decode(ids[:middle])) >= stop:
                high = middle
            else:
                low = middle + 1
        return ids[:low]
