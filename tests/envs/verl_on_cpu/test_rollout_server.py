"""The adapter of the rollout backend `hf_cpu` raises when the server does not load the weights."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from router_r1_envs.verl_training import stall_limit

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # warnings while verl is imported
]


class PendingCall:
    """What a call of a Ray actor returns, as far as the adapter uses it."""

    def __init__(self) -> None:
        self.done: Future[None] = Future()

    def future(self) -> Future[None]:
        return self.done


async def test_weights_that_the_server_rejects_or_never_loads_end_the_step(monkeypatch):
    from router_r1_envs.verl_on_cpu import rollout_server

    call = PendingCall()
    server = SimpleNamespace(load_weights=SimpleNamespace(remote=lambda state, step: call))
    monkeypatch.setattr(rollout_server.ray, "get_actor", lambda name: server)
    adapter = object.__new__(rollout_server.Adapter)
    adapter._leads, adapter._replica_rank = True, 0

    async def send() -> None:
        await adapter.update_weights(iter([("w", torch.zeros(2))]), global_steps=7)

    monkeypatch.setenv(stall_limit.STALL_VARIABLE, "0.2")
    with pytest.raises(RuntimeError, match=r"has not taken the weights of step 7 in 0.2 s"):
        await send()
    call = PendingCall()
    call.done.set_exception(ValueError("weights do not fit"))
    with pytest.raises(ValueError, match="weights do not fit"):
        await send()
