"""From a name, a folder or a YAML file to a world."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.errors import ConfigError
from router_r1_envs.worlds.base import WORLDS, World


def load_world(source: str | Path | dict[str, Any], overrides: Sequence[str] = ()) -> World:
    """Make a world.

    Args:
        source: `generated`; a folder with an outcome table; a YAML file with a `kind` and that kind's settings; or such settings as a mapping.
        overrides: `a.b=value` assignments that win over the settings.

    Raises:
        ConfigError: names file, field and remedy.
        DataError: what the settings name is not what it should be.
    """
    folder, shown = Path(), str(source)
    if isinstance(source, dict):
        settings, shown = dict(source), "world"
    elif str(source) == "generated":
        settings = {"kind": "generated"}
    elif Path(source).is_dir():
        settings = {"kind": "recorded", "table": str(Path(source).resolve())}
    elif Path(source).suffix in (".yaml", ".yml"):
        settings, folder = config.read_yaml(source), Path(source).parent
    else:
        raise ConfigError(
            f"{source}: no world; give 'generated', a folder with an outcome table, or a YAML file with a kind"
        )
    settings = config.override(settings, overrides)
    kind = settings.get("kind")
    if str(kind) not in WORLDS:
        raise ConfigError(f"{shown}: kind is {kind!r}; it must be one of {', '.join(WORLDS)}")
    found = WORLDS[str(kind)]
    return found.build(config.validate(found.settings, settings, shown), folder)
