"""A folder of played episodes: each is written to a file as soon as it ends, and only what is missing is played.

    setting.json       the world and the policy that played
    part-0.jsonl       traces; one file for each process that writes

So an interrupted tournament goes on where it was, and memory stays flat however many episodes there are. A small
checkpoint plays in several processes, each with one thread: two threads of a small model are slower than two processes.
Any other policy plays in this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.data.splits import Split
from router_r1.errors import ConfigError, PolicyError, RouterR1Error
from router_r1.files import write_json
from router_r1.policies.base import Policy
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.progress import show_progress
from router_r1.trace import Trace, TraceWriter, package_version, read_traces
from router_r1_envs.worlds.base import level_named
from router_r1_envs.worlds.playing import play, unreached
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.world import RecordedWorld, open_recorded
from router_r1_eval.tournament.players import Player

Task = tuple[str, str]
"""(id of a question, name of a level): one episode."""

_SETTING = "setting.json"
_PARTS = "part-*.jsonl"
_CONCURRENCY = 256
"""Episodes at a time in each process: rows in the batch of a small model."""
_MOST_PROCESSES = 8
"""Each has the table in its memory."""
_FEWEST_TASKS = 400
"""Fewer episodes for a process are not worth its start."""


@dataclass(frozen=True)
class EpisodeFolder:
    """The episodes of one policy in one world."""

    path: Path
    world: RecordedWorld
    policy: Policy | Player
    """A policy object has no content that could be compared, so its folder must be empty at first."""

    def play(self, tasks: Sequence[Task]) -> None:
        """Play the episodes that are missing.

        Args:
            tasks: all that are wanted.

        Raises:
            ConfigError: the folder holds episodes of another policy or world.
            PolicyError: the policy's server could not be reached, or a process died. What was played is kept.
        """
        self._check_setting()
        played = {task_of(trace) for trace in self.traces()}
        missing = [task for task in tasks if task not in played]
        if not missing:
            return
        name = self.policy.name
        processes = self._processes(len(missing))
        with show_progress(f"{name}: episodes", len(missing), show_cost=False) as advance:
            try:
                if processes == 1:
                    _play_here(self, missing, self.part(0), lambda: advance(0.0))
                else:
                    _play_elsewhere(self, missing, processes, lambda: advance(0.0))
            except PolicyError as error:
                raise PolicyError(
                    f"{error}; finished episodes are kept in {self.path}, start again to go on"
                ) from error

    def traces(self) -> Iterator[Trace]:
        """All episodes so far, in no particular order; `metadata` has `id` and `level`."""
        for part in sorted(self.path.glob(_PARTS)):
            yield from read_traces(part)

    def part(self, number: int) -> Path:
        """The file of one process."""
        return self.path / f"part-{number}.jsonl"

    def _processes(self, tasks: int) -> int:
        small = isinstance(self.policy, Player) and self.policy.is_small
        if not small or not Path(self.world.settings.table).is_dir():  # a table in memory
            return 1
        return max(1, min(_cores(), _MOST_PROCESSES, tasks // _FEWEST_TASKS))

    def _check_setting(self) -> None:
        """Write the setting, or compare it with what is written."""
        file = self.path / _SETTING
        setting = {
            "router_r1": package_version(),
            "world": self.world.settings.model_dump(mode="json"),
            "policy": self.policy.fingerprint() if isinstance(self.policy, Player) else None,
        }
        if not file.exists() or not any(self.path.glob(_PARTS)):
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(file, setting)
            return
        try:
            before = json.loads(file.read_text())
        except ValueError as error:
            raise ConfigError(f"{file}: is not JSON; remove the folder to play again") from error
        differ = ", ".join(_differences(before, setting))
        if differ or setting["policy"] is None:
            raise ConfigError(
                f"{self.path}: holds episodes of another run ({differ or 'the policy is unknown'}); remove the folder to play "
                f"again, or choose another --out"
            )


def task_of(trace: Trace) -> Task:
    """Which episode a trace is of."""
    return trace.metadata["id"], trace.metadata["level"]


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for name, value in now.items():
        other = before.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from (f"{name}.{key}" for key in _differences(other, value))
        elif value != other:
            yield name


# --- playing


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _play_here(
    folder: EpisodeFolder, tasks: Sequence[Task], file: Path, on_end: Callable[[], None]
) -> None:
    """Play episodes in this process. Raises `PolicyError` if the policy's server could not be reached."""
    policy = folder.policy.open() if isinstance(folder.policy, Player) else folder.policy
    # The connections of a client belong to this event loop; another policy of the caller's may be needed again.
    closes = policy is not folder.policy or isinstance(policy, OpenAIPolicy)
    asyncio.run(_play_all(folder.world, policy, tasks, file, on_end, closes=closes))


