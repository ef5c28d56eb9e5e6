"""A cluster without enough GPUs is refused before the start; the node that starts a run needs none."""

import pytest

pytest.importorskip("ray")
pytestmark = pytest.mark.train

from router_r1.errors import ConfigError  # noqa: E402
from router_r1_envs.verl_training.ray_cluster import check_cluster  # noqa: E402


def node(name, gpus=0, alive=True):
    """A node as `ray.nodes()` reports it."""
    return {
        "NodeID": name,
        "Alive": alive,
        "Resources": {"CPU": 8.0, **({"GPU": gpus} if gpus else {})},
    }


def test_a_head_without_gpus_is_allowed_and_the_trainer_runs_beside_gpus():
    nodes = [node("head"), node("a", 8), node("b", 8)]
    assert check_cluster(nodes, wanted=2, gpus=8) == "a"


def test_missing_nodes_and_gpus_are_counted():
    nodes = [node("head"), node("a", 8), node("b", 4), node("c", 8, alive=False)]
    with pytest.raises(ConfigError) as refused:
        check_cluster(nodes, wanted=2, gpus=8)
    assert "needs 2 nodes with 8 GPUs each" in str(refused.value)
    assert "the nodes of the cluster have 0, 8, 4 GPUs" in str(refused.value)
