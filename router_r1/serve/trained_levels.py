"""The levels that a checkpoint was trained at, for the presets of the gateway.

A small policy knows the amounts of its levels as words, and no others. So where a checkpoint has the file that training
writes beside its weights, the presets are its levels: the lowest, the middle and the highest value of an answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from router_r1.errors import ConfigError
from router_r1.policies.base import Policy
from router_r1.serve.settings import LEVELS, Level, Preset

FILE = "trained_in.json"


def trained_levels(policy: Policy) -> dict[Level, Preset]:
    """The presets of a policy's own levels; none if nothing is known of its training.

    Raises:
        ConfigError: the policy reads labels of recorded answers and cannot read replies; or the file is invalid.
    """
    folder = getattr(policy, "path", None)
    file = Path(folder) / FILE if folder is not None else None
    if file is None or not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text())
        levels: list[dict[str, Any]] = sorted(content["levels"], key=_order)
        presets = [
            Preset(worth_usd=each.get("worth_usd"), budget_usd=each.get("budget_usd"))
            for each in levels
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    if content.get("view") == "answer":
        raise ConfigError(
            f"{folder}: this policy was trained to read labels of recorded answers, not replies, so it cannot be served; "
            f"train one with the view `text`, or play it with `router-r1 tournament`"
        )
    if not presets:
        return {}
    chosen = (presets[0], presets[len(presets) // 2], presets[-1])
    return dict(zip(LEVELS, chosen, strict=True))


def _order(level: dict[str, Any]) -> tuple[float, float]:
    """By the value of an answer, then by the budget; without either is without limit."""
    amounts = (level.get("worth_usd"), level.get("budget_usd"))
    return tuple(float("inf") if each is None else float(each) for each in amounts)  # type: ignore[return-value]
