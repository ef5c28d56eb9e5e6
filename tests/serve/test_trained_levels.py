"""The presets of a policy that was trained at levels of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from router_r1.agent import RouterAgent
from router_r1.errors import ConfigError
from router_r1.serve.names import AgentName, targets
from router_r1.serve.settings import Preset, ServeSettings
from router_r1.testing.scripted import ScriptedPolicy, ScriptedPool

WORTHS = (0.71, 0.24, 0.12, 0.079, 0.024)


def agent_trained(folder: Path, **changes: Any) -> RouterAgent:
    levels = [{"name": str(worth), "worth_usd": worth} for worth in WORTHS]
    content = {"world": "a table", "max_rounds": 5, "max_routes": 1, "levels": levels, **changes}
    (folder / "trained_in.json").write_text(json.dumps(content))
    policy = ScriptedPolicy(["<answer>x</answer>"])
    policy.path = folder  # type: ignore[attr-defined]
    return RouterAgent(policy=policy, pool=ScriptedPool({"a": "x"}))


def worth_of(agent: RouterAgent, level: str, settings: ServeSettings) -> float | None:
    target = targets(agent, settings, {})[f"router-r1:{level}"]
    assert isinstance(target, AgentName)
    return target.limits.worth_usd


def test_presets_are_levels_that_the_policy_knows(tmp_path: Path) -> None:
    agent = agent_trained(tmp_path)
    found = [worth_of(agent, level, ServeSettings()) for level in ("cheap", "balanced", "best")]
    assert found == [0.024, 0.12, 0.71]


def test_the_operators_presets_come_first(tmp_path: Path) -> None:
    settings = ServeSettings(presets={"cheap": Preset(worth_usd=0.079)})
    assert worth_of(agent_trained(tmp_path), "cheap", settings) == 0.079


def test_a_policy_that_reads_labels_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trained to read labels of recorded answers"):
        targets(agent_trained(tmp_path, view="answer"), ServeSettings(), {})


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trained_in\.json: cannot be read"):
        targets(agent_trained(tmp_path, levels="all"), ServeSettings(), {})
