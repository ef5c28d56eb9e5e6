"""The Ray cluster of a run on several nodes: what it has, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray

from router_r1.errors import ConfigError


def cluster_nodes() -> list[dict[str, Any]]:
    """The nodes of the running cluster, as `ray.nodes()` returns them. Raises `ConfigError` if there is none."""
    try:
        ray.init(address="auto", log_to_driver=False)
    except ConnectionError as error:
        raise ConfigError(
            "no Ray cluster runs on this machine; start it on every node first (recipes/cluster.sh)"
        ) from error
    try:
        found: list[dict[str, Any]] = ray.nodes()
    finally:
        ray.shutdown()  # verl connects with an environment of its own
    return found


def check_cluster(nodes: Sequence[Mapping[str, Any]], wanted: int, gpus: int) -> str:
    """Check that a cluster has enough GPUs.

    Args:
        nodes: as `ray.nodes()` returns them.
        wanted: number of nodes with GPUs; the node that starts the run needs none.
        gpus: GPUs on each.

    Returns:
        The id of a node with GPUs.

    Raises:
        ConfigError: too few nodes have enough GPUs.
    """
    alive = [node for node in nodes if node["Alive"]]
    found: dict[str, float] = {n["NodeID"]: n["Resources"].get("GPU", 0) for n in alive}
    fitting = [node for node, count in found.items() if count >= gpus]
    if len(fitting) < wanted:
        listed = ", ".join(f"{count:g}" for count in found.values()) or "none"
        raise ConfigError(
            f"the run needs {wanted} nodes with {gpus} GPUs each (NODES, GPUS), and the nodes of the cluster have {listed} "
            f"GPUs; start Ray on the missing ones, or lower NODES or GPUS"
        )
    return fitting[0]
