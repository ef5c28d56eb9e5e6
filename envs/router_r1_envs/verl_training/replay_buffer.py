"""A replay buffer that does not sleep for seconds, and that ends the run when what it waits for will not come.

The stock buffer looks every two seconds and waits for ever: for the episodes of an agent-loop worker that has died, or
of a server that answers nobody. It trains on what is left when some episodes of a group failed. Here a failed group, a
dead actor, or no progress for `ROUTER_R1_STALL_S` seconds raises, and says what was awaited. The queue itself answers
nobody once one of its actors has died, and whoever has asked it waits for ever: a thread sees that, and ends the process.
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
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from router_r1_envs.verl_on_cpu.settings import STALL_VARIABLE, stall_limit_s

_POLL_S = 0.02
_LOOK_S = 2.0
_CLOSING_S = 10.0


class WatchedReplayBuffer(ReplayBuffer):  # type: ignore[misc]
    """For the trainer mode `sync`; `trainer.v1.sampler.custom_sampler` names it."""

    def __init__(self, *args: Any, refill_fn: Any, **kwargs: Any) -> None:
        super().__init__(*args, refill_fn=refill_fn, **kwargs)
        self.poll_interval = _POLL_S
        # The trainer hands in its own method; the buffer is told of no actors otherwise.
        self._trainer: Any = refill_fn.__self__
        self._limit = stall_limit_s()
        self._progress: Any = None
        self._since = self._looked = 0.0

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> Any:
        """The episodes of a step, all of them; raises when that cannot be."""
        self._progress, self._since, self._looked = None, time.monotonic(), time.monotonic()
        _watch_queue()
        return super().sample(global_steps, partition_id, batch_size)

    def _sync_metadata_from_transfer_queue(self) -> None:
        super()._sync_metadata_from_transfer_queue()
        failed = {p: sorted(keys) for p, keys in self.failure_keys.items() if keys}
        for partition, keys in failed.items():
            raise RuntimeError(
                f"{len(keys)} groups of episodes failed in {partition!r}; the first because of"
                f" {self._error_of(partition, keys)}"
            )

    def _error_of(self, partition: str, keys: list[str]) -> str:
        tags = (tq.kv_list(partition) or {}).get(partition, {})
        errors = [tags[key]["error"] for key in keys if "error" in tags.get(key, {})]
        return errors[0] if errors else "something that the worker's log tells"

    def _wait_for_next_poll(self, partition_id: str, last_debug_time: float) -> float:
        now = time.monotonic()
        pending = self.pending_keys[partition_id] | self.running_keys[partition_id]
        progress = (len(pending), len(self.partitions[partition_id]))
        if progress != self._progress:
            self._progress, self._since = progress, now
        if now - self._looked > _LOOK_S:
            self._look(partition_id, len(pending), now - self._since)
            self._looked = time.monotonic()
        return float(super()._wait_for_next_poll(partition_id, last_debug_time))

    def _look(self, partition_id: str, awaited: int, idle_s: float) -> None:
        """Raise when an actor has died, or when nothing has happened for too long."""
        waits = f"{awaited} groups of episodes are awaited in {partition_id!r}"
        dead = [name for name, actor in self._actors().items() if not alive(actor)]
        if dead:
            raise RuntimeError(f"{', '.join(dead)} died while {waits}; its log says why")
        if idle_s > self._limit:
            raise RuntimeError(
                f"{waits}, and no episode has ended for {idle_s:.0f} s; all actors are alive. Set"
                f" {STALL_VARIABLE} higher when episodes take longer"
            )

    def _actors(self) -> dict[str, Any]:
        """Those without which no episode ends."""
        trainer = self._trainer
        named = {
            "the agent-loop worker": trainer.agent_loop_manager.agent_loop_workers,
            "the rollout server": trainer.llm_server_manager.server_handles,
            "the reward worker": trainer.reward_loop_manager.reward_loop_workers,
        }
        return {f"{name} {n}": a for name, actors in named.items() for n, a in enumerate(actors)}


def _queue_actors() -> dict[str, Any]:
    """The actors of the queue while it is open; none once it was closed."""
    actors = {"controller": tq.interface._TQ_CONTROLLER}
    for units in (tq.interface._TQ_STORAGE or {}).values():
        if isinstance(units, dict):
            actors |= {f"storage {name}": unit for name, unit in units.items()}
    return {name: actor for name, actor in actors.items() if actor is not None}


@functools.cache
def _watch_queue() -> None:
    """From now on, end this process when an actor of the queue dies: its client waits without a limit, and can not be told."""

    def dead() -> list[str]:
        return [name for name, actor in _queue_actors().items() if not alive(actor)]

    def watch() -> None:
        while True:
            time.sleep(_LOOK_S)
            if not dead():
                continue
            time.sleep(_CLOSING_S)  # at the end of a run the queue is closed, actor by actor
            if names := dead():
                print(f"the queue's {', '.join(names)} died; nothing can go on", file=sys.stderr)  # noqa: T201
                sys.stderr.flush()
                os._exit(1)

    threading.Thread(target=watch, name="queue-watch", daemon=True).start()


def alive(actor: Any) -> bool:
    """False when Ray knows that an actor is dead. A busy one does not answer at once, and lives."""
    ready, _ = ray.wait([actor.__ray_ready__.remote()], timeout=0.05)
    try:
        ray.get(ready)
    except ray.exceptions.RayActorError:
        return False
    return True