async def _play_all(
    world: RecordedWorld,
    policy: Policy,
    tasks: Sequence[Task],
    file: Path,
    on_end: Callable[[], None],
    *,
    closes: bool,
) -> None:
    questions = {q.id: q for split in Split for q in world.questions(split)}
    left = iter(tasks)
    unreachable: list[str] = []

    async def play_on(writer: TraceWriter) -> None:
        while not unreachable and (task := next(left, None)) is not None:
            question_id, level_name = task
            question, level = questions[question_id], level_named(world, level_name)
            episode, trace_of = await play(world, question, level, policy)
            if unreached(episode):
                unreachable.append(episode.stop_detail)
                return
            metadata = {
                "id": question.id,
                "gold": list(question.answers),
                "category": question.category,
                "level": level.name,
            }
            writer.write(trace_of(metadata=metadata))
            on_end()

    try:
        with TraceWriter(file) as writer:
            await asyncio.gather(*[play_on(writer) for _ in range(_CONCURRENCY)])
    finally:
        if closes:
            await policy.aclose()
    if unreachable:
        raise PolicyError(f"the policy could not be reached ({unreachable[0]}); check its server")


def _play_elsewhere(
    folder: EpisodeFolder, tasks: Sequence[Task], processes: int, on_end: Callable[[], None]
) -> None:
    """Play episodes in other processes, a share in each. Raises `PolicyError` if one of them fails."""
    # Not forked: threads of this process would not survive that.
    context = multiprocessing.get_context("spawn")
    ended: multiprocessing.Queue[str | None] = context.Queue()
    workers = [
        context.Process(
            target=_play_share,
            args=(folder.world.settings, folder.policy, tasks[n::processes], folder.part(n), ended),
            daemon=True,
        )
        for n in range(processes)
    ]
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        for worker in workers:
            worker.start()
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if threads is not None:
            os.environ["OMP_NUM_THREADS"] = threads
    try:
        while any(worker.is_alive() for worker in workers) or not ended.empty():
            with contextlib.suppress(queue.Empty):
                failure = ended.get(timeout=0.5)
                if failure is not None:
                    raise PolicyError(failure)
                on_end()
        if died := [worker.exitcode for worker in workers if worker.exitcode]:
            raise PolicyError(f"a process that played episodes ended with status {died[0]}")
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _play_share(
    settings: RecordedWorldConfig,
    player: Player,
    tasks: Sequence[Task],
    file: Path,
    ended: multiprocessing.Queue[str | None],
) -> None:
    """Play episodes in a process of its own; report each end, or why it failed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits for this one ends it
    parent = multiprocessing.parent_process()

    def report() -> None:
        if parent is not None and not parent.is_alive():  # killed: nobody waits for more
            os._exit(1)
        ended.put(None)

    try:
        world = open_recorded(settings)
        folder = EpisodeFolder(file.parent, world, player)
        _play_here(folder, tasks, file, report)
    except RouterR1Error as error:
        ended.put(str(error))
