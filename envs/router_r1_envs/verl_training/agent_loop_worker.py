"""The Ray actors that run agent loops, and the manager that starts them.

verl makes a new agent loop for each trajectory, gives each of its turns another request id, and writes a loop's error
only to the worker's log. Here a loop whose class has `reusable = True` is made once per worker; the loop's own request
id reaches the server, which then finds the cached prefix; and the first error of a prompt is stored in the prompt's
tag, where `replay_buffer` reads it. Calls of worlds whose workers must share one pool go through an actor
(`pool_actor`), which the manager starts.

From verl's experimental interface this file uses `AgentLoopManagerTQ`, `AgentLoopWorkerTQ` with its `_run_agent_loop`,
the registry of agent loops, and `LLMServerClient._vllm_request_id`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import hydra
import ray
import transfer_queue as tq
from omegaconf import OmegaConf
from verl.experimental.agent_loop import agent_loop as stock
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ, AgentLoopWorkerTQ
from verl.utils.import_utils import resolve_config_path
from verl.utils.rollout_trace import rollout_trace_attr
from verl.workers.rollout.llm_server import FullyAsyncLLMServerClient, LLMServerClient

from router_r1_envs.verl_training.pool_actor import PoolClient, start_pool_actor
from router_r1_envs.verl_training.replay_buffer import is_alive
from router_r1_envs.worlds.load import shares_transport

WorldKey = tuple[str, tuple[str, ...]]
"""Source and overrides of a world."""


class _StableRequests:
    """Passes the loop's request id on; verl's clients make a new one for each turn."""

    def _vllm_request_id(self, request_id: str) -> str:
        return request_id


class _StableClient(_StableRequests, LLMServerClient):  # type: ignore[misc]
    """The client of the synchronous trainer."""


class _StableAsyncClient(_StableRequests, FullyAsyncLLMServerClient):  # type: ignore[misc]
    """The client of the asynchronous trainers: continues a turn that new weights have interrupted."""


_STABLE = {LLMServerClient: _StableClient, FullyAsyncLLMServerClient: _StableAsyncClient}


class Worker(AgentLoopWorkerTQ.__ray_actor_class__):  # type: ignore[misc]
    """An actor that runs agent loops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loops: dict[str, Any] = {}
        self._pools: dict[WorldKey, PoolClient] = {}

    async def use_pools(self, actors: dict[WorldKey, Any], workers: int) -> None:
        """Send the calls of these worlds to these actors.

        Args:
            actors: handles of `PoolActor`.
            workers: how many workers use them.
        """
        self._pools = {key: PoolClient(actor, workers) for key, actor in actors.items()}

    async def _run_agent_loop(
        self,
        sampling_params: dict[str, Any],
        trajectory: dict[str, Any],
        *,
        agent_name: str,
        trace: bool = True,
        **kwargs: Any,
    ) -> None:
        try:
            loop = self._loop(agent_name)
            with rollout_trace_attr(
                step=trajectory["step"],
                sample_index=trajectory["sample_index"],
                rollout_n=trajectory["rollout_n"],
                validate=trajectory["validate"],
                name="agent_loop",
                trace=trace,
            ):
                # All episodes of a prompt share one dict, and loops add to it.
                output = await loop.run(dict(sampling_params), **kwargs)
                await self._agent_loop_postprocess(output, trajectory["validate"], **kwargs)
        except Exception as error:
            partition = "val" if trajectory["validate"] else "train"
            text = f"{type(error).__name__}: {error}"
            await tq.async_kv_put(
                key=kwargs["uid"], partition_id=partition, tag={"error": text[:2000]}
            )
            raise

    def _loop(self, name: str) -> Any:
        if name in self._loops:
            return self._loops[name]
        if name not in stock._agent_loop_registry:
            raise ValueError(
                f"no agent loop {name!r}; there are {sorted(stock._agent_loop_registry)}"
            )
        settings = stock._agent_loop_registry[name]
        pool = self._pools.get(_world_key(settings))
        loop = hydra.utils.instantiate(
            config=settings,
            **({"transport": pool} if pool else {}),
            trainer_config=stock.DictConfigWrap(config=self.config),
            server_manager=self.llm_client,
            tokenizer=self.tokenizer,
            processor=self.processor,
            hf_model_type=self.hf_model_type,
            dataset_cls=self.dataset_cls,
            data_config=stock.DictConfigWrap(self.config.data),
            tools=stock.ToolListWrap(self.tools),
        )
        if getattr(loop, "reusable", False):
            self._loops[name] = loop
        return loop


def _world_key(settings: Any) -> WorldKey:
    return str(settings.get("world")), tuple(map(str, settings.get("overrides") or ()))


class Manager(AgentLoopManagerTQ):  # type: ignore[misc]
    """Starts the workers; `rollout.agent.agent_loop_manager_class` names it."""

    def __init__(self, config: Any, llm_client: Any, *args: Any, **kwargs: Any) -> None:
        """
        Args:
            config: verl's configuration.
            llm_client: verl's client of the rollout servers.
            args: verl's, for `AgentLoopManagerTQ`.
            kwargs: verl's, for `AgentLoopManagerTQ`.

        Raises:
            ConfigError: the world of an agent loop cannot be opened.
        """
        if type(llm_client) in _STABLE:
            llm_client = _STABLE[type(llm_client)](config, llm_client._load_balancer)
        super().__init__(config, llm_client, *args, **kwargs)
        self.agent_loop_workers_class = ray.remote(Worker)
        self.pool_actors = self._start_pool_actors()

    def _start_pool_actors(self) -> dict[WorldKey, Any]:
        """An actor for every world of an agent loop whose workers must share one pool."""
        path = self.rollout_config.agent.agent_loop_config_path
        loops = OmegaConf.load(resolve_config_path(path)) if path else []
        worlds = {_world_key(settings) for settings in loops if settings.get("world")}
        return {key: start_pool_actor(*key) for key in sorted(worlds) if shares_transport(*key)}

    async def _init_agent_loop_workers(self) -> None:
        await super()._init_agent_loop_workers()
        workers = self.agent_loop_workers
        await asyncio.gather(*(w.use_pools.remote(self.pool_actors, len(workers)) for w in workers))

    def generate_sequences(self, prompts: Any) -> None:
        """Hand prompts to the workers.

        Raises:
            RuntimeError: a worker is dead; the message names it.
        """
        try:
            super().generate_sequences(prompts)
        except ray.exceptions.RayActorError as error:
            workers = enumerate(self.agent_loop_workers)
            dead = ", ".join(
                f"the agent-loop worker {n}" for n, worker in workers if not is_alive(worker)
            )
            raise RuntimeError(
                f"{dead or 'an actor'} died while episodes were handed out; see its log for the cause"
            ) from error
