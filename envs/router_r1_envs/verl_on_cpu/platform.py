"""verl's view of a machine without an accelerator: the platform "cpu".

verl asks its platform for a device and for what `torch.cuda` offers. Here the device is the host: memory is that of the
process, streams and events do nothing. Ray is told of one logical GPU per worker, since verl places workers by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

import psutil
import torch
from verl.plugin.platform import PlatformBase


class _Nothing:
    """A stream or an event that there is none of: everything can be called, and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


class _HostModule(ModuleType):
    """What verl uses of `torch.cuda`, for the host."""

    Stream = Event = _Nothing

    def is_available(self) -> bool:
        return False

    is_initialized = is_available

    def device_count(self) -> int:
        return 1

    def current_device(self) -> torch.device:
        return torch.device("cpu")

    def get_device_name(self, *args: Any) -> str:
        return "CPU"  # a key of verl's table of peak FLOPs

    def memory_allocated(self, *args: Any) -> int:
        return int(psutil.Process().memory_info().rss)

    memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated

    def mem_get_info(self, *args: Any) -> tuple[int, int]:
        memory = psutil.virtual_memory()
        return memory.available, memory.total

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    manual_seed_all = manual_seed

    def get_rng_state(self, *args: Any) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, *args: Any) -> None:
        torch.set_rng_state(state)

    def current_stream(self, *args: Any) -> _Nothing:
        return _Nothing()

    def stream(self, *args: Any) -> nullcontext[None]:
        return nullcontext()

    def nothing(self, *args: Any) -> None:
        """For what has no meaning on a host."""

    set_device = synchronize = empty_cache = ipc_collect = nothing
    reset_peak_memory_stats = reset_accumulated_memory_stats = nothing


_HOST = _HostModule("router_r1_host")


class CpuPlatform(PlatformBase):  # type: ignore[misc]
    """Always available; verl's detection comes to it last, so that it never hides an accelerator."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = _HOST

    def is_available(self) -> bool:
        return True

    def current_device(self) -> torch.device:
        # verl does `tensor.to(current_device())`, and a number would mean an accelerator.
        return torch.device("cpu")

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None:
        pass

    def synchronize(self, device_index: int | None = None) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    manual_seed_all = manual_seed

    def set_allocator_settings(self, settings: str) -> None:
        pass

    def empty_cache(self) -> None:
        pass

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None:
        pass

    def profiler_stop(self) -> None:
        pass

    def ray_resource_name(self) -> str:
        return "GPU"  # Ray accepts a logical number of them on any host

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None:
        return None
