"""The platform "cpu": how verl sees a machine without an accelerator.

verl asks its platform for a device and for what `torch.cuda` offers. Here the device is the host: memory is that of the
process, and streams and events do nothing. Ray gets one logical GPU per worker, because verl places workers by GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

import psutil
import torch
from verl.plugin.platform import PlatformBase


class _NoOp:
    """Stands in for a stream or an event: every method exists and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> _NoOp:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


class _HostModule(ModuleType):
    """The part of `torch.cuda` that verl uses, for the host."""

    Stream = Event = _NoOp

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

    def current_stream(self, *args: Any) -> _NoOp:
        return _NoOp()

    def stream(self, *args: Any) -> nullcontext[None]:
        return nullcontext()

    def no_op(self, *args: Any) -> None:
        """Stands in for functions that have no meaning on a host."""

    set_device = synchronize = empty_cache = ipc_collect = no_op
    reset_peak_memory_stats = reset_accumulated_memory_stats = no_op


_HOST = _HostModule("router_r1_host")


class CpuPlatform(PlatformBase):  # type: ignore[misc]
    """Always available. verl's detection tries it last, so it never hides an accelerator."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = _HOST

    def is_available(self) -> bool:
        return True

    def current_device(self) -> torch.device:
        # verl calls `tensor.to(current_device())`; a number would mean an accelerator.
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
        return "GPU"  # Ray accepts a logical number of GPUs on any host

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None:
        return None
