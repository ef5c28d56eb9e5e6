"""verl's rollout backend `hf_cpu`: a transformers model in a Ray actor, batched continuously.

It has the three parts that verl expects: the server (an actor around `cpu_inference.sampler.Sampler`), the replica
(starts the server) and the adapter (sends the weights from the trainer's process). Each turn reports the version of the
weights that generated it as `global_steps`. Nothing is retried: if a server dies, weights do not fit or a sampler fails, the
error is raised where verl waits, and the run ends.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import ray
import torch
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.config import HFModelConfig
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutReplica, TokenOutput
from verl.workers.rollout.utils import ensure_async_iterator

from router_r1_envs.cpu_inference.generation_request import SamplingParams
from router_r1_envs.cpu_inference.sampler import Sampler
from router_r1_envs.verl_training.stall_limit import stall_limit_s

NAME = "hf_cpu"

_STOP_REASONS = {"stop": "completed", "length": "length", "aborted": "aborted"}


def to_sampling_params(
    params: Mapping[str, Any], room: int, response_length: int
) -> SamplingParams:
    """Convert vLLM's sampling parameters, which verl and its agent loops use.

    Args:
        params: as given to verl's `generate`.
        room: how many tokens fit after the prompt.
        response_length: maximum number of tokens of a turn that has no limit of its own.

    Raises:
        ValueError: this backend does not support a parameter, or there is no room.
    """
    params = dict(params)
    if room < 1:
        raise ValueError(
            "the prompt fills prompt_length + response_length; no token can follow it; raise one of them"
        )
    limit = params.pop("max_tokens", None) or params.pop("max_new_tokens", None) or response_length
    stop = params.pop("stop", None) or ()
    sampling = SamplingParams(
        max_tokens=min(limit, room),
        temperature=params.pop("temperature", 1.0),
        top_p=params.pop("top_p", 1.0),
        top_k=params.pop("top_k", -1),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        stop_token_ids=frozenset(params.pop("stop_token_ids", None) or ()),
        seed=params.pop("seed", None),
    )
    # These request what the sampler does anyway.
    for name, value in (("repetition_penalty", 1.0), ("include_stop_str_in_output", True)):
        if params.get(name) == value:
            del params[name]
    params.pop("logprobs", None)
    if params:
        raise ValueError(
            f"{NAME} does not support the sampling parameters {sorted(params)}; leave them out"
        )
    return sampling


class Server:
    """The actor whose methods verl calls on a rollout server."""

    def __init__(self, config: Any, model_config: Any, replica_rank: int) -> None:
        """
        Args:
            config: verl's rollout configuration.
            model_config: verl's configuration of the model.
            replica_rank: number of the replica.
        """
        from transformers import AutoModelForCausalLM

        self._config = omega_conf_to_dataclass(config)
        model = omega_conf_to_dataclass(model_config, dataclass_type=HFModelConfig)
        self._sampler = Sampler(
            AutoModelForCausalLM.from_pretrained(model.local_path, dtype=torch.float32),
            model.tokenizer,
            seed=getattr(self._config, "seed", 0) + replica_rank,
            max_rows=self._config.max_num_seqs,
        )
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False

    async def ready(self) -> None:
        """Return once the model is loaded."""

    async def generate(
        self,
        prompt_ids: list[int],
        sampling_params: dict[str, Any],
        request_id: str,
        image_data: Any = None,
        video_data: Any = None,
        **kwargs: Any,
    ) -> TokenOutput:
        """Generate a turn.

        Args:
            prompt_ids: token ids.
            sampling_params: see `to_sampling_params`.
            request_id: the same for all turns of an episode, so that its prefix is cached.
            image_data: must be empty.
            video_data: must be empty.
            kwargs: must be empty.

        Raises:
            ValueError: an argument is not supported, or the prompt leaves no room.
            RuntimeError: the sampler failed.
        """
        if image_data or video_data or kwargs:
            raise ValueError(f"{NAME} reads token ids only, got {sorted(kwargs) or 'media'}")
        if self._refusing:  # the client asks another server
            return TokenOutput(token_ids=[], log_probs=[], stop_reason="aborted", num_preempted=0)
        await self._open.wait()
        prompt = list(prompt_ids)
        room = self._config.prompt_length + self._config.response_length - len(prompt)
        sampling = to_sampling_params(sampling_params, room, self._config.response_length)
        turn = await asyncio.wrap_future(self._sampler.submit(prompt, sampling, request_id))
        return TokenOutput(
            token_ids=turn.token_ids,
            log_probs=turn.log_probs if sampling_params.get("logprobs") else None,
            stop_reason=_STOP_REASONS[turn.finish_reason],
            num_preempted=0,
            extra_fields={"global_steps": turn.version, "num_cached_tokens": turn.cached_tokens},
        )

    async def load_weights(self, state: dict[str, torch.Tensor], version: int | None) -> None:
        """Load new weights, after the running turns."""
        await asyncio.to_thread(self._sampler.load, state, version)

    async def abort_all_requests(self, reject_request: bool = False) -> None:
        """End the running turns, and hold new requests until `resume_generation`.

        Args:
            reject_request: return new requests unanswered instead of holding them.
        """
        self._open.clear()
        self._refusing = reject_request
        await asyncio.to_thread(self._sampler.abort)

    async def resume_generation(self) -> None:
        """Accept requests again."""
        self._refusing = False
        self._open.set()

    async def no_op(self, *args: Any, **kwargs: Any) -> None:
        """Stands in for methods that free the memory of a GPU, or profile it."""

    wake_up = sleep = clear_kv_cache = release_kv_cache = resume_kv_cache = no_op
    start_profile = stop_profile = no_op


class Replica(RolloutReplica):  # type: ignore[misc]
    """Starts a server. A replica is one process with all weights."""

    async def launch_servers(self) -> None:
        """Start the actor, and wait until it has loaded the model."""
        name = _server_name(self.replica_rank, self.name_suffix)
        options = {"name": name, "num_cpus": 0, "max_concurrency": self.max_concurrency}
        server = (
            ray.remote(Server)
            .options(**options)
            .remote(self.config, self.model_config, self.replica_rank)
        )
        await server.ready.remote()
        self.servers = [server]
        self._server_handle, self._server_address = server, name


class Adapter(BaseRollout):  # type: ignore[misc]
    """Sends the weights from the trainer's process to the server of its replica."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1
    ) -> None:
        """
        Args:
            config: verl's rollout configuration.
            model_config: verl's configuration of the model.
            device_mesh: torch's, for `BaseRollout`.
            replica_rank: number of the replica; -1 computes it from the environment variable RANK.
        """
        super().__init__(config, model_config, device_mesh)
        own = self.config
        size = own.tensor_model_parallel_size
        size *= own.data_parallel_size * own.pipeline_model_parallel_size
        rank = int(os.environ["RANK"])
        self._leads = rank % size == 0
        self._replica_rank = rank // size if replica_rank == -1 else replica_rank

    async def resume(self, tags: list[str]) -> None:
        """Nothing to do: there is no GPU memory to reclaim."""

    async def release(self) -> None:
        """Nothing to do: there is no GPU memory to free."""

    async def update_weights(
        self,
        weights: Any,
        global_steps: int | None = None,
        wire_format: str = "named_tensors",
        **kwargs: Any,
    ) -> None:
        """Send all tensors as one version of the weights.

        Args:
            weights: pairs of name and tensor, iterable or asynchronously iterable.
            global_steps: the version.
            wire_format: must be `named_tensors`.
            kwargs: verl's; ignored.

        Raises:
            ValueError: another wire format, or the server rejects the weights.
            RuntimeError: the server does not answer within the stall limit.
        """
        if wire_format != "named_tensors":
            raise ValueError(f"{NAME} takes named tensors, not {wire_format}")
        # All ranks gather the tensors together; one of them sends them.
        state = {}
        async for name, tensor in ensure_async_iterator(weights):
            if self._leads:
                state[name] = tensor.detach().to("cpu", copy=True)
        if self._leads:
            server = ray.get_actor(_server_name(self._replica_rank))
            done = server.load_weights.remote(state, global_steps)
            limit = stall_limit_s()
            try:
                await asyncio.wait_for(asyncio.wrap_future(done.future()), limit)
            except TimeoutError as error:
                raise RuntimeError(
                    f"the rollout server has not taken the weights of step {global_steps} in {limit:g} s"
                ) from error


def _server_name(replica_rank: int, suffix: str = "") -> str:
    return f"{NAME}_server_{replica_rank}{suffix}"
