"""An agent file with which a policy answers live as it was trained in a world: prompt, limits and level are the world's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.agent_file import AgentFile
from router_r1.errors import ConfigError
from router_r1_envs.worlds.base import Level, World


def agent_of_world(world: World, level: Level, *, pool: Path, policy: Path) -> dict[str, Any]:
    """The content of an agent file.

    Args:
        world: where the policy was trained; its settings say which prompt it read.
        level: the budget or value of a right answer that it is told.
        pool: the pool file with the candidates that are called.
        policy: folder of the checkpoint.

    Raises:
        ConfigError: the world shows its policies something that no agent can show, such as features of a question.
    """
    settings = getattr(world, "settings", None)
    prompt = getattr(settings, "prompt", None)
    if prompt is None or getattr(settings, "view", "text") != "text":
        raise ConfigError(
            f"{world.name}: a policy of this world does not read questions as they are, so it cannot answer live; "
            f"train one on a table with view: text"
        )
    stated = {"budget_usd": level.budget_usd, "worth_usd": level.worth_usd}
    limits = world.limits.model_copy(update={k: v for k, v in stated.items() if v is not None})
    content = {
        "pool": str(pool),
        "prompt": prompt,
        "policy": {
            "kind": "transformers",
            "path": str(policy),
            "dtype": "float32",
            "price": {"input": 0, "output": 0},
        },
        "limits": limits.model_dump(mode="json", exclude_defaults=True),
    }
    config.validate(AgentFile, content, "the agent file")
    return content
