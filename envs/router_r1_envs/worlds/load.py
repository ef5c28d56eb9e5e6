"""Build a world from the name of its kind, a folder with an outcome table, a YAML file, or a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.errors import ConfigError, shown_name
from router_r1.transport.base import Transport
from router_r1_envs.worlds.base import WORLDS, World, WorldKind


def load_world(
    source: str | Path | dict[str, Any],
    overrides: Sequence[str] = (),
    *,
    transport: Transport | None = None,
) -> World:
    """Build a world.

    Args:
        source: the name of a kind that needs no settings (`generated`); a folder with an outcome table; a YAML file
            with a `kind` and the settings of that kind; or such settings as a mapping. In a file, relative paths start
            at the file's folder; in a mapping, at the working directory.
        overrides: `a.b=value` assignments that replace settings.
        transport: carries the calls in place of the one that `load_transport` would open.

    Raises:
        ConfigError: no such source, an unknown kind, or wrong settings; names file, field and remedy.
        DataError: a file that the settings name has wrong content.
    """
    kind, settings, folder = _read(source, overrides)
    if transport is None:
        return kind.build(settings, folder)
    return kind.build(settings, folder, transport=transport)


def shares_transport(source: str | Path | dict[str, Any], overrides: Sequence[str] = ()) -> bool:
    """Whether all processes that play in this world must share one transport. See `load_world` for the arguments."""
    return _read(source, overrides)[0].transport is not None


def load_transport(
    source: str | Path | dict[str, Any], overrides: Sequence[str] = ()
) -> Transport | None:
    """What carries the calls of a world whose processes must share it; None for any other world.

    See `load_world` for arguments and errors. It may open files and read keys, which `load_world` with a `transport`
    then does not.
    """
    kind, settings, folder = _read(source, overrides)
    return None if kind.transport is None else kind.transport(settings, folder)


def _read(
    source: str | Path | dict[str, Any], overrides: Sequence[str]
) -> tuple[WorldKind, Any, Path]:
    """The kind of a world, its validated settings, and the folder at which relative paths in them start."""
    folder, label = Path(), str(source)
    if isinstance(source, dict):
        settings, label = dict(source), "world"
    elif label in WORLDS and not WORLDS[label].needs_settings:
        settings = {"kind": label}
    elif Path(source).is_dir():
        settings = {"kind": "recorded", "table": str(Path(source).resolve())}
    elif Path(source).suffix in (".yaml", ".yml"):
        settings, folder = config.read_yaml(source), Path(source).parent
    else:
        raise ConfigError(
            f"{source}: not a world; give {', '.join(map(repr, bare_names()))}, a folder with an outcome table, "
            f"or a YAML file whose kind is one of {', '.join(WORLDS)}"
        )
    settings = config.override(settings, overrides)
    kind = settings.get("kind")
    if str(kind) not in WORLDS:
        raise ConfigError(
            f"{label}: kind is {shown_name(repr(kind))}; it must be one of {', '.join(WORLDS)}"
        )
    found = WORLDS[str(kind)]
    return found, config.validate(found.settings, settings, label), folder


def bare_names() -> list[str]:
    """The kinds that can be loaded by name, because they need no settings."""
    return [name for name, kind in WORLDS.items() if not kind.needs_settings]
