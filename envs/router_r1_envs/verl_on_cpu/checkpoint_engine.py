"""verl's checkpoint engine `file`: brings the trainer's weights to rollout servers of their own, on one machine.

verl's engines for this (`nccl`, `nixl`, ...) copy between GPUs. Here the first trainer process writes a file, and every
server reads it. `rollout.checkpoint_engine.custom_backend_module` names this module; verl imports it where it needs it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from verl.checkpoint_engine.base import CheckpointEngine, CheckpointEngineRegistry
from verl.workers.rollout.utils import ensure_async_iterator

from router_r1_envs.verl_training.stall_limit import stall_limit_s

NAME = "file"
_POLL_S = 0.01


@CheckpointEngineRegistry.register(NAME)
class FileCheckpointEngine(CheckpointEngine):  # type: ignore[misc]
    """One end of a transfer: in a process of the trainer (sends) or beside a rollout server (receives)."""

    def __init__(self, bucket_size: int, is_master: bool = False) -> None:
        """
        Args:
            bucket_size: verl's; not used.
            is_master: whether this is the first process of the trainer.
        """
        self._is_master = is_master
        self._path = Path()

    def prepare(self) -> str:
        """A path for the next transfer; that of the first process is taken."""
        return str(Path(tempfile.gettempdir()) / f"router_r1_weights_{uuid4().hex}.pt")

    @classmethod
    def build_topology(
        cls, actor_wg_world_size: int, rollout_world_size: int, metadata: list[str]
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Give all processes the path of the first one."""
        first = metadata[0]
        return {"path": [first] * actor_wg_world_size}, {"path": [first] * rollout_world_size}

    def init_process_group(self, path: str) -> None:
        """Note the path of the next transfer."""
        self._path = Path(path)

    def finalize(self) -> None:
        """Remove the file, once all have read it."""
        if self._is_master:
            self._path.unlink(missing_ok=True)

    async def send_weights(self, weights: Any, global_steps: int | None = None) -> None:
        """Write all tensors. Every process of the trainer gathers them; the first one writes."""
        state = {}
        async for name, tensor in ensure_async_iterator(weights):
            if self._is_master:
                state[name] = tensor.detach().to("cpu")
        if self._is_master:
            draft = self._path.with_suffix(".draft")
            torch.save(state, draft)
            draft.rename(self._path)

    async def receive_weights(
        self, global_steps: int | None = None
    ) -> AsyncIterator[tuple[str, torch.Tensor]]:
        """Read all tensors once they are there.

        Raises:
            RuntimeError: they are not there within the stall limit.
        """
        end = time.monotonic() + (limit := stall_limit_s())
        while not self._path.exists():
            if time.monotonic() > end:
                raise RuntimeError(
                    f"the trainer has not sent the weights of step {global_steps} in {limit:g} s"
                )
            await asyncio.sleep(_POLL_S)
        for name, tensor in torch.load(self._path).items():
            yield name, tensor
