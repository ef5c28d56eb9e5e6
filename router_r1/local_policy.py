"""A policy that is a checkpoint on this machine: transformers, batched across episodes.

Turns of all running episodes that wait at the same moment are generated as one batch. Token ids go in and come out:
what an episode holds is exactly what the model wrote. For throughput on a GPU serve the checkpoint with vLLM and use
`OpenAIPolicy(mode="native")`; the transcripts are the same.

Needs the extra `local` (torch, transformers). Importing this module does not import them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.episode import Episode
from router_r1.errors import ConfigError, MissingDependencyError
from router_r1.ledger import Cause, Price, Usage
from router_r1.policy import WrittenTurn
from router_r1.pool import Account, new_call_id
from router_r1.protocol import cut_turn
from router_r1.transport import Attempt


@dataclass
class _Waiting:
    """A turn that waits for a batch."""

    prompt: list[int]
    max_tokens: int
    stops: tuple[str, ...]
    done: asyncio.Future[list[int]]


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
            ConfigError: no checkpoint there, or its tokenizer has no chat template.
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
        if self._tokenizer.chat_template is None:
            raise ConfigError(f"{path}: its tokenizer has no chat template; save one with it")
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
        self._max_batch, self._gather_s = max_batch, gather_s
        self._encode = functools.lru_cache(4096)(self._encode_uncached)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="transformers-policy")
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    def check(self) -> None:
        """The checkpoint was loaded when the policy was made."""

    async def aclose(self) -> None:
        """Stop the worker and let the model go."""
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
        self._executor.shutdown(wait=True)

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Generate the next turn in the next batch."""
        began, clock = time.time(), time.monotonic()
        prompt = self.prompt_ids(episode)
        loop = asyncio.get_running_loop()
        item = _Waiting(
            prompt, episode.turn_token_limit, episode.stop_strings, loop.create_future()
        )
        self._waiting.append(item)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._serve())
        ids = await item.done
        attempt = Attempt(
            number=1,
            cause=Cause.FIRST,
            outcome="ok",
            usage=Usage(len(prompt), len(ids)),
            billed=False,
            source="local",
            started_at=began,
            latency_s=time.monotonic() - clock,
        )
        cost = account.book(self.name, new_call_id(), attempt, self.price)
        text = self._decode(ids)
        kept = cut_turn(text, episode.stop_strings)
        return WrittenTurn(kept, tuple(ids), None, text[len(kept) :], len(ids), cost)

    def prompt_ids(self, episode: Episode) -> list[int]:
        """The native prompt of an episode as token ids: the policy's own tokens exactly as it wrote them."""
        ids: list[int] = self._tokenizer.apply_chat_template(
            list(episode.opening), add_generation_prompt=True, return_dict=False
        )
        ids = list(ids)
        for part in episode.native_parts:
            ids += self._encode(part) if isinstance(part, str) else part
        return ids

    def _encode_uncached(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def _decode(self, ids: list[int]) -> str:
        """The text of generated ids, without the end-of-turn token but with tags that are tokens of their own."""
        body = ids[:-1] if ids and ids[-1] in self._ends else ids
        text: str = self._tokenizer.decode(body, skip_special_tokens=False)
        return text

    async def _serve(self) -> None:
        """Generate batches until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(self._gather_s)
            batch = self._next_batch()
            if not batch:
                continue
            try:
                outputs = await loop.run_in_executor(self._executor, self._generate, batch)
            except Exception as error:
                # Every turn of the batch must hear of it: a turn left waiting would be a hang.
                for item in batch:
                    if not item.done.done():
                        item.done.set_exception(error)
                continue
            for item, ids in zip(batch, outputs, strict=True):
                if not item.done.done():
                    item.done.set_result(ids)

    def _next_batch(self) -> list[_Waiting]:
        """The oldest waiting turn and those that can be generated with it; abandoned ones are dropped."""
        self._waiting = [item for item in self._waiting if not item.done.cancelled()]
        if not self._waiting:
            return []
        stops = self._waiting[0].stops
        batch = [item for item in self._waiting if item.stops == stops][: self._max_batch]
        self._waiting = [item for item in self._waiting if item not in batch]
        return batch

    def _generate(self, batch: list[_Waiting]) -> list[list[int]]:
        """One left-padded batch. Runs in the worker thread."""
        import torch

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
        for position, token in enumerate(row):
            if token in self._ends:
                return row[: position + 1]
        text = self._decode(row)
        stop = min(
            (found + len(s) for s in item.stops if (found := text.find(s)) >= 0), default=None
        )
        if stop is None:
            return row
        # The shortest prefix of tokens that holds the stop string.
        low, high = 1, len(row)
        while low < high:
            middle = (low + high) // 2
            if len(self._decode(row[:middle])) >= stop:
                high = middle
            else:
                low = middle + 1
        return row[:low]
