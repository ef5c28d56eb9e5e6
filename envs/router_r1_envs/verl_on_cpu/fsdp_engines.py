"""verl's FSDP2 engines for the device "cpu"; verl registers them for cuda and npu only."""

from __future__ import annotations

import importlib
from typing import Any

import verl.workers.engine.fsdp.transformer_impl as stock
from verl.workers.engine import EngineRegistry


class _UnpinnedMemory:
    """Builds modules without `CPUOffloadPolicy`: it pins memory, which needs an accelerator."""

    def _build_fsdp_module(self, module: Any) -> Any:
        policy, stock.CPUOffloadPolicy = stock.CPUOffloadPolicy, lambda **_: None
        try:
            return super()._build_fsdp_module(module)  # type: ignore[misc]
        finally:
            stock.CPUOffloadPolicy = policy


class CpuLanguageModel(_UnpinnedMemory, stock.FSDPEngineWithLMHead):  # type: ignore[misc]
    """Actor and reference."""


class CpuValueModel(_UnpinnedMemory, stock.FSDPEngineWithValueHead):  # type: ignore[misc]
    """Critic."""


def register() -> None:
    """Register the engines with verl. May be called again."""
    for kind, engine in (("language_model", CpuLanguageModel), ("value_model", CpuValueModel)):
        known = EngineRegistry._engines.get(kind, {})
        for backend in ("fsdp", "fsdp2"):
            if "cpu" not in known.get(backend, {}):
                EngineRegistry.register(model_type=kind, backend=backend, device="cpu")(engine)
    importlib.import_module("router_r1_envs.verl_training.model_loading")
