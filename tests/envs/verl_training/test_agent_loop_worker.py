"""The manager of agent loops names the workers that are dead."""

import pytest

pytest.importorskip("verl")

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),  # warnings while verl is imported
]


def test_a_worker_that_is_dead_when_episodes_are_handed_out_is_named(monkeypatch):
    import ray

    from router_r1_envs.verl_training import agent_loop_worker

    def stock(manager, prompts):
        raise ray.exceptions.ActorDiedError

    monkeypatch.setattr(agent_loop_worker.AgentLoopManagerTQ, "generate_sequences", stock)
    monkeypatch.setattr(agent_loop_worker, "is_alive", lambda worker: worker == "first")
    manager = object.__new__(agent_loop_worker.Manager)
    manager.agent_loop_workers = ["first", "second"]
    with pytest.raises(RuntimeError, match=r"^the agent-loop worker 1 died while episodes"):
        manager.generate_sequences("prompts")
