"""verl's rollout backend `hf_cpu`: a transformers model in a Ray actor, batched continuously.

Three parts, as verl wants them: the server (an actor around `generation.Sampler`), the replica (starts the server) and
the adapter (in the trainer's process; sends the weights). Each turn reports the version of the weights that wrote it as
`global_steps`. Nothing is retried: a server that died, weights that do not fit or a sampler that failed raise where
verl waits for them, and the run ends.
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

from router_r1_envs.cpu_inference.batch import Sampling
from router_r1_envs.cpu_inference.sampler import Sampler
from router_r1_envs.verl_on_cpu.settings import stall_limit_s

NAME = "hf_cpu"

_ENDED = {"stop": "completed", "length": "length", "aborted": "aborted"}


def sampling_of(params: Mapping[str, Any], room: int, response_length: int) -> Sampling:
    """A turn's sampling from the parameters of vLLM, which are what verl and its agent loops speak.

    Args:
        params: as given to verl's `generate`.
        room: how many tokens fit behind the prompt.
        response_length: most tokens of a turn that sets no limit.

    Raises:
        ValueError: a parameter that this backend does not know, or no room.
    """
    params = dict(params)
    if room < 1:
        raise ValueError("the prompt fills prompt_length + response_length; nothing can be written")
    limit = params.pop("max_tokens", None) or params.pop("max_new_tokens", None) or response_length
    stop = params.pop("stop", None) or ()
    sampling = Sampling(
        max_tokens=min(limit, room),
        temperature=params.pop("temperature", 1.0),
        top_p=params.pop("top_p", 1.0),
        top_k=params.pop("top_k", -1),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        stop_token_ids=frozenset(params.pop("stop_token_ids", None) or ()),
        seed=params.pop("seed", None),
    )
    # These ask for what is done anyway.
    for name, value in (("repetition_penalty", 1.0), ("include_stop_str_in_output", True)):
        if params.get(name) == value:
            del params[name]
    params.pop("logprobs", None)
    if params:
        raise ValueError(f"{NAME} knows no sampling parameters {sorted(params)}; leave them out")
    return sampling


class Server:
    """An actor: what verl calls on a rollout server."""

    def __init__(self, config: Any, model_config: Any, replica_rank: int) -> None:
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
        """Answers when the model is loaded."""

    async def generate(
        self,
        prompt_ids: list[int],
        sampling_params: dict[str, Any],
        request_id: str,
        image_data: Any = None,
        video_data: Any = None,
        **kwargs: Any,
    ) -> TokenOutput:
        """Write a turn. The same `request_id` for the turns of an episode saves feeding it again."""
        if image_data or video_data or kwargs:
            raise ValueError(f"{NAME} reads token ids only, got {sorted(kwargs) or 'media'}")
        if self._refusing:
            raise RuntimeError("this server is about to leave; ask another")
        await self._open.wait()
        prompt = list(prompt_ids)
        room = self._config.prompt_length + self._config.response_length - len(prompt)
        sampling = sampling_of(sampling_params, room, self._config.response_length)
        turn = await asyncio.wrap_future(self._sampler.submit(prompt, sampling, request_id))
        return TokenOutput(
            token_ids=turn.token_ids,
            log_probs=turn.log_probs if sampling_params.get("logprobs") else None,
            stop_reason=_ENDED[turn.ended],
            num_preempted=0,
            extra_fields={"global_steps": turn.version, "num_cached_tokens": turn.reused},
        )

    async def load_weights(self, state: dict[str, torch.Tensor], version: int | None) -> None:
        """Take new weights, after the turns that are being written."""
        await asyncio.to_thread(self._sampler.load, state, version)

    async def abort_all_requests(self, reject_request: bool = False) -> None:
        """End what is being written, and let nothing in until `resume_generation`."""
        self._open.clear()
        self._refusing = reject_request
        await asyncio.to_thread(self._sampler.abort)

    async def resume_generation(self) -> None:
        """Let requests in again."""
        self._refusing = False
        self._open.set()

    async def nothing(self, *args: Any, **kwargs: Any) -> None:
        """For what frees the memory of a GPU, or profiles it."""

    wake_up = sleep = clear_kv_cache = release_kv_cache = resume_kv_cache = nothing
    start_profile = stop_profile = nothing


class Replica(RolloutReplica):  # type: ignore[misc]
    """Starts a server. The weights of one replica are in one process."""

    async def launch_servers(self) -> None:
        """Start the actor, and wait until it has its model."""
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
    """In the trainer's process: sends the weights to the server of its replica."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        own = self.config
        size = own.tensor_model_parallel_size
        size *= own.data_parallel_size * own.pipeline_model_parallel_size
        rank = int(os.environ["RANK"])
        self._leads = rank % size == 0
        self._replica_rank = rank // size if replica_rank == -1 else replica_rank

    async def resume(self, tags: list[str]) -> None:
        """There is no memory of a GPU to take back."""

    async def release(self) -> None:
        """There is no memory of a GPU to free."""

    async def update_weights(
        self,
        weights: Any,
        global_steps: int | None = None,
        wire_format: str = "named_tensors",
        **kwargs: Any,
    ) -> None:
        """Send all tensors as one version; raises what the server raises, or when it does not answer."""
        if wire_format != "named_tensors":
            raise ValueError(f"{NAME} takes named tensors, not {wire_format}")
        # Every rank takes part in gathering the tensors; one sends them.
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
