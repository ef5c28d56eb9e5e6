"""A checkpoint behind the sampler of training: for playing thousands of episodes on a CPU, greedily, in a minute.

`router_r1.TransformersPolicy` writes the same turns, and reads every prompt anew at every turn; here what an episode has
fed already is kept. Use that one for everything but evaluation in bulk.
"""

from __future__ import annotations

import asyncio
import functools
import time
from pathlib import Path

from router_r1.episode import Episode
from router_r1.ledger import Cause
from router_r1.policies import token_ids
from router_r1.policies.base import WrittenTurn
from router_r1.policies.checkpoint import load_checkpoint
from router_r1.pool import Account, new_call_id
from router_r1.pricing import Usage
from router_r1.transport.messages import Attempt, Failure, FailureKind
from router_r1_envs.cpu_inference.batch import Sampling
from router_r1_envs.cpu_inference.sampler import Sampler


class SamplerPolicy:
    """A greedy policy. `concurrency` episodes at once fill its batch."""

    def __init__(
        self, path: str | Path, *, name: str | None = None, concurrency: int = 256
    ) -> None:
        """Load a checkpoint. Raises `ConfigError` where there is none, or one that can not carry the protocol."""
        self.name = name or Path(path).name
        self.concurrency = concurrency
        self._tokenizer, model = load_checkpoint(path, dtype="float32")
        self._sampler = Sampler(model, self._tokenizer, max_rows=concurrency)
        self._context = int(model.config.max_position_embeddings)
        self._encode = functools.lru_cache(4096)(self._encode_uncached)

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """The next turn."""
        prompt = token_ids.opening_ids(self._tokenizer, episode.opening)
        prompt += token_ids.continuation_tokens(episode, self._encode).ids
        stops = episode.stop_strings
        room = min(episode.turn_token_limit, self._context - len(prompt))
        if room < 1:
            detail = f"{len(prompt)} tokens, and the checkpoint reads {self._context}"
            return WrittenTurn(failure=Failure(FailureKind.CONTEXT_OVERFLOW, detail))
        began, clock = time.time(), time.monotonic()
        sampling = Sampling(room, temperature=0.0, stop=stops)
        turn = await asyncio.wrap_future(self._sampler.submit(prompt, sampling, episode.id))
        usage = Usage(len(prompt), len(turn.token_ids))
        latency = time.monotonic() - clock
        attempt = Attempt(1, Cause.FIRST, "ok", usage, False, "local", began, latency)
        account.book(self.name, new_call_id(), attempt, None)
        text, overhang = token_ids.decode_turn(self._tokenizer, turn.token_ids, stops)
        return WrittenTurn(text, tuple(turn.token_ids), None, overhang, len(turn.token_ids))

    def check(self) -> None:
        """The checkpoint was loaded when the policy was made."""

    async def aclose(self) -> None:
        """End the sampler; nothing can be written afterwards."""
        await asyncio.to_thread(self._sampler.close)

    def _encode_uncached(self, text: str) -> tuple[int, ...]:
        return tuple(token_ids.encode_text(self._tokenizer, text))
