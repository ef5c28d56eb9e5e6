"""numpy and torch, imported at their first use: listing the routers must import neither.

    from router_r1.routers.libraries import Floats, np, torch

`np.zeros(3)` imports numpy then; `import router_r1.routers` does not. A class cannot derive from `torch.nn.Module` at
the top of a module, because that is a use: make such a class in a function.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, TypeAlias

from router_r1.errors import MissingDependencyError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Ints: TypeAlias = NDArray[np.int64]
    Bools: TypeAlias = NDArray[np.bool_]
    Arrays: TypeAlias = dict[str, NDArray[Any]]
else:

    class _AtFirstUse:
        """Stands for a module until an attribute is asked for."""

        def __init__(self, name: str, extra: str) -> None:
            self._name, self._extra = name, extra

        def __getattr__(self, attribute: str) -> Any:
            return getattr(need(self._name, self._extra), attribute)

    np = _AtFirstUse("numpy", "routers")
    torch = _AtFirstUse("torch", "local")
    Floats = Ints = Bools = Arrays = Any


def need(module: str, extra: str) -> Any:
    """Import a module.

    Args:
        module: its full name.
        extra: the extra of this distribution that installs it, for the message.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingDependencyError(
            f"this router needs {package}: pip install 'router-r1[{extra}]'"
        ) from error


__all__ = ["Arrays", "Bools", "Floats", "Ints", "need", "np", "torch"]
