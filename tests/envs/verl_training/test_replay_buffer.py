"""The replay buffer ends a step without progress."""

import time
from typing import Any

import pytest

from router_r1_envs.verl_training import stall_limit

pytest.importorskip("verl")

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # warnings while verl is imported
]


class Trainer:
    """A trainer without actors, for the replay buffer."""

    def __init__(self) -> None:
        self.agent_loop_manager = self.llm_server_manager = self.reward_loop_manager = self
        self.agent_loop_workers: list[Any] = []
        self.server_handles: list[Any] = []
        self.reward_loop_workers: list[Any] = []
        self.pool_actors: dict[Any, Any] = {}

    def refill(self, count: int) -> None:
        """Generate no prompts."""


def test_a_step_without_progress_ends_and_names_what_was_awaited(monkeypatch):
    from router_r1_envs.verl_training.replay_buffer import WatchedReplayBuffer

    monkeypatch.setenv(stall_limit.STALL_VARIABLE, "2.5")
    buffer = WatchedReplayBuffer("sync", {}, None, "drop", {}, refill_fn=Trainer().refill)
    buffer.running_keys["train"] = {"one", "two"}
    buffer._progress, buffer._progress_at, buffer._checked_at = None, 0.0, time.monotonic()
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="2 groups of episodes are awaited in 'train', and no"):
        while time.monotonic() < began + 30:
            buffer._wait_for_next_poll("train", time.time())
    assert time.monotonic() - began > 2.5
