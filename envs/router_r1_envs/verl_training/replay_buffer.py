"""Replay buffers that poll without sleeping for seconds, and end the run when the episodes they wait for cannot come.

verl's buffers poll every two seconds and wait forever, even for the episodes of a dead agent-loop worker or of a server
that hangs. If some episodes of a group fail, the synchronous one trains on the others, and the asynchronous one plays
another group. Here a failed group, a dead actor, or
`ROUTER_R1_STALL_S` seconds without progress raises an error that says what was awaited. Once an actor of the transfer
queue dies, calls of the queue never return; a thread detects this and ends the process.

From verl's experimental interface this file uses `ReplayBuffer` and `ReplayBufferAsync` with their
`_sync_metadata_from_transfer_queue` and `_wait_for_next_poll`; from TransferQueue, the actors in
`transfer_queue.interface`.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from typing import Any

import ray
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from router_r1_envs.verl_training.stall_limit import STALL_VARIABLE, stall_limit_s

_POLL_S = 0.02
_CHECK_S = 2.0
_CLOSING_S = 10.0


class _Watched:
    """What the buffers below add to those of verl."""

    poll_interval: float
    partitions: dict[str, Any]
    pending_keys: dict[str, set[str]]
    running_keys: dict[str, set[str]]
    failure_keys: dict[str, set[str]]

    def __init__(self, *args: Any, refill_fn: Any, **kwargs: Any) -> None:
        """
        Args:
            args: verl's.
            refill_fn: a method of the trainer.
            kwargs: verl's.
        """
        super().__init__(*args, refill_fn=refill_fn, **kwargs)  # type: ignore[call-arg]
        self.poll_interval = _POLL_S
        # verl gives the buffer no actors; the trainer, which has them, is the owner of this method.
        self._trainer: Any = refill_fn.__self__
        self._stall_limit = stall_limit_s()
        self._progress: Any = None
        self._progress_at = self._checked_at = 0.0

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> Any:
        """Groups of episodes for a step.

        Args:
            global_steps: number of the step.
            partition_id: `train` or `val`.
            batch_size: prompts in the step.

        Raises:
            RuntimeError: an episode failed, an actor died, or nothing happened for too long.
        """
        self._progress = None
        self._progress_at = self._checked_at = time.monotonic()
        _watch_queue()
        return super().sample(global_steps, partition_id, batch_size)  # type: ignore[misc]

    def _sync_metadata_from_transfer_queue(self) -> None:
        super()._sync_metadata_from_transfer_queue()  # type: ignore[misc]
        failed = {p: sorted(keys) for p, keys in self.failure_keys.items() if keys}
        for partition, keys in failed.items():
            raise RuntimeError(
                f"{len(keys)} groups of episodes failed in {partition!r}; the first because of"
                f" {self._first_error(partition, keys)}"
            )

    def _first_error(self, partition: str, keys: list[str]) -> str:
        tags = (tq.kv_list(partition) or {}).get(partition, {})
        errors = [tags[key]["error"] for key in keys if "error" in tags.get(key, {})]
        return errors[0] if errors else "an error in the worker's log"

    def _wait_for_next_poll(self, partition_id: str, last_debug_time: float) -> float:
        now = time.monotonic()
        pending = self.pending_keys[partition_id] | self.running_keys[partition_id]
        progress = (len(pending), len(self.partitions[partition_id]))
        if progress != self._progress:
            self._progress, self._progress_at = progress, now
        if now - self._checked_at > _CHECK_S:
            self._check(partition_id, len(pending), now - self._progress_at)
            self._checked_at = time.monotonic()
        last = super()._wait_for_next_poll(partition_id, last_debug_time)  # type: ignore[misc]
        return float(last)

    def _check(self, partition_id: str, awaited: int, idle_s: float) -> None:
        """Raise if an actor has died, or if nothing has happened for too long."""
        waits = f"{awaited} groups of episodes are awaited in {partition_id!r}"
        dead = [name for name, actor in self._actors().items() if not is_alive(actor)]
        if dead:
            raise RuntimeError(f"{', '.join(dead)} died while {waits}; see its log for the cause")
        if idle_s > self._stall_limit:
            raise RuntimeError(
                f"{waits}, and no episode has ended for {idle_s:.0f} s; all actors are alive. Set"
                f" {STALL_VARIABLE} higher if episodes take longer"
            )

    def _actors(self) -> dict[str, Any]:
        """The actors without which no episode ends, by name."""
        trainer = self._trainer
        by_kind = {
            "the agent-loop worker": trainer.agent_loop_manager.agent_loop_workers,
            "the pool actor": trainer.agent_loop_manager.pool_actors.values(),
            "the rollout server": trainer.llm_server_manager.server_handles,
            "the reward worker": trainer.reward_loop_manager.reward_loop_workers,
        }
        return {f"{kind} {n}": a for kind, actors in by_kind.items() for n, a in enumerate(actors)}


class WatchedReplayBuffer(_Watched, ReplayBuffer):  # type: ignore[misc]
    """For the synchronous trainer; `trainer.v1.sampler.custom_sampler` names it."""


class WatchedReplayBufferAsync(_Watched, ReplayBufferAsync):  # type: ignore[misc]
    """For the asynchronous trainers; `trainer.v1.sampler.custom_sampler` names it."""


def _queue_actors() -> dict[str, Any]:
    """The actors of the transfer queue while it is open; none once it was closed."""
    actors = {"controller": tq.interface._TQ_CONTROLLER}
    for units in (tq.interface._TQ_STORAGE or {}).values():
        if isinstance(units, dict):
            actors |= {f"storage {name}": unit for name, unit in units.items()}
    return {name: actor for name, actor in actors.items() if actor is not None}


@functools.cache
def _watch_queue() -> None:
    """End this process if an actor of the queue dies: its client waits without a limit and cannot be interrupted."""

    def dead_actors() -> list[str]:
        return [name for name, actor in _queue_actors().items() if not is_alive(actor)]

    def watch() -> None:
        while True:
            time.sleep(_CHECK_S)
            if not dead_actors():
                continue
            time.sleep(_CLOSING_S)  # at the end of a run the queue closes actor by actor
            if names := dead_actors():
                print(  # noqa: T201
                    f"the queue's {', '.join(names)} died; the run cannot continue", file=sys.stderr
                )
                sys.stderr.flush()
                os._exit(1)

    threading.Thread(target=watch, name="queue-watch", daemon=True).start()


def is_alive(actor: Any) -> bool:
    """False if Ray knows that an actor is dead. A busy actor does not answer at once, and is alive."""
    ready, _ = ray.wait([actor.__ray_ready__.remote()], timeout=0.05)
    try:
        ray.get(ready)
    except ray.exceptions.RayActorError:
        return False
    return True
